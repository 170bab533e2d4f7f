"""tasks/trees.py: the apps that search trees, nqueens, uts and tsp, against known numbers and programs
in Python that know nothing of mapred: the same bytes on any ranks and threads."""

import hashlib
import itertools
import math
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

POINTS = [(ranks, threads) for ranks in (0, *drive.RANKS) for threads in (1, 2)]
EVEN = [point for point in POINTS if sum(point) % 2 == 0]
ODD = [point for point in POINTS if sum(point) % 2]


class Case(drive.Case):
    turn = 0

    def at_points(self, args, want, points):
        for ranks, threads in points:
            got = self.good([*args, "--threads", threads], ranks)
            self.same(got, want, f"{args} at {ranks} ranks x {threads}")

    def somewhere(self, args, want, points=((0, 1), (0, 2), (0, 4), (2, 1), (0, 3))):
        """At one point, another one each time."""
        self.turn += 1
        self.at_points(args, want, [points[self.turn % len(points)]])


# ---- queens ----


class Queens(Case):
    KNOWN = (1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200)

    def test_known(self):
        for n, ways in enumerate(self.KNOWN, 1):
            self.somewhere(["nqueens", "--n", n], b"%d\n" % ways)
        self.at_points(["nqueens"], b"92\n", [(0, 1)])

    def test_everywhere(self):
        self.at_points(["nqueens", "--n", 13], b"73712\n", EVEN)

    def test_wrong(self):
        for n in ("0", "-1", "28", "99999999999"):
            self.bad(2, "--n", ["nqueens", "--n", n])
        self.bad(2, "ten", ["nqueens", "--n", "ten"])
        self.bad(2, "board.txt", ["nqueens", "board.txt"], 2)


# ---- UTS ----


def sha1(*parts):
    return hashlib.sha1(b"".join(parts)).digest()


class Tree:
    """As the benchmark's paper and its program define it."""

    def __init__(self, kind, shape="linear", b=4.0, d=6, q=15 / 64, m=4, r=0, f=0.5):
        self.kind, self.shape, self.b, self.d, self.q, self.m = kind, shape, b, d, q, m
        self.f, self.root = f, sha1(bytes(16), r.to_bytes(4, "big"))
        self.seed = r

    def args(self):
        options = {"type": self.kind, "shape": self.shape, "branching": self.b, "depth": self.d,
                   "q": repr(self.q), "m": self.m, "seed": self.seed, "shift": self.f}
        return ["uts", *(word for name, value in options.items() for word in (f"--{name}", value))]

    def mean(self, depth):
        if depth == 0:
            return self.b
        if self.shape == "exponential":
            return self.b * depth ** (-math.log(self.b) / math.log(self.d))
        if self.shape == "cyclic":
            if depth > 5 * self.d:
                return 0
            return self.b ** math.sin(2.0 * math.pi * depth / self.d)
        if self.shape == "fixed":
            return self.b if depth < self.d else 0
        return self.b * (1.0 - depth / self.d)

    def children(self, state, depth):
        u = (int.from_bytes(state[16:], "big") & 0x7FFFFFFF) / 2**31
        if self.kind == "geometric" or (self.kind == "hybrid" and depth < self.f * self.d):
            mean = self.mean(depth)
            return min(100, math.floor(math.log(1 - u) / math.log(1 - 1 / (1 + mean)))) if mean else 0
        if self.kind == "binomial" and depth == 0:
            return math.floor(self.b)
        return self.m if u < self.q else 0

    def count(self):
        nodes = leaves = deepest = 0
        stack = [(self.root, 0)]
        while stack:
            state, depth = stack.pop()
            nodes, deepest = nodes + 1, max(deepest, depth)
            count = self.children(state, depth)
            leaves += count == 0
            stack += [(sha1(state, i.to_bytes(4, "big")), depth + 1) for i in range(count)]
        return b"nodes\t%d\nleaves\t%d\ndepth\t%d\n" % (nodes, leaves, deepest)


