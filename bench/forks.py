"""bench/forks.py: the benchmarks of fork-join itself: what a task costs, and sorting by it: each returns
its contenders and its marks."""

import statistics

import harness
from contenders import mapred, times
from harness import Contender, Mark


def task_cost(name):
    """Nanoseconds of a worker for a task, by the report: those of the run alone."""

    def value(r):
        parts = [report["forks"][0] for report in r[name].reports if report.get("forks")]
        costs = [1e9 * p["seconds"] * p["workers"] / (p["divided"] + p["solved"]) for p in parts]
        return statistics.median(costs) if costs else None

    return value


def tasks(s):
    plugin, options = str(harness.HERE / "plugins/tasks.c"), ["--n", "32" if s.scale >= 1 else "27"]
    contenders, marks = [], []
    for where, threads, ranks in (("-t 1", 1, 0), ("-t 2", 2, 0), ("mpirun -np 2, -t 1", 1, 2)):
        name = f"mapred, {where}"
        of = dict(ranks=ranks, agrees="sum", report=True)
        contenders += mapred(s, name, plugin, None, *options, f"--threads={threads}", **of)
        marks.append(Mark(f"a task, {where}", task_cost(name), 100, False, "ns"))
    return contenders, marks


def mergesort(s):
    count = s.size(10_000_000)
    numbers = harness.make_data(f"integers-{count}-1.txt", "integers", count, 1)
    of = dict(output="{out}", agrees="sorted", work=(count / 1e6, "M numbers"))
    contenders, marks = [], []
    sort = ["sort", "-n", "--parallel=2", "-S", "4G", "-T", "{scratch}", "-o", "{out}", "{in}"]
    contenders.append(Contender("sort -n --parallel=2", sort, numbers, **of))
    for where, threads, ranks in (("-t 2", 2, 0), ("mpirun -np 2, -t 1", 1, 2)):
        name = f"mapred mergesort, {where}"
        options = ["-t", str(threads), "-o", "{out}"]
        contenders += mapred(s, name, "mergesort", numbers, *options, ranks=ranks, **of)
        marks.append(Mark(f"sort -n over {name}", times("sort -n --parallel=2", name), 4, True))
    return contenders, marks


BENCHMARKS = {
    "tasks": (tasks, "what a task of fork-join costs"),
    "mergesort": (mergesort, "10 million numbers sorted by fork-join, against sort -n"),
}
