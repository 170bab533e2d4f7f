"""numbers/learn.py: kmeans, linreg and pca against numpy and scipy; the same bytes at any number of
ranks; what can't be learned from is told."""

import gzip
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import h5py
import numpy as np
from scipy.cluster.vq import kmeans2

import drive

SOME = np.random.default_rng(3)
POINTS = [(0, 1), (1, 2), (2, 1), (3, 2), (4, 1)]  # ranks, threads
FEW = [(0, 1), (3, 2)]


def lines(out):
    return [line.split("\t") for line in out.decode().splitlines()]


def numbers(rows, first=0):
    return np.array([[float(cell) for cell in row[first:]] for row in rows])


def squares(points, centres):
    return ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)


def lloyd(points, centres, iterations=1000):
    """Until nothing moves. A cluster without points gets the point that is farthest from the others,
    one after the other."""
    for _ in range(iterations):
        label = squares(points, centres).argmin(axis=1)
        has = [i for i in range(len(centres)) if (label == i).any()]
        moved = centres.copy()
        for i in has:
            moved[i] = points[label == i].mean(axis=0)
        known = list(moved[has])
        for i in range(len(centres)):
            if i not in has:
                known.append(points[squares(points, np.array(known)).min(axis=1).argmax()])
                moved[i] = known[-1]
        if np.abs(moved - centres).max() < 1e-12 * np.abs(points).max():
            break
        centres = moved
    return moved


def clouds(count, axes, clusters):
    centres = SOME.uniform(0, 20, size=(clusters, axes))
    return centres[SOME.integers(clusters, size=count)] + SOME.normal(size=(count, axes))


class Learn(drive.Case):
    def dataset(self, values, name="in.h5", **more):
        with h5py.File(self.path(name), "w") as file:
            file.create_dataset("a/b", data=values, **more)
        return name + ":/a/b"

    def table(self, values, names, name="in.csv"):
        rows = [",".join(names)] + [",".join(repr(float(x)) for x in row) for row in values]
        self.write(name, "\n".join(rows) + "\n")
        return name

    def anywhere(self, args, out, points=POINTS):
        for ranks, threads in points:
            more = ["--threads", threads, "--block", (300, "4K", None)[ranks % 3] or "1M"]
            self.same(self.good([*args, *more], ranks), out, f"{args} {more} at {ranks} ranks")