class Uts(Case):
    # As the benchmark's authors have them.
    SAMPLES = {
        "t1": (4130071, 3305118, 10),
        "t2": (4117769, 2342762, 81),
        "t3": (4112897, 3599034, 1572),
        "t4": (4132453, 3108986, 134),
        "t5": (4147582, 2181318, 20),
    }
    TREES = [
        Tree("geometric", "fixed", b=3, d=6, r=3),
        Tree("geometric", "linear", b=4.5, d=9, r=17),
        Tree("geometric", "exponential", b=4, d=4, r=8),
        Tree("geometric", "cyclic", b=2.5, d=7, r=5),
        Tree("geometric", "fixed", b=70, d=2, r=2),
        Tree("binomial", b=300.7, q=0.19, m=5, r=2147483647),
        Tree("binomial", b=1, q=0.001, m=100, r=1),
        Tree("binomial", b=2000, q=1e-9, m=8, r=6),
        Tree("hybrid", "linear", b=5, d=10, q=0.22, m=4, r=11),
        Tree("hybrid", "cyclic", b=3, d=6, q=0.3, m=3, r=1, f=1.0),
        Tree("hybrid", "fixed", b=4, d=5, q=0.45, m=2, r=12, f=0.9),
        Tree("geometric", "linear", b=0.001, d=1),
    ]

    def known(self, name):
        return b"nodes\t%d\nleaves\t%d\ndepth\t%d\n" % self.SAMPLES[name]

    def test_samples(self):
        points = {"t1": [(0, 2), (2, 1), (4, 2), (drive.MANY_RANKS, 1)],
                  "t2": [(0, 1)],
                  "t3": [(0, 1), (0, 2), (3, 1), (4, 2)],
                  "t4": [(2, 2)],
                  "t5": [(0, 4)]}
        for name, where in points.items():
            self.at_points(["uts", "--tree", name], self.known(name), where)

    def test_against_python(self):
        for tree in self.TREES:
            self.somewhere(tree.args(), tree.count())

    def test_defaults(self):
        self.at_points(["uts"], Tree("geometric").count(), [(0, 1)])
        self.at_points(["uts", "--seed", 7], Tree("geometric", r=7).count(), [(0, 2)])
        changed = Tree("geometric", "fixed", d=6, r=19).count()
        self.at_points(["uts", "--tree", "t1", "--depth", 6], changed, [(2, 1)])

    def test_everywhere(self):
        tree = Tree("binomial", b=100, q=0.24, m=4, r=4)
        self.at_points(tree.args(), tree.count(), ODD)

    def test_to_a_file(self):
        self.good(["uts", "--tree", "t3", "-o", "counts.tsv"], 2)
        self.same(self.read("counts.tsv"), self.known("t3"))

    def test_wrong(self):
        for option, value in (("tree", "t9"), ("tree", ""), ("type", "bush"), ("shape", "round"),
                              ("depth", "-1"), ("branching", "-4"), ("branching", "nan"),
                              ("branching", "1e7"), ("q", "-0.1"), ("q", "nan"), ("q", "1.5"),
                              ("m", "-1"), ("m", "101"), ("shift", "2"), ("shift", "nan"),
                              ("seed", "4294967296")):
            naming = f"--{option}" if option != "tree" else f"no such tree: {value}"
            self.bad(2, naming, ["uts", f"--{option}={value}"])
        self.bad(2, "no end", ["uts", "--type", "binomial", "--q", 0.25, "--m", 4], 2)
        self.bad(2, "exponential", ["uts", "--shape", "exponential", "--depth", 1])
        self.bad(2, "leaves.txt", ["uts", "leaves.txt"])


# ---- trips ----


