"""Graph apps: rmat, pagerank, components, triangles and sssp, against python's plainest way to find
the same on many small graphs, and against serial_graph.c on a larger one. The second argument is the
path of that program.
"""

import collections
import gzip
import heapq
import json
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

SERIAL = ""

# Ranks, threads and block of runs that follow each other.
POINTS = ((0, 1, None), (2, 1, "64"), (0, 2, "1"), (3, 2, None), (1, 1, "7"), (4, 1, "4K"))


def small(rng, count):
    return [b"%d" % i for i in range(count)]


def negative(rng, count):
    return [b"%d" % rng.randint(-30, 30) for _ in range(count)]


def far_apart(rng, count):
    return [b"%d" % rng.randint(-(2**63), 2**63 - 1) for _ in range(count)] + [b"0"]


def above_32_bits(rng, count):
    return [b"%d" % (2**32 - 3 + i) for i in range(count)]


def huge(rng, count):
    """Above what an int64_t holds, with and without small ones."""
    some = [b"%d" % rng.randint(2**63, 2**64 - 1) for _ in range(count)]
    return some + rng.choice([[], [b"0", b"7"]])


def crowded(rng, count):
    """Large, and close together."""
    return [b"%d" % (2**64 - 1 - i) for i in range(count)]


def written_oddly(rng, count):
    return [rng.choice([b"%d", b"0%d", b"+%d", b"00%d"]) % rng.randint(0, count) for _ in range(2 * count)]


def words(rng, count):
    return [b"w%d" % i for i in range(count)] + [b"\\n", "ä".encode(), b"a" * 200, b"x#"]


def mixed(rng, count):
    return small(rng, count) + [b"007", b"-5", b"%d" % 2**64, b"end"]


def no_integers(rng, count):
    """Integers, which no one type holds."""
    return [b"-1", b"%d" % (2**64 - 1), b"5", b"10"]


KINDS = (small, negative, far_apart, above_32_bits, huge, crowded, written_oddly, words, mixed, no_integers)


class Graph:
    """Edges as (from, to, weight), vertices as what they are compared as."""

    def __init__(self, edges):
        ids = {end for edge in edges for end in edge[:2]}
        numbers = [int(i) for i in ids if re.fullmatch(rb"[+-]?[0-9]+", i)]
        fit = len(numbers) == len(ids) and (
            all(-(2**63) <= n < 2**63 for n in numbers) or all(0 <= n < 2**64 for n in numbers)
        )
        self.read = int if fit else bytes
        self.edges = [(self.read(a), self.read(b), w) for a, b, w in edges]
        self.vertices = sorted({end for edge in self.edges for end in edge[:2]})

    def show(self, vertex):
        return b"%d" % vertex if self.read is int else drive.escape(vertex)

    def rows(self, values):
        return b"".join(
            self.show(v) + b"\t" + values[v] + b"\n" for v in self.vertices if v in values
        )

    def components(self):
        near = collections.defaultdict(list)
        for a, b, _ in self.edges:
            near[a].append(b)
            near[b].append(a)
        found = {}
        for start in self.vertices:
            todo = [start] if start not in found else []
            while todo:
                vertex = todo.pop()
                if vertex not in found:
                    found[vertex] = self.show(start)
                    todo += near[vertex]
        return self.rows(found)

    def triangles(self):
        pairs = {frozenset((a, b)) for a, b, _ in self.edges if a != b}
        count = 0
        for i, a in enumerate(self.vertices):
            for j, b in enumerate(self.vertices[:i]):
                if frozenset((a, b)) in pairs:
                    count += sum({a, c} in pairs and {b, c} in pairs for c in self.vertices[:j])
        return b"%d\n" % count

    def sssp(self, source):
        floats = any(isinstance(w, float) for _, _, w in self.edges)
        out = collections.defaultdict(list)
        for a, b, w in self.edges:
            out[a].append((b, float(w) if floats else w))
        zero = 0.0 if floats else 0
        found, queue = {}, [(zero, self.read(source))]
        while queue:
            distance, vertex = heapq.heappop(queue)
            if vertex not in found:
                found[vertex] = distance
                for b, w in out[vertex]:
                    heapq.heappush(queue, (distance + w, b))
        return self.rows({v: repr(d).encode() for v, d in found.items()})

    def pagerank(self, damping, iterations):
        n = len(self.vertices)
        place = {v: i for i, v in enumerate(self.vertices)}
        edges = [(place[a], place[b]) for a, b, _ in self.edges]
        out = collections.Counter(a for a, _ in edges)
        rank = [1 / n] * n
        for _ in range(iterations):
            lost = sum(r for v, r in enumerate(rank) if not out[v])
            new = [(1 - damping + damping * lost) / n] * n
            for a, b in edges:
                new[b] += damping * rank[a] / out[a]
            rank = new
        return rank


