"""numbers/grids.py: the apps matmul, heat and mandelbrot, against loops of numpy."""

import math
import os
import sys
import unittest

import h5py
import numpy

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive
from png import decode

POINTS = ((0, 2), (3, 1))

# What lies beyond the plate.
BORDERS = {"cold": ("constant", {}), "insulated": ("edge", {}), "periodic": ("wrap", {})}


def spread(u, alpha, border):
    """A step, in the order of additions that the app promises."""
    mode, more = BORDERS[border]
    g = numpy.pad(u, 1, mode=mode, **more)
    around = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:]
    return u + alpha * (around - 4 * u)


def spot(n):
    at = (numpy.arange(n) + 0.5) / n
    near = numpy.abs(at - 0.5) < 0.1
    return numpy.outer(near, near).astype("f8")


def escape(width, height, most, x=-0.6, y=0.0, zoom=1.0):
    """How many of z = 0, c, c * c + c... come before the first that is farther than 2 from 0."""
    step = 4 / zoom / width
    cx = x + (numpy.arange(width) + 0.5 - width / 2) * step
    cy = y - (numpy.arange(height) + 0.5 - height / 2) * step
    cx, cy = numpy.meshgrid(cx, cy)
    zx, zy = numpy.zeros_like(cx), numpy.zeros_like(cy)
    taken, inside = numpy.zeros(cx.shape, "i4"), numpy.ones(cx.shape, bool)
    with numpy.errstate(all="ignore"):
        for _ in range(most):
            xx, yy, xy = zx * zx, zy * zy, zx * zy
            inside &= xx + yy <= 4
            taken += inside
            zx, zy = xx - yy + cx, xy + xy + cy
    return taken


STOPS = ((0, 0, 7, 100), (0.16, 32, 107, 203), (0.42, 237, 255, 255), (0.6425, 255, 170, 0),
         (0.8575, 0, 2, 0), (1, 0, 7, 100))


def colour(steps, most):
    if steps == most:
        return 0, 0, 0
    turns = math.log2(steps) / 6
    at = turns - math.floor(turns)
    i = next(i for i in range(5) if at <= STOPS[i + 1][0])
    part = (at - STOPS[i][0]) / (STOPS[i + 1][0] - STOPS[i][0])
    return tuple(math.floor(a + part * (b - a) + 0.5) for a, b in zip(STOPS[i][1:], STOPS[i + 1][1:]))


