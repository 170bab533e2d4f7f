"""bench/sync.py: the benchmarks of what ranks share: each returns its contenders and its marks."""

import os

import harness
from contenders import mapred
from harness import Contender, Mark

PYTHON = "/usr/bin/python3"
PLUGIN = str(harness.HERE / "plugins/between.c")


def ours(s, what, items, unit):
    options = ["--what", what, "--items", str(items), "-t", "1"]
    return mapred(s, f"mr_{what}, two ranks", PLUGIN, None, *options, ranks=2, clock=True,
                  agrees=what, work=(items, unit))


def python(what, items, unit):
    if not os.access(PYTHON, os.X_OK):
        return []
    command = [PYTHON, str(harness.HERE / "between.py"), what, str(items)]
    name = f"multiprocessing.{what.capitalize()}"
    return [Contender(name, command, clock=True, work=(items, unit), slow=True)]


def rate(name):
    return lambda r: r[name].rate if name in r else None


def ratio(a, b):
    return lambda r: r[a].rate / r[b].rate if a in r and b in r else None


def lock(s):
    items = s.size(400_000)
    contenders = ours(s, "lock", items, "hand-overs") + python("lock", items // 4, "hand-overs")

    def microseconds(r):
        one = r.get("mr_lock, two ranks")
        return 1e6 / one.rate if one else None

    return contenders, [Mark("a hand-over between two busy ranks", microseconds, 10, unit="us")]


def queue(s):
    items = s.size(10_000_000)
    contenders = ours(s, "queue", items, "items") + python("queue", items // 50, "items")
    ours_, theirs = "mr_queue, two ranks", "multiprocessing.Queue"
    return contenders, [
        Mark("items a second", rate(ours_), 500_000, True, "/s"),
        Mark("over multiprocessing.Queue", ratio(ours_, theirs), 1, True),
    ]


def pipe(s):
    items = s.size(10_000_000)
    contenders = ours(s, "pipe", 5 * items, "items") + ours(s, "queue", items, "items")
    contenders += python("pipe", items // 50, "items")
    ours_ = "mr_pipe, two ranks"
    return contenders, [
        Mark("pipe over queue", ratio(ours_, "mr_queue, two ranks"), 3, True),
        Mark("over multiprocessing.Pipe", ratio(ours_, "multiprocessing.Pipe"), 1, True),
    ]


BENCHMARKS = {
    "lock": (lock, "a lock that two ranks take by turns"),
    "queue": (queue, "numbers from one rank to another through a queue"),
    "pipe": (pipe, "numbers from one rank to another through a pipe, and through a queue"),
}