def random_edges(rng, kind, weight):
    """Some vertices are in many edges, some edges stand there twice, some begin where they end."""
    count = rng.randint(1, 25)
    ids = kind(rng, count)
    edges = []
    for _ in range(rng.choice([0, 1, 5, 40, 90])):
        if edges and rng.random() < 0.1:
            edges.append(rng.choice(edges))
        else:
            edges.append((ids[int(len(ids) * rng.random() ** 2)], rng.choice(ids), weight(rng)))
    return edges


def text_of(rng, edges, plain=False):
    lines = []
    for a, b, w in edges:
        blank = rng.choice([b" ", b"\t", b"  ", b" \t"])
        more = [b"", b" ", b"\r", b" and more"]
        lines.append(a + blank + b + blank + str(w).encode() + (b"" if plain else rng.choice(more)))
        while not plain and rng.random() < 0.2:
            lines.append(rng.choice([b"# 1 2 3", b"", b"   ", b"#", b"\r"]))
        if not plain and rng.random() < 0.05:
            lines[-1] = b" " + lines[-1]
    return b"\n".join(lines) + (b"\n" if rng.random() < 0.5 else b"")


def integer(rng):
    return rng.choice([0, 1, 1, 5, rng.randint(0, 1000)])


def any_number(rng):
    return rng.choice([integer(rng), 0.5, 0.0, rng.random(), 1e300, 3.0, 1e-20])


