"""forks.py: fork-join that is stopped or killed anywhere, and goes on with other ranks and threads."""

import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGIN = ""
STOPPED = 75
POINTS = [(0, 2), (2, 1), (3, 2), (1, 1), (4, 1), (0, 1), (2, 2)]


def ranks_of(process):
    """The processes of mapred below mpirun, or the process itself."""
    below = f"/proc/{process.pid}/task/{process.pid}/children"
    try:
        with open(below, encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
    except OSError:
        return []
    return children or [process.pid]


class Forks(drive.Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(7)

    def plain(self, args):
        return self.good([PLUGIN, "--plain"] + args)

    def worked(self):
        """Leaves that were worked on so far, in all runs."""
        try:
            return os.path.getsize(self.path("log")) // 8
        except OSError:
            return 0

    def hit(self, process, many, send):
        """Sends something once so many leaves are done. False: the job was quicker."""
        end = time.time() + 60
        many = max(many, self.before + 3)
        while process.poll() is None and self.worked() < many:
            self.assertLess(time.time(), end, "no progress")
            time.sleep(0.001)
        if process.poll() is None:
            send(process)
        return process.poll() is None

    def go_on(self, args, point, resume, many=None, send=None):
        """One run of the job: how it ended."""
        ranks, threads = point
        self.before = self.worked()
        more = ["--checkpoint", "ck", "--checkpoint-every", "0", "-o", "out.tsv", "--threads", threads]
        process = self.start([PLUGIN, "--log", "log"] + args + more + ["--resume"] * resume, ranks, drive.AT_ONCE)
        if send:
            self.hit(process, many, send)
        out, err = process.communicate(timeout=60)
        self.assertEqual(out, b"")
        return drive.Result(process.returncode, out, err)

    def moments(self, total, count):
        return sorted(self.random.sample(range(1, total), count))

    def stopped(self, args, send, count=3):
        """Stops it so often, each time going on with other ranks: nothing is done twice."""
        want = self.plain(args)
        total = self.leaves(args)
        self.random.shuffle(points := list(POINTS))
        ended = 1
        for i, many in enumerate(self.moments(total, count) + [None]):
            result = self.go_on(args, points[i], i > 0, many, send if many else None)
            told = (args, points[: i + 1], many, total, result.err[-2000:])
            if result.code == 0:
                ended = 0
                break
            self.assertEqual(result.code, STOPPED, told)
            self.assertFalse(os.path.exists(self.path("out.tsv")), told)
        self.assertEqual(ended, 0, told)
        self.same(self.read("out.tsv"), want, told)
        self.assertEqual(self.worked(), total, told)

    def leaves(self, args):
        """How many there are, by a run of its own."""
        self.good([PLUGIN, "--log", "all"] + [0 if a == US else a for a in args])
        return os.path.getsize(self.path("all")) // 8

    def test_stop(self):
        def to_mpirun(process):
            process.send_signal(signal.SIGUSR1)

        def to_a_rank(process):
            os.kill(self.random.choice(ranks_of(process)), signal.SIGTERM)

        for i, (what, depth, runs) in enumerate(
            [("brackets", 7, 1), ("walk", 7, 1), ("deep", 300, 1), ("search", 7, 1), ("brackets", 5, 9)]
        ):
            with self.subTest(what=what, runs=runs):
                self.fresh()
                args = ["--what", what, "--depth", depth, "--us", US, "--runs", runs, "--seed", 5 + i]
                self.stopped(args, (to_mpirun, to_a_rank)[i % 2])

    def killed(self, args, count):
        """Kills one rank so often; what was saved last is where it goes on."""
        want = self.plain(args)
        total = self.leaves(args)

        def kill(process):
            os.kill(self.random.choice(ranks_of(process)), signal.SIGKILL)

        for i in range(count + 1):
            point = POINTS[(i + 1) % len(POINTS)]
            resume = os.path.exists(self.path("ck"))
            many = self.random.randrange(total) if i < count else 0
            result = self.go_on(args, point, resume, many, kill if i < count else None)
            told = (args, i, result.code, self.worked(), total, result.err[-2000:])
            if result.code == 0:
                break
            self.assertNotEqual(result.code, 3, told)
        self.assertEqual(result.code, 0, told)
        self.same(self.read("out.tsv"), want, told)
        self.assertLess(self.worked(), total * (1.5 + i), told)

    def test_kill(self):
        for what in ("brackets", "walk"):
            with self.subTest(what=what):
                self.fresh()
                self.killed(["--what", what, "--depth", 7, "--us", US, "--seed", 5], 3)

    def fresh(self):
        for name in ("log", "all", "out.tsv"):
            if os.path.exists(self.path(name)):
                os.remove(self.path(name))
        subprocess.run(["rm", "-rf", self.path("ck")], check=True)


US = 500

if __name__ == "__main__":
    PLUGIN = os.path.join(os.path.abspath(sys.argv.pop(2)), "survive_tree.so")
    drive.main()
