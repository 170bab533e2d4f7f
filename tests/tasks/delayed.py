"""tasks/delayed.py: graphs of tasks against a plain loop over the same lines, and the app delayed."""

import json
import os
import random
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGIN = ""
EVERYWHERE = ((0, 2, 0), (1, 1, 0), (2, 1, 1), (3, 2, -1), (4, 1, 3))


# ---- Random graphs, and what is to come of them ----


class Graph:
    """Lines for the plugin, and what a plain loop makes of the same."""

    def __init__(self, chance, eager):
        self.chance = chance
        self.eager = eager
        self.lines = [f"graph {'eager' if eager else 'lazy'}"]
        self.want = []
        self.names = []  # t0, t1, ... of the lines: which task each is; keys make some the same
        self.values, self.arguments, self.before, self.keeps, self.keys = [], [], [], [], {}
        self.there, self.has_run, self.runs = set(), set(), 0

    def add(self):
        key = f"k{self.chance.randrange(30)}" if self.chance.random() < 0.2 else "-"
        keep = self.chance.random() < 0.2
        kind = self.chance.choice(("mix", "mix", "mix", "slow") + (("large",) if self.chance.random() < 0.1 else ()))
        arguments = []
        for _ in range(self.chance.randrange(4)):
            if self.names and self.chance.random() < 0.8:
                arguments.append(f"t{self.chance.randrange(max(0, len(self.names) - 15), len(self.names))}")
            else:
                arguments.append(str(self.chance.randrange(1000)))
        if key in self.keys:
            kind = self.keys[key][1]
        cost = self.chance.choice((0, 0, 1, 0.5))
        self.lines.append(f"add {kind} {key} {cost} {'keep' if keep else '-'} {' '.join(arguments)}")
        if key in self.keys:
            task = self.keys[key][0]
            self.keeps[task] |= keep
        else:
            task = self.new(arguments, keep)
            self.keys[key] = (task, kind)
            self.keys.pop("-", None)
        self.names.append(task)

    def new(self, arguments, keep):
        value, needs = 17, []
        for word in arguments:
            task = self.names[int(word[1:])] if word[0] == "t" else None
            needs += [] if task is None else [task]
            value = (value * 31 + (int(word) if task is None else self.values[task])) % 1000000007
        self.values.append(value)
        self.arguments.append(needs)
        self.before.append([])
        self.keeps.append(keep)
        return len(self.values) - 1

    def order(self):
        first, second = sorted(self.chance.sample(range(len(self.names)), 2), key=lambda t: self.names[t])
        if self.names[first] == self.names[second] or self.names[second] in self.has_run:
            return
        self.lines.append(f"order t{first} t{second}")
        self.before[self.names[second]].append(self.names[first])

    def run(self, wanted=None):
        """`wanted`: names; None: all that is kept."""
        for name in wanted or ():
            self.keeps[self.names[name]] = True
        roots = [self.names[name] for name in wanted] if wanted else [t for t, keep in enumerate(self.keeps) if keep]
        self.lines.append("run " + (" ".join(f"t{name}" for name in wanted) if wanted else "all"))
        self.want.append("run 0")
        needed, stack = set(), roots
        while stack:
            task = stack.pop()
            if task in needed or task in self.there:
                continue
            needed.add(task)
            stack += [t for t in self.arguments[task]]
            stack += [t for t in self.before[task] if t not in self.has_run]
        self.runs += len(needed)
        self.has_run |= needed
        self.there |= {task for task in needed if self.keeps[task]}
        if self.eager:
            self.has_run |= set(range(len(self.values)))
            self.there |= {task for task, keep in enumerate(self.keeps) if keep}
        for name, task in enumerate(self.names):
            if self.keeps[task] and task in self.there:
                self.lines.append(f"get t{name}")
                self.want.append(f"get {self.values[task]}")


def random_graph(chance, eager):
    graph = Graph(chance, eager)
    for _ in range(chance.randrange(1, 4)):
        for _ in range(chance.randrange(2, 40)):
            graph.add()
        if not eager:
            for _ in range(chance.randrange(4)):
                graph.order()
        if chance.random() < 0.3:
            graph.run(chance.sample(range(len(graph.names)), min(3, len(graph.names))))
        else:
            graph.run()
    return graph


class Case(drive.Case):
    def tell(self, lines, ranks=0, threads=1, rank=0, more=()):
        self.write("lines", "\n".join(lines) + "\n")
        return [PLUGIN, "--file", "lines", "--rank", rank, "--threads", threads, *more]

    def out(self, lines, ranks=0, threads=1, rank=0, more=()):
        return self.good(self.tell(lines, ranks, threads, rank, more), ranks).decode().splitlines()


