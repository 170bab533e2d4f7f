"""tasks/failures.py: one rank goes wrong while the others wait: all end soon, with its one error."""

import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive
import launch

FOLDER = os.path.abspath(sys.argv.pop())
PLUGIN = os.path.join(FOLDER, "tasks_failures.so")
# The same from inside: a program, not a plugin.
FAILING = os.path.join(FOLDER, "tasks_failing")
PLACES = ((0, 0), (2, 0), (4, 2))


class Case(drive.Case):
    def setUp(self):
        super().setUp()
        self.write("old.txt", "old\n")

    watched = True  # mpirun leaves ranks alone when another has failed

    def run_at(self, ranks, program, *arguments):
        """Whatever comes of it, no result does."""
        job = launch.Launch(program, ranks, watched=self.watched, folder=self.folder)
        run = job.run(*arguments)
        self.assertFalse(run.hung, run)
        self.assertEqual((run.out, self.read("old.txt")), (b"", b"old\n"), run)
        return run

    def plugin(self, ranks, at, how, waits):
        return self.run_at(ranks, drive.MAPRED, PLUGIN, "--how", how, "--waits", waits, "--at", at,
                           "-o", "old.txt", "--overwrite")

    def inside(self, ranks, at, how, waits="post", memory=0):
        return self.run_at(ranks, FAILING, how, at, waits, "old.txt", memory)

    def check(self, run, ranks, code, line):
        codes = run.codes or {0: run.code}
        self.assertEqual(codes, {rank: code for rank in range(max(1, ranks))}, run)
        self.assertEqual(len(run.err), 1, run)
        self.assertRegex(run.err[0], f"^mapred: {line}", run)
        self.assertEqual(self.visible(), ["old.txt"])


class Errors(Case):
    def test_others_wait(self):
        waits = ("queue", "event", "barrier", "lock", "close", "agree")
        for i, (ranks, at) in enumerate(((2, 0), (2, 1), (3, 2), (4, 1), (4, 3), (4, 0))):
            run = self.plugin(ranks, at, "error", waits[i])
            self.check(run, ranks, 3, f"does not like it: rank {at}$")

    def test_others_wait_for_tasks(self):
        """Also where a task never ends, and its thread has to be left behind."""
        for waits in ("patient", "endless"):
            for ranks, at in ((2, 0), (3, 2)):
                run = self.plugin(ranks, at, "error", waits)
                self.check(run, ranks, 3, f"does not like it: rank {at}$")

    def test_it_does_not_say_why(self):
        for ranks, at in PLACES[:2]:
            run = self.plugin(ranks, at, "silent", "queue")
            self.check(run, ranks, 1, "driver failed: failures: ")

    def test_inside(self):
        for ranks, at, waits in ((0, 0, "post"), (2, 1, "post"), (3, 0, "agree")):
            run = self.inside(ranks, at, "error", waits)
            self.check(run, ranks, 3, f"does not like it: rank {at}$")

    def test_beside_the_main_thread(self):
        for ranks, at in PLACES:
            run = self.inside(ranks, at, "beside", "agree" if at else "post")
            self.check(run, ranks, 3, f"does not like it: beside rank {at}$")

    def test_no_memory(self):
        for ranks, at in PLACES[:2]:
            run = self.inside(ranks, at, "memory", memory=20 << 20)
            self.check(run, ranks, 5, "memory budget exceeded: a letter to another rank needs ")

    def test_a_thread_that_never_comes_back(self):
        for ranks, at in PLACES:
            run = self.inside(ranks, at, "stray")
            self.check(run, ranks, 3, f"a thread is lost: rank {at}$")


class Crashes(Case):
    """mpirun ends the others; the old result stays, and the new one is not in its place."""

    watched = False

    def check_crash(self, run, says):
        self.assertEqual((run.code, len(run.messages)), (1, 1), run)
        self.assertRegex(run.messages[0], says, run)

    def test_driver(self):
        for ranks, at in PLACES[::2]:
            run = self.plugin(ranks, at, "crash", "queue")
            self.check_crash(run, rf"^mapred: crashed outside kernels: rank {at} \(.*\): failures: SIGSEGV")

    def test_task(self):
        for ranks in (0, 3):
            run = self.plugin(ranks, 0, "task", "patient")
            self.check_crash(run, r"^mapred: kernel crashed: rank \d \(.*\), thread \d+: failures: SIGSEGV"
                                     ".* while working on task crash 0: ")

    def test_inside(self):
        for ranks, at in PLACES[:2]:
            run = self.inside(ranks, at, "crash")
            self.check_crash(run, rf"^mapred: kernel crashed: rank {at} \(.*\): failing: SIGSEGV.* "
                                      "while working on task square 17: run it under gdb")


class Signals(Case):
    def begin(self, ranks, waits):
        process = self.start([PLUGIN, "--how", "wait", "--waits", waits, "-o", "old.txt", "--overwrite"], ranks)
        self.addCleanup(process.kill)
        end = time.monotonic() + 30
        while len(self.visible()) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.2)
        self.assertIsNone(process.poll())
        return process

    def check_end(self, process, name):
        out, err = process.communicate(timeout=20)
        result = drive.Result(process.returncode, out, err)
        self.assertEqual((result.code, result.out, len(result.lines())), (130, b"", 1), err)
        self.assertTrue(result.lines()[0].startswith(f"mapred: interrupted: {name}: "), err)
        self.assertEqual((self.read("old.txt"), self.visible()), (b"old\n", ["old.txt"]))

    def test_alone(self):
        for number, waits in ((signal.SIGINT, "queue"), (signal.SIGTERM, "endless")):
            process = self.begin(0, waits)
            process.send_signal(number)
            self.check_end(process, number.name)

    def test_one_of_many(self):
        for ranks, waits in ((2, "barrier"), (4, "lock")):
            process = self.begin(ranks, waits)
            pids = subprocess.run(["pgrep", "-P", str(process.pid), "mapred"],
                                  capture_output=True, check=True).stdout.split()
            self.assertEqual(len(pids), ranks)
            os.kill(int(pids[-1]), signal.SIGTERM)
            self.check_end(process, "SIGTERM")


class Told(Case):
    def test_parts_of_the_report(self):
        """What rooms tell about themselves goes into the report, as lists under their names."""
        for ranks in (0, 3):
            job = launch.Launch(FAILING, ranks, folder=self.folder)
            run = job.run("parts", 0, "post", "", 0, "report.json")
            self.assertEqual((run.code, run.err), (0, []), run)
            report = json.loads(self.read("report.json"))
            self.assertEqual(report["stages"], [{"name": "first", "items": 3}, {"name": "second", "items": 4}])
            self.assertEqual(report["path"], [[1, 2.5, "x"]])
        run = launch.Launch(FAILING, folder=self.folder).run("parts", 0, "post", "", 0)
        self.assertEqual((run.code, run.err), (1, ["mapred: who asked"]), run)


if __name__ == "__main__":
    launch.no_core_files()
    drive.main()
