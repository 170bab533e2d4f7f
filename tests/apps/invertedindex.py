"""apps/invertedindex.py: lists of files by word, with counts or positions, against python's own."""

import collections
import os
import random
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

WORD = re.compile(rb"[^\t\n\v\f\r ]+")


def index(files, positions=False):
    """Of (name, bytes): the same name twice is one file that is read twice."""
    lists = collections.defaultdict(list)
    for name, data in files:
        for hit in WORD.finditer(data):
            lists[hit.group()].append((name.encode(), hit.start()))
    rows = []
    for word in sorted(lists):
        found = sorted(lists[word])
        if not positions:
            found = sorted(collections.Counter(name for name, _ in found).items())
        shown = b",".join(b"%s:%d" % (drive.escape(name), number) for name, number in found)
        rows.append(b"%s\t%s\n" % (drive.escape(word), shown))
    return b"".join(rows)


def text(seed, words):
    rng = random.Random(seed)
    known = [b"w%d" % n for n in range(60)] + [b"\xc3\xa9t\xc3\xa9", b"a\\b", b"q" * 40, b"z\x00", b"z"]
    spaces = [b" ", b"\n", b"\t", b"\r\n", b" \v "]
    return b"".join(
        known[int(len(known) * rng.random() ** 2)] + rng.choice(spaces) for _ in range(words)
    )


class Index(drive.Case):
    def check(self, files, everywhere=False, **more):
        for name, data in files:
            self.write(name, data)
        walk = self.everywhere if everywhere else self.somewhere
        names = [name for name, _ in files]
        walk(["invertedindex"] + names, index(files), **more)
        walk(["invertedindex", "--positions"] + names, index(files, True), **more)

    def test_many_points(self):
        self.check([(f"{n * 7 % 5}/f{n}.txt", text(n, 400)) for n in range(6)], everywhere=True,
                   blocks=("1", "64", None))

    def test_order_of_names(self):
        """Names that are prefixes of each other, given in no order."""
        names = ["b", "a.txt", "a", "a.b", "B", "ab", "a-", "\u00e9", "a!"]
        self.check([(name, text(n, 30)) for n, name in enumerate(names)])

    def test_one_word(self):
        self.check([("a", b"word"), ("b", b"word word")])

    def test_same_file_twice(self):
        data = text(20, 50)
        self.write("in.txt", data)
        for option in ([], ["--positions"]):
            files = [("in.txt", data), ("in.txt", data)]
            self.somewhere(["invertedindex", "in.txt", "in.txt"] + option, index(files, bool(option)))

    def test_empty(self):
        self.check([("a", b"")])
        self.check([("a", b""), ("b", b" \n\t"), ("c", b"x")])

    def test_folder(self):
        files = [(f"many/{n % 3}/f{n}.txt", text(30 + n, 40)) for n in range(20)]
        for name, data in files:
            self.write(name, data)
        self.briefly(["invertedindex", "many"], index(files))

    def test_strange_names(self):
        self.check([("two words", b"x y"), ("tab\there", b"y x"), ("back\\slash", b"x x")])

    def test_long_words(self):
        self.check([("a", b"l" * 5000 + b" " + b"m" * 70000 + b" m"), ("b", b"l" * 5000)],
                   blocks=("4K", None))

    def test_list_of_a_frequent_word(self):
        """One word, a hundred thousand times."""
        self.check([("a", b"the " * 100000), ("b", b"a the\n" * 1000)], blocks=("64K", None))

    def test_larger_than_memory(self):
        """With --positions, one of three words being the same; and counts of many words."""
        rng = random.Random(8)
        known = [b"%x" % rng.getrandbits(36) for _ in range(1 << 16)]
        files = []
        for name in ("f0", "f1"):
            places = rng.randbytes(2 * 500000)
            words = [known[places[i] << 8 | places[i + 1]] for i in range(0, len(places), 2)]
            words[::3] = [b"the"] * len(words[::3])
            files.append((name, b" ".join(words)))
            self.write(*files[-1])
        asked = ["invertedindex", "--memory", "64M", "--positions", "f0", "f1"]
        self.same(self.good(asked, 2, timeout=120), index(files, True))
        digits = rng.randbytes(6 * 1500000).hex().encode()
        data = b" ".join(digits[at : at + 12] for at in range(0, len(digits), 12))
        self.write("many", data)
        want = b"".join(b"%s\tmany:1\n" % word for word in sorted(data.split()))
        self.assertEqual(len(set(data.split())), 1500000)
        self.same(self.good(["invertedindex", "--memory", "64M", "many"], 2, timeout=120), want)


if __name__ == "__main__":
    drive.main()