class Random(Case):
    def test_lazy(self):
        for number, (ranks, threads, rank) in enumerate(EVERYWHERE):
            chance = random.Random(number)
            graphs = [random_graph(chance, False) for _ in range(60)]
            got = self.out([line for graph in graphs for line in graph.lines], ranks, threads, rank)
            self.assertEqual(got[:-1], [line for graph in graphs for line in graph.want])
            times = max(1, ranks) if rank < 0 else 1
            self.assertEqual(got[-1], f"ran {sum(graph.runs for graph in graphs) * times}")

    def test_eager(self):
        for number, (ranks, threads, rank) in enumerate(EVERYWHERE):
            chance = random.Random(1000 + number)
            graphs = [random_graph(chance, True) for _ in range(60)]
            got = self.out([line for graph in graphs for line in graph.lines], ranks, threads, rank)
            self.assertEqual(got[:-1], [line for graph in graphs for line in graph.want])
            self.assertGreaterEqual(int(got[-1].split()[1]), sum(len(graph.values) for graph in graphs))


class Nested(Case):
    def test_graphs_in_tasks(self):
        """Each task of the graph runs another graph; workers work on these meanwhile."""
        for ranks, threads in ((0, 1), (2, 1)):
            graph = Graph(random.Random(5), False)
            for _ in range(30):
                graph.add()
            graph.run()
            lines = [re.sub("^add (mix|slow|large) ", "add nest ", line) for line in graph.lines]
            self.assertEqual(self.out(lines, ranks, threads)[:-1], graph.want)


class Wrong(Case):
    LINES = ["graph lazy", "add mix a 0 - 1", "add mix - 0 - t0", "add mix c 0 - t1", "add mix - 0 keep t2"]

    def test_failure(self):
        for how, places in (("lazy", EVERYWHERE[1:3]), ("eager", EVERYWHERE[2:])):
            for ranks, threads, rank in places:
                lines = [f"graph {how}"] + ["add slow - 0 keep 1"] * 40
                lines += ["add fail bad 0 - t7", "add mix - 0 keep t40", "run all"]
                told = self.bad(3, 'graph told failed: fail "bad" on rank ', self.tell(lines, ranks, threads, rank), ranks)
                self.assertRegex(told, r" on rank \d \([^)]+\): it is a bad one$")

    def test_circle(self):
        for ranks, how in ((2, "lazy"), (3, "eager")):
            lines = [f"graph {how}"] + self.LINES[1:] + ["order t3 t1", "run all"]
            if how == "eager":  # what has begun can't be put off: let it wait for something slow
                lines[1:2] = ["add slow s 0 - 1"] + ["add slow - 0 - " + f"t{i}" for i in range(200)] + ["add mix a 0 - t200"]
                shift = lambda line: re.sub(r"t(\d+)", lambda m: f"t{int(m[1]) + 201}", line)
                lines[202:] = [shift(line) for line in lines[202:]]
                lines[202] = "add mix a 0 - t200"
            told = self.bad(2, "circle of 3 tasks: graph told: ", self.tell(lines), ranks)
            self.assertIn('mix "c" -> ', told)

    def test_key_of_two(self):
        lines = ["graph lazy", "add mix a 0 - 1", "add slow a 0 - 1"]
        self.bad(2, "same key, other function: a: it is one of mix and of slow", self.tell(lines), 2)

    def test_no_result(self):
        lines = self.LINES + ["run all", "get t1"]
        self.bad(2, "no result: graph told: mix 1: ", self.tell(lines), 2)

    def test_too_large(self):
        lines = ["graph lazy"] + ["add large - 0 keep 1"] * 300 + ["run all"]
        self.bad(5, "memory", self.tell(lines, more=("--memory", "64M")), 2)


