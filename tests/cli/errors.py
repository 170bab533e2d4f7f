"""cli/errors.py: what goes wrong is said once, in one line that names the thing, with the exit code
that the contract has for it; stdout stays empty, and nothing is left behind or changed."""

import gzip
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

INCLUDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include")
RANKS = (0, 1, 3, 4)


class Usage(drive.Case):
    """Exit code 2."""

    def setUp(self):
        super().setUp()
        self.write("in.txt", "some words\n")

    def test_alone(self):
        for naming, args in (
            ("no app", []),
            ("no app", ["run"]),
            ("no input", ["wordcount"]),
            ("--bogus", ["--bogus"]),
            ("-x", ["-x"]),
            ("--bogus", ["wordcount", "--bogus", "in.txt"]),
            ("--bogus", ["wordcount", "in.txt", "--bogus=3"]),
            ("-Z", ["wordcount", "-Z", "in.txt"]),
            ("--threads", ["wordcount", "--thread", "2", "in.txt"]),
            ("-t", ["wordcount", "in.txt", "-t"]),
            ("--output", ["wordcount", "in.txt", "--output"]),
            ("--threads 0", ["wordcount", "-t", "0", "in.txt"]),
            ("--threads 5000", ["wordcount", "--threads=5000", "in.txt"]),
            ("--threads two", ["wordcount", "-ttwo", "in.txt"]),
            ("--block 4X", ["wordcount", "--block", "4X", "in.txt"]),
            ("--block 0", ["wordcount", "--block", "0", "in.txt"]),
            ("--memory -1", ["wordcount", "-m", "-1", "in.txt"]),
            ("--memory 99999999999T", ["wordcount", "-m", "99999999999T", "in.txt"]),
            ("--top 0", ["wordcount", "--top", "0", "in.txt"]),
            ("--partitions 0", ["wordcount", "--partitions", "0", "in.txt"]),
            ("--sort size", ["wordcount", "--sort", "size", "in.txt"]),
            ("--format xml", ["wordcount", "--format", "xml", "in.txt"]),
            ("--bind no", ["wordcount", "--bind", "no", "in.txt"]),
            ("--overwrite", ["wordcount", "--overwrite=yes", "in.txt"]),
            ("no.conf", ["wordcount", "--config", "no.conf", "in.txt"]),
            ("--pattern", ["grep", "in.txt"]),
            ("--min x", ["histogram", "--min", "x", "in.txt"]),
            ("extra", ["apps", "extra"]),
            ("extra", ["help", "wordcount", "extra"]),
            ("1st", ["new", "1st"]),
            ("name", ["new"]),
            ("build", ["build"]),
            ("in.txt", ["build", "in.txt"]),
        ):
            with self.subTest(args=args):
                self.bad(2, naming, args)
        self.assertEqual(self.visible(), ["in.txt"])

    def test_on_ranks(self):
        for ranks in RANKS[1:]:
            self.bad(2, "--bogus", ["wordcount", "--bogus", "in.txt"], ranks)
        self.bad(2, "--threads 0", ["wordcount", "-t", "0", "in.txt"], 3)
        self.bad(2, "no input", ["wordcount"], 3)
        self.bad(2, "no app", [], 3)
        self.bad(2, "--bogus", ["--bogus"], 3)
        self.bad(2, "extra", ["apps", "extra"], 3)


