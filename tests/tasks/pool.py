"""tasks/pool.py: pools of workers: random programs against what they have to come to (pool.c), what goes
wrong (pool_failing.c), and the apps that show a pool."""

import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

FOLDER = sys.argv.pop(2)
PLUGIN = os.path.join(FOLDER, "tasks_pool.so")
FAILING = os.path.join(FOLDER, "tasks_pool_failing.so")
# Ranks (0: no mpirun), threads, programs a rank.
EVERYWHERE = ((0, 1, 60), (0, 2, 60), (1, 2, 20), (2, 1, 25), (2, 2, 25), (3, 1, 8), (3, 2, 8), (4, 1, 5), (4, 2, 5), (16, 1, 1))
PLACES = ((0, 0, 0), (2, 0, 1), (4, 2, 1))


class Random(drive.Case):
    def test_programs(self):
        for number, (ranks, threads, programs) in enumerate(EVERYWHERE):
            with self.subTest(ranks=ranks, threads=threads):
                self.good([PLUGIN, "--seed", number + 1, "-t", threads, "--programs", programs,
                           "--steps", 60 if ranks > 4 else 150], ranks)

    def test_few_workers(self):
        for ranks, threads, workers in ((0, 4, 1), (2, 2, 1), (4, 1, 3), (3, 2, 4)):
            with self.subTest(ranks=ranks, workers=workers):
                self.good([PLUGIN, "-t", threads, "--programs", 5, "--workers", workers, "--report", "r.json"], ranks)
                report = self.read("r.json").decode()
                self.assertRegex(report, rf'"workers": {workers}\b')

    def test_no_waste(self):
        """What a pool was given it gives back: memory does not grow with the programs."""
        peaks = []
        for programs in (20, 80):
            self.good([PLUGIN, "-t", 2, "--programs", programs, "--report", "r.json", "-m", "200M", "--overwrite"])
            peaks.append(int(re.search(rb'"memory_peak": (\d+)', self.read("r.json"))[1]))
        self.assertLess(peaks[1], 2 * peaks[0] + (4 << 20))


