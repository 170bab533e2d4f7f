"""numbers/moves.py: what moves data of arrays or touches files, against numpy and h5py: products, sorts,
histograms, running sums, stencils, files, pictures; the same bytes for any number of ranks and
threads."""

import math
import os
import sys
import unittest
from fractions import Fraction

import h5py
import numpy

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive
from png import decode

PLUGINS = ""

# Ranks (0: without mpirun) and threads.
POINTS = ((0, 1), (2, 1), (3, 2), (4, 1))

BORDERS = ("constant", "edge", "wrap")


def random(seed, *dims):
    return numpy.random.default_rng(seed).uniform(-1, 1, dims)


def nasty(count, seed=7):
    """With ties, NaN, infinities, zeros of both signs and all sizes of numbers."""
    some = numpy.random.default_rng(seed)
    values = some.standard_normal(count) * 10.0 ** some.integers(-300, 300, count)
    few = numpy.array([0.0, -0.0, numpy.nan, numpy.inf, -numpy.inf, 1.0, 1.0, -1.0, 5e-324])
    where = some.random(count) < 0.3
    values[where] = few[some.integers(0, len(few), where.sum())]
    return values


def single(values):
    with numpy.errstate(over="ignore"):
        return values.astype("f4")


def stencil(a, border, value, widths):
    """As the plugin's kernel: its neighbours in C order, each times its number."""
    mode = {"constant_values": value} if border == "constant" else {}
    grown = numpy.pad(a, [(w, w) for w in widths], mode=border, **mode)
    total = numpy.zeros_like(a)
    for j, offsets in enumerate(numpy.ndindex(*(2 * w + 1 for w in widths))):
        part = tuple(slice(o, o + n) for o, n in zip(offsets, a.shape))
        total = total + (j + 1.0) * grown[part]
    return total


def running(a, axis):
    """Sums as the header promises them: exact where a piece begins, then one by one."""
    lanes = numpy.moveaxis(a, axis, -1)
    out = numpy.empty_like(lanes)
    for place in numpy.ndindex(*lanes.shape[:-1]):
        lane = lanes[place]
        for begin in range(0, len(lane), 1024):
            piece = lane[begin : begin + 1024].copy()
            if begin:
                piece[0] = float(sum(map(Fraction, lane[:begin].tolist()))) + piece[0]
            out[place][begin : begin + 1024] = numpy.cumsum(piece)
    return numpy.moveaxis(out, -1, axis)


def product(a, b):
    """A product and a bound on what rounding may change in it."""
    a, b = a.astype("f8"), b.astype("f8")
    return a @ b, (a.shape[1] + 2) * numpy.abs(a) @ numpy.abs(b)


INPUTS = {
    "tall": random(1, 2100, 37),
    "wide": random(2, 37, 1100),
    "deep": random(3, 1500, 1300),
    "long": random(4, 1300, 130),
    "one": random(5, 1, 1),
    "row": random(6, 1, 1300),
    "none": numpy.zeros((0, 1300)),
    "empty": numpy.zeros((1300, 0)),
    "inner": numpy.zeros((0, 5)),
    "single": random(8, 1100, 60).astype("f4"),
    "small": random(9, 60, 70).astype("f4"),
    "ints": numpy.random.default_rng(10).integers(-9, 9, (1050, 50)).astype("i4"),
    "longs": numpy.random.default_rng(11).integers(-(2**62), 2**62, 5000),
    "nasty": nasty(9000),
    "ties": numpy.random.default_rng(12).integers(0, 3, 7000).astype("f8"),
    "floats": single(nasty(4000)),
    "cube": random(13, 2100, 5, 11),
    "line": random(14, 20000) * 1e3,
    "huge": numpy.concatenate([random(15, 3000), [1e308, 1e308, -1e308, -1e308], random(16, 2000)]),
    "zeros": numpy.array([-0.0, -0.0, 1.0, -1.0]),
    "complex": (random(17, 2500) + 1j * random(18, 2500)),
    "grid": random(19, 2200, 30),
}

