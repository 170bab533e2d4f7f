"""bench/trees.py: the benchmarks of fork-join on trees: each returns its contenders and its marks."""

import statistics

import harness
from contenders import mapred
from harness import Contender, Mark

PLAIN, ONE = "plain recursion", "mapred -t 1"
TWO = {"-t 2": (2, 0), "mpirun -np 2, -t 1": (1, 2)}


def search_seconds(result):
    """What the search alone took: of the plain program by its own clock, of mapred by its report."""
    if result.contender.clock:
        return result.median
    seconds = [report["forks"][0]["seconds"] for report in result.reports if report.get("forks")]
    return statistics.median(seconds) if seconds else None


def search_times(a, b):
    def value(r):
        x, y = search_seconds(r[a]), search_seconds(r[b])
        return x / y if x and y else None

    return value


def contest(s, name, app, argument, options, agrees):
    """The plain program, made with the flags that apps are made with, one worker, and two."""
    plain = harness.compile_tool(name, f"limits/{name}.c")
    of = dict(agrees=agrees, report=True)
    contenders = [Contender(f"{PLAIN}, {argument}", [plain, argument], clock=True, agrees=agrees)]
    contenders += mapred(s, f"{ONE}, {argument}", app, None, *options, "--threads=1", **of)
    marks = [Mark(f"{ONE} over {PLAIN}, {argument}",
                  search_times(f"{ONE}, {argument}", f"{PLAIN}, {argument}"), 1.05)]
    for where, (threads, ranks) in TWO.items():
        two = f"mapred {where}, {argument}"
        contenders += mapred(s, two, app, None, *options, f"--threads={threads}", ranks=ranks, **of)
        marks.append(Mark(f"{ONE} over {where}, {argument}",
                          search_times(f"{ONE}, {argument}", two), 1.9, True))
    return contenders, marks


def nqueens(s):
    n = "14" if s.scale >= 1 else "12"
    return contest(s, "nqueens", "nqueens", n, ["--n", n], "ways")


def uts(s):
    contenders, marks = [], []
    for tree in ("t1", "t3"):
        some, held = contest(s, "uts", "uts", tree, ["--tree", tree], f"counts of {tree}")
        contenders += some
        marks += held
    return contenders, marks


BENCHMARKS = {
    "nqueens": (nqueens, "14 queens, against plain recursion"),
    "uts": (uts, "unbalanced trees of 4 million nodes, against plain recursion"),
}
