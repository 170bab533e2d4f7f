"""survive/again.py: a job that is stopped and killed at random moments of its checkpoints, and resumed with
other ranks, threads and blocks each time, until it has come to its end."""

import os
import random
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = os.path.join(os.path.abspath(sys.argv.pop(2)))
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGUSR1, signal.SIGTERM)
STOPPED = 75
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
COUNTER = re.compile(r"mapred: counter: (.*): (-?\d+)")


def plugin(name):
    return os.path.join(PLUGINS, f"survive_{name}.so")


def counters(result):
    found = (COUNTER.fullmatch(line) for line in result.lines())
    return {match[1]: int(match[2]) for match in found if match}


class Survivor(drive.Case):
    def once(self, some, args, ranks, stop=None, env=None, every=0):
        """One run: at most to where a rank has made `stop` things safe."""
        more = ["--checkpoint", "ck", "--checkpoint-every", every, "--resume", "--verbose"]
        more += ["--threads", some.randrange(1, 4), "--block", some.choice(("7K", "64K", "1M"))]
        env = {**drive.AT_ONCE, **(env or {})}
        if stop:
            victim = some.randrange(max(ranks, 1))
            env["LD_PRELOAD"] = plugin("stop_at")
            env["MR_STOP"] = f"{victim}:{stop}:{int(some.choice(SIGNALS))}"
        return self.run_once([*args, *more], ranks, env, None, 60)

    def until_done(self, seed, args, stops, most=9, **more):
        """Runs it again and again, `stops` times to some moment, then to the end. Gives all runs."""
        some, runs = random.Random(seed), []
        while not runs or runs[-1].code != 0:
            told = [(run.code, run.err[-600:]) for run in runs]
            self.assertLess(len(runs), stops + 3, told)
            stop = some.randrange(1, most + 1) if len(runs) < stops else None
            runs.append(self.once(some, args, some.choice((0, 1, 2, 2, 3, 4)), stop, **more))
            self.assertIn(runs[-1].code, (0, STOPPED, *KILLED), (args, told, runs[-1].err[-1000:]))
        return runs

    def survives(self, seed, args, output, stops=4, most=9, **more):
        """The same bytes as if nothing had happened, and the same counters."""
        plain = self.run_mapred([*args, "-o", "plain-" + output, "--verbose"], 0)
        self.assertEqual(plain.code, 0, plain.err)
        runs = self.until_done(seed, [*args, "-o", output], stops, most, **more)
        self.assertGreater(len(runs), 1, runs[-1].err)
        self.same(self.read(output), self.read("plain-" + output), (seed, args, [run.code for run in runs]))
        return counters(plain), runs