class Grids(drive.Case):
    def save(self, name, **datasets):
        with h5py.File(self.path(name), "w") as file:
            for path, (values, options) in datasets.items():
                file.create_dataset(path, data=values, **options)

    def get(self, name, dataset):
        with h5py.File(self.path(name)) as file:
            return file[dataset][()]

    def everywhere_written(self, args, output, also=()):
        """Runs it at each point; all files are the same bytes each time."""
        first = {}
        for ranks, threads in POINTS:
            self.good([*args, "-t", threads, "--overwrite", "-o", output], ranks)
            for name in (output, *also):
                self.same(self.read(name), first.setdefault(name, self.read(name)), f"{ranks} ranks")

    def test_matmul(self):
        some = numpy.random.default_rng(1)
        a, b = some.standard_normal((2300, 77)), some.standard_normal((77, 1203))
        self.save("a.h5", a=(a.astype(">f8"), dict(chunks=(100, 20), compression="gzip", shuffle=True)))
        self.save("b.h5", b=(b, dict(chunks=(7, 500))))
        self.everywhere_written(["matmul", "a.h5:/a", "b.h5:/b"], "c.h5")
        bound = 80 * 2.3e-16 * numpy.abs(a) @ numpy.abs(b)
        self.assertTrue(numpy.all(numpy.abs(self.get("c.h5", "c") - a @ b) <= bound))
        self.good(["matmul", "a.h5:/a[0:50,:]", "b.h5:/b[:,0:9]", "-o", "d.npy"])
        got = numpy.load(self.path("d.npy"))
        self.assertTrue(numpy.all(numpy.abs(got - a[:50] @ b[:, :9]) <= bound[:50, :9]))
        self.good(["matmul", "a.h5:/a", "b.h5:/b", "-o", "e.h5", "--dataset", "g/e", "--compress", 1], 2)
        self.assertTrue(numpy.array_equal(self.get("e.h5", "g/e"), self.get("c.h5", "c")))

    def test_matmul_mistakes(self):
        self.save("a.h5", a=(numpy.zeros((30, 4)), {}), z=(numpy.zeros((5, 6), "c16"), {}),
                  s=(numpy.zeros((3, 3)), {}))
        line = self.bad(2, "f64 (30, 4)", ["matmul", "a.h5:/a", "a.h5:/a", "-o", "c.h5"], 2)
        self.assertIn("f64 (30, 4) and f64 (30, 4)", line)
        self.bad(2, "c128 (5, 6)", ["matmul", "a.h5:/z", "a.h5:/z", "-o", "c.h5"])
        self.bad(2, "1 of them", ["matmul", "a.h5:/a", "-o", "c.h5"])
        self.bad(2, "--output", ["matmul", "a.h5:/a", "a.h5:/a"])
        self.bad(2, ".h5 or .npy", ["matmul", "a.h5:/s", "a.h5:/s", "-o", "c.tsv"])
        self.bad(3, "a.h5", ["matmul", "a.h5:/no", "a.h5:/a", "-o", "c.h5"], 2)
        self.bad(3, "none.h5", ["matmul", "none.h5:/a", "a.h5:/a", "-o", "c.h5"])
        self.assertEqual(self.visible(), ["a.h5"])

    def test_heat(self):
        """To the bit, whatever lies around the plate."""
        for border in BORDERS:
            self.everywhere_written(["heat", "--n", 60, "--steps", 20, "--every", 7, "--border", border],
                                    "u.h5")
            u = spot(60)
            for step in range(1, 21):
                u = spread(u, 0.2, border)
                if step % 7 == 0:
                    self.assertTrue(numpy.array_equal(self.get("u.h5", f"u_{step:06d}"), u), (border, step))
            self.assertTrue(numpy.array_equal(self.get("u.h5", "u"), u), border)

    def test_heat_of_a_file(self):
        """A plate that several ranks have rows of."""
        u = numpy.random.default_rng(2).standard_normal((2500, 40))
        self.save("plate.h5", p=(u.astype("f4"), {}))
        u = u.astype("f4").astype("f8")
        args = ["heat", "--steps", 3, "--alpha", 0.125, "--border", "periodic", "plate.h5:/p"]
        self.everywhere_written(args, "u.h5")
        for _ in range(3):
            u = spread(u, 0.125, "periodic")
        self.assertTrue(numpy.array_equal(self.get("u.h5", "u"), u))
        self.bad(2, "--output", ["heat"])
        self.bad(2, "--border: warm", ["heat", "--border", "warm", "-o", "v.h5"])
        self.bad(3, "plate.h5:/no", ["heat", "-o", "v.h5", "plate.h5:/no"], 2)

    def test_mandelbrot(self):
        want = escape(150, 101, 90)
        size = ["--width", 150, "--height", 101, "--iterations", 90]
        self.everywhere_written(["mandelbrot", *size, "--png", "m.png"], "m.h5", ["m.png"])
        got = self.get("m.h5", "iterations")
        self.assertEqual(got.dtype, "i4")
        self.assertTrue(numpy.array_equal(got, want))
        palette = numpy.array([(0, 0, 0)] + [colour(n, 90) for n in range(1, 91)], "u1")
        self.assertTrue(numpy.array_equal(decode(self.read("m.png")), palette[want]))
        self.good(["mandelbrot", *size, "--png", "again.png", "--compress", 3, "-o", "packed.h5"], 2)
        self.assertTrue(numpy.array_equal(self.get("packed.h5", "iterations"), want))
        self.good(["mandelbrot", *size, "--png", "alone.png"], 2)
        self.same(self.read("alone.png"), self.read("m.png"), "alone")
        there = ["--center-x", -0.7436, "--center-y", 0.1318, "--zoom", 500]
        self.good(["mandelbrot", *size, *there, "-o", "zoom.h5"], 2)
        self.assertTrue(numpy.array_equal(self.get("zoom.h5", "iterations"),
                                          escape(150, 101, 90, -0.7436, 0.1318, 500)))
        self.bad(2, "--png", ["mandelbrot"])
        self.bad(2, "--width", ["mandelbrot", "--width", 0, "--png", "x.png"])
        self.bad(4, "m.png", ["mandelbrot", *size, "--png", "m.png"], 2)


if __name__ == "__main__":
    drive.main()
