"""cli/drivers.py: apps with a driver: what ranks agree on, and how the job ends when one of them fails
alone, whatever the others are doing."""

import json
import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive
import launch

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "driver.c")


class Case(drive.Case):
    def setUp(self):
        super().setUp()
        shutil.copy(SOURCE, self.path("driver.c"))
        self.good(["build", "driver.c"])
        self.names = self.visible()

    def counters(self, args, ranks):
        self.assertEqual(self.good(["./driver.so", "--report", "report.json"] + args, ranks), b"")
        return json.loads(self.read("report.json"))


class Agreement(Case):
    def test_all_is_well(self):
        for ranks in (0, 1, 2, 3, 4):
            args = ["-t", "3", "--seed", "77", "-m", "100M", "one", "two three"]
            report = self.counters(args, ranks)
            count = max(1, ranks)
            self.assertLessEqual(report["counters"].pop("memory"), 100 << 20)
            self.assertEqual(report["counters"], {
                "bits": sum(8**rank for rank in range(count)),
                "threads": 3 * count,
                "seed": 77,
                "input 0 is one": 2 * count,
                "input 1 is two three": 2 * count,
            })
            self.assertEqual(report["input"]["files"], 0)

    def test_no_input_is_needed(self):
        self.assertNotIn("input 0", str(self.counters([], 2)["counters"]))


class Failure(Case):
    def test_one_rank(self):
        """It leaves at once, while the others are in the middle of something, or have left too."""
        for how in ("left", "agree", "sums", "broadcast", "gather", "before", "loop", "ignored"):
            for ranks, at in ((1, 0), (2, 0), (2, 1), (3, 2), (4, 1)):
                with self.subTest(how=how, ranks=ranks, at=at):
                    job = launch.Launch(drive.MAPRED, ranks, watched=True, folder=self.folder)
                    run = job.run("./driver.so", "--how", how, "--at", at)
                    self.assertFalse(run.hung, run)
                    self.assertEqual(run.codes, {rank: 3 for rank in range(ranks)}, run)
                    self.assertEqual(
                        run.err, [f"mapred: driver does not like it: rank {at}: ask another"], run)
                    self.assertEqual(run.out, b"", run)
        self.assertEqual(self.visible(), self.names)

    def test_silent(self):
        for ranks in (0, 3):
            self.bad(1, "driver failed: driver: ", ["./driver.so", "--how", "silent", "--at", "0"], ranks)

    def test_interrupted(self):
        process = self.start(["./driver.so", "--how", "loop"])
        self.addCleanup(process.kill)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        self.assertEqual((process.returncode, out), (130, b""))
        self.assertEqual(err.count(b"\n"), 1)
        self.assertIn(b"SIGINT", err)


class Output(Case):
    def test_nothing_written(self):
        """That is well where no result was asked for, and an error where one was."""
        self.write("old.tsv", "old\n")
        for ranks in (0, 3):
            self.good(["./driver.so"], ranks)
            for output in ("out.tsv", "out/"):
                self.bad(1, "driver wrote no result: driver: ", ["./driver.so", "-o", output], ranks)
            self.bad(1, "driver wrote no result", ["./driver.so", "-o", "old.tsv", "--overwrite"], ranks)
        self.assertEqual(self.read("old.tsv"), b"old\n")
        self.assertEqual(self.visible(), sorted(self.names + ["old.tsv"]))

    def test_target_is_looked_at_first(self):
        self.write("old.tsv", "old\n")
        self.bad(4, "old.tsv", ["./driver.so", "--how", "left", "--at", "0", "-o", "old.tsv"], 2)

    def test_nothing_is_done(self):
        for args in (["plan", "./driver.so"], ["./driver.so", "--dry-run"]):
            for ranks in (0, 3):
                result = self.run_mapred(args + ["--how", "left", "--at", "0", "-o", "x.tsv", "in"], ranks)
                told = (result.out + result.err).decode()
                self.assertEqual(result.code, 0, told)
                self.assertEqual(told.count("plan: driver decides as it runs: 1 inputs are named"), 1)
        self.assertEqual(self.visible(), self.names)


class Scratch(Case):
    def test_must_be_there(self):
        self.write("in.txt", "a b\n")
        for ranks in (0, 3):
            for args in (["wordcount", "in.txt"], ["./driver.so", "--how", "left", "--at", "0"]):
                for name, why in (("gone", "No such file"), ("in.txt", "not a folder"),
                                  ("in.txt/x", "Not a directory")):
                    line = self.bad(4, why, args + ["--scratch", name], ranks)
                    self.assertIn(f"cannot use scratch: {name}: ", line)
            self.bad(4, "cannot use scratch: gone: ", ["wordcount", "in.txt"], ranks,
                     env={"MAPRED_SCRATCH": "gone"})

    def test_is_not_looked_at_before_it_is_asked_for(self):
        self.write("in.txt", "a b\n")
        self.good(["wordcount", "in.txt", "--scratch", "."], 2)
        self.good(["wordcount", "in.txt"], 0, env={"SLURM_TMPDIR": "gone"})


if __name__ == "__main__":
    drive.main()
