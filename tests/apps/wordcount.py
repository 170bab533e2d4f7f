"""apps/wordcount.py: counted words against coreutils and against python's own counting, for all
kinds of inputs, ranks, threads and block sizes."""

import collections
import gzip
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive


def count(*pieces):
    """Words of pieces that no word goes across, as python counts them: rows of tsv."""
    counts = collections.Counter()
    for piece in pieces:
        counts.update(piece.split())
    return counts


def table(counts):
    return b"".join(b"%s\t%d\n" % (drive.escape(word), counts[word]) for word in sorted(counts))


def text(seed, size, words=300):
    """Words of which a few are frequent, with all kinds of white space between them."""
    rng = random.Random(seed)
    known = [
        bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz,.'-0123456789\xc3\xa9\\", k=rng.randint(1, 30)))
        for _ in range(words)
    ]
    spaces = [b" ", b"\n", b"\t", b"  ", b"\r\n", b"\v", b"\f", b" \n \n"]
    out, length = [], 0
    while length < size:
        out += [known[int(words * rng.random() ** 3)], rng.choices(spaces, [20, 5, 1, 1, 1, 1, 1, 1])[0]]
        length += len(out[-1]) + len(out[-2])
    return b"".join(out)


class Words(drive.Case):
    def check(self, data, **more):
        """One file with these bytes."""
        self.briefly(["wordcount", self.write("in.txt", data)], table(count(data)), **more)

    def test_coreutils(self):
        data = text(1, 200000).replace(b"\\", b"/")
        path = self.write("in.txt", data)
        counted = drive.run_tool(f"tr -s '\\t\\n\\v\\f\\r ' '\\n' < {path} | sort | uniq -c")
        rows = [line.split(None, 1) for line in counted.split(b"\n") if len(line.split()) == 2]
        want = b"".join(b"%s\t%s\n" % (word, number) for number, word in rows)
        self.assertEqual(want, table(count(data)))
        self.everywhere(["wordcount", path], want, many=True)

    def test_empty(self):
        self.check(b"")

    def test_white_space_only(self):
        self.check(b" \n\t\r\v\f" * 50)

    def test_one_word(self):
        self.check(b"word")

    def test_no_final_newline(self):
        self.check(text(2, 5000).rstrip() + b" last")

    def test_carriage_returns(self):
        self.check(b"\r\n".join(text(3, 3000).split()) + b"\r\n")

    def test_zero_bytes(self):
        self.check(b"a\0b \0 c\0\0 \0\0 a a\0 \0a\n" * 40)

    def test_all_bytes(self):
        rng = random.Random(4)
        self.check(bytes(rng.choices(range(256), k=20000)))

    def test_window_borders(self):
        """Words that begin and end at every place of the 64 bytes that are looked at together."""
        self.check(b"".join(b"x" * n + b" " for n in range(1, 200)))

    def test_huge_word(self):
        huge = b"w" * (1 << 20)
        data = b"small " + huge + b" " + huge + b"w\n" + huge + b" small"
        self.check(data, blocks=("4K", "64K", None))

    def test_shared_beginnings(self):
        for shared in (16, 64):
            with self.subTest(shared=shared):
                words = [b"p" * shared + b"%x" % n for n in range(3000)]
                random.Random(5).shuffle(words)
                self.check(b" ".join(words + words[::7]))

    def test_sizes_of_keys(self):
        """Every size around those that are kept inside a slot, a prefix of each other."""
        self.check(b" ".join(b"k" * n for n in list(range(1, 70)) * 3))

    def test_many_words(self):
        data = b"\n".join(b"%d" % (n * 7919 % 200003) for n in range(150000))
        self.everywhere(["wordcount", self.write("in.txt", data)], table(count(data)),
                        blocks=("4K", "1M", None))


class Inputs(drive.Case):
    """The same text, in other places and forms."""

    def files(self, folder, number, size=700):
        pieces = [text(100 + n, size if n % 5 else 0) for n in range(number)]
        for n, piece in enumerate(pieces):
            self.write(f"{folder}/{n % 3}/file{n:03}.txt", piece)
        return pieces

    def test_many_small_files(self):
        pieces = self.files("many", 120)
        paths = [self.path(f"many/{n % 3}/file{n:03}.txt") for n in range(120)]
        self.everywhere(["wordcount"] + paths, table(count(*pieces)), many=True)

    def test_folder(self):
        self.briefly(["wordcount", "many"], table(count(*self.files("many", 30))))

    def test_pattern(self):
        pieces = self.files("many", 30)
        want = table(count(*[piece for n, piece in enumerate(pieces) if n < 10]))
        self.briefly(["wordcount", "many/*/file00?.txt"], want)

    def test_list(self):
        pieces = self.files("many", 9)
        names = [self.path(f"many/{n % 3}/file{n:03}.txt") for n in range(9)]
        self.write("list", "\n".join(names) + "\n")
        self.briefly(["wordcount", "@list"], table(count(*pieces)))

    def test_same_file_twice(self):
        data = text(6, 3000)
        path = self.write("in.txt", data)
        self.briefly(["wordcount", path, path], table(count(data, data)))

    def test_standard_input(self):
        data, other = text(7, 300000), text(8, 20000)
        path = self.write("other.txt", other)
        for ranks, threads in ((0, 1), (0, 2), (1, 2), (3, 1), (3, 2)):
            got = self.good(["wordcount", "-t", threads, "-"], ranks, data=data)
            self.same(got, table(count(data)), f"stdin at {ranks} ranks")
        got = self.good(["wordcount", "-", path], 2, data=data)
        self.same(got, table(count(data, other)), "stdin and a file")
        self.same(self.good(["wordcount", "-"], 0, data=b""), b"", "empty stdin")

    def test_gzip(self):
        data = text(9, 400000)
        path = self.write("in.txt.gz", gzip.compress(data))
        self.everywhere(["wordcount", path], table(count(data)), blocks=("64", "4K", "64K", None))

    def test_gzip_of_several_members(self):
        pieces = [text(10 + n, 20000) for n in range(5)] + [b""]
        path = self.write("in.gz", b"".join(map(gzip.compress, pieces)))
        self.briefly(["wordcount", path], table(count(b"".join(pieces))), blocks=("64", "4K", None))

    def test_zstd(self):
        pieces = [text(20 + n, 60000) for n in range(3)]
        packed = [
            subprocess.run(["zstd", "-q", "-c"], input=piece, stdout=subprocess.PIPE, check=True).stdout
            for piece in pieces
        ]
        path = self.write("in.zst", b"".join(packed))
        self.briefly(["wordcount", path], table(count(b"".join(pieces))), blocks=("64", "4K", None))

    def test_mixture(self):
        pieces = self.files("many", 12)
        large, packed = text(30, 200000), text(31, 100000)
        self.write("large.txt", large)
        self.write("packed.gz", gzip.compress(packed))
        self.everywhere(["wordcount", "many", "large.txt", "packed.gz"],
                        table(count(*pieces, large, packed)), many=True)

    def test_empty_packed_files(self):
        self.write("a.gz", gzip.compress(b""))
        self.write("b.txt", b"")
        self.briefly(["wordcount", "a.gz", "b.txt"], b"")


if __name__ == "__main__":
    drive.main()
