"""survive/deaths.py: a rank that is killed is told of in one line, whatever it was at.

Only processes that descend from the one a test started are looked at and ended.
"""

import glob
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else ""
SLOW, STAYS = (os.path.join(PLUGINS, f"survive_{name}.so") for name in ("slow", "stays"))


def children(process):
    """Its descendants, as {id: name}."""
    rows = subprocess.run(["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, check=True, text=True)
    table = [line.split(None, 2) for line in rows.stdout.splitlines()]
    found, new = {}, {process}
    while new:
        new = {int(pid): name for pid, parent, name in table if int(parent) in new and int(pid) not in found}
        found.update(new)
    return found


def is_running(process):
    """Not for one that has ended, and of which its parent has not taken note yet."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Case(drive.Case):
    def setUp(self):
        super().setUp()
        self.write("in.txt", "line\n" * 6000)

    def begin(self, args, ranks, wanted=None, env=None):
        """A job of which `wanted` ranks (all of them) have said that they are at it."""
        names = [f"begun.{rank}" for rank in (range(max(ranks, 1)) if wanted is None else wanted)]
        for name in glob.glob(self.path("begun.*")):
            os.unlink(name)
        process = self.start(args, ranks, {**drive.AT_ONCE, **(env or {})})
        for stream in (process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(self.end, process)
        self.wait_until(lambda: all(os.path.exists(self.path(name)) for name in names), process)
        return process

    def wait_until(self, is_so, process=None):
        end = time.monotonic() + 30
        while not is_so():
            if process and process.poll() is not None:
                self.fail(process.stderr.read())
            self.assertLess(time.monotonic(), end, "it does not come to that")
            time.sleep(0.01)

    def end(self, process):
        if process.poll() is None:
            for child in children(process.pid):
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.kill()
            process.wait()

    def ranks_of(self, process, ranks):
        """Their processes, by rank; mapred alone is its own."""
        if ranks == 0:
            return {0: process.pid}
        found = {}
        for pid, name in children(process.pid).items():
            if name == "mapred":
                with open(f"/proc/{pid}/environ", "rb") as file:
                    rank = re.search(rb"OMPI_COMM_WORLD_RANK=(\d+)", file.read())
                found[int(rank.group(1))] = pid
        return found

    def death(self, process, rank, ranks, number=signal.SIGKILL, within=10):
        """Ends a rank, and gives the one line that is told of it."""
        started = children(process.pid)
        guards = [pid for pid, name in started.items() if name == "rank-guard"]
        self.assertEqual(len(guards), max(ranks, 1), started)
        os.kill(self.ranks_of(process, ranks)[rank], number)
        out, err = process.communicate(timeout=within)
        result = drive.Result(process.returncode, out, err)
        lines = result.lines()
        self.assertEqual(len(lines), 1, err)
        self.assertIn(result.code, (-number, 128 + number), err)
        self.assertEqual(out, b"")
        self.wait_until(lambda: not any(map(is_running, guards)))
        return lines[0]


class Killed(Case):
    def test_in_the_map(self):
        for ranks, rank in ((0, 0), (1, 0), (2, 1), (3, 0), (4, 3)):
            process = self.begin([SLOW, "-t", "1", "--block", "20", "-o", "out.tsv", "in.txt"], ranks)
            line = self.death(process, rank, ranks)
            self.assertRegex(line, rf"\Amapred: rank died: rank {rank} \(\S+\), killed by SIGKILL, phase map, working "
                                   r"on in\.txt bytes (\d+)-(\d+), record at (\d+) \(block (\d+)\): look for .* run it again\Z")
            begin, end, record, block = map(int, re.search(
                r"bytes (\d+)-(\d+), record at (\d+) \(block (\d+)\)", line).groups())
            self.assertTrue(begin <= record < end, line)
            self.assertEqual(begin // 20, block, line)
            self.assertNotIn("out.tsv", self.visible())

    def test_many_threads(self):
        process = self.begin([SLOW, "-t", "3", "--block", "20", "in.txt"], 2)
        line = self.death(process, 1, 2)
        self.assertRegex(line, r"\(block \d+\)( and on [12] more in other threads)?: ")

    def test_within_a_driver(self):
        process = self.begin([STAYS], 3)
        line = self.death(process, 2, 3)
        self.assertRegex(line, r"rank 2 \(\S+\), killed by SIGKILL, phase driver: ")

    def test_who_waits_for_letters(self):
        """Ranks 0 and 1 wait on a queue that nobody fills: one of them dies, or the one that stays away."""
        for rank in (1, 2):
            process = self.begin([STAYS, "--where", "queue"], 3)
            line = self.death(process, rank, 3)
            self.assertRegex(line, rf"rank {rank} \(\S+\), killed by SIGKILL, phase driver: ")

    def test_other_signals(self):
        process = self.begin([SLOW, "-t", "1", "--block", "20", "in.txt"], 2)
        self.assertIn("rank 1", self.death(process, 1, 2, signal.SIGXCPU))

    def test_with_checkpoints(self):
        process = self.begin([SLOW, "-t", "1", "--block", "20", "--checkpoint", "points", "-o", "out.tsv", "in.txt"], 2)
        self.assertTrue(self.death(process, 0, 2).endswith("and go on with --resume"))

    def test_exit_in_a_kernel(self):
        self.write("exit.txt", "line\nx\n")
        for ranks in (0, 2):
            result = self.run_mapred([SLOW, "-t", "1", "exit.txt"], ranks, env=drive.AT_ONCE)
            lines = [line for line in result.lines() if line.startswith("mapred: ")]
            self.assertEqual(len(lines), 1, result.err)
            self.assertRegex(lines[0], r"rank died: rank \d \(\S+\), ended with code 7 in the middle of its work, "
                                       r"phase map, working on exit\.txt bytes 0-7, record at 5 \(block 0\): ")

    def test_at_any_moment(self):
        """Start, plan, exchange, sort, write, end: one line at most, and never a hang."""
        self.write("words.txt", " ".join(f"word{n * 7919 % 300007:07}" for n in range(300000)))
        ended = []
        for moment in range(8):
            ranks = 2 + moment % 3
            process = self.start(["wordcount", "-t", "1", "-o", "counts.tsv", "--overwrite", "words.txt"], ranks,
                                 drive.AT_ONCE)
            self.addCleanup(self.end, process)
            self.wait_until(lambda: len(children(process.pid)) >= 2 * ranks or process.poll() is not None)
            time.sleep(0.03 * moment)
            found = self.ranks_of_started(process)
            victim = max(found, default=None)
            if victim is not None:
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            out, err = process.communicate(timeout=20)
            result = drive.Result(process.returncode, out, err)
            told = [line for line in result.lines() if line.startswith("mapred: ")]
            self.assertLessEqual(len(told), 1, err)
            ended.append((result.code, told))
            for line in told:
                self.assertRegex(line, r"rank died: rank \d \(\S+\), killed( by SIGKILL)?, phase \w+")
        # A guard that has just been forked on a busy machine may come too late to be heard.
        killed = [told for code, told in ended if code != 0]
        self.assertGreaterEqual(2 * sum(map(len, killed)), len(killed), ended)

    def ranks_of_started(self, process):
        """Those that have a guard."""
        started = children(process.pid)
        guards = [name for name in started.values() if name == "rank-guard"]
        return [pid for pid, name in started.items() if name == "mapred"] if guards else []


class Quiet(Case):
    """What is no death, or is told already."""

    def test_asked_to_stop(self):
        for ranks in (0, 2):
            process = self.begin([SLOW, "-t", "1", "--block", "20", "in.txt"], ranks)
            for pid in self.ranks_of(process, ranks).values():
                os.kill(pid, signal.SIGTERM)
            out, err = process.communicate(timeout=20)
            lines = drive.Result(process.returncode, out, err).lines()
            self.assertEqual(len(lines), 1, err)
            self.assertTrue(lines[0].startswith("mapred: interrupted: SIGTERM"), err)

    def test_mpirun_is_asked_to_stop(self):
        process = self.begin([SLOW, "-t", "1", "--block", "20", "in.txt"], 3)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        self.assertNotIn(b"rank died", err)

    def test_errors_and_goodbyes(self):
        self.bad(3, "no-such-file", ["wordcount", "no-such-file"], 3)
        process = self.start(["wordcount", "in.txt"], 0)
        out, err = process.communicate(timeout=20)
        self.assertEqual((out, err), (b"line\t6000\n", b""))


if __name__ == "__main__":
    drive.main()
