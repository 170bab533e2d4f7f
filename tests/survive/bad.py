"""survive/bad.py: bad records. The oracle is the same input without them."""

import collections
import gzip
import json
import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""


def plugin(name):
    return os.path.join(PLUGINS, f"survive_{name}.so")


def numpy_file(rows):
    """Rows of two doubles as .npy."""
    head = repr({"descr": "<f8", "fortran_order": False, "shape": (len(rows), 2)}) + "\n"
    head = " " * (-(10 + len(head)) % 64) + head
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
    return start + b"".join(struct.pack("<2d", *row) for row in rows)


class Bad(drive.Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(self.id())

    def words(self, count, rate=0.02):
        bad = lambda i: f"bad{i}" if self.random.random() < rate else ""
        return [bad(i) or f"w{self.random.randrange(60)}" for i in range(count)]

    def lines_of(self, name, lines):
        """Writes a file of lines, the last one without its newline; gives (line, offset)."""
        self.write(name, "\n".join(lines))
        places, at = [], 0
        for line in lines:
            places.append((line, at))
            at += len(line.encode()) + 1
        return places

    def counted(self, records):
        counts = collections.Counter(r for r in records if "bad" not in r)
        return "".join(f"{k}\t{v}\n" for k, v in sorted(counts.items())).encode()

    def told(self):
        report = json.loads(self.read("r.json"))
        bad = [(b["file"], b["offset"], b["reason"]) for b in report.get("bad", [])]
        self.assertEqual(report["counters"].get("bad records", 0), report["bad_count"])
        return bad, report["bad_count"]

    def all_over(self, args, want, listed, allowed=None):
        """The same bytes and the same list at all points; and one record too many at some."""
        points = [(0, 1, "1"), (0, 2, "7"), (0, 1, None), (2, 2, "64"), (4, 1, "30")]
        for ranks, threads, block in points:
            more = ["--threads", threads, "--skip-bad", allowed or len(listed), "--report", "r.json"]
            more += ["--block", block] if block else []
            got = self.good(list(args) + more, ranks)
            self.same(got, want, (args, more, ranks))
            self.assertEqual(self.told(), (listed, len(listed)))

    def test_lines(self):
        first = self.lines_of("in/a", self.words(400))
        second = self.lines_of("in/b", self.words(300))
        want = self.counted([r for r, _ in first + second])
        listed = [(f"in/{name}", at, f"it says bad: '{r}'")
                  for name, places in (("a", first), ("b", second)) for r, at in places if "bad" in r]
        self.all_over([plugin("records"), "in"], want, listed)
        self.all_over([plugin("records"), "in"], want, listed, 1 << 40)
        # None is allowed: the first one is named, where only one thread looks.
        line = self.bad(3, listed[0][2], [plugin("records"), "in", "--threads", 1])
        self.assertIn(f"in/a at byte {listed[0][1]}: correct it, or set", line)
        for ranks in (0, 2):
            line = self.bad(3, f"more than the {len(listed) - 1} that --skip-bad allows",
                            [plugin("records"), "in", "--skip-bad", len(listed) - 1], ranks)
            self.assertIn("it says bad", line)

    def test_exactly_one(self):
        lines = [f"w{i % 7}" for i in range(500)]
        lines[321] = "bad"
        places = dict(self.lines_of("x", lines))
        for ranks, block in ((0, None), (2, "32"), (4, "7")):
            more = ["--block", block] if block else []
            line = self.bad(3, f"x at byte {places['bad']}: ", [plugin("records"), "x"] + more, ranks)
            self.assertIn("it says bad: 'bad'", line)

    def test_no_reason_no_newline_nothing_good(self):
        self.write("x", "bad")
        self.assertEqual(self.good([plugin("records"), "--silent", "x", "--skip-bad", 1,
                                    "--report", "r.json"]), b"")
        self.assertEqual(self.told(), ([("x", 0, "bad record")], 1))
        self.write("y", "bad\nbad\nbad\n")
        self.assertEqual(self.good([plugin("records"), "y", "--skip-bad", 3]), b"")

    def test_words_and_records(self):
        words = self.words(500)
        text = "".join(w + self.random.choice((" ", "\n", "\t  ")) for w in words)
        self.write("x", text)
        listed, at = [], 0
        for word in words:
            at = text.index(word, at)
            if "bad" in word:
                listed.append(("x", at, f"it says bad: '{word}'"))
            at += len(word)
        self.all_over([plugin("records"), "--words", "x"], self.counted(words), listed)
        fixed = [f"{w:_<8}"[:8] for w in words]
        self.write("y", "".join(fixed))
        listed = [("y", 8 * i, f"it says bad: '{r}'") for i, r in enumerate(fixed) if "bad" in r]
        self.all_over([plugin("records"), "--sized", "y"], self.counted(fixed), listed)

    def test_compressed_and_pairs(self):
        lines = self.words(600)
        places = self.lines_of("x", lines)
        self.write("x.gz", gzip.compress(self.read("x")))
        listed = [("x.gz", at, f"it says bad: '{r}'") for r, at in places if "bad" in r]
        self.all_over([plugin("records"), "x.gz"], self.counted(lines), listed)
        sizes = collections.Counter()
        for line in lines:
            if "bad" not in line:
                sizes[line[:2]] += len(line)
        want = "".join(f"{k}\t{v}\n" for k, v in sorted(sizes.items())).encode()
        listed = [("x",) + place[1:] for place in listed]
        self.all_over([plugin("records"), "--reduce", "x"], want, listed)
        # There is no record that a reducer could mean.
        self.bad(3, "a bad key", [plugin("records"), "--reduce", "--late", "x", "--skip-bad", 99])

    def test_rows(self):
        rows = [(self.random.randrange(9) if self.random.random() > 0.05 else -1 - i, i)
                for i in range(300)]
        good = [r for r in rows if r[0] >= 0]
        want = f"rows\t{len(good)}\nsum\t{sum(r[0] for r in good)}\n".encode()
        places = self.lines_of("x.csv", [f"{a},{b}" for a, b in rows])
        listed = [("x.csv", at, f"below 0: {row[0]}")
                  for row, (_, at) in zip(rows, places) if row[0] < 0]
        self.all_over([plugin("rows"), "x.csv"], want, listed)
        self.write("x.npy", numpy_file(rows))
        listed = [("x.npy", i, f"below 0: {row[0]}") for i, row in enumerate(rows) if row[0] < 0]
        self.all_over([plugin("rows"), "x.npy"], want, listed)

    def test_lines_that_are_no_rows(self):
        good = [f"{i % 9},{i}" for i in range(300)]
        wrong = {40: "1,2,3", 41: 'x,5', 120: '"1,2', 299: "4,five"}
        lines = [wrong.get(i, line) for i, line in enumerate(good)]
        # What the columns are is told by the first MiB: it has to be right.
        lead = ["0,0"] * 262144
        places = self.lines_of("x.csv", lead + lines)
        kept = [line for line in lead + lines if line not in wrong.values()]
        want = f"rows\t{len(kept)}\nsum\t{sum(int(k.split(',')[0]) for k in kept)}\n".encode()
        reasons = ["it has more cells than the 2 of the first line", 'column 0: "x" is no number',
                   "a quote is not closed in it", 'column 1: "five" is no number']
        listed = [("x.csv", places[len(lead) + i][1], reason)
                  for i, reason in zip(sorted(wrong), reasons)]
        for ranks in (0, 3):
            got = self.good([plugin("rows"), "x.csv", "--skip-bad", 4, "--report", "r.json"], ranks)
            self.same(got, want)
            self.assertEqual(self.told(), (listed, 4))
        self.bad(3, "it has more cells", [plugin("rows"), "x.csv", "--threads", 1])
        self.bad(3, "more than the 3", [plugin("rows"), "x.csv", "--skip-bad", 3], 2)

    def test_in_the_folder_of_checkpoints(self):
        places = self.lines_of("a\tb", self.words(3000, 0.5))
        bad = [(r, at) for r, at in places if "bad" in r]
        out = self.good([plugin("records"), "a\tb", "--skip-bad", len(bad), "--checkpoint", "ck",
                         "--report", "r.json"], 2)
        self.same(out, self.counted([r for r, _ in places]))
        self.assertEqual(self.read("ck/bad/records.tsv").decode(),
                         "".join(f"a\\tb\t{at}\tit says bad: '{r}'\n" for r, at in bad))
        listed, count = self.told()
        self.assertEqual((len(listed), count), (1000, len(bad)))
        result = self.run_mapred([plugin("records"), "a\tb", "--skip-bad", len(bad), "-v"])
        self.assertIn(f"mapred: counter: bad records: {len(bad)}", result.err.decode())
        self.assertIn(f"bad records: {len(bad) - 10} more", result.err.decode())

    def test_apps(self):
        """Apps that know what their records look like."""
        for ranks in (0, 2):
            for app, text, args in (
                ("components", "1 2\n2 3\n3\n7\n9 8\n", []),
                ("histogram", "1 2 3\nx 4 100\n", []),
                ("onebrc", "a;1.0\nb;2.0\nc\na;3.0\nb;x\n", []),
            ):
                self.write("x", text)
                self.bad(3, "x at byte ", [app, "x"] + args, ranks)
                self.bad(3, "more than the 1 that", [app, "x", "--skip-bad", 1, "--block", 4], ranks)
                bad = ("3", "7") if app == "components" else ("x", "100", "c", "b;x")
                good = "\n".join(w for w in (text.splitlines() if app != "histogram" else text.split())
                                 if w not in bad) + "\n"
                self.write("good", good)
                want = self.good([app, "good"])
                for block in (1, 64):
                    got = self.good([app, "x", "--skip-bad", 2, "--block", block], ranks)
                    self.same(got, want, (app, block, ranks))


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop(2))
    drive.main()
