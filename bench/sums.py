"""bench/sums.py: the benchmark of exact sums: its contenders and its marks."""

import harness
from contenders import times
from harness import Contender, Mark


def total(s):
    """Terms are in memory, more than any cache holds: how long they take to come is what counts."""
    count = s.size(1_000_000_000)
    plain, exact = harness.limit("sum"), harness.internal_tool("sum", s.build, "-fopenmp")
    of = dict(clock=True, work=(count / 1e6, "M terms"))
    contenders, marks = [], []
    for what, options, most in (("sum", [], 2), ("sum of squares", ["-s"], 4)):
        arguments = ["-t", "2", *options, str(count)]
        contenders.append(Contender(f"plain {what}", [plain, *arguments], **of))
        if exact:
            contenders.append(Contender(f"exact {what}", [exact, *arguments], **of))
            over = times(f"exact {what}", f"plain {what}")
            marks.append(Mark(f"exact {what} over plain", over, most))
    return contenders, marks


BENCHMARKS = {"sum": (total, "doubles in memory added up exactly, against a plain loop")}
