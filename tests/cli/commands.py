"""cli/commands.py: help, apps, new and build; and apps of one's own, on one rank and on several."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

APPS = ("components", "dedup", "delayed", "forkjoin-sum", "grep", "heat", "histogram",
        "invertedindex", "join", "kmeans", "lengths", "linreg", "logpipe", "mandelbrot", "matmul",
        "mergesort", "ngrams", "nqueens", "onebrc", "pagerank", "pca", "pingpong", "quadrature",
        "remote", "rmat", "squares", "sssp", "stats", "teragen", "terasort", "teravalidate",
        "transpose-mean", "triangles", "tsp", "uts", "wordcount")


class Help(drive.Case):
    def test_on_stdout(self):
        for args in (["--help"], ["-h"], ["help"], ["--version"], ["apps"], ["help", "wordcount"],
                     ["wordcount", "--help"], ["wordcount", "--version"], ["help", "build"],
                     ["build", "--help"], ["run", "--help"]):
            for ranks in (0, 3):
                with self.subTest(args=args, ranks=ranks):
                    out = self.good(args, ranks)
                    self.assertTrue(out.endswith(b"\n"))
                    self.assertEqual(out.count(b"mapred 0."), out.startswith(b"mapred 0."))
                    self.assertEqual(out, self.good(args))  # once, whatever the number of ranks

    def test_version(self):
        self.assertRegex(self.good(["--version"]), rb"\Amapred \d+\.\d+\.\d+\n\Z")

    def test_apps(self):
        lines = self.good(["apps"]).decode().splitlines()
        self.assertEqual([line.split()[0] for line in lines], list(APPS))
        for line in lines:
            self.assertGreater(len(line.split()), 2)

    def test_every_app_has_help(self):
        main = self.good(["--help"]).decode()
        options = re.findall(r"--[a-z-]+", main[main.index("Job options:"):])
        self.assertGreater(len(options), 20)
        for app in APPS:
            text = self.good(["help", app]).decode()
            self.assertIn(f"mapred {app} [OPTIONS]", text)
            for option in options:
                self.assertIn(option, text)

    def test_options_of_apps(self):
        text = self.good(["help", "histogram"]).decode()
        self.assertRegex(text, r"--min N +lower end of the first bin \(default: 0\)")
        self.assertRegex(text, r"--clip +count numbers")
        self.assertRegex(self.good(["help", "grep"]).decode(), r"--pattern TEXT +.*\(required\)")

    def test_doctor(self):
        result = self.run_mapred(["doctor"])
        self.assertIn(result.code, (0, 1))
        self.assertEqual(result.code, int(b"problem:" in result.out))


class Own(drive.Case):
    WORDS = b"a bb a ccc bb a\n"
    WANT = b"a\t3\nbb\t2\nccc\t1\n"

    def setUp(self):
        super().setUp()
        self.write("in.txt", self.WORDS)

    def test_new_build_run(self):
        self.assertIn(b"own.c is written", self.good(["new", "own"]))
        self.bad(4, "own.c", ["new", "own"])
        self.good(["build", "own.c"])
        for ranks in (0, 1, 3):
            self.assertEqual(self.good(["./own.so", "in.txt"], ranks), self.WANT)
            self.assertEqual(self.good(["./own.c", "in.txt"], ranks), self.WANT)
        self.assertEqual(self.good(["./own.c", "--length", "2", "in.txt"], 3), b"bb\t2\nccc\t1\n")
        self.assertIn(b"--length N", self.good(["help", "./own.so"]))
        self.assertEqual(self.visible(), ["in.txt", "own.c", "own.so"])

    def compiled(self):
        return [name for _, _, names in os.walk(self.cache) for name in names if name.endswith(".so")]

    def test_compiled_once(self):
        self.good(["new", "own"])
        self.assertEqual(self.good(["./own.c", "in.txt"], 4), self.WANT)
        self.assertEqual(len(self.compiled()), 1)
        self.assertEqual(self.good(["own.c", "in.txt"], 2), self.WANT)
        self.assertEqual(len(self.compiled()), 1)
        source = self.read("own.c").replace(b"line, 1", b"line, 2").replace(b"word, 1", b"word, 2")
        self.write("own.c", source)
        self.assertEqual(self.good(["./own.c", "in.txt"], 3), b"a\t6\nbb\t4\nccc\t2\n")

    def test_found_by_name(self):
        self.good(["new", "own"])
        self.good(["build", "own.c", "-o", "own.so"])
        os.mkdir(self.path("apps"))
        os.rename(self.path("own.so"), self.path("apps/mine.so"))
        path = {"MAPRED_PATH": self.path("apps")}
        for ranks in (0, 3):
            self.assertEqual(self.good(["mine", "in.txt"], ranks, env=path), self.WANT)
        self.assertIn(b"\nmine ", self.good(["apps"], env=path))
        self.bad(6, "mine", ["mine", "in.txt"])

    def test_run_may_be_said(self):
        for ranks in (0, 3):
            self.assertEqual(self.good(["run", "wordcount", "in.txt"], ranks), self.WANT)


class Plan(drive.Case):
    def test_nothing_is_done(self):
        self.write("in.txt", "a b c\n" * 100)
        for args in (["plan", "wordcount"], ["wordcount", "--dry-run"]):
            for ranks in (0, 3):
                result = self.run_mapred(args + ["-o", "out.tsv", "--block", "100", "in.txt"], ranks)
                self.assertEqual(result.code, 0)
                told = (result.out + result.err).decode()
                self.assertIn("1 files, 600 bytes, 6 splits of 100 bytes", told)
                self.assertEqual(told.count("600 bytes"), 1)
        self.assertEqual(self.visible(), ["in.txt"])


if __name__ == "__main__":
    drive.main()
