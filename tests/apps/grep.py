"""apps/grep.py: lines as grep prints them, in the order of the input."""

import gzip
import os
import random
import shlex
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive


def lines(seed, number):
    rng = random.Random(seed)
    words = [b"alpha", b"beta", b"gamma", b"delta", b"a", b"", b"aXa", b"[x]", b"\xc3\xa9t\xc3\xa9", b"tail"]
    return b"".join(b" ".join(rng.choices(words, k=rng.randint(0, 8))) + b"\n" for _ in range(number))


class Grep(drive.Case):
    def check(self, pattern, *paths, everywhere=False, blocks=drive.BLOCKS):
        """Fixed text and expression, lines and counts, against grep."""
        names = " ".join(map(shlex.quote, paths))
        walk = self.everywhere if everywhere else self.briefly
        for options, kind in (([], "-F"), (["--regex"], "-E")):
            tool = f"grep -a -h {kind} -e {shlex.quote(pattern)} -- {names}"
            want = drive.run_tool(tool, cwd=self.folder)
            asked = ["grep", "--pattern", pattern] + options + list(paths)
            walk(asked, want, blocks=blocks)
            number = b"%d\n" % want.count(b"\n")
            walk(asked + ["--count"], number, blocks=blocks[-2:])
        return want

    def test_words(self):
        self.write("in.txt", lines(1, 3000))
        want = self.check("alpha", "in.txt", everywhere=True)
        self.assertGreater(len(want), 1000)

    def test_many_ranks(self):
        data = lines(2, 5000)
        self.write("in.txt", data)
        want = b"".join(line + b"\n" for line in data.split(b"\n") if b"gamma" in line)
        self.at([(drive.MANY_RANKS, 1, "4K")], ["grep", "--pattern", "gamma", "in.txt"], want)

    def test_nothing_matches(self):
        self.write("in.txt", lines(3, 100))
        self.assertEqual(self.check("omega", "in.txt"), b"")

    def test_all_lines_match(self):
        data = lines(4, 300)
        self.write("in.txt", data)
        self.assertEqual(self.check("", "in.txt"), data)

    def test_empty_file(self):
        self.write("in.txt", b"")
        self.check("a", "in.txt")

    def test_no_final_newline(self):
        self.write("in.txt", lines(5, 50) + b"the tail")
        self.assertTrue(self.check("tail", "in.txt").endswith(b"the tail\n"))

    def test_carriage_returns(self):
        self.write("in.txt", lines(6, 200).replace(b"\n", b"\r\n"))
        self.check("tail", "in.txt")

    def test_zero_bytes(self):
        self.write("in.txt", b"a\0beta\nno\0thing\n\0\nbeta\0\n" * 20)
        self.check("beta", "in.txt")

    def test_special_characters(self):
        """A fixed text is no expression."""
        self.write("in.txt", lines(7, 200))
        self.assertNotEqual(self.good(["grep", "--pattern", "[x]", "in.txt"]), b"")
        self.check("[x]", "in.txt")
        self.check("a.*b|^g", "in.txt")

    def test_expressions(self):
        self.write("in.txt", lines(8, 400))
        for pattern in ("^alpha.*tail$", "(a|gam)+X?a", "^$", "b[e-t]{2}a", "\xe9t"):
            with self.subTest(pattern=pattern):
                tool = f"grep -a -h -E -e {shlex.quote(pattern)} in.txt"
                want = drive.run_tool(tool, cwd=self.folder)
                self.briefly(["grep", "--regex", "--pattern", pattern, "in.txt"], want)

    def test_order_of_files(self):
        """Files stand in the order in which they are named."""
        names = [f"f{n * 7 % 20}" for n in range(20)]
        for n, name in enumerate(names):
            self.write(name, b"".join(b"%s %d alpha %d\n" % (name.encode(), n, i) for i in range(50)))
        want = self.check("alpha", *names, everywhere=True)
        self.assertEqual(want.count(b"\n"), 1000)

    def test_long_lines(self):
        self.write("in.txt", b"x" * 300000 + b"beta\n" + b"y" * 200000 + b"\nbeta" + b"z" * 100000)
        self.check("beta", "in.txt", blocks=("4K", "64K", None))

    def test_packed(self):
        data = lines(9, 20000)
        self.write("in.txt", data)
        want = drive.run_tool("grep -a -h -F -e gamma in.txt", cwd=self.folder)
        self.write("in.gz", gzip.compress(data))
        self.everywhere(["grep", "--pattern", "gamma", "in.gz"], want, blocks=("4K", "64K", None))
        got = self.good(["grep", "--pattern", "gamma", "-"], 2, data=data)
        self.same(got, want, "stdin")

    def test_one_file_as_output(self):
        data = lines(10, 20000)
        self.write("in.txt", data)
        want = drive.run_tool("grep -a -h -F -e beta in.txt", cwd=self.folder)
        for ranks in (0, 3):
            self.good(["grep", "--pattern", "beta", "-o", f"out{ranks}.txt", "in.txt"], ranks)
            self.same(self.read(f"out{ranks}.txt"), want, f"file of {ranks} ranks")


class Wrong(drive.Case):
    def test_patterns(self):
        self.write("in.txt", lines(1, 10))
        for ranks in (0, 3):
            self.bad(2, "--pattern", ["grep", "in.txt"], ranks)
            self.bad(2, "--pattern", ["grep", "--pattern", "a(", "--regex", "in.txt"], ranks)
            self.bad(2, "--sort", ["grep", "--pattern", "a", "--sort", "value", "in.txt"], ranks)


if __name__ == "__main__":
    drive.main()