PRODUCTS = (("tall", "wide"), ("deep", "long"), ("one", "row"), ("none", "long"), ("long", "wide[:]"),
            ("empty", "inner"), ("single", "small"), ("ints", "ints.T"), ("one", "one"))
STENCILS = (("grid", (1, 1)), ("grid", (3, 0)), ("grid", (0, 2)), ("line", (2,)), ("cube", (1, 1, 2)),
            ("one", (1, 1)), ("row", (1, 3)))


def cases():
    """Of each name: a program that leaves an array, and what that has to be; with a bound, where
    rounding may be different."""
    made = {}
    with numpy.errstate(all="ignore"):
        for left, right in PRODUCTS:
            b = INPUTS[right.split(".")[0].split("[")[0]]
            turn = right.endswith(".T")
            if right == "wide[:]":  # kept, and as many columns as the other has rows
                left, b = "tall", INPUTS["wide"]
            text = f"open {left}.npy; {'keep; ' if '[' in right else ''}open {right.split('.')[0].split('[')[0]}.npy; "
            text += "transpose; " if turn else "keep; " if "[" in right else ""
            made[f"product-{left}-{right}"] = (text + "matmul", product(INPUTS[left], b.T if turn else b))
        for name in ("nasty", "ties", "floats", "longs", "line"):
            made[f"sort-{name}"] = (f"open {name}.npy; sort 0", numpy.sort(INPUTS[name]))
        made["sort-twice"] = ("open line.npy; keep; twice; sort 0", numpy.sort(2 * INPUTS["line"]))
        for axis in range(3):
            made[f"sort-cube-{axis}"] = (f"open cube.npy; sort {axis}", numpy.sort(INPUTS["cube"], axis))
            made[f"sums-cube-{axis}"] = (f"open cube.npy; cumsum {axis}", running(INPUTS["cube"], axis))
        made["sort-none"] = ("open none.npy; sort 0", INPUTS["none"])
        for name in ("line", "zeros", "huge"):
            made[f"sums-{name}"] = (f"open {name}.npy; keep; cumsum 0", running(INPUTS[name], 0))
        made["sums-wide"] = ("open wide.npy; cumsum 1", running(INPUTS["wide"], 1))
        made["sums-longs"] = ("open longs.npy; cumsum 0", numpy.cumsum(INPUTS["longs"]))
        made["sums-ints"] = ("open ints.npy; cumsum 1", numpy.cumsum(INPUTS["ints"], 1, dtype="i8"))
        c = INPUTS["complex"]
        made["sums-complex"] = ("open complex.npy; cumsum 0", running(c.real, 0) + 1j * running(c.imag, 0))
        for name, bins, low, high in (("line", 100, -1000, 1000), ("grid", 7, -0.5, 0.3), ("ties", 3, 0, 2),
                                      ("nasty", 1000, -1e300, 1e300), ("longs", 9, -1e18, 1e18),
                                      ("none", 4, 0, 1), ("line", 50021, -900, 900.5)):
            finite = INPUTS[name][~numpy.isnan(INPUTS[name])].astype("f8")
            want = numpy.histogram(finite, bins, (low, high))[0]
            made[f"histogram-{name}-{bins}"] = (f"open {name}.npy; histogram {bins} {low} {high}", want)
        for name, widths in STENCILS:
            for i, border in enumerate(BORDERS):
                if border == "wrap" and any(w > n for w, n in zip(widths, INPUTS[name].shape)):
                    continue
                width = " ".join(map(str, widths))
                keep = "keep; " if i != 1 else ""
                made[f"stencil-{name}-{'-'.join(map(str, widths))}-{border}"] = (
                    f"open {name}.npy; {keep}stencil {i} 2.5 {width}",
                    stencil(INPUTS[name], border, 2.5, widths))
        # What all ranks have all of.
        counts = numpy.histogram(INPUTS["line"], 100, (-1000, 1000))[0]
        count = "open line.npy; histogram 100 -1000 1000"
        made["all-sort"] = (count + "; sort 0", numpy.sort(counts))
        made["all-sums"] = (count + "; cumsum 0", numpy.cumsum(counts))
        sums = numpy.array([[math.fsum(lane) for lane in row] for row in INPUTS["cube"].transpose(1, 2, 0)])
        made["all-sort-0"] = ("open cube.npy; sum 1; sort 0", numpy.sort(sums, 0))
        made["all-sums-0"] = ("open cube.npy; sum 1; cumsum 0", running(sums, 0))
        made["all-product"] = ("open cube.npy; sum 1; open cube.npy; sum 1; transpose; matmul",
                               product(sums, sums.T))
        made["stencil-none"] = ("open none.npy; stencil 1 0 1 1", INPUTS["none"])
        made["stencil-twice"] = (
            "open grid.npy; keep; stencil 2 0 1 1; stencil 1 0 1 1",
            stencil(stencil(INPUTS["grid"], "wrap", 0, (1, 1)), "edge", 0, (1, 1)))
    return made


