"""apps/scratch.py: apps whose data fit neither in memory nor on the scratch disk end with exit code
4, one line and no output; and leave nothing on a disk that was large enough."""

import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

MEMORY = ["--memory", "64M"]


class Scratch(drive.Case):
    def make_inputs(self):
        """Files that take much more than 64 MiB a rank when they are pairs."""
        digits = random.Random(1).randbytes(8 * 8 * 600000).hex()
        with open(self.path("words"), "w", encoding="ascii") as file:
            for at in range(0, len(digits), 128):
                words = (digits[at + i : at + i + 16] for i in range(0, 128, 16))
                file.write(" ".join(words) + "\n")
        for name, first in (("left", 0), ("right", 7)):
            with open(self.path(name), "w", encoding="ascii") as file:
                for at in range(first, len(digits) - 100, 100):
                    file.write(f"{digits[at : at + 20]},{digits[at : at + 80]}\n")
        self.good(["teragen", "--records", 1000000, "-o", "f.bin"])

    def jobs(self):
        return (
            ["dedup", "words"],
            ["ngrams", "--n", 2, "words"],
            ["invertedindex", "words"],
            ["invertedindex", "--positions", "words"],
            ["join", "--left", "left", "--right", "right"],
            ["terasort", "f.bin"],
        )

    def test_full_disk(self):
        self.make_inputs()
        small = self.path("small")
        os.mkdir(small)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=False,
                                 stderr=subprocess.DEVNULL)
        if mounted.returncode != 0:
            self.skipTest("needs the right to mount")
        try:
            for n, job in enumerate(self.jobs()):
                with self.subTest(job=job):
                    more = ["--scratch", small, "-o", "out.txt"]
                    self.bad(4, "scratch", job + MEMORY + more, (0, 2)[n % 2])
                    self.assertEqual(os.listdir(small), [])
                    self.assertNotIn("out.txt", self.visible())
        finally:
            subprocess.run(["umount", small], check=True)

    def test_nothing_is_left(self):
        self.write("left", "".join(f"{n % 50000},{'x' * 100}\n" for n in range(600000)))
        self.write("right", "".join(f"{n},r\n" for n in range(100000)))
        os.mkdir(self.path("scratch"))
        self.good(["join", "--left", "left", "--right", "right", "--scratch", "scratch", "-o", "out.txt",
                   *MEMORY])
        self.assertEqual(os.listdir(self.path("scratch")), [])
        self.assertEqual(self.read("out.txt").count(b"\n"), 600000)


if __name__ == "__main__":
    drive.main()
