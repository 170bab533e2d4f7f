"""sets/memory.py: far more data than memory: the same results as with enough of it, and the resident
set of each rank stays within 1.25 times the budget and a constant: what a job without data takes,
and what MPI and the C library keep of what went through their hands."""

import collections
import json
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""
MIB = 1 << 20
KEPT = 6 * MIB
PASSIVE = {"OMP_WAIT_POLICY": "passive"}

# Each makes several times as many bytes of pairs as any of the budgets below.
PROGRAMS = {
    "reduce": "range n=6000000 keys=900000 to=local; reduce how=sum consume=1; write as=text",
    "sort": "range n=3000000 keys=900000 key=fixed value=i64; sort consume=1; write",
    "by_value": "range n=700000 keys=900000 key=bytes value=bytes data=zipf; sort by=value; write",
    "compare": "range n=600000 key=bytes value=bytes; sort by=compare descending=1; write",
    "index": "range n=900000 data=two value=bytes ordered=1; index; write as=index value=bytes",
    "fold": "range n=900000 keys=900000 key=bytes fold=stats; write",
    "one_key": "range n=3000000 data=equal value=bytes; reduce how=hash value=bytes; write",
    "in_order": "range n=900000 data=zipf ordered=1; reduce how=hash value=bytes same=1; write",
    "distinct": "range n=2000000 keys=900 numbers=900 key=bytes; distinct; write",
    "join": "range n=900000 keys=900000; range n=900000 seed=7 keys=900000 value=bytes; "
            "join how=full value=bytes; write",
    "join_hot": "range n=30 data=equal; range n=90000 data=equal value=bytes; "
                "join how=inner value=bytes; count; write",
    "many": "range n=300000; range n=300000 seed=2; union; range n=300000 seed=3; union; "
            "range n=900000 seed=4; swap; top count=100000 by=value; union; write",
}


class Case(drive.Case):
    def report(self, args, ranks, memory):
        """What each rank tells of itself."""
        self.good(args + ["-m", memory, "--report", "report.json"], ranks, timeout=120, env=PASSIVE)
        return json.loads(self.read("report.json"))["ranks"]

    def within(self, ranks, memory, constant, told):
        for rank in ranks:
            self.assertLessEqual(rank["memory_peak"], memory * MIB, told)
            self.assertLessEqual(rank["rss_peak"] - constant, 1.25 * memory * MIB, told)


class Operators(Case):
    def run_programs(self, names, ranks, memory, threads=2):
        self.write("programs", "".join(f"{name}: {PROGRAMS[name]}\n" for name in names))
        folder = f"out{ranks}_{memory}_{''.join(names[:1])}"
        os.mkdir(self.path(folder))
        return folder, self.report(
            [os.path.join(PLUGINS, "sets_operators.so"), "--programs", "programs", "--folder",
             folder, "-t", threads], ranks, f"{memory}M")

    def test_budget(self):
        everything, _ = self.run_programs(list(PROGRAMS), 0, 4096)
        for ranks, memory in ((0, 16), (2, 12), (3, 12)):
            _, empty = self.run_programs([], ranks, memory)
            constant = max(rank["rss_peak"] for rank in empty) + KEPT
            for name in PROGRAMS:
                told = f"{name} at {ranks} ranks with {memory} MiB"
                with self.subTest(told):
                    folder, report = self.run_programs([name], ranks, memory)
                    self.within(report, memory, constant, told)
                    self.same(self.read(f"{folder}/{name}.tsv"),
                              self.read(f"{everything}/{name}.tsv"), told)
                    self.assertGreater(sum(rank["spilled"] for rank in report), 0, told)


class Words(Case):
    """A folded job whose keys do not fit, and lines that do not."""

    def setUp(self):
        super().setUp()
        some = random.Random(5)
        usual = [f"{some.getrandbits(20):x}" for _ in range(3000)]
        self.lines = [" ".join(f"{some.getrandbits(80):x}" if some.random() < 0.8
                               else some.choice(usual) for _ in range(10)) for _ in range(60000)]
        self.write("words.txt", "\n".join(self.lines) + "\n")
        counts = collections.Counter(word for line in self.lines for word in line.split())
        self.rows = sorted(counts.items())

    def tsv(self, rows):
        return "".join(f"{word}\t{count}\n" for word, count in rows).encode()

    def test_words(self):
        """More threads than one and more ranks: nobody may wait for who waits for it."""
        ways = {
            (): self.rows,
            ("--reverse",): self.rows[::-1],
            ("--sort", "value", "--reverse"): sorted(self.rows, key=lambda row: (-row[1], row[0])),
            ("--sort", "value", "--top", "100"): sorted(self.rows, key=lambda row: row[1])[:100],
        }
        points = ((0, 2), (2, 4), (2, 2), (3, 2), (4, 1))
        for i, (ranks, threads) in enumerate(points):
            way = list(ways)[i % len(ways)]
            out = self.good(["wordcount", "-t", threads, "-m", "24M", *way, "words.txt"], ranks,
                            timeout=120, env=PASSIVE)
            self.same(out, self.tsv(ways[way]), f"{way} at {ranks} ranks, {threads} threads")

    def test_lines(self):
        want = "".join(line + "\n" for line in self.lines if "a" in line).encode() * 4
        for ranks in (0, 2):
            args = ["grep", "--pattern", "a", "-t", "2", "-o", f"lines{ranks}"] + 4 * ["words.txt"]
            report = self.report(args, ranks, "16M")
            self.same(self.read(f"lines{ranks}"), want, f"lines at {ranks} ranks")
            self.assertGreater(sum(rank["spilled"] for rank in report), 0)


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop())
    drive.main()
