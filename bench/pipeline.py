"""bench/pipeline.py: the benchmarks of pipelines: trivial stages, and a log file."""

import shutil
import sys

import harness
from contenders import mapred, times
from harness import Contender, Mark


def trivial(s):
    """What a pipeline costs: nothing is done with an item. Memory at ten times the items, too."""
    few, many = s.size(10_000_000), s.size(100_000_000)
    slow = s.size(200_000)
    plugin = str(harness.HERE / "plugins/stages.c")
    own = dict(clock=True, agrees="sum")
    two = "mapred, 2 threads"
    contenders = [
        *mapred(s, two, plugin, None, "-t", "2", "--items", str(few), work=(few / 1e6, "M items"), **own),
        *mapred(s, "mapred, 1 thread", plugin, None, "-t", "1", "--items", str(few),
                work=(few / 1e6, "M items"), **own),
        *mapred(s, "mapred, mpirun -np 2, -t 1", plugin, None, "-t", "1", "--items", str(few), ranks=2,
                work=(few / 1e6, "M items"), **own),
        *mapred(s, "mapred, 2 threads, ten times", plugin, None, "-t", "2", "--items", str(many),
                work=(many / 1e6, "M items"), clock=True),
        Contender("multiprocessing", [sys.executable, str(harness.HERE / "limits/stages.py"), str(slow)],
                  work=(slow / 1e6, "M items"), clock=True, slow=True, tree=True),
    ]

    def more_memory(r):
        return (r["mapred, 2 threads, ten times"].rss - r[two].rss) / harness.MIB

    marks = [
        Mark("M items a second on 2 threads", lambda r: r[two].rate, 1, at_least=True, unit="M/s"),
        Mark("memory for ten times the items", more_memory, 8, unit="MiB more"),
        Mark("over multiprocessing", lambda r: r[two].rate / r["multiprocessing"].rate, 50, at_least=True),
    ]
    return contenders, marks


def logs(s):
    data = harness.make_data(f"log-{s.size(500_000_000)}.txt", "log", s.size(500_000_000), 1)
    tool = shutil.which("mawk") or shutil.which("awk")
    fields = "\"$1 FS substr($4, 2) FS $5 FS $6 FS $7 FS $8 FS $9 FS $10\""
    plain = "tr -d '\"[]' | tr '\\t' ' '"
    of = dict(normalise=plain, agrees="rows")
    line = f"{tool} '$9 == 404 {{print {fields[1:-1]}}}' < {{in}}"
    awk, one, two = "awk", "mapred, 1 thread", "mapred, 2 threads"
    contenders = [
        Contender(awk, line, data, **of),
        Contender("grep", "grep '\" 404 ' {in}", data),
        *(c for name, threads in ((one, 1), (two, 2))
          for c in mapred(s, name, "logpipe", data, "--status", "404", "-t", str(threads), **of)),
    ]
    return contenders, [Mark("one thread over awk", times(one, awk), 1)]


BENCHMARKS = {
    "pipeline": (trivial, "8-byte items through three trivial stages"),
    "logpipe": (logs, "lines of a log file with status 404, taken apart"),
}
