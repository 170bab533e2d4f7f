"""apps/output.py: orders, formats and places of results. Word count stands for all apps: what is
written is compared with what python makes of the same words."""

import collections
import csv
import io
import json
import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive


class Counted(drive.Case):
    """A file of words, and what they come to. On a disk, as users' results are."""

    place = None

    def setUp(self):
        super().setUp()
        rng = random.Random(11)
        words = [f"w{n * 37 % 1000}".encode() for n in range(900)]
        words += ["\u00e9t\u00e9".encode(), b"quote\"d", b"com,ma", b"back\\slash", b"x" * 40, b"a\x01b"]
        data = b" ".join(words[int(len(words) * rng.random() ** 2)] for _ in range(20000))
        self.write("in.txt", data + b"\n")
        self.counts = collections.Counter(data.split())

    def rows(self, value=False, reverse=False):
        """Keys of equal value stand in the order of keys, either way."""
        words = sorted(self.counts)
        if value:
            words.sort(key=lambda word: -self.counts[word] if reverse else self.counts[word])
        elif reverse:
            words.reverse()
        return [(word, self.counts[word]) for word in words]

    def table(self, rows):
        return b"".join(b"%s\t%d\n" % (drive.escape(word), number) for word, number in rows)

    def points(self, *blocks):
        """Every number of ranks once, with the threads and blocks going round."""
        return [(ranks, 1 + ranks % 2, blocks[ranks % len(blocks)] if blocks else None)
                for ranks in (0,) + drive.RANKS]


class Order(Counted):
    def check(self, options, rows):
        self.at(self.points("4K", None), ["wordcount", "in.txt"] + options, self.table(rows))

    def test_by_key(self):
        self.check(["--sort", "key"], self.rows())
        self.check(["--sort=key", "--reverse"], self.rows(reverse=True))

    def test_by_value(self):
        self.check(["--sort", "value"], self.rows(value=True))
        self.check(["--sort", "value", "--reverse"], self.rows(value=True, reverse=True))

    def test_without(self):
        want = sorted(self.table(self.rows()).splitlines())
        for ranks, threads, _ in self.points():
            got = self.good(["wordcount", "in.txt", "--sort", "none", "-t", threads], ranks)
            self.assertEqual(sorted(got.splitlines()), want)

    def test_top(self):
        largest = self.rows(value=True, reverse=True)
        for number in (1, 10, len(largest) - 1, len(largest), 10 * len(largest)):
            points = self.points()[number % 2::2]
            self.at(points, ["wordcount", "in.txt", "--sort", "value", "--reverse", "--top", number],
                    self.table(largest[:number]))
        self.check(["--top", "5"], self.rows()[:5])
        self.check(["--top", "5", "--reverse"], self.rows(reverse=True)[:5])
        self.check(["--top", "300", "--sort", "value"], self.rows(value=True)[:300])

    def test_top_of_nothing(self):
        self.write("none", "")
        self.at(self.points(), ["wordcount", "none", "--top", "3", "--sort", "value"], b"")

    def test_many_ranks(self):
        points = [(drive.MANY_RANKS, 1, "4K")]
        want = self.table(self.rows(value=True, reverse=True)[:100])
        self.at(points, ["wordcount", "in.txt", "--sort", "value", "--reverse", "--top", 100], want)
        self.at(points, ["wordcount", "in.txt", "--sort", "value"], self.table(self.rows(value=True)))


class Formats(Counted):
    def written(self, form, more=()):
        """The bytes of a format, the same at each number of ranks and in a file."""
        first = self.good(["wordcount", "in.txt", "-f", form, *more])
        self.at(self.points("4K", None)[1:], ["wordcount", "in.txt", "--format", form, *more], first)
        ending = {"json": "jsonl", "binary": "bin"}.get(form, form)
        self.good(["wordcount", "in.txt", "-o", f"out.{ending}", *more], 3)
        self.same(self.read(f"out.{ending}"), first, f"out.{ending}")
        return first

    def test_csv(self):
        table = list(csv.reader(io.StringIO(self.written("csv").decode(), newline="")))
        self.assertEqual(table[0], ["word", "count"])
        self.assertEqual(table[1:], [[w.decode(), str(n)] for w, n in self.rows()])

    def test_json(self):
        objects = [json.loads(line) for line in self.written("json").splitlines()]
        self.assertEqual(objects, [{"word": w.decode(), "count": n} for w, n in self.rows()])

    def test_json_of_other_bytes(self):
        self.write("bytes", b"\xff\xfe\x80 ok \xc3\xa9\xc3\n")
        words = {json.loads(line)["word"]
                 for line in self.good(["wordcount", "bytes", "-f", "json"]).splitlines()}
        self.assertEqual(words, {"\xff\xfe\x80", "ok", "\xe9\xc3"})

    def test_binary(self):
        data = self.written("binary", ["--sort", "value", "--reverse"])
        self.assertEqual(data[:8], b"MRBIN01\n")
        at, rows = 8, []
        while at < len(data):
            cells, kind, size = struct.unpack_from("<IBI", data, at)
            self.assertEqual((cells, kind), (2, 3))
            word = data[at + 9:at + 9 + size]
            kind, number = struct.unpack_from("<Bq", data, at + 9 + size)
            self.assertEqual(kind, 1)
            rows.append((word, number))
            at += 9 + size + 9
        self.assertEqual(rows, self.rows(value=True, reverse=True))

    def test_tsv(self):
        self.same(self.written("tsv"), self.table(self.rows()))

    def test_tabs_and_breaks_in_keys(self):
        """Lines may begin with what tsv has to escape."""
        self.write("lines", b"\tx\n\\y\n\rz\nx\n")
        want = b"\\t\t1\t2\t2.0\t2\n\\r\t1\t2\t2.0\t2\n\\\\\t1\t2\t2.0\t2\nx\t1\t1\t1.0\t1\n"
        self.assertEqual(self.good(["lengths", "lines"]), want)

    def test_format_goes_before_the_ending(self):
        self.good(["wordcount", "in.txt", "-o", "out.csv", "-f", "tsv"])
        self.same(self.read("out.csv"), self.table(self.rows()))


