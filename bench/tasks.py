"""bench/tasks.py: the benchmarks of tasks: pools and futures; each returns its contenders and its
marks."""

import harness
from contenders import mapred, rates
from harness import Contender, Mark

PYTHON = "/usr/bin/python3"
POOL = str(harness.HERE / "plugins/pool.c")


def rate(name, unit=1e6):
    return lambda r: r[name].rate / unit


def empty_tasks(s):
    count = s.size(2_000_000)
    of = dict(agrees="sum", clock=True, work=(count, "tasks"))
    options = ["--what", "tasks", "--count", str(count)]
    two, one = "mpirun -np 2, -t 1", "-t 2"
    contenders = [
        *mapred(s, two, POOL, None, *options, "-t", "1", ranks=2, **of),
        *mapred(s, one, POOL, None, *options, "-t", "2", **of),
    ]
    marks = [Mark(f"tasks, {name}", rate(name), 0.3, True, "M/s") for name in (two, one)]
    return contenders, marks


def future(s):
    count = s.size(20_000)
    of = dict(agrees="sum", clock=True, work=(count, "round trips"))
    options = ["--what", "future", "--count", str(count), "-t", "1"]
    name = "to another rank and back"
    contenders = mapred(s, name, POOL, None, *options, ranks=2, **of)
    return contenders, [Mark("round trip", lambda r: 1e6 / r[name].rate, 20, False, "us")]


def pool_map(s):
    """Python gets fewer items; what counts is items a second."""
    count, fewer = s.size(50_000_000), s.size(1_000_000)
    few = max(1, fewer // 50)
    ours, theirs = dict(clock=True, work=(count, "items")), dict(clock=True)
    options = ["--what", "map", "--count", str(count)]
    tool = str(harness.HERE / "pool_python.py")
    two, one = "mpirun -np 2, -t 1", "-t 2"
    pool, futures = "multiprocessing.Pool.map", "ProcessPoolExecutor.map"
    tasks = "submit and get, mpirun -np 2"
    contenders = [
        *mapred(s, two, POOL, None, *options, "-t", "1", ranks=2, **ours),
        *mapred(s, one, POOL, None, *options, "-t", "2", **ours),
        *mapred(s, tasks, POOL, None, "--count", str(fewer), "-t", "1", ranks=2, clock=True, work=(fewer, "items")),
        Contender(pool, [PYTHON, tool, "pool", str(fewer)], work=(fewer, "items"), **theirs),
        Contender(futures, [PYTHON, tool, "futures", str(few)], work=(few, "items"), **theirs),
    ]
    marks = [
        Mark("map over Pool.map", rates(two, pool), 50, True),
        Mark("map over ProcessPoolExecutor.map", rates(two, futures), 50, True),
        Mark("single tasks over ProcessPoolExecutor.map", rates(tasks, futures), 50, True),
    ]
    return contenders, marks


BENCHMARKS = {
    "pool": (empty_tasks, "empty tasks by submit and get"),
    "future": (future, "the round trip of one task and its result"),
    "pool-map": (pool_map, "a trivial function over an array, against Python's pools of processes"),
}