class Wrong(drive.Case):
    def job(self, how, ranks, caller, on, code=0):
        run = self.run_mapred([FAILING, "--how", how, "--from", caller, "--on", on, "-t", 1], ranks, timeout=30)
        self.assertEqual(run.code, code, (how, run.out, run.err))
        return run

    def test_failed(self):
        for ranks, caller, on in PLACES:
            out = self.job("fail", ranks, caller, on).out.decode().splitlines()
            self.assertRegex(out[0], rf"\A3 task failed: fail 0 on rank {on} \([^)]+\): what it got is bad\Z")
            self.assertRegex(out[1], rf"\A4 task failed: silent 1 on rank {on} \([^)]+\): ")

    def test_joined_within(self):
        for ranks, caller, on in PLACES[:2]:
            self.assertRegex(self.job("join", ranks, caller, on).out.decode(),
                             rf"\A2 task failed: join 0 on rank {on} \([^)]+\): cannot join the pool: within a task")

    def test_too_long(self):
        """The workers are replaced; the job ends well, though its threads never come back."""
        for ranks, caller, on in PLACES:
            out = self.job("hang", ranks, caller, on).out.decode().splitlines()
            for number, line in enumerate(out[:3]):
                self.assertRegex(line, rf"\A1001 task failed: hang {number} on rank {on} \([^)]+\): .*0\.1 seconds\Z")
            self.assertEqual(out[3:], ["0 "])

    def test_nobody_looked(self):
        for ranks, caller, on in PLACES:
            run = self.job("unseen", ranks, caller, on, 3)
            lines = [line for line in run.lines() if line.startswith("mapred:")]
            self.assertEqual(len(lines), 1, run.err)
            self.assertRegex(lines[0], rf"\Amapred: task failed: fail 0 on rank {on} \([^)]+\): what it got is bad\Z")

    def test_stranger(self):
        for ranks, caller in ((0, 0), (2, 1)):
            run = self.job("stranger", ranks, caller, -1, 2)
            self.assertIn(b"not among the pool's kinds", run.err)

    def test_crash(self):
        for ranks, caller, on in PLACES:
            run = self.run_mapred([FAILING, "--how", "crash", "--from", caller, "--on", on], ranks, timeout=30)
            self.assertNotEqual(run.code, 0)
            told = [line for line in run.err.decode(errors="replace").splitlines() if "kernel crashed" in line]
            self.assertEqual(len(told), 1, run.err)
            self.assertRegex(told[0], rf"rank {on} .* while working on task crash 0: ")

    def test_maps(self):
        for ranks in (0, 2, 4):
            run = self.job("map fail", ranks, 0, -1, 3)
            self.assertRegex(run.err, rb"mapred: task failed: too much 100 on rank \d+ \([^)]+\): 100 is too much\n")
            run = self.job("map hang", ranks, 0, -1, 1)
            self.assertRegex(run.err, rb"mapred: task failed: hang at 17 17 on rank \d+ \([^)]+\): .*0\.1 seconds\n")

    def test_terminated(self):
        for ranks in (0, 2, 4):
            self.assertEqual(self.job("terminate", ranks, 0, -1).out, b"100\n")

    def test_given_up(self):
        """A task that runs on though it was cancelled keeps nobody from closing the pool."""
        for how, (ranks, caller, on), want in zip(("give up", "give up all", "give up"), PLACES,
                                                  (b"1001 0 0\n", b"1001 0\n", b"1001 0 0\n")):
            self.assertEqual(self.job(how, ranks, caller, on).out, want)

    def test_deep(self):
        for ranks in (0, 2):
            self.assertEqual(self.job("deep", ranks, 0, -1).out, b"0 3000\n")

    def test_interrupted(self):
        """A task that never ends, a caller that gave up waiting, and the user's patience."""
        for ranks, caller, on in ((0, 0, 0), (2, 0, 1), (3, 1, 1)):
            process = self.start([FAILING, "--how", "wait", "--from", caller, "--on", on], ranks)
            self.assertEqual(process.stdout.readline(), b"1001 \n")
            found = subprocess.run(["pgrep", "-P", str(process.pid), "mapred"], capture_output=True, check=False)
            os.kill(int(found.stdout.split()[-1]) if ranks else process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=20)
            result = drive.Result(process.returncode, out, err)
            self.assertEqual((result.code, result.out), (130, b""), err)
            self.assertEqual(len(result.lines()), 1, err)


class Apps(drive.Case):
    def test_squares(self):
        for ranks in (0, 1, 2, 4):
            self.assertEqual(self.good(["squares", *range(1, 11)], ranks), b"[1, 4, 9, 16, 25, 36, 49, 64, 81, 100]\n")
        numbers = range(0, 3037000500, 1000003)
        self.assertEqual(self.good(["squares", *numbers], 3).decode(), f"{[n * n for n in numbers]}\n")
        self.assertEqual(self.good(["squares", "3037000499", "--", "-3037000499"]), b"[9223372030926249001, 9223372030926249001]\n")
        self.good(["squares", "3", "-o", "out.txt"], 2)
        self.assertEqual(self.read("out.txt"), b"[9]\n")

    def test_squares_of_nothing(self):
        for ranks in (0, 2):
            self.bad(2, "no number: x: ", ["squares", "1", "x"], ranks)
            self.bad(2, "too large: 3037000500: ", ["squares", "3037000500"], ranks)
            self.bad(2, "no numbers", ["squares"], ranks)

    def test_remote(self):
        for ranks in (0, 1, 2, 4):
            rows = [line.split("\t") for line in self.good(["remote", "--calls", "10"], ranks).decode().splitlines()]
            self.assertEqual([row[0] for row in rows], [str(call) for call in range(10)])
            self.assertEqual({len(row) for row in rows}, {5})
            self.assertEqual({int(row[3]) for row in rows}, set(range(max(1, ranks))))
            self.assertEqual(len({(row[2], row[3]) for row in rows}), max(1, ranks))
        self.assertEqual(len(self.good(["remote", "--calls", "5000"], 2).splitlines()), 5000)
        self.assertEqual(self.good(["remote", "--calls", "0"], 2), b"")
        self.bad(2, "wrong --calls: -1", ["remote", "--calls", "-1"], 2)


if __name__ == "__main__":
    drive.main()
