"""cli/signals.py: readers that leave, and jobs that are interrupted."""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

# A kernel that takes a minute for what is a moment's work, and leaves a file to say that it has begun.
SLOW = """
#include <mapred.h>
#include <stdio.h>
#include <time.h>

static mr_status map(mr_out *out, mr_block *block)
{
    FILE *begun = fopen("begun", "w");
    if (begun)
        fclose(begun);
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        MR_TRY(mr_out_add_i64(out, line, 1));
    }
    return MR_OK;
}

MR_APP = {MR_APP_ABI, .name = "slow", .map = map, .fold = MR_SUM_I64};
"""


class Readers(drive.Case):
    def test_reader_leaves(self):
        """As `mapred ... | head -1` has it: no message, no hang, and all is well."""
        self.write("in.txt", " ".join(f"word{n:07}" for n in range(300000)))
        for ranks in (0, 1, 3):
            process = self.start(["wordcount", "in.txt"], ranks)
            self.assertEqual(process.stdout.readline(), b"word0000000\t1\n")
            process.stdout.close()
            err = process.stderr.read()
            code = process.wait(timeout=60)
            process.stderr.close()
            if ranks == 0:  # under mpirun it is mpirun that writes, and that ends as it likes
                self.assertEqual((code, err), (0, b""))

    def test_head(self):
        self.write("in.txt", " ".join(f"word{n:07}" for n in range(300000)))
        done = subprocess.run(
            ["bash", "-c", 'set -o pipefail; "$0" wordcount in.txt | head -1; echo "${PIPESTATUS[0]}"',
             drive.MAPRED],
            cwd=self.folder, env=drive.environment(), capture_output=True, timeout=60, check=True,
        )
        self.assertEqual((done.stdout, done.stderr), (b"word0000000\t1\n0\n", b""))


class Interrupted(drive.Case):
    def setUp(self):
        super().setUp()
        self.write("slow.c", SLOW)
        self.good(["build", "slow.c"])
        self.write("in.txt", "line\n" * 6000)
        self.names = self.visible()

    def begin(self, options, ranks=0):
        """A job in the middle of its map."""
        process = self.start(["./slow.so", "-t", "2", "--block", "20", "in.txt"] + options, ranks)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        end = time.monotonic() + 30
        while not os.path.exists(self.path("begun")) and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        os.unlink(self.path("begun"))
        self.assertIsNone(process.poll())
        return process

    def left(self):
        """What is in the folder now; blocks that had begun before the end may have said so."""
        return [name for name in self.visible() if name != "begun"]

    def test_signals(self):
        for number, name, output in ((signal.SIGINT, b"SIGINT", "out.tsv"),
                                     (signal.SIGTERM, b"SIGTERM", "out/")):
            process = self.begin(["-o", output])
            process.send_signal(number)
            out, err = process.communicate(timeout=10)
            self.assertEqual((process.returncode, out), (130, b""), err)
            self.assertRegex(err, rb"\Amapred: interrupted: " + name + rb": [^\n]*\n\Z")
            self.assertEqual(self.left(), self.names)

    def test_old_result_stays(self):
        self.write("old.tsv", "old\n")
        process = self.begin(["--overwrite", "-o", "old.tsv"])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.read("old.tsv"), b"old\n")
        self.assertEqual(self.left(), sorted(self.names + ["old.tsv"]))

    def test_one_rank_of_three(self):
        """A signal that one rank gets ends them all in good order."""
        process = self.begin(["-o", "out.tsv"], 3)
        ranks = subprocess.run(["pgrep", "-P", str(process.pid), "mapred"],
                               capture_output=True, check=True).stdout.split()
        self.assertEqual(len(ranks), 3)
        os.kill(int(ranks[-1]), signal.SIGINT)
        out, err = process.communicate(timeout=20)
        result = drive.Result(process.returncode, out, err)
        self.assertEqual((result.code, result.out), (130, b""), err)
        self.assertEqual(len(result.lines()), 1, err)
        self.assertTrue(result.lines()[0].startswith("mapred: interrupted: SIGINT"))
        self.assertEqual(self.left(), self.names)


if __name__ == "__main__":
    drive.main()
