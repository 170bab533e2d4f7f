"""bench/observe.py: what being watched costs: a job by itself, with a report, with a trace."""

import harness
from contenders import mapred, times
from harness import Mark

WATCHED = {"": [], " --report": ["--report", "report.json"], " --trace": ["--trace", "trace.json"]}


def watched(s, name, app, data, *options, **more):
    """The same job, watched in each way, and its marks."""
    contenders = [
        contender
        for how, asked in WATCHED.items()
        for contender in mapred(s, name + how, app, data, *options, *asked, **more)
    ]
    marks = [
        Mark(f"{name}, a report over none", times(name + " --report", name), 1.01),
        Mark(f"{name}, a trace over none", times(name + " --trace", name), 1.02),
    ]
    return contenders, marks


def observe(s):
    text = harness.zipf_text(s.size(1 << 30))
    records = harness.records(s.size((1 << 30) // 100))
    of = {"output": "{out}", "ranks": 0}
    jobs = (
        watched(s, "wordcount", "wordcount", text, "-t", "2", "-o", "{out}", agrees="words", **of),
        watched(s, "terasort", "terasort", records, "-t", "2", "-o", "{out}", agrees="sorted", **of),
        watched(s, "terasort, 2 ranks", "terasort", records, "-t", "1", "-o", "{out}", agrees="sorted",
                output="{out}", ranks=2),
    )
    return [one for contenders, _ in jobs for one in contenders], [one for _, marks in jobs for one in marks]


BENCHMARKS = {"observe": (observe, "a folded and a shuffled job, with a report and with a trace")}