class KMeans(Learn):
    def centroids(self, args, more=()):
        self.good(["kmeans", *args, "-o", "out.h5", "--overwrite", *more])
        with h5py.File(self.path("out.h5")) as file:
            return file["centroids"][:], file["sizes"][:], file["inertia"][0]

    def expect(self, points, k, name, seed=1, start=()):
        args = ["--k", k, "--seed", seed, *start, name]
        first, _, _ = self.centroids(args, ["--iterations", "0"])
        centres, sizes, inertia = self.centroids(args)
        want = lloyd(points, first)
        np.testing.assert_allclose(centres, want, rtol=0, atol=1e-9 * (1 + np.abs(points).max()))
        away = squares(points, want)
        np.testing.assert_array_equal(sizes, np.bincount(away.argmin(axis=1), minlength=k))
        np.testing.assert_allclose(inertia, away.min(axis=1).sum(), rtol=1e-9)
        return first, inertia

    def test_shapes(self):
        for count, axes, k in [(1, 1, 1), (7, 2, 7), (1023, 1, 3), (1025, 3, 8), (2500, 4, 5),
                               (3001, 5, 17), (1500, 21, 4)]:
            points = clouds(count, axes, k)
            name = self.dataset(points if axes > 1 else points[:, 0])
            first, inertia = self.expect(points, k, name, seed=count)
            self.assertTrue(all((points == row).all(axis=1).any() for row in first))
            self.assertEqual(len(np.unique(first, axis=0)), k)
            with np.errstate(all="ignore"):
                theirs, _ = kmeans2(points, first.copy(), iter=300, minit="matrix", missing="warn")
            self.assertLessEqual(inertia, squares(points, theirs).min(axis=1).sum() * (1 + 1e-9))

    def test_start_is_drawn_by_squared_distance(self):
        near, far = SOME.normal(size=(3000, 2)) * 1e-6, np.array([[1e3, 0], [0, 1e3], [-1e3, 0]])
        points = np.concatenate([near[:1700], far, near[1700:]])
        name = self.dataset(points)
        firsts = [self.centroids(["--k", "4", "--seed", seed, "--iterations", "0", name])[0]
                  for seed in (1, 2, 3)]
        for first in firsts:
            self.assertEqual({tuple(row) for row in first} & {tuple(row) for row in far},
                             {tuple(row) for row in far})
        self.assertEqual(len({first.tobytes() for first in firsts}), 3)

    def test_clusters_without_points(self):
        points = clouds(2000, 2, 4)
        start = np.concatenate([points[:3], [[1e6, 1e6], [2e6, 0]]])
        np.save(self.path("start.npy"), start)
        first, _ = self.expect(points, 5, self.dataset(points), start=("--start", "start.npy"))
        np.testing.assert_array_equal(first, start)

    def test_the_end(self):
        points, name = clouds(3000, 3, 6), "in.npy"
        np.save(self.path(name), points)
        first, _, _ = self.centroids(["--k", 6, "--iterations", "0", name])
        second, _, _ = self.centroids(["--k", 6, "--iterations", "1", name])
        np.testing.assert_allclose(second, lloyd(points, first, 1), atol=1e-12)
        moved = np.sqrt(((second - first) ** 2).sum(axis=1).max())
        for tolerance, same in ((moved * 1.01, True), (moved * 0.99, False)):
            third, _, _ = self.centroids(["--k", 6, "--tolerance", repr(tolerance), name])
            self.assertEqual((third == second).all(), same)

    def test_everywhere(self):
        points = clouds(5000, 3, 8) * [1, 1e8, 1e-8] + [0, 1e9, 0]
        name = self.dataset(points.astype(">f4"), chunks=(333, 2), compression="gzip")
        args = ["kmeans", "--k", "8", "--seed", "4", name]
        out = self.good(args)
        rows = lines(out)
        self.assertEqual([row[0] for row in rows], [str(i) for i in range(8)])
        self.assertEqual(sum(int(row[1]) for row in rows), 5000)
        self.anywhere(args, out)
        files = set()
        for ranks, threads in POINTS[::2]:
            self.good([*args, "-o", "out.h5", "--overwrite", "-t", threads], ranks)
            files.add(self.read("out.h5"))
        self.assertEqual(len(files), 1)
        with h5py.File(self.path("out.h5")) as file:
            np.testing.assert_array_equal(file["centroids"][:], numbers(rows, 2)[:, :3])
        many = ["kmeans", "--k", "20", name]
        self.anywhere(many, self.good(many), FEW)

    def test_inputs_one_below_the_other(self):
        points = clouds(4000, 5, 4)
        want = self.good(["kmeans", "--k", "4", self.dataset(points)])
        np.save(self.path("a.npy"), points[:1500])
        text = "\n".join(",".join(repr(float(x)) for x in row) for row in points[1500:]) + "\n"
        self.write("b.csv.gz", gzip.compress(text.encode()))
        with h5py.File(self.path("c.h5"), "w") as file:
            file.create_dataset("x", data=points[:2100], chunks=(171, 2))
            file.create_dataset("y", data=points[2100:])
        for ranks in (0, 3):
            for inputs in (["a.npy", "b.csv.gz"], ["c.h5:/x", "c.h5:/y"]):
                got = self.good(["kmeans", "--k", "4", "--block", "5000", *inputs], ranks)
                self.same(got, want, (inputs, ranks))

    def test_larger_than_memory(self):
        name = self.dataset(clouds(20000, 40, 4).astype("f4"), chunks=(500, 40))
        for args in (["kmeans", "--k", "4", name], ["pca", "--components", "2", name],
                     ["linreg", "--target", "1", name]):
            out = self.good(args)
            for ranks in (0, 2):
                self.same(self.good([*args, "--memory", f"{5 - ranks}M", "-t", "1"], ranks), out, args)
        self.write("in.csv", "1,2,3,4,5,6,7,8\n" * 60000)
        for ranks in (0, 2):
            self.bad(5, "memory", ["kmeans", "--k", "1", "--memory", "3M", "in.csv"], ranks)

    def test_faults(self):
        np.save(self.path("few.npy"), np.repeat([[1.0, 2.0], [3.0, 4.0]], 600, axis=0))
        for ranks in (0, 2):
            self.bad(3, "too few points: 1200 for --k 1201", ["kmeans", "--k", "1201", "few.npy"], ranks)
            self.bad(3, "only 2 different ones for --k 3", ["kmeans", "--k", "3", "few.npy"], ranks)
        self.bad(2, "wrong --k", ["kmeans", "--k", "0", "few.npy"])
        for start in (np.zeros((2, 3)), np.array([[1, 2], [3, np.nan]])):
            np.save(self.path("start.npy"), start)
            self.bad(3, "start.npy", ["kmeans", "--k", "2", "--start", "start.npy", "few.npy"])
        self.write("none.csv", "a,b\n")
        self.bad(3, "", ["kmeans", "--k", "2", "none.csv"], 2)


