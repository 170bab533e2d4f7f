"""survive/pools.py: pools, maps and graphs of tasks that are stopped or killed anywhere, and go on
with other ranks and threads. The oracle is the same without anything happening to it."""

import glob
import os

import again

US = 1000  # microseconds a task takes
ALL = ("tasks", "large", "map", "imap", "graph", "eager")


class Pools(again.Case):
    def of(self, what, count):
        """Arguments, how many calls there are, and the result."""
        self.fresh()
        args = [again.plugin("tasks"), "--what", what, "--count", count]
        want = self.good(args + ["--log", "all"])
        return args + ["--us", US], self.worked("all"), want

    def test_stop(self):
        for i, what in enumerate(ALL):
            with self.subTest(what=what):
                send = (again.stop_all, self.stop_one)[i % 2]
                self.stopped(*self.of(what, 300 + i), send=send, slack=16)

    def test_kill(self):
        for what in ("tasks", "map", "graph"):
            with self.subTest(what=what):
                self.killed(*self.of(what, 300), count=2)


if __name__ == "__main__":
    again.main()
