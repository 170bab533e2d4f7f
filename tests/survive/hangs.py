"""survive/hangs.py: --watchdog names who does not get on, once, and nobody who does or who waits."""

import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import deaths
import drive


class Hangs(deaths.Case):
    def setUp(self):
        super().setUp()
        self.heard = {}

    def listen(self, process, seconds):
        """What it says until then; it is ended."""
        time.sleep(seconds)
        self.end(process)
        out, err = process.communicate()
        return drive.Result(process.returncode, out, err).lines()

    def told(self, process, pattern, timeout=20):
        """The first line that matches, of all that it has said."""
        os.set_blocking(process.stderr.fileno(), False)
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.heard[process] = self.heard.get(process, b"") + (process.stderr.read() or b"")
            for line in self.heard[process].decode(errors="replace").splitlines():
                if re.search(pattern, line):
                    return line
            time.sleep(0.02)
        self.fail(f"nothing like {pattern} is told: {self.heard[process]}")

    def test_a_kernel_that_hangs(self):
        self.write("in.txt", "line\n" * 60 + "s\n" + "line\n" * 60)
        for ranks in (0, 3):
            process = self.begin([deaths.SLOW, "-t", "2", "--block", "20", "--watchdog", "0.6", "in.txt"], ranks, [])
            line = self.told(process, r"^mapred: watchdog: ")
            self.assertRegex(line, r"no progress for 0\.6 s: rank (\d) \(\S+\), phase map: thread \d works on "
                                   r"in\.txt bytes 300-322, record at 300 \(block 15\)"
                                   r"(; the other 2 of the node wait or get on)?: the job goes on: ")
            self.assertEqual(line.count("rank "), 1, line)
            self.told(process, r"slow\.so\(\+0x[0-9a-f]+\)\[0x[0-9a-f]+\]$")
            rest = self.listen(process, 1.5)
            self.assertEqual([line for line in rest if "watchdog" in line], [])

    def test_a_rank_that_stays_away(self):
        process = self.begin([deaths.STAYS, "--where", "last", "--watchdog", "0.5"], 3)
        line = self.told(process, r"^mapred: watchdog: ")
        self.assertRegex(line, r"rank 2 \(\S+\), phase driver: its main thread is not in a kernel; "
                               r"the other 2 of the node wait or get on: ")
        self.told(process, r"^rank 2 \(\S+\), thread 0 is at:$")
        self.told(process, r"stays\.so\(\+0x[0-9a-f]+\)")

    def test_a_rank_that_is_stopped(self):
        process = self.begin([deaths.SLOW, "-t", "1", "--block", "20", "--watchdog", "0.7", "in.txt"], 3)
        pid = self.ranks_of(process, 3)[1]
        os.kill(pid, signal.SIGSTOP)
        line = self.told(process, r"^mapred: watchdog: ")
        os.kill(pid, signal.SIGCONT)
        self.assertRegex(line, r"rank 1 \(\S+\), phase map(: thread .*)?: it was stopped by a signal: SIGCONT lets it go on")

    def test_all_wait(self):
        process = self.begin([deaths.STAYS, "--where", "nobody", "--watchdog", "0.4"], 2)
        line = self.told(process, r"^mapred: watchdog: ")
        self.assertRegex(line, r"no progress for 0\.8 s: all ranks here wait for others: rank 0 \(\S+\), phase driver; "
                               r"rank 1 \(\S+\), phase driver: ")

    def test_a_slow_job_is_no_hang(self):
        """Each block takes twice as long as the watchdog waits, and some ranks have nothing to do."""
        self.write("slow.txt", "line\n" * 80)
        for ranks, block in ((0, "400"), (3, "200")):
            out = self.good([deaths.SLOW, "-t", "1", "--block", block, "--watchdog", "0.8", "slow.txt"], ranks)
            self.assertEqual(out, b"line\t80\n")

    def test_values(self):
        for wrong in ("-1", "x", "nan"):
            self.bad(2, "bad value: --watchdog", ["wordcount", "--watchdog", wrong, "in.txt"])
        self.bad(2, "bad value: MAPRED_WATCHDOG=soon", ["wordcount", "in.txt"], env={"MAPRED_WATCHDOG": "soon"})


if __name__ == "__main__":
    drive.main()