class Moves(drive.Case):
    def setUp(self):
        super().setUp()
        for name, values in INPUTS.items():
            numpy.save(self.path(name + ".npy"), values)

    def args(self, program, threads=1):
        return [os.path.join(PLUGINS, "numbers_moves.so"), "--program", program, "-t", threads]

    def look_at(self, name, got, want):
        if isinstance(want, tuple):
            want, bound = want
            eps = numpy.finfo(got.dtype).eps
            self.assertEqual(got.shape, want.shape, name)
            self.assertEqual(got.dtype, "f4" if "single" in name else "f8", name)
            self.assertTrue(numpy.all(numpy.abs(got - want) <= eps * bound), name)
            return
        self.assertEqual((got.shape, got.dtype), (want.shape, want.dtype), name)
        if not numpy.array_equal(got, want, equal_nan=got.dtype.kind in "fc"):
            at = numpy.argwhere(~((got == want) | ((got != got) & (want != want))))
            place = tuple(at[0])
            self.fail(f"{name}: {len(at)} of {got.size} differ; at {place}: {got[place]}, not {want[place]}")

    def test_everywhere(self):
        """All programs at each point; the first is held to numpy, the others to the first."""
        made = cases()
        for i, (ranks, threads) in enumerate(POINTS):
            os.mkdir(self.path(str(i)))
            program = "; ".join(f"{text}; write {i}/{name}.npy" for name, (text, _) in made.items())
            self.good(self.args(program, threads), ranks)
            for name, (_, want) in made.items():
                with self.subTest(name=name, ranks=ranks, threads=threads):
                    if i == 0:
                        self.look_at(name, numpy.load(self.path(f"0/{name}.npy")), want)
                    self.same(self.read(f"{i}/{name}.npy"), self.read(f"0/{name}.npy"), name)

    def test_zeros_sorted(self):
        """-0 stands before 0."""
        self.good(self.args("open nasty.npy; sort 0; write sorted.npy"))
        got = numpy.load(self.path("sorted.npy"))
        zeros = numpy.signbit(got[got == 0])
        self.assertEqual(zeros.sum(), numpy.signbit(INPUTS["nasty"][INPUTS["nasty"] == 0]).sum())
        self.assertTrue(numpy.all(zeros[:-1] >= zeros[1:]))

    def test_own_loops_and_blas(self):
        """Both ways to multiply, and as B comes panel by panel."""
        want, bound = product(INPUTS["deep"], INPUTS["long"])
        wanted = "open deep.npy; open long.npy; matmul; write {}.npy"
        for how in ("none", "libopenblas.so.0"):
            seen = set()
            for ranks, threads, memory in ((0, 2, []), (3, 1, ["-m", "40M"])):
                name = f"{how}{ranks}"
                self.good(self.args(wanted.format(name), threads) + memory, ranks, env={"MAPRED_BLAS": how})
                seen.add(self.read(name + ".npy"))
            got = numpy.load(self.path(name + ".npy"))
            self.assertTrue(numpy.all(numpy.abs(got - want) <= 2.3e-16 * bound))
            self.assertEqual(len(seen), 1, how)

    def test_files(self):
        """What h5py reads back; chunked and compressed too; the same bytes for any ranks."""
        program = ("open cube.npy; open single.npy; rechunk 100 7; open longs.npy; open none.npy; "
                   "open complex.npy; writeall all.h5; open all.h5:/group/2; write back.npy; "
                   "open all.h5:/1; twice; write twice.npy")
        first = {}
        for ranks, threads in ((0, 2), (3, 1)):
            self.good(self.args(program, threads) + ["--overwrite"], ranks)
            for name in ("all.h5", "back.npy", "twice.npy"):
                got = self.read(name)
                self.same(got, first.setdefault(name, got), f"{name} at {ranks} ranks")
        with h5py.File(self.path("all.h5")) as file:
            for i, name in enumerate(("cube", "single", "longs", "none", "complex")):
                data = file["group/2" if i == 2 else str(i)]
                self.assertEqual(data.dtype, INPUTS[name].dtype, name)
                self.assertTrue(numpy.array_equal(data[()], INPUTS[name]), name)
            self.assertEqual(file["1"].chunks, (100, 7))
            self.assertEqual(file["1"].compression, "gzip")
            self.assertIsNone(file["0"].chunks)
        self.assertTrue(numpy.array_equal(numpy.load(self.path("back.npy")), INPUTS["longs"]))
        self.assertTrue(numpy.array_equal(numpy.load(self.path("twice.npy")), 2 * INPUTS["single"]))

    def test_picture(self):
        """Decoded as PNG says, by hand."""
        colours = numpy.random.default_rng(3).integers(-20, 300, (700, 333, 3)).astype("i4")
        colours[100:400] //= 50
        numpy.save(self.path("colours.npy"), colours)
        for ranks, threads in ((0, 2), (3, 1)):
            self.good(self.args(f"open colours.npy; picture p{ranks}.png", threads), ranks)
            self.same(self.read(f"p{ranks}.png"), self.read("p0.png"), f"{ranks} ranks")
        self.assertTrue(numpy.array_equal(decode(self.read("p0.png")), numpy.clip(colours, 0, 255)))
        self.bad(4, "output exists: p0.png", self.args("open colours.npy; picture p0.png"), 2)

    def test_mistakes(self):
        mistakes = {
            "open tall.npy; open deep.npy; matmul": (2, "f64 (2100, 37) and f64 (1500, 1300)"),
            "open line.npy; open deep.npy; matmul": (2, "f64 (20000,) and f64 (1500, 1300)"),
            "open complex.npy; sort 0": (2, "complex"),
            "open line.npy; sort 1": (2, "f64 (20000,)"),
            "open line.npy; cumsum 3": (2, "f64 (20000,)"),
            "open line.npy; histogram 0 0 1": (2, "0 parts"),
            "open line.npy; histogram 5 1 1": (2, "5 parts of 1 to 1"),
            "open one.npy; stencil 2 0 2 2": (2, "f64 (1, 1)"),
            "open no.npy; sort 0": (3, "no.npy"),
            "open line.npy; write no/such/folder.npy": (4, "no/such/folder.npy"),
            "open line.npy; picture line.png": (2, "f64 (20000,)"),
            "open line.npy; write line.npy": (4, "output exists: line.npy"),
        }
        for i, (program, (code, naming)) in enumerate(mistakes.items()):
            self.bad(code, naming, self.args(program), 0 if i % 4 else 2)
        self.assertEqual([name for name in self.visible() if name[:-4] not in INPUTS], [])


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop())
    drive.main()
