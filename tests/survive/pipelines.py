"""survive/pipelines.py: pipelines that are saved by items that are done: stopped and killed, and resumed."""

import os
import random
import signal
import time

import again


def log(seed, lines):
    some = random.Random(seed)
    when = "10/Oct/2000:13:55:36 -0700"
    return "".join(
        f'10.0.0.{some.randrange(256)} - - [{when}] "GET /{"x" * some.randrange(60)}{i} HTTP/1.1" '
        f"{some.choice((200, 404))} {i}\n"
        for i in range(lines)
    )


class Pipelines(again.Survivor):
    def flow(self, *more):
        return [again.plugin("flow"), "--items", 6000, *more]

    def test_states(self):
        plain, runs = self.survives(1, self.flow(), "a.txt", 5, 30)
        self.assertLess(again.counters(runs[-1])["worked"], plain["worked"], runs[-1].err)

    def test_seek(self):
        plain, runs = self.survives(2, self.flow("--seek"), "a.txt", 4, 30)
        self.assertLess(again.counters(runs[-1])["worked"], plain["worked"], runs[-1].err)

    def test_command_without_a_state(self):
        self.survives(3, [*self.flow("--forgetful", "sed s/a/b/"), "--naps", 50], "a.txt", 4, 9)

    def test_command_with_a_state(self):
        """It can't be saved in the middle: such a pipeline begins again, and comes to its end."""
        args = [*self.flow("--through", "cat -n", "--naps", 100), "-o", "a.txt"]
        stopped = self.stopped(args, 2)
        self.assertEqual(stopped.code, again.STOPPED, stopped.err)
        runs = self.until_done(4, args, 0)
        self.same(self.read("a.txt"), self.good(args[:-2]))
        self.assertEqual(again.counters(runs[-1])["worked"], 6000)

    def stopped(self, args, ranks):
        """One run that gets SIGUSR1 from outside once it is at work: its source has ended by then."""
        more = ["--checkpoint", "ck", "--resume"]
        env = {**again.drive.AT_ONCE, "FLOW_TOUCH": self.path("touched")}
        process = self.start([*args, *more], ranks, env)
        while process.poll() is None and not os.path.exists(self.path("touched")):
            time.sleep(0.01)
        process.send_signal(signal.SIGUSR1)
        out, err = process.communicate(timeout=60)
        return again.drive.Result(process.returncode, out, err)

    def test_what_is_left_flows_out(self):
        """A signal lets what is under way come to its end, long before it is time to save."""
        args = self.flow("--naps", 600)
        first = self.stopped([*args, "-o", "a.txt"], 2)
        self.assertEqual(first.code, again.STOPPED, first.err)
        last = self.until_done(5, [*args, "-o", "a.txt"], 0)[-1]
        self.same(self.read("a.txt"), self.good(self.flow()))
        self.assertLess(again.counters(last)["worked"], 6000, last.err)
        self.assertIn(b"resuming: ck: from checkpoint 1", last.err)

    def test_other_items(self):
        args = [*self.flow(), "-o", "a.txt"]
        some = random.Random(6)
        while self.once(some, args, 1, 12).code not in (again.STOPPED, *again.KILLED):
            self.fail("it was not stopped")
        other = self.once(some, args, 2, env={"FLOW_SHIFT": "1"})
        self.assertEqual(other.code, 3, other.err)
        self.assertIn(b"are not what they were", other.err)

    def test_stdout_gets_all_of_it(self):
        some = random.Random(7)
        stopped = self.once(some, self.flow(), 1, 12)
        self.assertIn(stopped.code, (again.STOPPED, *again.KILLED), stopped.err)
        last = self.until_done(7, self.flow(), 0)[-1]
        self.same(last.out, self.good(self.flow()))

    def test_logpipe(self):
        self.write("a.log", log(1, 30000))
        self.write("b.log", log(2, 20000))
        args = ["logpipe", "a.log", "b.log", "--status", "404"]
        plain, runs = self.survives(8, args, "rows.txt", 4, 8)
        self.assertLess(again.counters(runs[-1])["lines"], plain["lines"], runs[-1].err)
        self.assertEqual(again.counters(runs[-1]).get("checkpoint"), None)


if __name__ == "__main__":
    again.drive.main()
