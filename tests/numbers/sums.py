"""numbers/sums.py: folds of doubles in a real job, against fractions: the exact sum is the double next
to the true one; sum, mean, variance and deviation keep within what fold.h says, and where nothing is
lost they are the double next to it, too. All are the same at any number of ranks and threads."""

import math
import os
import random
import shutil
import struct
import sys
from fractions import Fraction

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sums.c")
POINTS = ((0, 1, None), (0, 3, "64"), (3, 2, "160"))


def nearest(value):
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def total_of(values):
    return sum(map(Fraction, values), Fraction(0))


def variance_of(values):
    count, total = len(values), total_of(values)
    squares = sum((Fraction(v) ** 2 for v in values), Fraction(0))
    return (squares - total * total / count) / (count - 1)


def one_size(draw):
    return [draw.uniform(-10, 10) for _ in range(3000)]


def any_size(draw):
    values = [draw.uniform(-1, 1) * 2.0 ** draw.randint(-1060, 1000) for _ in range(1500)]
    return values + [-v for v in values[:1499]]


def columns():
    """By key. Those of even keys have digits of one size."""
    draw = random.Random(4)
    return {
        0: one_size(draw),
        1: [1e308, 1e308, -1e308, 1e-308, -1e308] * 100 + [5e-324],
        2: [1e9 + draw.random() for _ in range(2000)],
        3: any_size(draw),
        4: [draw.randint(-3, 3) * 5e-324 for _ in range(500)] + [2.5e-308],
        5: [1.7e308] * 200 + [1e291],
        6: [0.1] * 1000,
        7: [1.0, 2.0**-53, 2.0**-1074],
        8: [-0.0, 0.0],
        11: [1.0, math.inf, 3.0],
        12: [1.0, -math.inf, math.inf],
        13: [math.nan, 1.0],
    }


SPECIAL = {11: math.inf, 12: math.nan, 13: math.nan}


class Sums(drive.Case):
    def setUp(self):
        super().setUp()
        shutil.copy(SOURCE, self.path("sums.c"))
        self.good(["build", "sums.c"])
        self.columns = columns()
        records = [struct.pack("=qd", k, v) for k, column in self.columns.items() for v in column]
        random.Random(5).shuffle(records)
        self.write("in.bin", b"".join(records))

    def folded(self, fold, *options):
        """By key, the same at all points."""
        args = ["./sums.so", "--fold", fold, *options, "in.bin"]
        first = self.good(args)
        self.at(POINTS, args, first)
        rows = (line.split(b"\t") for line in first.splitlines())
        return {int(key): float(value) for key, value in rows}

    def expect(self, got, want, told):
        self.assertTrue(got == want or (math.isnan(got) and math.isnan(want)), (told, got, want))

    def expect_exact(self, got):
        self.assertEqual(sorted(got), sorted(self.columns))
        for key, values in self.columns.items():
            want = SPECIAL.get(key)
            self.expect(got[key], nearest(total_of(values)) if want is None else want, key)

    def test_exact(self):
        self.expect_exact(self.folded("exact"))

    def test_exact_dense(self):
        self.expect_exact(self.folded("exact", "--dense"))

    def test_sum_and_mean(self):
        sums, means = self.folded("sum"), self.folded("mean")
        for key, values in self.columns.items():
            if key in SPECIAL:
                self.expect(sums[key], SPECIAL[key], key)
                self.expect(means[key], SPECIAL[key], key)
                continue
            total, count = total_of(values), len(values)
            lost = count * Fraction(max(map(abs, values))) / 2**120
            for got, low, high in (
                (sums[key], total - lost, total + lost),
                (means[key], (total - lost) / count, (total + lost) / count),
            ):
                self.assertTrue(nearest(low) <= got <= nearest(high), (key, got))
            if key % 2 == 0:
                self.expect(sums[key], nearest(total), key)
                self.expect(means[key], nearest(total / count), key)

    def test_variance_and_deviation(self):
        variances, deviations = self.folded("variance"), self.folded("deviation")
        for key, values in self.columns.items():
            if key in SPECIAL:
                self.expect(variances[key], math.nan, key)
                continue
            true, lost = variance_of(values), Fraction(max(map(abs, values))) ** 2 / 2**117
            low, high = nearest(max(true - lost, Fraction(0))), nearest(true + lost)
            self.assertTrue(low <= variances[key] <= high, (key, variances[key], low, high))
            self.expect(deviations[key], math.sqrt(variances[key]), key)
            if key % 2 == 0:
                self.expect(variances[key], nearest(true), key)

    def test_fast(self):
        """Nobody says what the last digits are."""
        args = ["./sums.so", "-t", "2", "in.bin", "--fold"]
        for fold, of in (("sum_fast", 1), ("mean_fast", len(self.columns[0]))):
            rows = self.good([*args, fold]).splitlines()
            got = next(float(row.split(b"\t")[1]) for row in rows if row.startswith(b"0\t"))
            self.assertAlmostEqual(got, math.fsum(self.columns[0]) / of, places=7)


if __name__ == "__main__":
    drive.main()
