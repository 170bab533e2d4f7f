"""bench/sets.py: the benchmarks of jobs that sort, group, exchange and join: each returns its
contenders and its marks."""

import math
import os
import shlex

import harness
from contenders import mapred, rates, times
from harness import Contender, Mark

FROM_RANKS = "awk '{printf \"%s\\t%.4e\\n\", $1, $2}' | sort"
FROM_JOIN = "tr '\t' ',' | sort --parallel=2 -S 1G"


def sort(s):
    records = harness.records(s.size((1 << 30) // 100))
    small = f"{max(64, s.size(256))}M"
    millions = records.stat().st_size // 100 / 1e6
    of = dict(output="{out}", agrees="sorted", work=(millions, "M records"))
    ours = ["-t", "2", "-o", "{out}"]
    theirs = ["sort", "--parallel=2", "-o", "{out}", "-T", "{scratch}"]
    scratch = ["--memory", small, "--scratch", "{scratch}"]
    contenders = [
        *mapred(s, "mapred terasort -t 2", "terasort", records, *ours, **of),
        Contender("sort -S 4G", [*theirs, "-S", "4G", "{in}"], records, **of),
        *mapred(s, f"mapred --memory {small}", "terasort", records, *ours, *scratch, **of),
        Contender(f"sort -S {small}", [*theirs, "-S", small, "{in}"], records, **of),
    ]
    marks = [
        Mark("sort over mapred", times("sort -S 4G", "mapred terasort -t 2"), 4, True),
        Mark("with little memory", times(f"sort -S {small}", f"mapred --memory {small}"), 2, True),
    ]
    return contenders, marks


def group(s):
    plugin, pairs = str(harness.HERE / "plugins/group.c"), s.size(100_000_000)
    sizes = ["--pairs", str(pairs), "--keys", str(s.size(10_000_000))]
    of = dict(agrees="sums", clock=True, work=(pairs / 1e6, "M pairs"))
    contenders, marks = [], []
    for where, threads, ranks in (("-t 2", 2, 0), ("mpirun -np 2, -t 1", 1, 2)):
        one, two = f"reduce, {where}", f"fold, {where}"
        options = [*sizes, "-t", str(threads)]
        contenders += mapred(s, one, plugin, None, *options, ranks=ranks, **of)
        contenders += mapred(s, two, plugin, None, *options, "--fold", ranks=ranks, **of)
        marks += [
            Mark(f"pairs reduced, {where}", lambda r, one=one: r[one].rate, 15, True, "M/s"),
            Mark(f"reduce over fold, {where}", times(one, two), 2.5),
        ]
    return contenders, marks


def exchange(s):
    size = s.size(1 << 28)
    of = dict(clock=True, work=(2 * size / 1e9, "GB"))
    launch = ["mpirun", "-np", "2"]
    limit, tool = harness.limit("alltoallv"), harness.internal_tool("exchange", s.build)
    contenders = [Contender("limits/alltoallv", [*launch, limit, str(size)], **of)]
    large = ["-p", str((256 << 10) - 64)]  # as the default, 64 bytes less: see MR_EXCHANGE_ENVELOPE
    kinds = {"dropped, 64 KiB": [], "dropped, 256 KiB": large}
    kinds |= {"kept, 64 KiB": ["-k"], "kept, 256 KiB": ["-k", *large]}
    for kind, options in kinds.items() if tool else ():
        contenders.append(Contender(kind, [*launch, tool, *options, str(size)], **of))
    bare = "limits/alltoallv"
    marks = [Mark(f"pages {k} over alltoallv", rates(k, bare), 0.6, True) for k in kinds]
    return contenders, marks


def pagerank(s):
    scale = max(1, round(20 + math.log2(s.scale)))
    edges = harness.graph(scale, 16 << scale)
    work = ((16 << scale) / 1e6, "M edges")
    of = dict(output="{out}", normalise=FROM_RANKS, agrees="ranks", work=work)
    core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    options = ["--iterations", "20", "--tolerance", "0", "-o", "{out}"]
    loop, one, two = "limits/pagerank", "mapred -t 1, one core", "mapred -t 2"
    contenders = [
        Contender(loop, [*core, harness.limit("pagerank"), "{in}", "{out}"], edges, **of),
        *mapred(s, one, "pagerank", edges, *options, "-t", "1", before=core, **of),
        *mapred(s, two, "pagerank", edges, *options, "-t", "2", **of),
    ]
    marks = [
        Mark("mapred on one core over the limit", times(one, loop), 3),
        Mark("mapred on two cores over the limit", times(two, loop), 1),
    ]
    return contenders, marks


def join(s):
    rows = s.size(10_000_000)
    left, right = (harness.join_table(rows, rows, side) for side in (1, 2))
    of = dict(also=(right,), normalise=FROM_JOIN, agrees="joined", work=(2 * rows / 1e6, "M rows"))
    sort = "sort -t , -k 1,1 --parallel=2 -S 4G -T {scratch}"
    lines = [f"{sort} {{in}} > left", f"{sort} {shlex.quote(str(right))} > right", "join -t , left right"]
    keys = ["--left-key", "1", "--right-key", "1", "--how", "inner", "--delimiter", ","]
    files = ["--left", left, "--right", right, "-t", "2", "-o", "{out}"]
    ours, theirs = "mapred join -t 2", "sort, sort, join"
    contenders = [
        *mapred(s, ours, "join", left, *keys, *files, named=True, output="{out}", **of),
        Contender(theirs, " && ".join(lines), left, **of),
    ]
    return contenders, [Mark("sort and join over mapred", times(theirs, ours), 10, True)]


BENCHMARKS = {
    "sort": (sort, "records of 100 bytes by their first 10"),
    "group": (group, "pairs of u64 summed by key, with and without folding"),
    "exchange": (exchange, "pages between two ranks against MPI_Alltoallv of as many bytes"),
    "pagerank": (pagerank, "20 iterations over an R-MAT graph"),
    "join": (join, "two tables on a u64 key"),
}
