"""survive/pools.py: pools, maps and graphs of tasks that are stopped or killed anywhere, and go on
with other ranks and threads. The oracle is the same without anything happening to it."""

import glob
import os
import signal
import time

import stopping
import drive

US = 700  # microseconds a task takes
ALL = ("tasks", "large", "map", "imap", "graph", "eager")


class Pools(stopping.Case):
    def of(self, what, count):
        """Arguments, how many calls there are, and the result."""
        self.fresh()
        args = [stopping.plugin("tasks"), "--what", what, "--count", count]
        want = self.good(args + ["--log", "all"])
        return args + ["--us", US], self.worked("all"), want

    def test_stop(self):
        for i, what in enumerate(ALL):
            with self.subTest(what=what):
                send = (stopping.stop_all, self.stop_one)[i % 2]
                self.stopped(*self.of(what, 300 + i), send=send, slack=16)

    def test_kill(self):
        for what in ("tasks", "map", "graph"):
            with self.subTest(what=what):
                self.killed(*self.of(what, 300), count=1)

    def halfway(self, what, env=None):
        """A job that was stopped when half of it was done."""
        args, total, want = self.of(what, 300)
        args += ["--log", "log"]
        result = self.go_on(args, (2, 1), False, total // 2, stopping.stop_all)
        self.assertEqual(result.code, stopping.STOPPED, result.err)
        return args, total, want

    def test_changed(self):
        """Another function under the same number is another task: it is told, and run again."""
        args, total, want = self.halfway("changed")
        result = self.go_on(args, (0, 2), True, env={"CHANGED": "1"})
        self.assertEqual(result.code, 0, result.err)
        told = [line for line in result.lines() if "pool changed" in line]
        self.assertEqual(len(told), 1, result.err)
        self.assertIn("its function", told[0])
        self.same(self.read("out.tsv"), want)
        self.assertGreater(self.worked(), total)

    def test_damage(self):
        """A bit of a journal that is another one: what it says, and what follows, is done again."""
        args, total, want = self.halfway("tasks")
        for path in glob.glob(self.path("ck/journal-*")):
            with open(path, "r+b") as file:
                size = os.path.getsize(path)
                file.seek(self.random.randrange(size // 2))
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1 << self.random.randrange(8)]))
        result = self.go_on(args, (0, 2), True)
        self.assertEqual(result.code, 0, result.err)
        self.same(self.read("out.tsv"), want)
        self.assertGreater(self.worked(), total)

    def test_slow(self):
        """Nobody waits for a task that does not end."""
        args = [stopping.plugin("tasks"), "--what", "slow", "--slow", "60", "--count", "3", "--log", "log"]
        start = time.time()
        result = self.go_on(args, (0, 2), False, 3, stopping.stop_all)
        self.assertEqual(result.code, stopping.STOPPED, result.err)
        self.assertLess(time.time() - start, 30)


class Apps(stopping.Case):
    """Apps as they are: stopped as soon as something is saved."""

    def stop_when_saved(self, process):
        end = time.time() + 60
        while process.poll() is None and not glob.glob(self.path("ck/manifest-*")):
            self.assertLess(time.time(), end, "nothing is saved")
            time.sleep(0.001)
        if process.poll() is None:
            process.send_signal(signal.SIGUSR1)

    def once(self, args, ranks, threads, resume, send=None):
        args = args + ["--checkpoint", "ck", "--checkpoint-every", "0", "-o", "out.tsv", "--threads", threads]
        process = self.start(args + ["--resume"] * resume, ranks, drive.AT_ONCE)
        if send:
            send(process)
        _, err = process.communicate(timeout=60)
        return process.returncode, err

    def through(self, args):
        self.fresh()
        code, err = self.once(args, 2, 1, False, self.stop_when_saved)
        self.assertIn(code, (0, stopping.STOPPED), (args, err))
        if code:
            self.assertEqual(self.once(args, 0, 2, True)[0], 0, args)
        return code

    def test_apps(self):
        numbers = [self.random.randrange(-(10**12), 10**12) for _ in range(150000)]
        self.write("numbers.txt", "".join(f"{n}\n" for n in numbers))
        stopped = 0
        for args in (
            ["uts", "--tree", "t1", "--depth", "11"],
            ["nqueens", "--n", "14"],
            ["tsp", "--cities", "24"],
            ["quadrature", "--f", "sin(1/x)", "--from", "0.0001", "--tolerance", "1e-13"],
            ["mergesort", "numbers.txt"],
            ["squares"] + list(range(50)),
            ["delayed", "--count", "3000"],
        ):
            with self.subTest(app=args[0]):
                want = self.good(args + ["--threads", "2"])
                stopped += self.through(args) == stopping.STOPPED
                self.same(self.read("out.tsv"), want, args)
        self.assertGreater(stopped, 2)

    def test_remote(self):
        """Where calls ran is another story each time; that each ran is not."""
        self.through(["remote", "--calls", "200"])
        calls = [int(line.split()[0]) for line in self.read("out.tsv").split(b"\n") if line]
        self.assertEqual(calls, list(range(200)))


if __name__ == "__main__":
    stopping.main()
