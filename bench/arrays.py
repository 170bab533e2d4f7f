"""bench/arrays.py: benchmarks of arrays: their contenders and their marks."""

import subprocess

import harness
from contenders import limit, mapred, times
from harness import Contender, Mark

PYTHON = "/usr/bin/python3"  # Debian's, which has Dask


def has(module):
    try:
        return subprocess.run([PYTHON, "-c", f"import {module}"], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def dask(name, how, size, chunk, **more):
    script = str(harness.HERE / "dask_mean.py")
    return Contender(name, [PYTHON, script, str(size), str(chunk), how], **more)


def transpose_mean(s):
    """mapred is measured with all of its start. Dask twice: its computation alone, by its own clock,
    and the whole program, as mapred is."""
    size, chunk = max(1000, round(10000 * s.scale**0.5)), 1000
    options = ["--n", str(size), "--chunk", str(chunk), "--seed", "1"]
    same = dict(agrees="mean", normalise="xargs printf '%.10f\\n'", tree=True)
    ours, hand = "mapred transpose-mean -t 2", "limits/transpose_mean, 2 threads"
    contenders = mapred(s, ours, "transpose-mean", None, *options, "-t", "2", **same)
    two = mapred(s, "mapred, two ranks", "transpose-mean", None, *options, "-t", "1", ranks=2, **same)
    contenders += two
    contenders.append(Contender(hand, limit("transpose_mean", "-s", "1", str(size)), **same))
    marks = [Mark(f"{ours} over {hand}", times(ours, hand), 1.5)]
    for name, module, how in (("Dask, 2 threads", "dask.array", "threads"),
                              ("Dask, 2 processes", "distributed", "processes")):
        if not has(module):
            continue
        whole = f"{name}, whole program"
        contenders.append(dask(name, how, size, chunk, tree=True, clock=True))
        contenders.append(dask(whole, how, size, chunk, tree=True))
        marks.append(Mark(f"{name} over {ours}", times(name, ours), 5, at_least=True))
        marks.append(Mark(f"{whole} over {ours}", times(whole, ours), 5, at_least=True))
        marks.append(Mark(f"memory of {ours} over {name}",
                          lambda r, name=name: r[ours].rss / r[name].rss, 0.1))
    return contenders, marks


BENCHMARKS = {
    "transpose-mean": (transpose_mean, "mean of x + transpose(x), x random, 10,000 x 10,000"),
}
