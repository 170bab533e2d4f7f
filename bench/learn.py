"""bench/learn.py: the benchmarks of apps that go over rows of numbers again and again."""

import harness
from contenders import limit, mapred, times
from harness import Contender, Mark

ROUNDED = "awk '{printf \"%.6g %.6g %.6g\\n\", $1, $2, $3}'"
ITERATIONS = 20


def points(rows, columns, seed):
    return harness.make_data(f"points-{rows}-{columns}-8-{seed}.npy", "points", rows, columns, 8, seed)


def kmeans(s):
    rows = s.size(10_000_000)
    data, start = points(rows, 3, 1), points(8, 3, 2)
    loop, ours, none = "limits/kmeans", f"mapred, {ITERATIONS} iterations", "mapred, none"
    work = (ITERATIONS * rows / 1e6, "M points")
    of = dict(also=(start,), agrees="centroids")
    options = ["--k", "8", "--start", str(start), "-t", "2"]
    iterations = ["--iterations", str(ITERATIONS)]
    own = f"cut -f 3-5 | {ROUNDED}"
    contenders = [
        Contender(loop, [*limit("kmeans", "-n", str(ITERATIONS), str(start)), "{in}"], data, clock=True,
                  work=work, normalise=ROUNDED, **of),
        *mapred(s, ours, "kmeans", data, *options, *iterations, normalise=own, **of),
        *mapred(s, none, "kmeans", data, *options, "--iterations", "0", also=(start,)),
    ]

    def ratio(r):
        return (r[ours].median - r[none].median) / r[loop].median

    return contenders, [Mark("an iteration over the limit's", ratio, 1.3)]


def linreg(s):
    rows, passes = s.size(10_000_000), 10
    data = points(rows, 11, 1)
    loop, ours = "limits/linreg", "mapred, by gram.h"
    of = dict(clock=True, normalise=ROUNDED, agrees="sums", work=(passes * rows / 1e6, "M rows"))
    plugin = str(harness.HERE / "plugins/gram.c")
    contenders = [
        Contender(loop, [*limit("linreg", "-n", str(passes), "11"), "{in}"], data, **of),
        *mapred(s, ours, plugin, data, "-t", "2", "--passes", str(passes), **of),
    ]
    return contenders, [Mark("a pass over the limit's", times(ours, loop), 1.3)]


BENCHMARKS = {
    "kmeans": (kmeans, "iterations of Lloyd's over points in three dimensions, 8 clusters"),
    "linreg": (linreg, "passes of least squares: products of all pairs of 11 columns"),
}
