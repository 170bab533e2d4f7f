"""apps/balance.py: what the report says, and that work moves to ranks that have none."""

import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

# Lines that begin with '!' take their time.
SLOW = """
#include <mapred.h>
#include <time.h>

static mr_status map(mr_out *out, mr_block *block)
{
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        if (line.size > 0 && line.data[0] == '!')
            nanosleep(&(struct timespec){0, 4000000}, NULL);
        MR_TRY(mr_out_add_i64(out, line, 1));
    }
    return MR_OK;
}

MR_APP = {MR_APP_ABI, .name = "slow", .summary = "sleeps", .map = map, .fold = MR_SUM_I64};
"""


def total(report, name):
    return sum(rank[name] for rank in report["ranks"])


class Case(drive.Case):
    def report(self, args, ranks=0):
        out = self.good(args + ["--report", "report.json"], ranks)
        return out, json.loads(self.read("report.json"))


class Reports(Case):
    def test_sums(self):
        rng = random.Random(1)
        data = b" ".join(b"%d" % rng.randint(0, 5000) for _ in range(60000))
        self.write("in.txt", data)
        self.write("more.txt", b"1 2 3\n")
        for ranks in (0, 1, 3, 4):
            out, report = self.report(["wordcount", "-t", "2", "--block", "4K", "in.txt", "more.txt"], ranks)
            rows = out.count(b"\n")
            self.assertEqual(report["app"], "wordcount")
            self.assertEqual(len(report["ranks"]), max(ranks, 1))
            self.assertEqual([rank["rank"] for rank in report["ranks"]], list(range(max(ranks, 1))))
            self.assertEqual(report["input"]["files"], 2)
            self.assertEqual(report["input"]["bytes"], len(data) + 6)
            self.assertEqual(report["input"]["block"], 4096)
            self.assertEqual(report["output"]["rows"], rows)
            self.assertEqual(report["output"]["bytes"], len(out))
            self.assertEqual(total(report, "splits"), report["input"]["splits"])
            self.assertEqual(total(report, "keys_owned"), rows)
            self.assertEqual(total(report, "rows"), rows)
            self.assertEqual(total(report, "bytes_written"), len(out))
            self.assertGreaterEqual(total(report, "bytes_read"), len(data) + 6)
            self.assertEqual(total(report, "bytes_sent"), report["exchange"]["bytes"])
            self.assertEqual(total(report, "bytes_received"), report["exchange"]["bytes"])
            self.assertEqual(report["exchange"]["bytes"] > 0, ranks > 1)
            self.assertGreater(report["seconds"], 0)
            for rank in report["ranks"]:
                self.assertEqual(rank["threads"], 2)
                self.assertGreater(rank["rss_peak"], 0)
                self.assertLessEqual(rank["memory_peak"], rank["memory_budget"])

    def test_frames_count(self):
        """What stands before and behind the rows is part of the result."""
        self.write("in.txt", "a;1.0\nb;2.0\n")
        for ranks in (0, 3):
            out, report = self.report(["onebrc", "in.txt"], ranks)
            self.assertEqual(report["output"], {"path": None, "rows": 2, "bytes": len(out)})
            self.assertEqual(total(report, "bytes_written"), len(out))
            self.report(["onebrc", "-f", "csv", "--partitions", "3", "-o", f"out{ranks}/", "in.txt"], ranks)
            size = sum(len(self.read(f"out{ranks}/part-0000{i}")) for i in range(3))
            self.assertEqual(json.loads(self.read(f"out{ranks}/_SUCCESS"))["bytes"], size)

    def test_phases(self):
        self.write("in.txt", "a b c\n" * 1000)
        _, report = self.report(["wordcount", "--sort", "value", "in.txt"], 2)
        self.assertEqual(set(report["phases"]), {"plan", "map", "combine", "sort", "write"})
        for name, phase in report["phases"].items():
            each = [rank["seconds"][name] for rank in report["ranks"]]
            self.assertAlmostEqual(phase["max"], max(each), places=6)
            self.assertAlmostEqual(phase["mean"], sum(each) / 2, places=6)


class Stealing(Case):
    RANKS = 4

    def setUp(self):
        super().setUp()
        self.write("slow.c", SLOW)
        self.run_mapred(["build", "slow.c"])
        self.assertIn("slow.so", self.visible())

    def slow_input(self, where):
        """One rank's share of the lines is slow."""
        lines = [f"line {n % 50:03} of a share\n" for n in range(800)]
        for n in range(200):
            lines[where * 200 + n] = f"!ine {n % 50:03} of a share\n"
        self.write("in.txt", "".join(lines))
        names = sorted(set(lines))
        return "".join(f"{name[:-1]}\t{lines.count(name)}\n" for name in names).encode()

    def test_all_slow_work_on_one_rank(self):
        for where in (0, self.RANKS - 1):
            want = self.slow_input(where)
            asked = ["./slow.so", "-t", "1", "--block", "64", "in.txt"]
            out, moved = self.report(asked, self.RANKS)
            self.same(out, want)
            self.assertGreater(total(moved, "splits_stolen"), 0)
            out, kept = self.report(asked + ["--no-steal"], self.RANKS)
            self.same(out, want)
            self.assertEqual(total(kept, "splits_stolen"), 0)
            self.assertGreater(kept["balance"]["busy_max_over_mean"], 3)
            self.assertLess(moved["balance"]["busy_max_over_mean"], 2.5)

    def test_threads_too(self):
        want = self.slow_input(1)
        for ranks, threads in ((2, 2), (3, 2), (4, 2), (drive.MANY_RANKS, 1)):
            out, report = self.report(["./slow.so", "-t", threads, "--block", "64", "in.txt"], ranks)
            self.same(out, want)
            self.assertGreater(total(report, "splits_stolen"), 0)

    def test_one_block(self):
        """There is nothing to share out."""
        want = self.slow_input(0)
        out, report = self.report(["./slow.so", "--block", "1M", "in.txt"], 3)
        self.same(out, want)
        self.assertEqual(report["input"]["splits"], 1)
        self.assertEqual(total(report, "splits"), 1)


if __name__ == "__main__":
    drive.main()