class Graphs(drive.Case):
    def setUp(self):
        super().setUp()
        self.turn = 0

    def run_next(self, args):
        """At the next point of the grid."""
        ranks, threads, block = POINTS[self.turn % len(POINTS)]
        self.turn += 1
        more = ["--threads", threads] + (["--block", block] if block else [])
        return self.good(list(args) + more, ranks)

    def everywhere(self, args):
        """The same bytes at all points; gives them."""
        first = None
        for ranks, threads, block in POINTS:
            more = ["--threads", threads] + (["--block", block] if block else [])
            got = self.good(list(args) + more, ranks)
            first = got if first is None else first
            self.same(got, first, f"{args} {more} at {ranks} ranks")
        return first

    def graphs(self, seed, weight=integer, count=1):
        """`count` graphs of each kind, in g.txt; at times in two files."""
        for i in range(count * len(KINDS)):
            rng = random.Random(seed * 1000 + i)
            kind = KINDS[i % len(KINDS)]
            edges = random_edges(rng, kind, weight)
            half = rng.choice([len(edges), len(edges) // 2])
            self.write("g.txt", text_of(rng, edges[:half]))
            self.write("h.txt", text_of(rng, edges[half:]))
            yield rng, edges, Graph(edges), f"{kind.__name__} {i}"

    def test_components(self):
        for _, _, graph, name in self.graphs(1, count=2):
            got = self.run_next(["components", "g.txt", "h.txt"])
            self.same(got, graph.components(), name)

    def test_triangles(self):
        for _, _, graph, name in self.graphs(2, count=2):
            self.same(self.run_next(["triangles", "g.txt", "h.txt"]), graph.triangles(), name)

    def test_sssp(self):
        for weight in (integer, any_number):
            for rng, edges, graph, name in self.graphs(3, weight):
                if not edges:
                    continue
                source = rng.choice(edges)[0]
                got = self.run_next(["sssp", "--source=" + os.fsdecode(source), "g.txt", "h.txt"])
                self.same(got, graph.sssp(source), name)

    def ranks_of(self, got, graph, name):
        rows = [row.split(b"\t") for row in got.splitlines()]
        self.assertEqual([row[0] for row in rows], [graph.show(v) for v in graph.vertices], name)
        return [float(row[1]) for row in rows]

    def test_pagerank(self):
        for rng, edges, graph, name in self.graphs(4, count=2):
            damping = rng.choice([0.85, 0.85, 0.5, 0.0, 0.99])
            steps = rng.choice([1, 2, 20])
            asked = ["pagerank", "--damping", damping, "g.txt", "h.txt"]
            if not edges:
                self.assertEqual(self.run_next(asked), b"")
                continue
            short = ["--iterations", steps, "--tolerance", 0]
            for options, iterations in ((short, steps), ([], 3000)):
                got = self.ranks_of(self.run_next(asked + options), graph, name)
                self.assertAlmostEqual(sum(got), 1, places=12, msg=name)
                for a, b in zip(got, graph.pagerank(damping, iterations)):
                    self.assertAlmostEqual(a, b, delta=1e-13 if options else 1.5e-10 / (1 - damping))

    def test_tolerance(self):
        """Where iterations stop is said by the change that they make."""
        rng = random.Random(5)
        edges = [(b"%d" % int(40 * rng.random() ** 3), b"%d" % rng.randint(0, 40), 1) for _ in range(150)]
        self.write("g.txt", text_of(rng, edges))
        graph = Graph(edges)
        ranks = [graph.pagerank(0.85, i) for i in range(60)]
        change = [sum(abs(a - b) for a, b in zip(x, y)) for x, y in zip(ranks, ranks[1:])]
        for tolerance in (1e-1, 1e-3, 1e-6):
            stop = next(i for i, c in enumerate(change) if c <= tolerance) + 1
            got = self.run_next(["pagerank", "--tolerance", tolerance, "g.txt"])
            for a, b in zip(self.ranks_of(got, graph, tolerance), ranks[stop]):
                self.assertAlmostEqual(a, b, delta=1e-14, msg=(tolerance, stop))

    def test_same_everywhere(self):
        """Ranks, threads and blocks leave no trace, not even in the last bit."""
        for number, kind in enumerate((small, far_apart, words)):
            rng = random.Random(number)
            ids = kind(rng, 300)
            edges = [(rng.choice(ids[:60]), rng.choice(ids), any_number(rng)) for _ in range(900)]
            self.write("g.txt", text_of(rng, edges))
            graph = Graph(edges)
            self.same(self.everywhere(["components", "g.txt"]), graph.components())
            source = edges[0][0]
            asked = ["sssp", "--source=" + os.fsdecode(source), "g.txt"]
            self.same(self.everywhere(asked), graph.sssp(source))
            self.everywhere(["pagerank", "g.txt"])

    def test_inputs(self):
        """A pipe and a compressed file can be read once only."""
        rng = random.Random(6)
        for kind in (small, huge, words, mixed):
            edges = random_edges(rng, kind, integer) + [(b"1", b"2", 0)]
            text = text_of(rng, edges)
            want = Graph(edges).components()
            self.same(self.good(["components", "-"], data=text), want)
            self.write("g.gz", gzip.compress(text))
            self.same(self.good(["components", "g.gz"], 2), want)

    def test_empty(self):
        for name, text in (("nothing", ""), ("comments", "# 1 2\n\n  # 3\n")):
            self.write(name, text)
            for ranks in (0, 3):
                self.assertEqual(self.good(["components", name], ranks), b"")
                self.assertEqual(self.good(["pagerank", name], ranks), b"")
                self.assertEqual(self.good(["triangles", name], ranks), b"0\n")
                self.bad(3, "--source 1", ["sssp", "--source", "1", name], ranks)

    def test_formats(self):
        self.write("g.txt", "a b 1\nb c 2\nc a 4\n")
        self.assertEqual(self.good(["triangles", "-f", "csv", "g.txt"]), b"triangles\n1\n")
        got = self.good(["components", "-f", "csv", "g.txt"])
        self.assertEqual(got, b"vertex,component\na,a\nb,a\nc,a\n")
        got = self.good(["sssp", "--source", "a", "-f", "json", "g.txt"])
        self.assertEqual(got.splitlines()[1], b'{"vertex":"b","distance":1}')

    def test_wrong_input(self):
        lines = "1 2 3\n" * 1000
        for line, naming in (("4\n", "'4'"), ("4 5\n", "weight"), ("4 5 x\n", "'4 5 x'")):
            self.write("g.txt", lines + line + lines)
            for ranks in (0, 3):
                asked = ["sssp", "--source", "1", "--block", "64", "g.txt"]
                told = self.bad(3, naming, asked, ranks)
                self.assertIn("g.txt at byte 6000", told)
        for weight in ("-1", "-0.5", "nan", "inf", "1e999"):
            self.write("g.txt", lines + f"4 5 {weight}\n")
            self.bad(3, "byte 6000", ["sssp", "--source", "1", "g.txt"])
        self.write("g.txt", "a b\nc\n")
        for app in ("components", "pagerank", "triangles"):
            self.bad(3, "g.txt at byte 4", [app, "g.txt"], 2)

    def test_wrong_options(self):
        self.write("g.txt", "1 2 3\n")
        for source in ("3", "x", "-1", str(2**63), "1.0"):
            self.bad(3, source, ["sssp", f"--source={source}", "g.txt"], 2)
        self.bad(2, "--damping", ["pagerank", "--damping", "1", "g.txt"])
        self.bad(2, "--damping", ["pagerank", "--damping", "nan", "g.txt"])
        self.bad(2, "--tolerance", ["pagerank", "--tolerance", "-1", "g.txt"])
        self.bad(2, "--iterations", ["pagerank", "--iterations", "0", "g.txt"])
        self.bad(2, "--scale", ["rmat", "--scale", "63", "--edges", "1"])
        self.bad(2, "--edges", ["rmat", "--scale", "6", "--edges", "-1"])
        self.bad(2, "--a", ["rmat", "--scale", "6", "--edges", "1", "--a", "0.9"])

    def test_large_distances(self):
        most = 2**63 - 2
        self.write("g.txt", f"1 2 {most}\n2 3 0\n")
        want = f"1\t0\n2\t{most}\n3\t{most}\n".encode()
        self.assertEqual(self.good(["sssp", "--source", "1", "g.txt"], 2), want)
        self.write("g.txt", f"1 2 {most}\n2 3 1\n")
        self.bad(3, "too large", ["sssp", "--source", "1", "g.txt"], 2)
        self.write("g.txt", f"1 2 {most}\n2 3 1\n1 3 5\n4 1 {most}\n")
        self.assertIn(b"3\t5\n", self.good(["sssp", "--source", "1", "g.txt"]))

    def test_rmat(self):
        asked = ["rmat", "--scale", 10, "--edges", 5000, "--seed", 3]
        rows = [line.split(b"\t") for line in self.everywhere(asked).splitlines()]
        self.assertEqual(len(rows), 5000)
        self.assertTrue(all(0 <= int(end) < 1024 for row in rows for end in row))
        self.assertTrue(all(len(row) == 2 for row in rows))
        # Each bit of both ends falls into a quarter with its probability.
        quarters = collections.Counter()
        for a, b in rows:
            for bit in range(10):
                quarters[int(a) >> bit & 1, int(b) >> bit & 1] += 1
        for quarter, wanted in (((0, 0), 0.57), ((0, 1), 0.19), ((1, 0), 0.19), ((1, 1), 0.05)):
            self.assertAlmostEqual(quarters[quarter] / 50000, wanted, delta=0.01)
        # Fewer edges of the same seed are the first of them; another seed's are others.
        fewer = self.good(asked[:4] + [700] + asked[5:]).splitlines()
        self.assertEqual(fewer, [b"\t".join(row) for row in rows[:700]])
        self.assertNotEqual(self.good(asked[:-1] + [4]).splitlines()[:700], fewer)
        self.assertEqual(self.good(["rmat", "--scale", 5, "--edges", 0]), b"")
        weighted = [line.split(b"\t") for line in self.good(asked + ["--weights", 6]).splitlines()]
        self.assertEqual([row[:2] for row in weighted], rows)
        self.assertEqual({int(row[2]) for row in weighted}, set(range(1, 7)))

    def serial(self, *args):
        return subprocess.run(
            [SERIAL, *args], cwd=self.folder, stdout=subprocess.PIPE, check=True
        ).stdout

    def test_larger(self):
        """A graph with hubs, where threads meet."""
        self.write("g.txt", self.good(["rmat", "--scale", 13, "--edges", 150000, "--weights", 1000]))
        for app, options in (("components", []), ("triangles", []), ("sssp", ["--source", "3"])):
            wanted = self.serial(app, "g.txt", *options[1:])
            for ranks in (0, 2, 3):
                got = self.good([app] + options + ["g.txt"], ranks)
                self.same(got, wanted, f"{app} at {ranks} ranks")
        ranked = ["pagerank", "--iterations", "20", "--tolerance", "0", "g.txt"]
        got = self.good(ranked)
        self.same(self.good(ranked, 3), got)
        for a, b in zip(got.splitlines(), self.serial("pagerank", "g.txt", "20").splitlines()):
            self.assertEqual(a.split(b"\t")[0], b.split(b"\t")[0])
            self.assertAlmostEqual(float(a.split(b"\t")[1]), float(b.split(b"\t")[1]), delta=1e-14)

    def test_little_memory(self):
        """Lists that do not fit are made part by part, or not at all."""
        self.write("g.txt", self.good(["rmat", "--scale", 17, "--edges", 2000000, "--weights", 9]))
        for app, memory, ranks in (
            (["components"], "20M", 2),
            (["pagerank"], "22M", 0),
            (["triangles"], "20M", 0),
            (["sssp", "--source=3"], "26M", 0),
        ):
            wanted = self.good(app + ["g.txt"])
            asked = app + ["--memory", memory, "--report", "r.json", "--threads", "1", "g.txt"]
            self.same(self.good(asked, ranks), wanted, f"{app} at {ranks} ranks")
            counters = json.loads(self.read("r.json"))["counters"]
            if app[0] == "sssp":
                self.assertGreater(counters.get("parts of lists", 0), 1, app)
        self.full_disk(["components"], ["triangles"], ["pagerank"], ["sssp", "--source=3"])

    def full_disk(self, *apps):
        """A scratch disk that has no room is one error, and no result."""
        small = self.path("small")
        os.mkdir(small)
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", small]
        if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            return
        try:
            for n, app in enumerate(apps):
                more = ["--memory", "20M", "--scratch", small, "-o", "out.tsv", "g.txt"]
                self.bad(4, "scratch", app + more, (0, 2)[n % 2])
                self.assertNotIn("out.tsv", self.visible())
        finally:
            subprocess.run(["umount", small], check=True)

    def test_no_room(self):
        """Vertices have to fit; how much they need is told."""
        self.write("g.txt", self.good(["rmat", "--scale", 18, "--edges", 300000]))
        for app in ("pagerank", "components"):
            told = self.bad(5, "needs", [app, "--memory", "1M", "g.txt"], 2)
            self.assertIn("--memory", told)


if __name__ == "__main__":
    SERIAL = os.path.abspath(sys.argv.pop(2))
    drive.main()
