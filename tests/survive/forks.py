"""survive/forks.py: fork-join that is stopped or killed anywhere, and goes on with other ranks and
threads. Joins do not commute; the oracle is a plain recursion."""

import stopping

US = 300  # microseconds a leaf takes


class Forks(stopping.Case):
    def of(self, what, depth, runs, seed, *more):
        """Arguments, how many leaves there are, and the result."""
        self.fresh()
        args = [stopping.plugin("tree"), "--what", what, "--depth", depth, "--runs", runs, "--seed", seed, *more]
        self.good(args + ["--log", "all"])
        return args + ["--us", US], self.worked("all"), self.good(args + ["--plain"])

    def test_stop(self):
        trees = [("brackets", 7, 1), ("walk", 7, 1), ("deep", 300, 1), ("search", 7, 1), ("brackets", 5, 9)]
        for i, (what, depth, runs) in enumerate(trees):
            with self.subTest(what=what, runs=runs):
                send = (stopping.stop_all, self.stop_one)[i % 2]
                self.stopped(*self.of(what, depth, runs, 5 + i), send=send)

    def test_large_root(self):
        """It stays on rank 0, and all take from there."""
        self.stopped(*self.of("brackets", 6, 1, 9, "--root", 200000), count=1)

    def test_kill(self):
        for what, seed in (("brackets", 5), ("walk", 6)):
            with self.subTest(what=what):
                self.killed(*self.of(what, 7, 1, seed), count=1)


if __name__ == "__main__":
    stopping.main()
