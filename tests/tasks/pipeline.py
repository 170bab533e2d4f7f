"""tasks/pipeline.py: pipelines as drivers use them: random ones against the same stages one after the
other (in pipeline.c), commands of the shell, what fails, crashes, hangs and is interrupted, limits of
workers and of memory, the report."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""
POINTS = ((0, 1), (0, 2), (2, 1), (3, 2), (4, 1))


def numbers(count):
    return b"".join(b"%d\n" % i for i in range(count))


class Pipeline(drive.Case):
    def plugin(self, what, *options):
        return [os.path.join(PLUGINS, "tasks_pipeline.so"), "--what", what, *options]

    def test_random(self):
        for turn, (ranks, threads) in enumerate((*POINTS, (4, 2))):
            first = 1 + 40 * turn
            args = self.plugin("random", "--from", first, "--cases", 40, "-t", threads)
            self.assertTrue(self.good(args, ranks, timeout=120).startswith(b"40 cases"))
        args = self.plugin("random", "--from", 1000, "--cases", 10, "-t", 1)
        self.good(args, drive.MANY_RANKS, timeout=120)

    def test_commands(self):
        """What a command makes of all items, or of each; more than a pipe holds; one that reads nothing,
        and one that has had enough."""
        many, few = numbers(200000), numbers(30)
        in_order = (("cat", many), ("tr 0-9 a-j", many.translate(bytes.maketrans(b"0123456789", b"abcdefghij"))),
                    ("head -n 1", b"0\n"), ("true", b""), ("tail -n 2", b"199998\n199999\n"),
                    ("exec >&-; cat >/dev/null", b""), ("yes | head -n 100000", b"y\n" * 100000))
        each = (("cat", few), ("cat; echo; echo x", b"".join(b"%d\nx\n\n" % i for i in range(30))), ("true", b"\n" * 30),
                ("cat >/dev/null; head -c 300000 /dev/zero | tr '\\0' z", (b"z" * 300000 + b"\n") * 30))
        for ranks, threads in ((0, 1), (0, 2), (3, 1)):
            for command, want in in_order[:: 1 if ranks == 0 else 2]:
                args = self.plugin("line", "--command", command, "--items", 200000, "-t", threads)
                self.same(self.good(args, ranks), want, (command, ranks))
            for command, want in each:
                args = self.plugin("each", "--command", command, "--items", 30, "-t", threads)
                self.same(self.good(args, ranks), want, (command, ranks))

    def test_commands_that_fail(self):
        for ranks in (0, 3):
            for what in ("each", "line"):
                for command, naming in (
                    ("cat; echo one >&2; echo two >&2; exit 3", "exit code 3: two"),
                    ("kill -9 $$", "signal 9"),
                    ("nosuchcommand", "exit code 127"),
                ):
                    args = self.plugin(what, "--command", command, "--items", 20, "-t", 2)
                    self.assertIn("stage failed: shell, item ", self.bad(1, naming, args, ranks))
        args = self.plugin("each", "--command", "read n; test $n != 7", "--items", 20)
        self.bad(1, "stage failed: shell, item 7: ", args)

    def test_stages_that_fail(self):
        for ranks, threads in POINTS:
            args = ["--at", 717, "--items", 20000, "-t", threads]
            self.bad(3, "stage failed: work, item 717: this is not", self.plugin("fail", *args), ranks)
            self.bad(1, "stage failed: work, item 717: ", self.plugin("status", *args), ranks)

    def test_crash(self):
        for ranks, threads in ((0, 1), (0, 2), (3, 1)):
            args = self.plugin("crash", "--at", 717, "--items", 20000, "-t", threads)
            result = self.run_mapred(args, ranks)
            self.assertNotEqual(result.code, 0)
            self.assertIn("SIGSEGV at address 0x10 while working on stage work, item 717", "\n".join(result.lines()))

    def interrupt(self, args, ranks):
        """When work has begun: the plugin then makes a file."""
        started = self.path("started")
        process = self.start([*args, "--started", started], ranks, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not os.path.exists(started) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        os.unlink(started)
        if ranks == 0:
            self.assertEqual(process.returncode, 130, err)
            self.assertEqual(err.count(b"\n"), 1, err)

    def test_interrupt(self):
        """While kernels work, while a command does not end, while a thread does not come back."""
        marker = f"sleep 1{os.getpid()}"
        for ranks in (0, 2):
            self.interrupt(self.plugin("slow", "--items", 100000, "-t", 2), ranks)
            self.interrupt(self.plugin("each", "--command", marker, "--items", 100, "-t", 2), ranks)
        self.interrupt(self.plugin("line", "--command", f"cat; {marker}", "--items", 9), 0)
        self.interrupt(self.plugin("hang", "--at", 50, "--items", 60, "-t", 2), 2)
        left = subprocess.run(["pgrep", "-f", marker], capture_output=True, check=False)
        self.assertEqual(left.stdout, b"")

    def test_workers(self):
        for ranks, threads, workers in ((0, 2, 1), (0, 2, 2), (0, 2, 0), (3, 2, 1), (2, 2, 0)):
            args = self.plugin("who", "--workers", workers, "--items", 120, "-t", threads)
            lines = self.good(args, ranks).decode().split("\n")
            self.assertEqual(len(lines), 122)
            who = {line for line in lines[:120]}
            if workers == 1:
                self.assertLessEqual(lines[120], "most 1")
            else:
                self.assertEqual(len({line for line in who if line.startswith("0.")}), threads)
            if ranks and workers == 0:
                self.assertEqual(len(who), ranks * threads)

    def test_flood(self):
        """A kernel that puts far more for one item than may be under way: it goes on in parts."""
        for ranks, threads in POINTS:
            args = self.plugin("flood", "--at", 5, "--size", 300000, "--items", 200, "--room", 100000, "-t", threads)
            want = numbers(5) + b"5\n" * 300001 + numbers(200)[12:]
            self.same(self.good(args, ranks), want, (ranks, threads))

    def peak(self, items, ranks, threads):
        args = self.plugin("many", "--items", items, "-t", threads, "--report", "r.json")
        self.assertEqual(self.good(args, ranks), b"right\n")
        return [rank["rss_peak"] for rank in json.loads(self.read("r.json"))["ranks"]]

    def test_memory(self):
        """Ten times the items, the same memory."""
        for ranks, threads in ((0, 1), (0, 2), (2, 1)):
            few, many = (self.peak(items, ranks, threads) for items in (1000000, 10000000))
            for a, b in zip(few, many):
                self.assertLess(b, a + (12 << 20), (ranks, threads))
                self.assertLess(b, 160 << 20)

    def test_report(self):
        for ranks, threads in ((0, 1), (2, 2)):
            self.good(self.plugin("slow", "--items", 100, "-t", threads, "--report", "r.json"), ranks)
            parts = json.loads(self.read("r.json"))["pipelines"]
            self.assertEqual([(p["name"], p["bottleneck"]) for p in parts], [("single", "work")])
            stages = {stage["name"]: stage for stage in parts[0]["stages"]}
            self.assertEqual(list(stages), ["source", "work", "write"])
            self.assertEqual([s["items_in"] for s in stages.values()], [0, 100, 100])
            self.assertEqual([s["items_out"] for s in stages.values()], [100, 100, 0])
            self.assertEqual(stages["write"]["bytes_in"], 190)
            self.assertGreaterEqual(stages["work"]["busy_seconds"], 100 * 0.02)
            self.assertEqual(stages["work"]["workers"], threads * max(ranks, 1))
            self.assertGreater(stages["work"]["utilisation"], 0.2)
            self.assertLessEqual(stages["work"]["utilisation"], 1.0)
        told = self.run_mapred(self.plugin("slow", "--items", 10, "-v"))
        self.assertIn(b"held up by work (parallel", told.err)


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop())
    drive.main()
