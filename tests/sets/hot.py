"""sets/hot.py: a key with half of all values is named in the report, with its share and its rank, and
its values are reduced by all ranks when they may be."""

import json
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""
MASK = (1 << 64) - 1
PAIRS = 2_000_000


def expected():
    sums = {}
    for i in range(PAIRS):
        x = i * 0x9E3779B97F4A7C15 & MASK
        x ^= x >> 31
        x = x * 0xBF58476D1CE4E5B9 & MASK
        x ^= x >> 29
        key = 7 if x & 1 else x % 100000
        sums[key] = sums.get(key, 0) + i
    return "".join(f"{key}\t{sums[key]}\n" for key in sorted(sums)).encode()


class Hot(drive.Case):
    def test_half_of_all_values(self):
        want = expected()
        plugin = os.path.join(PLUGINS, "sets_hot.so")
        for ranks in (1, 2, 4):
            got = self.good([plugin, "-t", 1, "--report", "report.json"], ranks)
            self.same(got, want, f"{ranks} ranks")
            report = json.loads(self.read("report.json"))
            self.assertEqual([hot["key"] for hot in report["hot_keys"]], ["7"])
            hot = report["hot_keys"][0]
            self.assertEqual(hot["set"], "numbers")
            self.assertAlmostEqual(hot["share"], 0.5, delta=0.05)
            self.assertIn(hot["rank"], range(ranks))
            self.assertLess(report["balance"]["reduce_max_over_mean"], 1.3, report["balance"])


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop())
    drive.main()