def held_karp(d):
    """The length of the shortest round trip, and the first of all such trips in the order of cities."""
    n = len(d)
    best = {(1 << i, i): d[i][0] for i in range(1, n)}  # from i through the set and home
    for size in range(2, n):
        for cities in itertools.combinations(range(1, n), size):
            s = sum(1 << i for i in cities)
            for i in cities:
                rest = s & ~(1 << i)
                best[s, i] = min(d[i][j] + best[rest, j] for j in cities if j != i)
    left, at, trip = (1 << n) - 2, 0, [0]
    length = min((d[0][j] + best[left, j] for j in range(1, n)), default=0)
    todo = length
    while left:
        j = next(j for j in range(1, n) if left >> j & 1 and d[at][j] + best[left, j] == todo)
        todo -= d[at][j]
        left, at = left & ~(1 << j), j
        trip.append(j)
    return b"length\t%d\ntour\t%s\n" % (length, " ".join(map(str, trip)).encode())


def distances(points):
    return [[math.floor(math.dist(a, b) + 0.5) for b in points] for a in points]


def as_csv(rows):
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


class Trips(Case):
    def check_points(self, points, where=None):
        name = f"cities-{self.turn}.csv"
        self.write(name, as_csv(points))
        want = held_karp(distances(points))
        if where:
            self.at_points(["tsp", name], want, where)
        else:
            self.somewhere(["tsp", name], want)

    def test_few(self):
        for n in range(1, 7):
            self.check_points([(i * i % 5, i % 3) for i in range(n)])

    def test_random(self):
        draw = random.Random(1)
        for n in (5, 8, 10, 11):
            self.check_points([(draw.uniform(-50, 50), draw.gauss(0, 30)) for _ in range(n)])

    def test_ties(self):
        """Cities on a grid, some of them at the same place: many trips are equally short."""
        draw = random.Random(2)
        for n, side in ((6, 2), (7, 3), (9, 3), (10, 4), (11, 3)):
            self.check_points([(draw.randrange(side), draw.randrange(side)) for _ in range(n)])
        self.check_points([(3, 3)] * 9)

    def test_matrices(self):
        draw = random.Random(3)
        for n, most in ((1, 9), (2, 9), (3, 9), (7, 2), (9, 1000), (10, 4), (10, 0)):
            d = [[0] * n for _ in range(n)]
            for a, b in itertools.combinations(range(n), 2):
                d[a][b] = d[b][a] = draw.randint(0, most)
            self.write("d.csv", as_csv(d))
            self.somewhere(["tsp", "--matrix", "d.csv"], held_karp(d))

    def test_everywhere(self):
        grid = [(x, y) for x in range(4) for y in range(3)]
        random.Random(4).shuffle(grid)
        self.check_points(grid, [*EVEN, (drive.MANY_RANKS, 1)])

    def test_drawn(self):
        """The same cities everywhere, others for another seed."""
        trips = {self.good(["tsp", "--cities", 17, "--seed", seed]) for seed in (1, 2)}
        self.assertEqual(len(trips), 2)
        for seed in (3, 4):
            args = ["tsp", "--cities", 45, "--seed", seed]
            self.at_points(args, self.good([*args, "--threads", 1]), [(0, 2), (3, 2)])

    def test_wrong(self):
        for cities in ("0", "-1", "65"):
            self.bad(2, "--cities", ["tsp", "--cities", cities])
        self.bad(2, "--cities", ["tsp"])
        self.bad(2, "--matrix", ["tsp", "--matrix", "--cities", 5])
        self.bad(3, "nowhere.csv", ["tsp", "nowhere.csv"], 2)
        for text, naming in (("1,2,3\n4,5,6\n", "two numbers"), ("1,2\n3,\n", "missing"),
                             ("1,1e9\n1,2\n", "beyond"), ("1,1\n" * 65, "65 of them")):
            self.write("wrong.csv", text)
            self.bad(3, naming, ["tsp", "wrong.csv"])
        for text, naming in (("0,1,2\n1,0,3\n", "as many"), ("0,1\n2,0\n", "way back"),
                             ("0,1.5\n1.5,0\n", "whole"), ("0,-1\n-1,0\n", "whole")):
            self.write("wrong.csv", text)
            self.bad(3, naming, ["tsp", "--matrix", "wrong.csv"], 2 if naming == "whole" else 0)


if __name__ == "__main__":
    sys.argv.pop()  # where plugins are: it needs none
    drive.main()
