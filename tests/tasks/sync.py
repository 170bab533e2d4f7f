"""tasks/sync.py: what ranks share: random programs by several threads of every rank (sync.c), who
waits too long, circles of locks, and pingpong."""

import json
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGIN = ""
GAMES = [
    ("queue", 1), ("queue, both ways", 2), ("queue, round trips", 1), ("pipe", 1),
    ("pipe, both ways", 2), ("pipe, round trips", 1), ("lock, hand-overs", 2),
]


class Sync(drive.Case):
    def test_random_programs(self):
        for ranks, cases, first in ((0, 6, 1), (1, 1, 100), (2, 6, 200), (3, 4, 300), (4, 3, 400)):
            with self.subTest(ranks=ranks):
                self.good([PLUGIN, "--cases", cases, "--first", first], ranks, timeout=120)

    def test_many_ranks(self):
        for what in ("queue", "lock", "barrier"):
            self.good([PLUGIN, "--what", what, "--first", 500], drive.MANY_RANKS, timeout=120)

    def test_circle_of_locks_ends_the_job(self):
        for ranks in (2, 3):
            args = [PLUGIN, "--what", "deadlock"]
            line = self.bad(1, "deadlock: ", args, ranks, env={"MAPRED_WATCHDOG": "1"})
            self.assertIn("holds lock right and waits for lock left", line)
            self.assertIn("holds lock left and waits for lock right", line)
            for rank in (ranks - 2, ranks - 1):
                self.assertIn(f"rank {rank} (", line)

    def test_long_waits_are_told_once(self):
        result = self.run_mapred([PLUGIN, "--what", "slow"], 3, env={"MAPRED_WATCHDOG": "0.4"})
        lines = [line for line in result.lines() if line.startswith("mapred: ") and ": watchdog: " not in line]
        self.assertEqual(result.code, 0, lines)
        self.assertEqual(len(lines), 4, lines)
        self.assertIn("waited for 0.4 s (--watchdog)", lines[0])
        self.assertRegex(lines[1], r"lock busy: held by rank 0 \(.+\), main thread$")
        for line in lines[2:]:
            self.assertRegex(line, r"lock busy: rank [12] \(.+\), main thread waits for ")
        quiet = self.run_mapred([PLUGIN, "--what", "slow"], 2, env={"MAPRED_WATCHDOG": "0"})
        self.assertEqual((quiet.code, quiet.lines()), (0, []))

    def test_who_waits_for_a_rank_that_has_left(self):
        process = self.start(
            [PLUGIN, "--what", "orphan"], 2, env={"MAPRED_WATCHDOG": "0.4"}, text=True
        )
        lines = [process.stderr.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertRegex(lines[1], r"queue orphan: rank 1 \(.+\), main thread waits for ")
        self.assertRegex(lines[2], r"rank 0 \(.+\): its driver has ended")

    def test_a_rank_that_fails_frees_those_that_wait(self):
        for ranks in (2, 4):
            self.bad(3, "the last rank has had enough", [PLUGIN, "--what", "broken"], ranks)

    def test_report(self):
        report = self.path("report.json")
        args = [PLUGIN, "--what", "lock", "--first", 3, "--report", report]
        self.good(args, 2)
        with open(report, encoding="utf-8") as file:
            sync = json.load(file)["sync"]
        self.assertEqual([(s["name"], s["kind"]) for s in sync],
                         [("number", "value"), ("counter", "lock")])
        for one in sync:
            self.assertEqual(
                set(one), {"name", "kind", "home", "operations", "waits", "mean_wait", "max_wait",
                           "contention"})
            self.assertGreater(one["operations"], 0)
            self.assertLessEqual(one["mean_wait"], one["max_wait"])

    def test_pingpong(self):
        for ranks, items, size in ((0, 1000, 8), (2, 1000, 0), (2, 20, "300K"), (3, 70, 5000)):
            out = self.good(["pingpong", "--items", items, "--size", size], ranks).decode()
            rows = [line.split("\t") for line in out.splitlines()]
            self.assertEqual(rows[0], ["name", "items", "seconds", "per second"])
            self.assertEqual([(row[0], int(row[1])) for row in rows[1:]],
                             [(name, times * items) for name, times in GAMES])
            for row in rows[1:]:
                self.assertGreater(float(row[2]), 0)
                self.assertGreater(float(row[3]), 0)
        self.bad(2, "--items", ["pingpong", "--items", -1])


if __name__ == "__main__":
    PLUGIN = os.path.join(os.path.abspath(sys.argv.pop(2)), "tasks_sync.so")
    drive.main()
