"""cli/settings.py: where options come from and how they may be written; threads, CPUs and what is
said about the job."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

# Says which CPUs each thread may use. Every line takes a moment, so that all threads get some.
WHERE = """
#define _GNU_SOURCE
#include <mapred.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

static mr_status map(mr_out *out, mr_block *block)
{
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        sched_getaffinity(0, sizeof cpus, &cpus);
        nanosleep(&(struct timespec){0, 2000000}, NULL);
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &cpus))
                MR_TRY(mr_out_int_add_i64(out, cpu, 1));
    }
    return MR_OK;
}

MR_APP = {MR_APP_ABI, .name = "where", .map = map, .key = MR_KEY_I64, .fold = MR_SUM_I64};
"""


class Case(drive.Case):
    def setUp(self):
        super().setUp()
        self.write("in.txt", "b a b\nc a b\n")

    def report(self, args, ranks=0, **more):
        """The report of a job, and what the job wrote."""
        out = self.good(args + ["--report", "report.json"], ranks, **more)
        return json.loads(self.read("report.json")), out

    def threads(self, args=(), ranks=0, env=None):
        report, _ = self.report(["wordcount", *args, "in.txt"], ranks, env=env)
        counts = {rank["threads"] for rank in report["ranks"]}
        self.assertEqual(len(counts), 1)
        return counts.pop()


class Sources(Case):
    def test_environment(self):
        self.assertEqual(self.threads(env={"MAPRED_THREADS": "3"}), 3)
        self.assertEqual(self.threads(ranks=3, env={"MAPRED_THREADS": "3"}), 3)
        self.assertEqual(self.threads(["-t", "2"], env={"MAPRED_THREADS": "3"}), 2)
        self.bad(2, "MAPRED_THREADS=x", ["wordcount", "in.txt"], env={"MAPRED_THREADS": "x"})
        self.bad(2, "MAPRED_THREADS=x", ["wordcount", "in.txt"], 3, env={"MAPRED_THREADS": "x"})

    def test_config_file(self):
        self.write("mapred.conf", "# of this folder\n\nthreads = 3\nsort=value\n  reverse = yes\n")
        self.assertEqual(self.threads(), 3)
        self.assertEqual(self.threads(ranks=2), 3)
        self.assertEqual(self.threads(["-t2"]), 2)
        self.assertEqual(self.threads(env={"MAPRED_THREADS": "4"}), 4)
        self.assertEqual(self.good(["wordcount", "in.txt"]), b"b\t3\na\t2\nc\t1\n")
        self.write("other.conf", "threads = 5\n")
        self.assertEqual(self.threads(["--config", "other.conf"]), 5)
        self.assertEqual(self.good(["wordcount", "--config=other.conf", "in.txt"]), b"a\t2\nb\t3\nc\t1\n")

    def test_options_of_apps_in_config_file(self):
        self.write("grep.conf", "pattern = c a\ncount = yes\n")
        self.assertEqual(self.good(["grep", "--config", "grep.conf", "in.txt"], 2), b"1\n")

    def test_bad_config_files(self):
        for text, naming in (("threads = 2\nbogus = 1\n", "mapred.conf line 2"),
                             ("threads\n", "mapred.conf line 1"), ("\n\nthreads = x\n", "mapred.conf line 3")):
            self.write("mapred.conf", text)
            for ranks in (0, 3):
                self.bad(2, naming, ["wordcount", "in.txt"], ranks)

    def test_ways_of_writing(self):
        self.write("-dash", "a\n")
        for args in (["-o", "O", "in.txt"], ["-oO", "in.txt"], ["--output=O", "in.txt"],
                     ["in.txt", "--output", "O"], ["-o", "wrong", "-o", "O", "in.txt"],
                     ["-o", "O", "--", "in.txt"]):
            self.assertEqual(self.good(["wordcount"] + args), b"")
            self.assertEqual(self.read("O"), b"a\t2\nb\t3\nc\t1\n")
            os.unlink(self.path("O"))
        self.assertEqual(self.good(["wordcount", "--", "-dash"]), b"a\t1\n")
        self.assertEqual(self.good(["wordcount", "--block", "1k", "in.txt"]), b"a\t2\nb\t3\nc\t1\n")


class Processors(Case):
    ALLOWED = os.sched_getaffinity(0)

    def setUp(self):
        super().setUp()
        self.write("where.c", WHERE)
        self.good(["build", "where.c"])
        self.write("lines.txt", "line\n" * 100)

    def cpus(self, args, ranks):
        """The CPUs that threads could use, and the report."""
        report, out = self.report(["./where.so", "--block", "5", *args, "lines.txt"], ranks)
        return {int(row.split()[0]) for row in out.decode().splitlines()}, report

    def test_one_rank_uses_them_all(self):
        """Open MPI binds a single rank to one core."""
        for ranks in (0, 1):
            cpus, report = self.cpus([], ranks)
            self.assertEqual(cpus, self.ALLOWED)
            self.assertEqual(report["ranks"][0]["threads"], len(self.ALLOWED))
            # Every thread had lines to sleep over: the sum is more than one of them can do.
            busy, seconds = report["ranks"][0]["busy"], report["phases"]["map"]["max"]
            if len(self.ALLOWED) > 1:
                self.assertGreater(busy, 1.5 * seconds)

    def test_ranks_share(self):
        ranks = max(2, len(self.ALLOWED))
        _, report = self.cpus([], ranks)
        self.assertEqual([rank["threads"] for rank in report["ranks"]],
                         [max(1, len(self.ALLOWED) // ranks)] * ranks)

    def test_binding_is_kept(self):
        cpus, report = self.cpus(["--bind", "keep"], 1)
        self.assertTrue(cpus <= self.ALLOWED)
        self.assertEqual(report["ranks"][0]["threads"], len(cpus))

    def test_more_threads_than_processors(self):
        _, report = self.cpus(["-t", "7"], 2)
        self.assertEqual([rank["threads"] for rank in report["ranks"]], [7, 7])


class Telling(Case):
    WANT = b"a\t2\nb\t3\nc\t1\n"

    def test_verbose(self):
        for ranks in (0, 3):
            result = self.run_mapred(["wordcount", "-v", "in.txt"], ranks)
            self.assertEqual((result.code, result.out), (0, self.WANT))
            for what in (b"plan: 1 files, 12 bytes", b"ranks: ", b"memory: ", b"result: 3 rows, 12 bytes"):
                self.assertEqual(result.err.count(what), 1, (what, result.err))

    def test_progress(self):
        for ranks in (0, 3):
            result = self.run_mapred(["wordcount", "--progress", "always", "in.txt"], ranks)
            self.assertEqual((result.code, result.out), (0, self.WANT))
            self.assertIn(b"done 12 B", result.err)

    def test_report_is_whole_or_not(self):
        self.report(["wordcount", "in.txt"], 2)
        before = self.read("report.json")
        self.bad(3, "gone", ["wordcount", "--report", "report.json", "gone"], 2)
        self.assertEqual(self.read("report.json"), before)
        self.assertEqual(self.visible(), ["in.txt", "report.json"])


if __name__ == "__main__":
    drive.main()
