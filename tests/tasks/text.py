"""tasks/text.py: text as a driver's result: whole or not at all, wherever it goes."""

import os
import resource
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGIN = os.path.join(os.path.abspath(sys.argv.pop()), "tasks_text.so")
RANKS = (0, 3)
TEXT = b"one\ntwo\n"


def pieces(count):
    """What the driver writes in pieces."""
    return b"".join(
        b"%d %s\n" % (i, bytes([97 + i % 26]) * (300000 if i % 50 == 49 else i * 37 % 5000))
        for i in range(count) if i % 10 != 3)


def small_files():
    """As on a disk that is full after 100 KiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 10, 100 << 10))


class Written(drive.Case):
    def test_stdout(self):
        for ranks in (0, 1, 2, 4):
            self.same(self.good([PLUGIN], ranks), TEXT)
            for count in (200,) if ranks else (0, 1, 200):
                self.same(self.good([PLUGIN, "--how", "pieces", "--pieces", count], ranks), pieces(count))

    def test_file(self):
        for ranks in RANKS:
            self.assertEqual(self.good([PLUGIN, "--how", "pieces", "-o", "out.txt", "--overwrite"], ranks), b"")
            self.same(self.read("out.txt"), pieces(200))
            for name in () if ranks else ("out.txt", "out.csv"):
                self.assertEqual(self.good([PLUGIN, "-o", name, "--overwrite", "-f", "tsv"], ranks), b"")
                self.assertEqual(self.read(name), TEXT)
        self.assertEqual(self.visible(), ["out.csv", "out.txt"])

    def test_folder(self):
        for ranks in RANKS:
            self.good([PLUGIN, "--how", "pieces", "-o", "out/", "--overwrite"], ranks)
            self.same(self.read("out/part-00000"), pieces(200))
            parts = [name for name in os.listdir(self.path("out")) if name.startswith("part")]
            self.assertEqual(parts, ["part-00000"])
        self.assertEqual(self.visible(), ["out"])

    def test_reader_is_gone(self):
        """As with every other result: who has read enough may go."""
        done = subprocess.run(
            ["bash", "-c", '"$0" "$1" --how pieces --pieces 2000 | head -1; echo "${PIPESTATUS[0]}"',
             drive.MAPRED, PLUGIN],
            cwd=self.folder, env=drive.environment(), capture_output=True, timeout=60, check=True)
        self.assertEqual((done.stdout, done.stderr), (b"0 \n0\n", b""))


class Refused(drive.Case):
    def left(self, *names):
        self.assertEqual(self.visible(), sorted(names))

    def test_existing_target(self):
        self.write("old.txt", "old\n")
        self.write("old/part-00000", "old\n")
        for ranks in RANKS:
            for name in ("old",) if ranks else ("old.txt", "old", "old/"):
                self.bad(4, f"output exists: {name.rstrip('/')}", [PLUGIN, "-o", name], ranks)
        self.assertEqual(self.read("old.txt") + self.read("old/part-00000"), b"old\nold\n")
        self.left("old.txt", "old")

    def test_formats(self):
        for ranks in RANKS:
            for args in (["-f", "csv"], ["-o", "x.h5"], ["-f", "json", "-o", "x"], ["-o", "x.npy"],
                         ["-f", "hdf5", "-o", "x"])[:2 if ranks else None]:
                self.bad(2, "wrong options: text: it writes text", [PLUGIN] + args, ranks)
        self.left()

    def test_full_disk(self):
        for ranks in RANKS:
            for how in ("pieces",) if ranks else ("pieces", "whole"):
                self.bad(4, "/dev/full", [PLUGIN, "--how", how, "-o", "/dev/full"], ranks)
        for name in ("x.txt", "x/"):
            line = self.bad(4, "File too large", [PLUGIN, "--how", "pieces", "-o", name],
                            preexec_fn=small_files)
            self.assertIn("cannot write output: ", line)
        with open("/dev/full", "wb") as full:
            process = self.start([PLUGIN, "--how", "pieces"], stdout=full)
            err = process.communicate(timeout=30)[1]
        self.assertEqual((process.returncode, err.count(b"\n")), (4, 1), err)
        self.left()

    def fails(self, how, naming, code=1):
        """Nothing is left behind, and what was there before stays."""
        self.write("old.txt", "old\n")
        for ranks in RANKS:
            for output in (["-o", "old.txt", "--overwrite"], ["-o", "x.txt"], ["-o", "x/"])[:1 if ranks else None]:
                self.bad(code, naming, [PLUGIN, "--how", how] + output, ranks)
        result = self.run_mapred([PLUGIN, "--how", how])
        self.assertEqual((result.code, len(result.lines())), (code, 1), result.err)
        self.assertEqual(self.read("old.txt"), b"old\n")
        self.left("old.txt")

    def test_driver_fails(self):
        self.fails("fails", "no more: of this", 3)

    def test_never_ended(self):
        self.fails("unended", "driver did not end its result: text: ")

    def test_two_results(self):
        self.fails("twice", "driver wrote two results: text: ")
        self.fails("nested", "driver wrote two results: text: ")


class Told(drive.Case):
    def test_plan(self):
        """A driver that tells what it would do is run, and its text is all that comes of it."""
        for ranks in RANKS:
            for args in (["plan", PLUGIN, "-o", "x.txt"], ["plan", PLUGIN], [PLUGIN, "--dry-run"])[:1 if ranks else None]:
                result = self.run_mapred(args + ["--how", "unended"], ranks)
                told = (args, ranks, result.out, result.err)
                self.assertEqual(result.code, 0, told)
                self.assertEqual((result.out + result.err).count(b"digraph {}\n"), 1, told)
                self.assertTrue(result.out.endswith(b"digraph {}\n"), told)
        self.assertEqual(self.visible(), [])


if __name__ == "__main__":
    drive.main()
