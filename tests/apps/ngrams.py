"""apps/ngrams.py: runs of n words against python's own counting."""

import collections
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive


def table(data, n):
    counts = collections.Counter()
    for line in data.split(b"\n"):
        words = line.split()
        counts.update(b" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    return b"".join(b"%s\t%d\n" % (drive.escape(run), counts[run]) for run in sorted(counts))


def text(seed, lines, words=40):
    """Lines of words with all kinds of white space between and around them."""
    rng = random.Random(seed)
    known = ["w%d" % n for n in range(words)] + ["été", "日本語", "a\\b", "x" * 30, "\x00", "y" * 300]
    spaces = [" ", "  ", "\t", "\v \f", " \r "]
    out = []
    for _ in range(lines):
        picked = rng.choices(known, k=rng.choice((0, 1, 2, 3, 5, 8, 20)))
        line = "".join(word + rng.choices(spaces, [20, 2, 2, 1, 1])[0] for word in picked)
        out.append(rng.choice(("", "", " ", "\t")) + line + rng.choice(("", "", "\r")) + "\n")
    return "".join(out).encode()


class Ngrams(drive.Case):
    def twice(self, args, want, **more):
        for _ in range(2):
            self.somewhere(args, want, **more)

    def check(self, data, n, everywhere=False, **more):
        walk = self.everywhere if everywhere else self.twice
        walk(["ngrams", "--n", n, self.write("in.txt", data)], table(data, n), **more)

    def test_many_points(self):
        data = text(1, 3000)
        want = table(data, 3)
        self.assertGreater(want.count(b"\n"), 1000)
        self.check(data, 3, everywhere=True)

    def test_sizes_of_runs(self):
        data = text(2, 300)
        for n in (1, 2, 4, 7, 20, 21):
            with self.subTest(n=n):
                self.check(data, n)

    def test_default_is_two(self):
        data = text(3, 100)
        self.write("in.txt", data)
        self.same(self.good(["ngrams", "in.txt"]), table(data, 2))

    def test_longest_run(self):
        data = b" ".join(b"w%d" % (n % 7) for n in range(1010)) + b"\n"
        self.check(data, 1000, blocks=("4K", None))

    def test_as_wordcount(self):
        data = text(4, 500)
        self.write("in.txt", data)
        self.same(self.good(["ngrams", "--n", "1", "in.txt"]), self.good(["wordcount", "in.txt"]))

    def test_lines_keep_apart(self):
        self.check(b"a b\nc d\n\na\nb\nc", 2)

    def test_files_keep_apart(self):
        pieces = [b"a b c", b"d e f", b"", b"a b"]
        paths = [self.write(f"{n}.txt", piece) for n, piece in enumerate(pieces)]
        self.twice(["ngrams", "--n", "2"] + paths, table(b"\n".join(pieces), 2))

    def test_empty(self):
        self.check(b"", 2)

    def test_nothing_long_enough(self):
        self.check(b"a\nb c\n", 3)

    def test_no_final_newline(self):
        self.check(text(5, 50) + b"the tail end", 3)

    def test_carriage_returns(self):
        self.check(b"a b c\r\nb c d\r\n", 2)

    def test_long_line(self):
        rng = random.Random(6)
        self.check(b" ".join(b"w%d" % rng.randint(0, 50) for _ in range(100000)), 3, blocks=("4K", None))

    def test_json(self):
        self.write("in.txt", b"a b a b\n")
        self.same(self.good(["ngrams", "-f", "json", "in.txt"]),
                  b'{"words":"a b","count":2}\n{"words":"b a","count":1}\n')

    def test_larger_than_memory(self):
        rng = random.Random(7)
        digits = rng.randbytes(8 * 1000000).hex().encode()
        lines = [digits[at : at + 160] for at in range(0, len(digits), 160)]
        data = b"".join(b" ".join(line[at : at + 16] for at in range(0, 160, 16)) + b"\n" for line in lines)
        self.write("in.txt", data)
        asked = ["ngrams", "--n", "4", "--memory", "64M", "in.txt"]
        self.same(self.good(asked, 2, timeout=120), table(data, 4))

    def test_wrong_n(self):
        self.write("in.txt", b"a b\n")
        for n in ("0", "-1", "1001", "x"):
            self.bad(2, "--n", ["ngrams", "--n", n, "in.txt"])


if __name__ == "__main__":
    drive.main()