class Inputs(drive.Case):
    """Exit code 3."""

    def test_missing(self):
        self.write("in.txt", "some words\n")
        os.mkdir(self.path("empty"))
        self.write("list", "in.txt\nnot-there\n")
        for naming, inputs in (
            ("no-such-file", ["no-such-file"]),
            ("no-such-file", ["in.txt", "no-such-file"]),
            ("no-such-folder/x", ["no-such-folder/x"]),
            ("in.txt/x", ["in.txt/x"]),
            ("no*such", ["no*such"]),
            ("no-list", ["@no-list"]),
            ("not-there", ["@list"]),
            ("empty", ["empty"]),
        ):
            with self.subTest(inputs=inputs):
                self.bad(3, naming, ["wordcount"] + inputs)
                self.bad(3, naming, ["wordcount", "-o", "out.tsv"] + inputs)
        for ranks in RANKS[1:]:
            self.bad(3, "no-such-file", ["wordcount", "in.txt", "no-such-file"], ranks)
        self.bad(3, "no-such-file", ["wordcount", "-o", "out/", "no-such-file"], 3)
        self.assertEqual(self.visible(), ["empty", "in.txt", "list"])

    def test_damaged(self):
        whole = gzip.compress(b"some words and more " * 20000)
        self.write("cut.gz", whole[: len(whole) // 2])
        self.write("bent.gz", whole[:200] + b"garbage" + whole[207:])
        for name in ("cut.gz", "bent.gz"):
            for ranks in (0, 3):
                line = self.bad(3, name, ["wordcount", "-o", "out.tsv", name], ranks)
                self.assertIn("at byte", line)
        self.assertEqual(self.visible(), ["bent.gz", "cut.gz"])


class Outputs(drive.Case):
    """Exit code 4."""

    def setUp(self):
        super().setUp()
        self.write("in.txt", "some words\nsome more\n")

    def test_existing(self):
        self.write("old.tsv", "old\n")
        for ranks in RANKS:
            self.bad(4, "old.tsv", ["wordcount", "-o", "old.tsv", "in.txt"], ranks)
            self.assertEqual(self.read("old.tsv"), b"old\n")
        self.good(["wordcount", "-o", "old.tsv", "--overwrite", "in.txt"], 3)
        self.assertEqual(self.read("old.tsv"), b"more\t1\nsome\t2\nwords\t1\n")
        self.assertEqual(self.visible(), ["in.txt", "old.tsv"])

    def test_existing_folder(self):
        self.good(["wordcount", "-o", "old/", "--partitions", "3", "in.txt"])
        before = {name: self.read(f"old/{name}") for name in os.listdir(self.path("old"))}
        self.write("other.txt", "other\n")
        for ranks in (0, 4):
            self.bad(4, "old", ["wordcount", "-o", "old/", "other.txt"], ranks)
            after = {name: self.read(f"old/{name}") for name in os.listdir(self.path("old"))}
            self.assertEqual(after, before)
        self.good(["wordcount", "-o", "old", "--overwrite", "other.txt"], 3)
        self.assertEqual(sorted(os.listdir(self.path("old"))), ["_SUCCESS", "part-00000"])
        self.assertEqual(self.read("old/part-00000"), b"other\t1\n")

    def test_folder_of_other_things(self):
        self.write("mine/precious", "data\n")
        self.bad(4, "precious", ["wordcount", "-o", "mine/", "--overwrite", "in.txt"])
        self.assertEqual(self.read("mine/precious"), b"data\n")

    def test_failed_job_leaves_the_old_one(self):
        self.write("bad.txt", "1 2 x\n")
        self.write("old.tsv", "old\n")
        for ranks in (0, 3):
            self.bad(3, "bad.txt", ["histogram", "-o", "old.tsv", "--overwrite", "bad.txt"], ranks)
            self.bad(3, "bad.txt", ["histogram", "-o", "new.tsv", "bad.txt"], ranks)
            self.bad(3, "bad.txt", ["histogram", "-o", "new/", "bad.txt"], ranks)
            self.assertEqual(self.read("old.tsv"), b"old\n")
        self.assertEqual(self.visible(), ["bad.txt", "in.txt", "old.tsv"])

    def test_places_that_cannot_be(self):
        for naming, path in (
            ("nowhere", "nowhere/out.tsv"),
            ("nowhere", "nowhere/out/"),
            ("in.txt", "in.txt/out.tsv"),
            ("in.txt", "in.txt/"),
            ("n" * 60, "n" * 300),
        ):
            self.bad(4, naming, ["wordcount", "-o", path, "in.txt"])
        self.bad(4, "nowhere", ["wordcount", "-o", "nowhere/out.tsv", "in.txt"], 3)
        self.assertEqual(self.visible(), ["in.txt"])

    def test_full(self):
        self.write("large.txt", " ".join(f"word{n}" for n in range(50000)))
        for ranks in (0, 3):
            self.bad(4, "/dev/full", ["wordcount", "-o", "/dev/full", "in.txt"], ranks)
        for args in (["wordcount", "in.txt"], ["wordcount", "large.txt"], ["--help"], ["apps"]):
            with open("/dev/full", "wb") as full:
                process = self.start(args, stdout=full)
                _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 4, (args, err))
            self.assertRegex(err, rb"\Amapred: cannot write[^\n]*No space left on device[^\n]*\n\Z")

    def test_report(self):
        """Found out before the work is done."""
        asked = ["wordcount", "--report", "nowhere/r.json", "in.txt"]
        self.bad(4, "nowhere/r.json", asked)
        self.bad(4, "nowhere/r.json", asked + ["-o", "out.tsv"], 3)
        os.mkdir(self.path("folder"))
        self.bad(4, "folder", ["wordcount", "--report", "folder", "in.txt"])
        os.rmdir(self.path("folder"))
        self.assertEqual(self.visible(), ["in.txt"])


class Memory(drive.Case):
    """Exit code 5."""

    def test_budget(self):
        self.write("in.txt", " ".join(f"word{n}" for n in range(100000)))
        for ranks in (0, 3):
            line = self.bad(5, "--memory", ["wordcount", "-m", "1K", "-o", "out.tsv", "in.txt"], ranks)
            self.assertIn("memory", line)
        self.assertEqual(self.visible(), ["in.txt"])


KERNEL = """
#include <mapred.h>
static mr_status map(mr_out *out, mr_block *block) { (void)out; (void)block; return MR_OK; }
"""

# Name, what the message says, and the source.
BROKEN = (
    ("wrong_abi", "ABI 99",
     KERNEL + "MR_APP = {.abi = 99, .size = sizeof(mr_app), .name = \"x\", .map = map, .fold = MR_COUNT};"),
    ("wrong_size", "bytes",
     KERNEL + "MR_APP = {.abi = MR_ABI, .size = 8, .name = \"x\", .map = map, .fold = MR_COUNT};"),
    ("no_symbol", "mr_app_descriptor", "int nothing_to_see(void); int nothing_to_see(void) { return 1; }"),
    ("no_kernel", "kernel",
     "#include <mapred.h>\nMR_APP = {MR_APP_ABI, .name = \"x\", .fold = MR_COUNT};"),
    ("no_fold", "fold", KERNEL + "MR_APP = {MR_APP_ABI, .name = \"x\", .map = map};"),
    ("no_name", "name", KERNEL + "MR_APP = {MR_APP_ABI, .map = map, .fold = MR_COUNT};"),
    ("unresolved", "nobody_has_this",
     "#include <mapred.h>\nmr_status nobody_has_this(mr_out *out, mr_block *block);\n"
     "MR_APP = {MR_APP_ABI, .name = \"x\", .map = nobody_has_this, .fold = MR_COUNT};"),
)


class Plugins(drive.Case):
    """Exit code 6."""

    def setUp(self):
        super().setUp()
        self.write("in.txt", "some words\n")

    def build(self, name, source):
        self.write(f"{name}.c", source)
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-I", INCLUDE, "-o", f"{name}.so", f"{name}.c"],
            cwd=self.folder, check=True,
        )

    def test_broken(self):
        for name, said, source in BROKEN:
            with self.subTest(name=name):
                self.build(name, source)
                self.assertIn(said, self.bad(6, f"./{name}.so", [f"./{name}.so", "in.txt"]))
                self.bad(6, f"{name}.so", ["help", f"./{name}.so"])
        for name in ("no_symbol", "no_kernel", "unresolved"):
            self.bad(6, f"./{name}.so", [f"./{name}.so", "in.txt"], 3)

    def test_all_numbers_of_ranks(self):
        self.build(BROKEN[0][0], BROKEN[0][2])
        for ranks in RANKS:
            self.bad(6, "no-such-app", ["no-such-app", "in.txt"], ranks)
            self.bad(6, "./wrong_abi.so", ["./wrong_abi.so", "in.txt"], ranks)

    def test_not_plugins(self):
        with open(drive.MAPRED, "rb") as file:
            program = file.read()
        self.write("program.so", program)
        self.write("text.so", "not a shared object\n")
        self.write("empty.so", "")
        self.build("whole", KERNEL + "MR_APP = {MR_APP_ABI, .name = \"x\", .map = map, .fold = MR_COUNT};")
        self.good(["./whole.so", "in.txt"])
        whole = self.read("whole.so")
        self.write("cut.so", whole[: len(whole) // 2])
        os.mkdir(self.path("folder.so"))
        for name in ("program.so", "text.so", "empty.so", "cut.so", "folder.so", "gone.so"):
            with self.subTest(name=name):
                self.bad(6, name, [f"./{name}", "in.txt"])
        self.bad(6, "cut.so", ["./cut.so", "in.txt"], 4)

    def test_source_that_does_not_compile(self):
        self.write("wrong.c", "#include <mapred.h>\nthis is no C\n")
        for ranks in (0, 3):
            self.bad(6, "wrong.c", ["./wrong.c", "in.txt"], ranks)
        self.bad(6, "wrong.c", ["build", "wrong.c"])
        self.bad(6, "gone.c", ["./gone.c", "in.txt"])


if __name__ == "__main__":
    drive.main()
