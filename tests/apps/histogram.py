"""apps/histogram.py: bins against python's own arithmetic."""

import collections
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive


def bins(values, low, high, width, clip=False, empty=False):
    if clip:
        values = [min(max(value, low), high) for value in values]
    counts = collections.Counter((value - low) // width for value in values)
    shown = range((high - low) // width + 1) if empty else sorted(counts)
    return b"".join(b"%d\t%d\n" % (low + i * width, counts[i]) for i in shown)


class Histogram(drive.Case):
    def values(self, number, low, high):
        rng = random.Random(number)
        values = [rng.randint(low, high) for _ in range(number)]
        spaces = rng.choices([" ", "\n", "\t", "\r\n"], k=number)
        self.write("in.txt", "".join(f"{v}{s}" for v, s in zip(values, spaces)))
        return values

    def test_defaults(self):
        values = self.values(20000, 0, 99)
        self.everywhere(["histogram", "in.txt"], bins(values, 0, 99, 1), many=True)

    def test_widths(self):
        values = self.values(3000, -500, 700)
        for width in (1, 7, 100, 1201, 5000):
            options = ["--min", "-500", "--max", "700", "--width", str(width)]
            self.briefly(["histogram"] + options + ["in.txt"], bins(values, -500, 700, width))

    def test_all_bins(self):
        values = self.values(50, 3, 9)
        self.briefly(["histogram", "--all", "in.txt"], bins(values, 0, 99, 1, empty=True))
        self.write("none.txt", "")
        self.briefly(["histogram", "--all", "none.txt"], bins([], 0, 99, 1, empty=True))
        self.briefly(["histogram", "none.txt"], b"")

    def test_clipped(self):
        values = self.values(2000, -1000, 1000)
        want = bins(values, -10, 20, 1, clip=True)
        asked = ["histogram", "--min", "-10", "--max", "20", "--clip", "in.txt"]
        self.everywhere(asked, want)
        self.good(asked + ["--report", "report.json"], 3)
        outside = sum(value < -10 or value > 20 for value in values)
        self.assertEqual(json.loads(self.read("report.json"))["counters"], {"clipped": outside})

    def test_many_bins(self):
        """More than one collective carries."""
        values = self.values(5000, 0, 200000)
        self.everywhere(["histogram", "--max", "200000", "in.txt"], bins(values, 0, 200000, 1))

    def test_order(self):
        values = self.values(3000, 0, 99)
        rows = bins(values, 0, 99, 1).splitlines(keepends=True)
        by_value = sorted(rows, key=lambda row: (int(row.split()[1]), int(row.split()[0])))
        largest = sorted(rows, key=lambda row: (-int(row.split()[1]), int(row.split()[0])))
        asked = ["histogram", "in.txt"]
        self.briefly(asked + ["--sort", "value"], b"".join(by_value))
        self.briefly(asked + ["--reverse"], b"".join(reversed(rows)))
        self.briefly(asked + ["--sort", "value", "--reverse", "--top", "7"], b"".join(largest[:7]))

    def test_wrong_input(self):
        self.write("in.txt", "1 2 3\n" * 1000 + "4 five 6\n" + "7\n" * 1000)
        for ranks in (0, 1, 3, 4):
            line = self.bad(3, "five", ["histogram", "--block", "64", "in.txt"], ranks)
            self.assertIn("in.txt at byte 6002", line)
            self.bad(3, "out of range", ["histogram", "--max", "2", "in.txt"], ranks)
        self.bad(2, "--width", ["histogram", "--width", "0", "in.txt"])
        self.bad(2, "--max", ["histogram", "--max", "-1", "in.txt"])


if __name__ == "__main__":
    drive.main()
