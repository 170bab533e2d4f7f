"""numbers/hdf5_write.py: results as columns. HDF5 and npy hold what csv and tsv say, as h5py, numpy,
pandas and h5dump read them, and are the same bytes for any ranks and threads."""

import csv
import io
import os
import random
import subprocess
import sys

import h5py
import numpy

try:
    import pandas
except ImportError:
    pandas = None

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""  # the folder of compiled test apps
POINTS = ((0, 1), (0, 3), (2, 1), (3, 2), (4, 1))


def as_text(value):
    """A cell as csv has it."""
    if isinstance(value, (bytes, numpy.bytes_)):
        return bytes(value).decode("latin-1")
    return repr(float(value)) if isinstance(value, numpy.floating) else str(value)


class Case(drive.Case):
    def columns(self, name):
        """Name and values of each column of an HDF5 file."""
        with h5py.File(self.path(name)) as file:
            names = file.attrs["columns"].split("\n")
            self.assertEqual(sorted(names), sorted(file))
            self.assertTrue(all(file[n].shape == (file.attrs["rows"],) for n in names))
            return [(n, file[n][:]) for n in names]

    def attributes(self, name):
        with h5py.File(self.path(name)) as file:
            return dict(file.attrs)

    def dumps(self, name):
        done = subprocess.run(["h5dump", self.path(name)], check=False, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def check(self, job, points=(), compress=(0,)):
        """A job's rows in three formats; files are the same at all points."""
        self.good(job + ["-o", "r.csv", "--overwrite"])
        self.good(job + ["-o", "r.npy", "--overwrite"])
        rows = list(csv.reader(io.StringIO(self.read("r.csv").decode("latin-1"), newline="")))
        array = numpy.load(self.path("r.npy"))
        for level in compress:
            self.good(job + ["-o", "r.h5", "--overwrite", "--compress", level])
            want = self.read("r.h5")
            columns = self.columns("r.h5")
            self.assertEqual([n.encode() for n, _ in columns], [n.encode("latin-1") for n in rows[0]])
            self.assertEqual(list(map(list, zip(*[map(as_text, c) for _, c in columns]))), rows[1:])
            for name, values in columns:
                field = array[name] if array.dtype.names else array
                self.assertEqual((field.dtype, field.tobytes()), (values.dtype, values.tobytes()))
            for ranks, threads in points:
                for name in ("r.h5",) if level or ranks == 2 else ("r.h5", "r.npy"):
                    wanted = want if name == "r.h5" else self.read("r.npy")
                    more = ["-o", "again" + name, "--compress", level, "--threads", threads]
                    self.good(job + more, ranks)
                    self.same(self.read("again" + name), wanted, f"{job} {more} at {ranks} ranks")
                    os.remove(self.path("again" + name))
        self.dumps("r.h5")
        return columns


class Apps(Case):
    def setUp(self):
        super().setUp()
        pick = random.Random(7)
        words = [("w%d" % pick.randrange(900)) for _ in range(20000)] + ["h\xe4l\xf6"] * 3
        self.write("words", " ".join(words) + "\n")
        self.write("bytes", b"a\xff\xfe b\0c b\0c\n")

    def test_wordcount(self):
        (name, words), (_, counts) = self.check(["wordcount", "words"], POINTS, (0, 5))
        self.assertEqual((name, words.dtype, counts.dtype), ("word", "S6", "i8"))
        with h5py.File(self.path("r.h5")) as file:
            self.assertEqual(h5py.check_string_dtype(file["word"].dtype).encoding, "utf-8")
        told = {"app": "wordcount", "inputs": "words", "input_count": 1, "options": "", "rows": len(words),
                "columns": "word\ncount"}
        self.assertEqual({k: v for k, v in self.attributes("r.h5").items() if k != "version"}, told)
        if not pandas:
            return
        table = pandas.DataFrame(dict(self.columns("r.h5"))).set_index("word")
        self.assertEqual(table["count"].sum(), 20003)
        self.assertEqual(table.loc["h\xe4l\xf6".encode()]["count"], 3)

    def test_orders(self):
        self.check(["wordcount", "--sort", "value", "words"], ((3, 1),))
        self.check(["wordcount", "--sort", "value", "--reverse", "--top", 7, "words"], ((2, 2),), (4,))
        self.assertEqual(self.attributes("r.h5")["options"], "--sort value --reverse --top 7")

    def test_any_bytes(self):
        (_, words), _ = self.check(["wordcount", "bytes"])
        self.assertEqual(list(words), [b"a\xff\xfe", b"b\0c"])
        with h5py.File(self.path("r.h5")) as file:
            self.assertEqual(h5py.check_string_dtype(file["word"].dtype).encoding, "ascii")

    def test_other_apps(self):
        self.write("numbers", "".join(f"{n * n % 83}\n" for n in range(2000)))
        self.write("left", "".join(f"{n},l{n % 7}\n" for n in range(500)))
        self.write("right", "".join(f"{n * 3},r{n}\n" for n in range(300)))
        self.write("places", "".join(f"p{n % 40};{n % 90 - 40}.{n % 10}\n" for n in range(3000)))
        self.check(["histogram", "--max", 50, "--clip", "numbers"], ((2, 2),), (1,))
        told = self.attributes("r.h5")
        self.assertGreater(told["counter clipped"], 100)
        self.assertEqual(told["options"], "--min 0 --max 50 --width 1 --clip")
        self.check(["join", "--left", "left", "--right", "right", "--how", "full"], ((3, 2),), (2,))
        self.check(["ngrams", "words"])
        (_, station), low, mean, _ = self.check(["onebrc", "places"])
        self.assertEqual((station.dtype, low[1].dtype, mean[1].dtype), ("S3", "f8", "f8"))
        self.write("g.txt", "1 2\n2 3\n3 1\n3 4\n")
        self.check(["pagerank", "g.txt"])

    def test_one_column(self):
        self.write("g", "1 2\n2 3\n3 1\n")
        self.check(["triangles", "g"])
        array = numpy.load(self.path("r.npy"))
        self.assertEqual((array.dtype, array.tolist()), ("i8", [1]))

    def test_nothing(self):
        self.write("empty", "")
        for level, ranks in ((0, 0), (3, 3)):
            self.good(["wordcount", "empty", "-o", "e.h5", "--overwrite", "--compress", level], ranks)
            self.assertEqual([(n, len(c)) for n, c in self.columns("e.h5")], [("word", 0), ("count", 0)])
            self.dumps("e.h5")
        self.good(["wordcount", "empty", "-o", "e.npy"], 2)
        self.assertEqual(numpy.load(self.path("e.npy")).shape, (0,))

    def test_chunks_across_ranks(self):
        """One long word makes a record so wide that a chunk has but few rows."""
        self.write("wide", "x" * 2000 + " " + " ".join(str(n) for n in range(5000)) + "\n")
        (_, words), (_, counts) = self.check(["wordcount", "wide"], POINTS[2:], compress=(1,))
        self.assertEqual(sorted(words[:-1]), sorted(str(n).encode() for n in range(5000)))
        self.assertTrue((counts == 1).all())
        with h5py.File(self.path("r.h5")) as file:
            self.assertEqual((file["word"].chunks, file["word"].compression), ((2088,), "gzip"))
        self.good(["wordcount", "wide", "-o", "m.h5", "--compress", 1, "--memory", "24M"], 2)
        self.same(self.read("m.h5"), self.read("r.h5"), "little memory")


class Columns(Case):
    """Types by all rows, of an app whose rows have cells of all kinds."""

    def setUp(self):
        super().setUp()
        self.write("n", "".join(f"{n}\n" for n in range(1, 400)))

    def wanted(self):
        n = numpy.arange(1, 400)
        gap = n % 7 == 0
        return {
            "key": n,
            "u64": numpy.uint64(2**64 - 1) - n.astype("u8"),
            "f64": n / 4,
            "mixed": numpy.where(n % 2, 0.5, -n.astype("f8")),
            "large": numpy.where(n % 3, n.astype("f8"), 2.0**64),
            "text": numpy.where(n % 5, b"five", b"2.5").astype("S24"),
            "gap": numpy.where(gap, numpy.nan, 7.0),
            "a_b": numpy.where(gap, b"", numpy.where(n % 2, b"a\0b", b"\xff")).astype("S3"),
            "text2": numpy.full(399, numpy.nan),
            "Gr\xf6\xdfe '\\": numpy.full(399, numpy.nan),
            "_": numpy.full(399, numpy.nan),
            "_2": numpy.full(399, numpy.nan),
        }

    def same_columns(self, columns):
        wanted = self.wanted()
        self.assertEqual([name for name, _ in columns], list(wanted))
        for name, values in columns:
            self.assertEqual(values.dtype, wanted[name].dtype, name)
            numpy.testing.assert_array_equal(values, wanted[name], name)

    def test_types(self):
        job = [os.path.join(PLUGINS, "numbers_columns.so"), "--flag", "--words", "two words", "n"]
        for level in (0, 6):
            self.good(job + ["-o", "c.h5", "--overwrite", "--compress", level])
            self.same_columns(self.columns("c.h5"))
            self.good(job + ["-o", "d.h5", "--overwrite", "--compress", level, "--block", 64], 3)
            self.same(self.read("d.h5"), self.read("c.h5"), "three ranks")
        self.dumps("c.h5")
        told = self.attributes("c.h5")
        self.assertEqual(told["options"], "--factor 0.1 --flag --words two words")
        self.assertEqual((told["counter even"], told["counter odd"]), (199, 200))
        for ranks in (0, 2):
            array = numpy.load(io.BytesIO(self.good(job + ["-f", "npy"], ranks)))
            self.same_columns([(name, array[name]) for name in array.dtype.names])


class Refused(Case):
    def setUp(self):
        super().setUp()
        self.write("words", "a b c " * 50)

    def test_where(self):
        job = ["wordcount", "words"]
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        before = self.visible()
        self.bad(2, "hdf5 needs a file: give --output", job + ["-f", "hdf5"])
        self.bad(2, "hdf5 needs a file: give --output", job + ["-f", "hdf5", "-o", "-"], 2)
        for name in ("new/", "folder", "pipe"):
            self.bad(2, name.rstrip("/"), job + ["-f", "hdf5", "-o", name])
        self.bad(2, "npy needs a file, and new is a folder", job + ["-f", "npy", "-o", "new/"])
        self.bad(2, "lines of text", ["grep", "--pattern", "a", "words", "-o", "x.h5"])
        self.bad(2, "--compress 10", job + ["--compress", 10])
        self.assertEqual(self.visible(), before)

    def test_existing(self):
        job = ["wordcount", "words", "-o", "w.h5"]
        self.write("w.h5", "something else")
        self.bad(4, "output exists: w.h5", job)
        self.assertEqual(self.read("w.h5"), b"something else")
        self.good(job + ["--overwrite"], 2)
        self.assertEqual(list(self.columns("w.h5")[1][1]), [50, 50, 50])
        self.assertEqual(self.visible(), ["w.h5", "words"])

    def test_too_wide(self):
        self.write("wide", "x" * 65536 + " a\n")
        self.good(["wordcount", "wide", "-o", "w.h5"])
        self.assertEqual([len(w) for w in self.columns("w.h5")[0][1]], [1, 65536])
        self.write("wide", "x" * 65537 + " a\n")
        for ranks, name in ((2, "x.h5"), (0, "x.npy")):
            self.bad(4, "column too wide: word has a string of 65537", ["wordcount", "wide", "-o", name], ranks)
        self.assertEqual(self.visible(), ["w.h5", "wide", "words"])

    def test_text(self):
        """A driver that writes text of its own can't have columns."""
        self.bad(2, "lines of text", ["dedup", "words", "-o", "x.h5"], 2)
        self.assertEqual(self.visible(), ["words"])

    def test_full_disk(self):
        small = self.path("small")
        os.mkdir(small)
        mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", small]
        if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("needs the right to mount")
        text = random.Random(3).randbytes(400000).hex()
        self.write("words", " ".join(text[i : i + 40] for i in range(0, len(text), 40)))
        try:
            for name, level, ranks in (("x.h5", 0, 0), ("x.h5", 1, 2), ("x.npy", 0, 3), ("x.h5", 9, 0)):
                job = ["wordcount", "words", "-o", "small/" + name, "--compress", level]
                self.assertIn("No space left", self.bad(4, "cannot write output: small/.x.", job, ranks))
                self.assertEqual(os.listdir(small), [])
        finally:
            subprocess.run(["umount", small], check=True)


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop(2))
    drive.main()
