"""numbers/stats.py: the app stats against numpy, and against fractions where rounding shows."""

import math
import os
import sys
import unittest
from fractions import Fraction

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import h5py
import numpy as np

import drive

SOME = np.random.default_rng(2)
BLOCKS = ("1", "1K", "100K", None)


def nearest(fraction):
    try:
        return fraction.numerator / fraction.denominator
    except OverflowError:
        return math.inf if fraction > 0 else -math.inf


def nearest_root(square):
    """The double that is nearest to a fraction's root: with some hundred digits, and what is behind."""
    up = 300 + max(0, (square.denominator.bit_length() - square.numerator.bit_length()) // 2)
    scaled = (square.numerator << 2 * up) // square.denominator
    root = math.isqrt(scaled)
    exact = root * root * square.denominator == square.numerator << 2 * up
    return nearest(Fraction(2 * root + (not exact), 2 << up))


def row(name, column):
    """A line of the result, exactly."""
    column = np.asarray(column, dtype="f8")
    column = column[~np.isnan(column)]
    count = len(column)
    mean = deviation = median = math.nan
    if count and not np.isfinite(column).all():
        with np.errstate(all="ignore"):
            mean = float(column.mean())
    elif count:
        terms = [Fraction(float(x)) for x in column]
        middle = sum(terms) / count
        mean = nearest(middle)
        if count > 1:
            deviation = nearest_root(sum((x - middle) ** 2 for x in terms) / (count - 1))
    if count:
        with np.errstate(all="ignore"):
            median = float(np.median(column))
    ends = [float(column.min()), float(column.max())] if count else [math.nan] * 2
    return [str(name), count, mean, deviation, *ends, median]


def same(a, b):
    return a == b or (a != a and b != b)


class Stats(drive.Case):
    def expect(self, args, columns, names=None, blocks=(None,), many=False):
        """All of a result, and the same bytes wherever it is made."""
        out = self.good(["stats", *args])
        got = [line.split("\t") for line in out.decode().splitlines()]
        want = [row(i if names is None else names[i], c) for i, c in enumerate(columns)]
        self.assertEqual([line[:2] for line in got], [[w[0], str(w[1])] for w in want])
        for line, numbers in zip(got, want):
            for text, number in zip(line[2:], numbers[2:], strict=True):
                self.assertTrue(same(float(text), number), (args, line, numbers))
        if many:
            self.everywhere(["stats", *args], out, blocks)
        else:
            self.at([(0, 2, block) for block in blocks], ["stats", *args], out)
        return out

    def table(self, rows, columns):
        table = SOME.normal(size=(rows, columns)) * 10.0 ** SOME.integers(-5, 5, columns)
        table[SOME.random(table.shape) < 0.1] = np.nan
        return table

    def test_all_kinds_of_files_say_the_same(self):
        table = self.table(3001, 3)
        with h5py.File(self.path("a.h5"), "w") as file:
            file["x"] = table
            file.create_dataset("z", data=table, chunks=(77, 2), compression="gzip", shuffle=True)
            file.create_dataset("big", data=table.astype(">f8"), chunks=(3001, 1), fletcher32=True)
        np.save(self.path("a.npy"), np.asfortranarray(table))
        text = "\n".join(",".join("" if np.isnan(x) else repr(float(x)) for x in r) for r in table)
        self.write("a.csv", "u,v,w\n" + text + "\n")
        out = self.expect(["a.h5:/x"], table.T, blocks=BLOCKS, many=True)
        for name in ("a.h5:/z", "a.h5:/big", "a.npy"):
            self.at([(0, 1, "1K"), (0, 2, None), (2, 2, "3K")], ["stats", name], out)
        named = self.expect(["a.csv"], table.T, "uvw", BLOCKS[1:], many=True)
        self.same(named, b"".join(n + line[1:] for n, line in zip((b"u", b"v", b"w"), out.splitlines(True))))
        two = np.concatenate([table, table])
        self.expect(["a.h5:/x", "a.csv"], two.T, "uvw", BLOCKS[1:])

    def test_shapes(self):
        with h5py.File(self.path("a.h5"), "w") as file:
            file["v"] = np.arange(11)
            file["single"] = 7.5
            file["deep"] = cube = SOME.integers(-9, 9, (20, 2, 3), dtype="i2")
            file["none"] = np.zeros((0, 2))
            file["flat"] = np.zeros((5, 0))
            table = np.zeros(6, dtype=[("mass", "f4"), ("name", "S4"), ("n", ">u2")])
            table["n"] = range(6)
            file["table"] = table
        self.expect(["a.h5:/v"], [np.arange(11)])
        self.expect(["a.h5:/single"], [[7.5]])
        self.expect(["a.h5:/deep"], cube.reshape(20, 6).T, blocks=BLOCKS)
        self.expect(["a.h5:/deep[3:9,:,1:]"], cube[3:9, :, 1:].reshape(6, 4).T)
        self.expect(["a.h5:/none"], [[], []])
        self.expect(["a.h5:/flat"], [])
        self.expect(["a.h5:/table"], [table["mass"], table["n"]], ["mass", "n"])
        wide = self.table(40, 1003)
        np.save(self.path("wide.npy"), wide)
        self.expect(["wide.npy"], wide.T, blocks=("1K", None))
        self.write("a.csv", "b,a\n")
        self.expect(["a.csv"], [[], []], "ba")
        self.write("a.csv", "b,a\n,\n3,\n")
        self.expect(["a.csv"], [[3], []], "ba")
        self.write("empty.csv", "")
        self.expect(["empty.csv"], [])
        self.expect(["empty.csv", "a.csv"], [[3], []], "ba")

    def test_rounding(self):
        """Sums that no floating-point arithmetic gets right."""
        huge = [1e308, 1e308, -1e308, -1e308, 1e-308]
        columns = [huge, [1e16, 1, -1e16, 1, 1e-16], [5e-324, 0, 5e-324, 5e-324, 0], [1.7e308] * 5,
                   [math.inf, 1, 2, 3, 4], [math.inf, -math.inf, 1, 2, 3], [0.1] * 5]  # fmt: skip
        np.save(self.path("a.npy"), np.array(columns).T)
        out = self.expect(["a.npy"], columns, blocks=BLOCKS)
        self.assertEqual(out.split(b"\t")[2], b"2e-309")
        mixed = np.concatenate([SOME.permutation(np.array(huge * 400)), [3.0, np.nan]])
        with h5py.File(self.path("a.h5"), "w") as file:
            file.create_dataset("x", data=mixed, chunks=(123,), compression="gzip")
        self.expect(["a.h5:/x"], [mixed], blocks=("100", "9K", None))
        self.write("a.csv", "x\n" + "".join(f"{float(x)!r}\n" for x in mixed))
        self.expect(["a.csv"], [mixed], "x", ("1K", None))

    def test_a_sample_is_near_the_median(self):
        """More rows than the sample holds: near, and the same everywhere."""
        rows = 300000
        x = np.stack([np.arange(rows) % 1009, SOME.permutation(rows), SOME.exponential(size=rows)], 1)
        np.save(self.path("a.npy"), x)
        out = self.good(["stats", "a.npy"])
        for c, line in enumerate(out.decode().splitlines()):
            median = float(line.split("\t")[6])
            self.assertLess(abs(np.mean(x[:, c] <= median) - 0.5), 0.01)
        self.at([(0, 2, "10K"), (3, 2, "70K"), (4, 1, None)], ["stats", "a.npy"], out)

    def test_formats(self):
        self.write("a.csv", "x,y\n1,2\n2,4\n")
        want = b"name,count,mean,std,min,max,p50\nx,2,1.5,0.7071067811865476,1.0,2.0,1.5\n"
        got = self.good(["stats", "a.csv", "--format", "csv"])
        self.same(got[: len(want)], want)
        self.good(["stats", "a.csv", "-o", "out.tsv"], 2)
        self.same(self.read("out.tsv"), self.good(["stats", "a.csv"]))

    def test_errors(self):
        self.bad(3, "missing.csv", ["stats", "missing.csv"])
        self.bad(2, "no input", ["stats"])
        self.write("a.csv", "x,y\n1,2\n")
        self.write("b.csv", "x\n1\n")
        self.bad(3, "rows differ", ["stats", "a.csv", "b.csv"])
        np.save(self.path("c.npy"), np.array([1j]))
        self.bad(3, "c.npy", ["stats", "c.npy"], 2)


if __name__ == "__main__":
    sys.argv.pop(2)
    drive.main()