class Places(Counted):
    def parts(self, name):
        return sorted(part for part in os.listdir(self.path(name)) if part != "_SUCCESS")

    def check_folder(self, name, number, want):
        parts = self.parts(name)
        self.assertEqual(parts, [f"part-{i:05}" for i in range(number)])
        self.same(b"".join(self.read(f"{name}/{part}") for part in parts), want, name)
        success = json.loads(self.read(f"{name}/_SUCCESS"))
        self.assertEqual(success["app"], "wordcount")
        self.assertEqual(success["rows"], len(self.counts))
        self.assertEqual(success["bytes"], len(want))

    def test_file(self):
        want = self.table(self.rows())
        for ranks, threads, _ in self.points():
            self.assertEqual(
                self.good(["wordcount", "-t", threads, "-o", f"out{ranks}.tsv", "in.txt"], ranks), b"")
            self.same(self.read(f"out{ranks}.tsv"), want, f"{ranks} ranks")
        self.assertEqual(self.visible(), ["in.txt"] + [f"out{ranks}.tsv" for ranks in range(5)])

    def test_folder(self):
        want = self.table(self.rows())
        for ranks, threads, _ in self.points():
            self.good(["wordcount", "in.txt", "-t", threads, "-o", f"out{ranks}/"], ranks)
            self.check_folder(f"out{ranks}", 1, want)

    def test_existing_empty_folder(self):
        os.mkdir(self.path("out"))
        self.good(["wordcount", "in.txt", "-o", "out"], 2)
        self.check_folder("out", 1, self.table(self.rows()))

    def test_partitions(self):
        want = self.table(self.rows())
        first = {}
        for ranks, number in ((0, 1), (0, 7), (1, 7), (2, 7), (3, 7), (4, 7), (3, 2), (2, 40)):
            name = f"out{ranks}-{number}"
            self.good(["wordcount", "in.txt", "--partitions", number, "-o", name + "/"], ranks)
            self.check_folder(name, number, want)
            parts = [self.read(f"{name}/part-{i:05}") for i in range(number)]
            self.assertEqual(parts, first.setdefault(number, parts))

    def test_more_partitions_than_rows(self):
        self.write("few", "a b a\n")
        for ranks in (0, 3):
            self.good(["wordcount", "few", "--partitions", 9, "-o", f"out{ranks}/"], ranks)
            self.assertEqual(len(self.parts(f"out{ranks}")), 9)
            whole = b"".join(self.read(f"out{ranks}/{part}") for part in self.parts(f"out{ranks}"))
            self.assertEqual(whole, b"a\t2\nb\t1\n")

    def test_headers_of_parts(self):
        """Each csv part can be read alone."""
        self.good(["wordcount", "in.txt", "-f", "csv", "--partitions", 3, "-o", "out/"], 2)
        rows = []
        for part in self.parts("out"):
            lines = self.read(f"out/{part}").decode().split("\n")
            self.assertEqual(lines[0], "word,count")
            rows += lines[1:-1]
        self.assertEqual(rows, self.good(["wordcount", "in.txt", "-f", "csv"]).decode().split("\n")[1:-1])

    def test_empty_result(self):
        self.write("none", "")
        for ranks in (0, 3):
            self.good(["wordcount", "none", "-o", f"file{ranks}"], ranks)
            self.assertEqual(self.read(f"file{ranks}"), b"")
            self.good(["wordcount", "none", "-o", f"out{ranks}/", "--partitions", "2"], ranks)
            self.assertEqual(self.parts(f"out{ranks}"), ["part-00000", "part-00001"])

    def test_large_result(self):
        """More than one wave of rows, by way of rank 0 to stdout and at once into a file."""
        words = [b"%07d%s" % (n * 7919 % 1000003, b"v" * (n % 50)) for n in range(400000)]
        self.write("large", b"\n".join(words))
        want = b"".join(b"%s\t1\n" % word for word in sorted(words))
        self.at([(0, 2, None), (3, 1, None)], ["wordcount", "large"], want)
        self.good(["wordcount", "large", "-o", "out.tsv"], 4)
        self.same(self.read("out.tsv"), want, "file")

    def test_device(self):
        want = self.table(self.rows())
        self.same(self.good(["wordcount", "in.txt", "-o", "/dev/stdout"]), want)
        self.same(self.good(["wordcount", "in.txt", "-o", "-"], 2), want)
        self.assertEqual(self.good(["wordcount", "in.txt", "-o", "/dev/null"], 2), b"")


if __name__ == "__main__":
    drive.main()
