"""numbers/transpose_mean.py: the mean of x + transpose(x): the same digits everywhere, and what numpy
says of the x that was written."""

import fractions
import os
import sys
import unittest

import h5py
import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive


def exact_mean(x):
    """Of x + transpose(x), each sum rounded, then added up without error."""
    terms = (x + x.T).reshape(-1)
    whole = (terms * 2.0**53).astype(np.int64)  # below 2^54, all of them
    total = int((whole >> 27).sum()) * 2**27 + int((whole & (2**27 - 1)).sum())
    return float(fractions.Fraction(total, 2**53 * len(terms)))


class TransposeMean(drive.Case):
    def test_everywhere(self):
        for n, chunk in ((1, 1), (700, 100), (1030, 1000), (257, 3)):
            args = ["transpose-mean", "--n", n, "--chunk", chunk, "--seed", 7]
            first = self.good([*args, "--dump", "x.h5", "-t", 2])
            with h5py.File(self.path("x.h5")) as file:
                x = file["x"][:]
            os.remove(self.path("x.h5"))
            self.assertEqual(x.shape, (n, n))
            self.assertTrue(0 <= x.min() and x.max() < 1)
            self.assertEqual(float(first), exact_mean(x))
            self.assertEqual(first.count(b"\n"), 1)
            for ranks, threads in ((2, 1), (3, 2)):
                if n == 700 or ranks == 3:
                    self.same(self.good([*args, "-t", threads], ranks), first)

    def test_file(self):
        args = ["transpose-mean", "--n", 50, "-o", "mean.tsv"]
        self.good(args, 2)
        self.same(self.read("mean.tsv"), self.good(args[:-2]))

    def test_other_seed(self):
        args = ["transpose-mean", "--n", 50, "--seed"]
        self.assertNotEqual(self.good([*args, 1]), self.good([*args, 2]))

    def test_little_memory(self):
        """What would take 72 MB is never there."""
        args = ["transpose-mean", "--n", 3000, "--seed", 3]
        self.same(self.good([*args, "-m", "16M", "-t", 2]), self.good(args))

    def test_refused(self):
        self.bad(2, "--n", ["transpose-mean", "--n", 0])
        self.bad(2, "--chunk", ["transpose-mean", "--chunk", 0])
        self.bad(4, "no/x.h5", ["transpose-mean", "--n", 9, "--dump", "no/x.h5"], 2)


if __name__ == "__main__":
    drive.main()
