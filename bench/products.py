"""bench/products.py: the benchmark of matrix products: its contenders and its marks."""

import harness
from contenders import mapred, times
from harness import Contender, Mark


def matmul(s):
    """Matrices are in memory: reading and writing them is not what is measured."""
    size = max(64, round(4096 * s.scale ** (1 / 3)))
    plugin = str(harness.HERE / "plugins/product.c")
    of = dict(clock=True, work=(2e-9 * size**3, "GFLOP"))
    blas = "OpenBLAS, 2 threads"
    contenders = [Contender(blas, [harness.limit("dgemm"), "-t", "2", str(size)], **of)]
    options = ["--size", str(size)]
    marks = []
    for where, threads, ranks in (("mpirun -np 2, -t 1", 1, 2), ("one rank, -t 2", 2, 0)):
        for how, library in (("", ""), (", own loops", "none"), (", OpenBLAS", "libopenblas.so.0")):
            name = f"mapred {where}{how}"
            before = ["env", f"MAPRED_BLAS={library}"]
            more = mapred(s, name, plugin, None, *options, "-t", str(threads), ranks=ranks, **of)
            for one in more:
                one.command = before + list(one.command)
            contenders += more
            if not how:
                marks.append(Mark(f"{name} over {blas}", times(name, blas), 1.2))
    return contenders, marks


BENCHMARKS = {"matmul": (matmul, "matrices of 4096 squared doubles in memory, against BLAS")}
