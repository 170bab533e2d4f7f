"""tasks/fork.py: fork-join over random trees, which a plugin compares with a plain recursion: the same
result for any number of ranks and threads; what a task that fails, crashes or cancels looks like."""

import json
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""

# Ranks (0: without mpirun) and threads.
POINTS = ((0, 1), (0, 2), (2, 1), (2, 2), (3, 2), (4, 1))
FEW = ((0, 2), (2, 1), (4, 2))
SEED = 5


class Case(drive.Case):
    def fork(self, what, *more):
        return [os.path.join(PLUGINS, "tasks_fork.so"), "--what", what, *more]

    def leaves(self, seed=SEED):
        """Numbers of the leaves of a tree, in order, with their paths."""
        text = self.good(self.fork("list", "--seed", seed)).decode()
        return [line.split() for line in text.splitlines()]


class Trees(Case):
    def test_random_trees(self):
        for number, (ranks, threads) in enumerate(POINTS):
            args = self.fork("all", "--cases", 30, "--seed", 1000 * number, "--threads", threads)
            self.assertEqual(self.good(args, ranks), b"all: good\n")

    def test_many_ranks(self):
        for what in ("brackets", "map", "search"):
            args = self.fork(what, "--cases", 4, "--seed", 3, "--threads", 1)
            self.assertEqual(self.good(args, drive.MANY_RANKS), f"{what}: good\n".encode())

    def test_leaves_of_a_tree(self):
        """The tests below stand on this list."""
        leaves = self.leaves()
        self.assertGreater(len(leaves), 100)
        paths = [tuple(int(step) for step in path.split(".")[1:]) for _, path in leaves]
        self.assertEqual(paths, sorted(paths))

    def test_report(self):
        report = self.path("r.json")
        args = self.fork("map", "--cases", 1, "--seed", SEED, "--threads", 2, "--report", report)
        self.good(args, 2)
        with open(report) as file:
            (part,) = json.load(file)["forks"]
        self.assertEqual(part["name"], "trees")
        self.assertEqual(part["workers"], 4)
        self.assertEqual(len(part["busy"]), 2)
        self.assertGreaterEqual(part["solved"], 1)
        self.assertGreaterEqual(part["busy_max_over_mean"], 1)


class Errors(Case):
    def test_failing_task_names_its_path(self):
        leaves = self.leaves()
        for number, (ranks, threads) in enumerate(POINTS):
            leaf, path = leaves[(number * 97 + 5) % len(leaves)]
            args = self.fork("fail", "--at", leaf, "--seed", SEED, "--threads", threads)
            line = self.bad(3, f"task failed: trees: {path} on rank ", args, ranks)
            self.assertIn(f": leaf {leaf}: as it was told", line)

    def test_failing_without_a_word(self):
        leaf, path = self.leaves()[40]
        for ranks, threads in FEW:
            args = self.fork("status", "--at", leaf, "--seed", SEED, "--threads", threads)
            self.bad(1, f"task failed: trees: {path} on rank ", args, ranks)

    def test_others_are_told(self):
        """The first leaf fails, while others are at one that would take a minute."""
        leaf, path = self.leaves()[0]
        for ranks, threads in ((0, 2), (2, 1)):
            args = self.fork("fail", "--at", leaf, "--seed", SEED, "--threads", threads,
                             "--seconds", 60)
            self.bad(3, path, args, ranks, timeout=40)

    def test_crash_names_the_path(self):
        leaves = self.leaves()
        for number, (ranks, threads) in enumerate(FEW):
            leaf, path = leaves[(number * 41 + 7) % len(leaves)]
            args = self.fork("crash", "--at", leaf, "--seed", SEED, "--threads", threads)
            result = self.run_mapred(args, ranks)
            self.assertEqual(result.code, 1, result.err)
            self.assertEqual(result.out, b"")
            told = result.err.decode(errors="replace")
            self.assertRegex(told, rf"kernel crashed: .*SIGSEGV.*task {re.escape(path)} \(solve\)")

    def test_memory(self):
        leaf, path = self.leaves()[50]
        for ranks, threads in FEW:
            args = self.fork("greedy", "--at", leaf, "--seed", SEED, "--threads", threads,
                             "--memory", "100M")
            line = self.bad(5, "memory budget exceeded", args, ranks)
            self.assertIn("--memory", line)

    def test_cancel(self):
        leaf, _ = self.leaves()[60]
        for ranks, threads in FEW:
            args = self.fork("cancel", "--at", leaf, "--seed", SEED, "--threads", threads)
            self.assertEqual(self.good(args, ranks), b"cancel: good\n")

    def test_signal(self):
        for threads in (1, 2):
            args = self.fork("sleep", "--seed", SEED, "--threads", threads, "--seconds", 30)
            process = self.start(args)
            time.sleep(0.7)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
            self.assertEqual((process.returncode, out), (130, b""), err)
            self.assertIn(b"interrupted: SIGINT", err)


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop())
    drive.main()