class LinReg(Learn):
    def expect(self, x, y, args, intercept=True, rtol=1e-9):
        out = self.good(["linreg", *args, "--summary", "fit.tsv", "--overwrite"])
        rows = lines(out)
        whole = np.c_[np.ones(len(y)), x] if intercept else x
        want, _, _, _ = np.linalg.lstsq(whole, y, rcond=None)
        rest, free = y - whole @ want, len(y) - whole.shape[1]
        variance = rest @ rest / free
        errors = np.sqrt(variance * np.diag(np.linalg.inv(whole.T @ whole)))
        got = numbers(rows, 1)
        np.testing.assert_allclose(got[:, 0], want, rtol=rtol, atol=rtol * np.abs(want).max() / 100)
        np.testing.assert_allclose(got[:, 1], errors, rtol=1e-6)
        np.testing.assert_allclose(got[:, 2], got[:, 0] / got[:, 1], rtol=1e-12)
        fit = {name: float(value) for name, value in lines(self.read("fit.tsv"))}
        all_squares = ((y - y.mean() * intercept) ** 2).sum()
        self.assertEqual(fit["rows"], len(y))
        np.testing.assert_allclose(fit["r2"], 1 - rest @ rest / all_squares, rtol=1e-9)
        np.testing.assert_allclose(fit["residual_std"], np.sqrt(variance), rtol=1e-9)
        return [row[0] for row in rows]

    def test_csv(self):
        x = SOME.normal(size=(2500, 3)) * [1, 100, 1e-3] + [1000, 0, 5]
        y = 3 + x @ [0.5, -2, 700] + SOME.normal(size=2500)
        values = np.c_[x[:, :2], y, x[:, 2]]
        name = self.table(values, ["a", "b", "y", "c"])
        self.assertEqual(self.expect(x, y, ["--target", "y", name]), ["intercept", "a", "b", "c"])
        names = self.expect(x, y, ["--target", "2", "--no-intercept", name], intercept=False)
        self.assertEqual(names, ["a", "b", "c"])
        parts = [self.table(values[:700], ["a", "b", "y", "c"], "one.csv"),
                 self.table(values[700:], ["a", "b", "y", "c"], "two.csv")]
        args = ["linreg", "--target", "y"]
        out = self.good([*args, name])
        self.same(self.good([*args, *parts], 2), out, "two files")
        self.anywhere([*args, name], out, FEW)

    def test_shapes(self):
        for rows, columns in [(4, 2), (1024, 1), (1100, 10), (3000, 70)]:
            x = SOME.normal(size=(rows, columns))
            y = x @ SOME.normal(size=columns) + SOME.normal(size=rows) * 0.1
            np.save(self.path("in.npy"), np.c_[y, x])
            names = self.expect(x, y, ["--target", "0", "in.npy"])
            self.assertEqual(names[1:], [str(i + 1) for i in range(columns)])

    def test_nearly_dependent(self):
        x = SOME.normal(size=(4000, 3))
        x[:, 2] = x[:, 0] + x[:, 1] + 1e-4 * x[:, 2]
        y = x @ [1, 2, 3] + SOME.normal(size=4000) * 1e-3
        self.expect(x, y, ["--target", "3", self.dataset(np.c_[x, y])], rtol=1e-8)

    def test_everywhere(self):
        x = SOME.normal(size=(5000, 6)) * 10.0 ** SOME.integers(-6, 6, 6) + 1e6
        name = self.dataset(np.c_[x, x @ np.ones(6) + SOME.normal(size=5000)], chunks=(101, 7),
                            shuffle=True, compression="gzip")
        args = ["linreg", "--target", "6", name]
        self.anywhere(args, self.good(args))

    def test_faults(self):
        x = SOME.normal(size=(1500, 3))
        names = ["a", "b", "c", "y"]
        table = lambda *columns: self.table(np.stack(columns, axis=1), names)
        good = self.table(np.c_[x, x.sum(axis=1)], names)
        line = self.bad(3, "no such column: z: there are 4", ["linreg", "--target", "z", good])
        self.assertIn("a, b, c, y", line)
        self.bad(3, "no such column: 4", ["linreg", "--target", "4", good], 2)
        for ranks in (0, 2):
            table(x[:, 0], x[:, 1], np.full(1500, 7.1), x[:, 2])
            self.bad(3, "the same value in all rows: column c", ["linreg", "--target", "y", "in.csv"], ranks)
            table(x[:, 0], x[:, 1], x[:, 0] - 2 * x[:, 1] + 4, x[:, 2])
            self.bad(3, "column c", ["linreg", "--target", "y", "in.csv"], ranks)
            holes = np.c_[x, x.sum(axis=1)]
            holes[1400, 1] = holes[1300, 2] = np.nan
            self.table(holes, names)
            line = self.bad(3, "column c is nan", ["linreg", "--target", "y", "in.csv"], ranks)
            self.assertIn("row 1301 of the input", line)
        self.bad(3, "nothing to explain it by: 0", ["linreg", "--target", "0", self.dataset(x[:, 0])])
        self.bad(3, "too few rows: 2 for 3", ["linreg", "--target", "1", self.dataset(x[:2])])