class First(Case):
    def test_chain_before_leaves(self):
        """Two workers; leaves are added, and wanted, before the chain."""
        leaves, length = 40, 20
        lines = ["graph lazy"] + ["add stamp - 1 keep 1"] * leaves + ["add stamp - 1 keep 1"]
        lines += [f"add stamp - 1 keep t{leaves + i}" for i in range(length - 1)]
        for ranks, threads in ((0, 2), (2, 1)):
            got = self.out(lines + ["run all", "starts"], ranks, threads)
            starts = [int(line.split()[1]) for line in got if line.startswith("start ")]
            self.assertEqual(sorted(starts), list(range(leaves + length)))
            chain = [starts.index(leaves + i) for i in range(length)]
            self.assertLess(chain[0], 8)  # not behind 40 leaves, and the rest of it likewise
            self.assertLess(chain[length // 2], leaves)


class Lean(Case):
    def tree(self, leaves):
        lines, level, count = ["graph lazy"], list(range(leaves)), leaves
        lines += [f"add large - 0 - {i}" for i in range(leaves)]
        while len(level) > 1:
            above = []
            for left, right in zip(level[::2], level[1::2]):
                keep = "keep" if len(level) == 2 else "-"
                lines.append(f"add large - 0 {keep} t{left} t{right}")
                above.append(count)
                count += 1
            level = above
        return lines

    def test_results_do_not_pile_up(self):
        chain = ["graph lazy", "add large - 0 - 1"]
        chain += [f"add large - 0 {'keep' if i == 399 else '-'} t{i}" for i in range(400)]
        for ranks, threads in ((0, 2), (2, 1), (3, 1)):
            for lines, most in ((self.tree(256), 45), (chain, 3)):
                self.write("report.json", "")
                os.remove(self.path("report.json"))
                got = self.out(lines + ["run all", "path"], ranks, threads, 0, ("--memory", "160M", "--report", "report.json"))
                self.assertEqual(got[0], "run 0")
                graphs = json.loads(self.read("report.json"))["graphs"]
                graph = graphs[0] if isinstance(graphs, list) else graphs
                self.assertEqual(graph["tasks"], len(lines) - 1)
                self.assertEqual(graph["ran"], len(lines) - 1)
                self.assertEqual(graph["again"], 0)
                self.assertLessEqual(graph["most_results"], most)
                self.assertEqual(graph["chain"]["tasks"], 9 if most > 3 else 401)
                self.assertRegex(got[1], rf"graph told: {len(lines) - 1} tasks ran in .* longest chain: {graph['chain']['tasks']} of them, .* s, \d+% of the time: large \(")


# ---- The app ----


def parse_dot(text):
    """A small reader of DOT: names of nodes with their labels, and edges."""
    self_line = re.compile(r'\s*(\w+) \[label="((?:[^"\\]|\\.)*)"(?:, \w+=\w+)*\];')
    edge_line = re.compile(r"\s*(\w+) -> (\w+)(?: \[\w+=\w+\])?;")
    lines = text.splitlines()
    assert re.fullmatch(r'digraph "(?:[^"\\]|\\.)*" \{', lines[0]), lines[0]
    assert re.fullmatch(r"\s*node \[\w+=\w+\];", lines[1]) and lines[-1] == "}", lines
    nodes, edges = {}, []
    for line in lines[2:-1]:
        node, edge = self_line.fullmatch(line), edge_line.fullmatch(line)
        assert node or edge, line
        if node:
            nodes[node[1]] = node[2]
        else:
            edges.append((edge[1], edge[2]))
    assert all(name in nodes for edge in edges for name in edge)
    return nodes, edges


class App(drive.Case):
    def test_sum(self):
        for ranks in (0,) + drive.RANKS:
            self.same(self.good(["delayed", "--threads", 1 + ranks % 2], ranks), b"100\n")
        for count, ranks in ((1, 0), (5000, 2), (777, drive.MANY_RANKS)):
            self.same(self.good(["delayed", "--count", count], ranks), b"%d\n" % (count * count))

    def dry(self, count, ranks):
        result = self.run_mapred(["delayed", "--dry-run", "--count", count], ranks)
        self.assertEqual(result.code, 0)
        return result.out.decode()

    def test_picture(self):
        for ranks, count in ((0, 10), (3, 77)):
            nodes, edges = parse_dot(self.dry(count, ranks))
            self.assertEqual(sorted(nodes.values()), ["add"] * count + ["sum"])
            total = next(name for name, label in nodes.items() if label == "sum")
            self.assertEqual(sorted(edges), sorted((name, total) for name in nodes if name != total))

    def test_output(self):
        self.same(self.good(["delayed", "-o", "sum"], 2), b"")
        self.same(self.read("sum"), b"100\n")

    def test_told(self):
        told = self.run_mapred(["delayed", "-v"], 2).err.decode()
        self.assertRegex(told, r"mapred: graph delayed: 11 tasks ran in .* longest chain: 2 of them, .* add \d \S+ s, sum 10 \S+ s\n")

    def test_wrong_options(self):
        self.bad(2, "--count", ["delayed", "--count", "0"], 2)
        self.bad(2, "input", ["delayed", "file"])


if __name__ == "__main__":
    PLUGIN = os.path.join(os.path.abspath(sys.argv.pop(2)), "tasks_delayed.so")
    drive.main()
