"""bench/dags.py: the benchmark of graphs of tasks: its contenders and its marks."""

import harness
from arrays import PYTHON, has
from contenders import mapred, times
from harness import Contender, Mark


def of_tree(leaves):
    """A task a leaf, and one for each pair above; a pace of so many millions a second."""
    return dict(clock=True, agrees=f"sum of {leaves}", work=(1e-6 * (2 * leaves - 1), "M tasks"))


def delayed(s):
    """Empty tasks: what is measured is the graph. Dask has a twentieth of them, and is compared by pace."""
    leaves = max(500, round(50000 * s.scale))
    few = leaves if s.full else max(500, leaves // 20)
    plugin = str(harness.HERE / "plugins/tree.c")
    contenders, marks = [], []
    for where, threads, ranks in (("-t 2", 2, 0), ("mpirun -np 2, -t 1", 1, 2)):
        for how in ([], ["--eager"]):
            name = " ".join(["mapred", where, *how])
            contenders += mapred(s, name, plugin, None, "--leaves", str(leaves), "-t", str(threads), *how,
                                 ranks=ranks, **of_tree(leaves))
            marks.append(Mark(f"a task, {name}",
                              lambda r, name=name: r[name].median / (2 * leaves - 1) * 1e6, 5, unit=" us"))
    contenders += mapred(s, "mapred, few", plugin, None, "--leaves", str(few), "-t", "2", **of_tree(few))
    for name, module, how in (("Dask, 2 threads", "dask", "threads"),
                              ("Dask, 2 processes", "distributed", "processes")):
        if not has(module):
            continue
        script = str(harness.HERE / "dask_tree.py")
        contenders.append(Contender(name, [PYTHON, script, str(few), how], **of_tree(few)))
        marks.append(Mark(f"{name} over mapred, few", times(name, "mapred, few"), 20, at_least=True))
    return contenders, marks


BENCHMARKS = {
    "delayed": (delayed, "a graph of 100,000 tasks that add two numbers: a binary tree"),
}