class PCA(Learn):
    def expect(self, x, name, count):
        self.good(["pca", "--components", count, "-o", "out.h5", "--overwrite", name])
        centred = x - x.mean(axis=0)
        _, values, vectors = np.linalg.svd(centred, full_matrices=False)
        vectors *= np.sign(vectors[range(len(vectors)), np.abs(vectors).argmax(axis=1)])[:, None]
        variance = values**2 / (len(x) - 1)
        with h5py.File(self.path("out.h5")) as file:
            np.testing.assert_allclose(file["mean"][:], x.mean(axis=0), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(file["variance"][:], variance[:count], rtol=1e-9)
            np.testing.assert_allclose(file["ratio"][:], variance[:count] / variance.sum(), rtol=1e-9)
            np.testing.assert_allclose(file["components"][:], vectors[:count], atol=1e-8)
            return file["components"][:]

    def test_shapes(self):
        for rows, columns, count in [(2, 1, 1), (1025, 3, 3), (2000, 20, 4), (2100, 70, 2)]:
            x = SOME.normal(size=(rows, columns)) @ np.diag(np.arange(columns, 0, -1.0))
            x = x @ np.linalg.qr(SOME.normal(size=(columns, columns)))[0] + 100
            self.expect(x, self.dataset(x), count)

    def test_everywhere(self):
        x = np.round(SOME.normal(size=(3000, 5)) @ SOME.normal(size=(5, 5)) * 1000).astype("i2")
        name = self.dataset(x, chunks=(77, 5), fletcher32=True)
        components = self.expect(x.astype("f8"), name, 5)
        out = self.good(["pca", name])
        rows = lines(out)
        self.assertEqual([row[0] for row in rows], ["1", "2", "3", "4", "5"])
        np.testing.assert_array_equal(numbers(rows, 3), components)
        self.anywhere(["pca", name], out, FEW)

    def test_faults(self):
        name = self.dataset(SOME.normal(size=(10, 3)))
        self.bad(3, "too few columns: 3 for --components 4", ["pca", "--components", "4", name])
        self.bad(3, "too few rows: 1", ["pca", self.dataset(SOME.normal(size=(1, 3)))])
        wide = self.dataset(SOME.normal(size=(4, 300)))
        self.bad(2, "too many columns for rows: 300", ["pca", "--components", "1", wide])
        holes = SOME.normal(size=(2000, 2))
        holes[1999, 0] = np.inf
        self.bad(3, "row 2000 of the input", ["pca", self.dataset(holes)], 2)


if __name__ == "__main__":
    drive.main()
