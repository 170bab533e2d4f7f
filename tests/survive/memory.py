"""survive/memory.py: a rank that the kernel kills for want of memory says so: in a control group with
a limit, where this machine lets us make one."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

GREEDY = os.path.join(os.path.abspath(sys.argv.pop(2)), "survive_greedy.so")

LIMIT = 128 << 20


def make_group():
    """A folder for a group with a limit: of version 1 or 2; None: not here."""
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        folder = os.path.join(root, f"mapred-test-{os.getpid()}")
        try:
            os.mkdir(folder)
        except OSError:
            continue
        try:
            with open(os.path.join(folder, limit), "w", encoding="ascii") as file:
                file.write(str(LIMIT))
            return folder
        except OSError:
            os.rmdir(folder)
    return None


class Memory(drive.Case):
    def setUp(self):
        super().setUp()
        self.group = make_group()
        if not self.group:
            raise unittest.SkipTest("no control group with a limit can be made here")
        self.addCleanup(self.remove_group)
        self.write("in.txt", "line\n" * 20 + "x\n" + "line\n" * 20)

    def remove_group(self):
        for _ in range(100):
            try:
                os.rmdir(self.group)
                return
            except OSError:
                os.sched_yield()

    def join(self):
        with open(os.path.join(self.group, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write(str(os.getpid()))

    def test_out_of_memory(self):
        for ranks in (0, 2):
            result = self.run_mapred([GREEDY, "-t", "1", "--block", "20", "in.txt"], ranks,
                                     env=drive.AT_ONCE, preexec_fn=self.join)
            told = [line for line in result.lines() if line.startswith("mapred: ")]
            self.assertEqual(len(told), 1, result.err)
            self.assertRegex(told[0], r"\Amapred: rank died: rank \d \(\S+\), killed by the kernel: out of memory "
                                      r"\(oom_kill of " + re.escape(self.group) + r" rose by 1\), peak 12\dM of limit 128M, "
                                      r"phase map, working on in\.txt bytes 100-12\d, record at 100 \(block 5\): give it more "
                                      r"memory, or let it take less with --memory\Z")


if __name__ == "__main__":
    drive.main()
