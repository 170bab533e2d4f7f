"""survive/stopping.py: what tests of stopped and killed tasks share: plugins that write down what they
work on (eight bytes a time), so that a test waits for that and not for a moment."""

import os
import random
import signal
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""
STOPPED = 75
# Ranks and threads, one run after the other; 0 ranks: without mpirun.
POINTS = [(0, 2), (2, 1), (3, 2), (1, 1), (4, 1), (0, 1), (2, 2)]


def plugin(name):
    return os.path.join(PLUGINS, f"survive_{name}.so")


def ranks_of(process):
    """The processes of mapred below mpirun, or the process itself."""
    below = f"/proc/{process.pid}/task/{process.pid}/children"
    try:
        with open(below, encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
    except OSError:
        return []
    return children or [process.pid]


def stop_all(process):
    process.send_signal(signal.SIGUSR1)


class Case(drive.Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(7)

    def stop_one(self, process):
        os.kill(self.random.choice(ranks_of(process)), signal.SIGTERM)

    def kill_one(self, process):
        os.kill(self.random.choice(ranks_of(process)), signal.SIGKILL)

    def fresh(self):
        for name in ("log", "all", "out.tsv"):
            if os.path.exists(self.path(name)):
                os.remove(self.path(name))
        shutil.rmtree(self.path("ck"), ignore_errors=True)

    def worked(self, log="log"):
        """How much was worked on so far, in all runs."""
        try:
            return os.path.getsize(self.path(log)) // 8
        except OSError:
            return 0

    def hit(self, process, many, send):
        """Sends something once so much is done, and something by this run. The job may be quicker."""
        end = time.time() + 60
        many = max(many, self.before + 3)
        while process.poll() is None and self.worked() < many:
            self.assertLess(time.time(), end, "no progress")
            time.sleep(0.001)
        if process.poll() is None:
            send(process)

    def go_on(self, args, point, resume, many=0, send=None, every=0, env=None):
        """One run of a job: how it ended."""
        ranks, threads = point
        self.before = self.worked()
        args = args + ["--checkpoint", "ck", "--checkpoint-every", every, "-o", "out.tsv", "--threads", threads]
        process = self.start(args + ["--resume"] * resume, ranks, {**drive.AT_ONCE, **(env or {})})
        if send:
            self.hit(process, many, send)
        out, err = process.communicate(timeout=60)
        self.assertEqual(out, b"")
        return drive.Result(process.returncode, out, err)

    def moments(self, total, count):
        return sorted(self.random.sample(range(1, total), count)) + [None]

    def stopped(self, args, total, want, count=2, send=stop_all, log=True, slack=0):
        """Stops it so often, each time going on with other ranks: what is done is not done again, but
        for `slack` a time."""
        args = args + ["--log", "log"] * log
        self.random.shuffle(points := list(POINTS))
        result = None
        for i, many in enumerate(self.moments(total, count)):
            result = self.go_on(args, points[i], i > 0, many or 0, send if many else None)
            told = (args, points[: i + 1], many, total, result.err[-2000:])
            if result.code == 0 or os.path.exists(self.path("ck/done")):
                result.code = 0  # whatever came too late
                break
            self.assertEqual(result.code, STOPPED, told)
            self.assertFalse(os.path.exists(self.path("out.tsv")), told)
        self.assertEqual(result.code, 0, told)
        self.same(self.read("out.tsv"), want, told)
        self.assertGreaterEqual(self.worked(), total, told)
        self.assertLessEqual(self.worked(), total + slack * count, told)

    def killed(self, args, total, want, count):
        """Kills one rank so often, and goes on from what was saved last."""
        args = args + ["--log", "log"]
        result = None
        for i in range(count + 1):
            resume = os.path.exists(self.path("ck"))
            many = self.random.randrange(total)
            send = self.kill_one if i < count else None
            result = self.go_on(args, POINTS[(i + 1) % len(POINTS)], resume, many, send)
            told = (args, i, result.code, self.worked(), total, result.err[-2000:])
            if result.code == 0:
                break
            self.assertNotEqual(result.code, 3, told)
        self.assertEqual(result.code, 0, told)
        self.same(self.read("out.tsv"), want, told)
        self.assertLess(self.worked(), total * (1.5 + i), told)


def main():
    global PLUGINS
    PLUGINS = os.path.abspath(sys.argv.pop(2))
    drive.main()
