"""sets/operators.py: each operator of sets against an oracle in python3, with the same bytes for any
number of ranks and threads, any size of blocks, with stealing and without, in memory and on disk."""

import itertools
import os
import random
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive
import oracle
from chains import DATA, JOINS, KEYS, SPREADS, VALUES, chains

PLUGINS = ""

# What has to make no difference. On disk: a set that nobody looks at takes most of the memory.
GRID = {
    "ranks": (1, 2, 3, 4, 7),
    "threads": (1, 2),
    "block": ("100", "4K", "256K"),
    "steal": (True, False),
    "spill": (True, False),
}

CHAINS = 24


# What a driver must not do, and what is said then.
MISTAKES = {
    "range n=10; map how=few ordered=1; write": "ordered, and made from one that is not",
    "range n=10; reduce how=rekey key=i64 value=bytes same=1; write": "another key than the kernel",
    "range n=10; reduce how=hash key=u64 value=u64; write": "a value of 18 bytes in a set of 8",
    "range n=10; map how=keep key=fixed; reduce how=hash key=u64 value=bytes; write":
        "a key of 10 bytes in a set of 8",
    "range n=10; range n=10 key=i64; join how=inner value=bytes; write": "of different kinds",
    "range n=10; range n=10 value=i64; union; write": "pairs of different shapes",
    "range n=10 value=bytes; fold fold=sum; write": "are not what",
    "range n=10; range n=10; spread to=range like=1; write": "cannot have the ranges",
    "range n=10; top count=5; range n=10; spread to=range like=1; write": "cannot have the ranges",
    "range n=10 key=i64 to=range; range n=10; spread to=range like=1; write":
        "cannot have the ranges",
    "range n=10 fold=sum_f64; fold fold=sum; write": "are not what",
    "input n=1 path=/no/such/file; write": "/no/such/file",
    "range n=9; write own=1; range n=9; write own=1": "written twice",
}


def pairs_of(point):
    return set(itertools.combinations(sorted(point.items(), key=lambda item: item[0]), 2))


def points(seed):
    """Few points of the grid, among which each value of a dimension meets each of another one."""
    some = random.Random(seed)
    every = [dict(zip(GRID, values)) for values in itertools.product(*GRID.values())]
    missing = set().union(*map(pairs_of, every))
    while missing:
        some.shuffle(every)
        best = max(every, key=lambda point: len(pairs_of(point) & missing))
        missing -= pairs_of(best)
        yield best


def programs():
    """A name and a program each."""
    made = {}

    def add(name, text):
        made[name] = text

    for i, key in enumerate(KEYS):
        value, data = VALUES[i % 6], DATA[i % 6]
        shape = f"key={key} value={value}"
        add(f"range_{key}", f"range n=3000 {shape} data={data}; write")
        add(f"memory_{key}", f"memory n=2000 {shape} ordered=1 to=local; write consume=1")
        add(f"distinct_{key}", f"range n=3000 keys=40 numbers=30 {shape}; distinct; write")
    for i, value in enumerate(VALUES):
        key, data = KEYS[(i + 2) % 7], DATA[(i + 3) % 6]
        shape = f"key={key} value={value}"
        add(f"input_{value}", f"input {shape} {{input}} ordered={i % 2}; write")
        add(f"values_{value}", f"range n=4000 {shape} data={data} ordered=1; "
            f"reduce key={key} value=bytes how=hash values=value same=1; write")
        add(f"stable_{value}", f"range n=4000 {shape} data={data} ordered={i % 2} numbers=50; "
            f"reduce key={key} value=bytes how=hash consume=1; write")
        add(f"sort_value_{value}", f"range n=4000 {shape} numbers=90 ordered={i % 2}; "
            f"sort by=value descending={i // 2 % 2}; write")
    for i, data in enumerate(DATA):
        for by in ("key", "value", "compare"):
            add(f"sort_{by}_{data}", f"range n=5000 data={data} value=bytes ordered={i % 2}; "
                f"sort by={by} descending={(i + len(by)) % 2} consume={i % 2}; write")
        add(f"sorted_{data}", f"input {{{data}}} key=fixed value=i64 to=range ordered={(i + 1) % 2} "
            f"sorted={('key', 'value', 'compare')[i % 3]} descending={i // 3}; write")
        add(f"input_range_{data}", f"input {{{data}}} key=bytes value=fixed to=range; "
            "reduce key=bytes value=bytes same=1; write")
        add(f"placed_{data}", f"range n=4000 data={data} to=local; spread to={spread_of(i)}; "
            "map how=rank to=local; distinct; count; write")
        add(f"two_{data}", f"range n=4000 data={data} to={spread_of(i)}; "
            "filter modulus=2 rest=0; reduce how=two; write")
    for how in JOINS:
        add(f"join_{how}", "range n=900 keys=500 numbers=99 key=bytes value=u64; "
            "range n=700 keys=600 numbers=99 seed=5 key=bytes value=bytes to=local; "
            f"join how={how} key=bytes value=bytes; write")
        add(f"join_{how}_same", "range n=60 data=zipf keys=9 ordered=1; "
            "range n=500 data=zipf keys=12 seed=9 value=i64 to=local; "
            f"join how={how} value=bytes same=1 ordered=1 consume=1; write")
    add("join_self", "range n=300 data=zipf ordered=1; dup; join how=inner value=bytes; write")
    for spread in SPREADS:
        add(f"cogroup_{spread}", f"range n=2000 to=local key=i64 value=i64; spread to={spread}; "
            "range n=1500 seed=4 keys=400 key=i64 value=bytes ordered=1; "
            "cogroup key=i64 value=bytes same=1; write")
        add(f"map_{spread}", f"range n=2000 ordered=1; map how=more to={spread} ordered=1 "
            "value=bytes; reduce value=bytes how=hash; write")
        add(f"filter_{spread}", f"range n=2000 key=f64 value=f64; spread to={spread}; filter; "
            "sample fraction=1; write")
        add(f"union_{spread}", f"range n=1000 to=local value=bytes; spread to={spread}; "
            "range n=800 seed=3 value=bytes; union; write")
        add(f"reduce_{spread}", f"range n=2000 data=zipf; reduce how=rekey key=i64 value=bytes "
            f"to={spread} consume=1; write")
    add("cogroup_like", "range n=2000 to=local key=fixed value=i64; spread to=range; "
        "range n=500 key=fixed value=none to=local seed=4; spread to=range like=1; "
        "cogroup key=fixed value=bytes; write")
    add("map_swap", "memory n=1500; map how=swap key=i64 value=f64; write")
    add("look", "range n=3000 data=zipf to=local; look; write")
    add("each", "range n=3000 data=zipf to=local; each values=value; write")
    for shape in ("key=u64 value=u64", "key=bytes value=bytes", "key=fixed value=none ordered=1"):
        add("count_" + shape.split()[0][4:], f"range n=3000 {shape}; count; write")
    add("rekey", "range n=3000 data=zipf ordered=1; "
        "reduce how=rekey key=i64 value=bytes ordered=1; write")
    add("all", "range n=2000 data=zipf ordered=1; reduce how=all ordered=1 same=1; write")
    add("sum_any", "range n=4000 data=zipf; reduce how=sum values=any same=1; write")
    for fold in ("count", "sum", "min", "max", "mean", "stats", "top"):
        add(f"fold_range_{fold}", f"range n=4000 data=zipf key=bytes fold={fold}; write")
        add(f"fold_set_{fold}", f"range n=3000 key=i64 value=i64; fold fold={fold}; write")
    for fold in ("sum_f64", "min_f64", "max_f64", "mean_f64"):
        add(f"fold_input_{fold}", f"input key=fixed {{input}} fold={fold} to=range; write")
        add(f"fold_map_{fold}", f"range n=3000; map how=more key=tuple fold={fold}; write")
    add("fold_first", "input key=u64 {zipf} fold=first; write")
    add("fold_again", "range n=2000 keys=50 fold=sum; range n=900 seed=2 keys=70 fold=sum; "
        "union; fold fold=sum; write")
    add("fold_sorted", "range n=2000 keys=50 fold=stats; sort descending=1; write")
    for count in (0, 1, 17, 2500, 9000):
        add(f"top_{count}", f"range n=3000 value=bytes ordered=1; top by=value count={count}; write")
    add("top_compare", "range n=3000; top by=compare count=100 descending=1; write")
    add("index", "range n=3000 key=bytes value=u64; index; write as=index")
    add("index_sorted", "range n=3000 key=bytes value=bytes ordered=1; sort by=value descending=1; "
        "index; write as=index value=bytes")
    add("gather_0", "range n=2000 value=bytes; gather; write")
    add("gather_3", "range n=2000 value=bytes; sort by=value; gather on=3; write")
    add("gather_all", "memory n=2000 value=bytes key=tuple; gather on=all; write")
    add("sample_none", "range n=2000; sample fraction=0; write")
    add("filter_sorted", "range n=2000; sort by=compare descending=1; filter; write")
    add("text", "range n=2000; sort by=value; write as=text")
    add("csv", "range n=2000 key=bytes value=bytes; write ending=.csv")
    add("binary", "range n=2000 key=u64 value=f64; write ending=.bin")
    add("nothing", "range n=0; reduce how=sum; sort by=value; distinct; index; "
        "write as=index")
    add("one", "memory n=1; sort by=compare; filter modulus=1 rest=0; write")
    made.update(chains(random.Random(1), CHAINS))
    add("ten_rounds", "range n=1500; " + 10 * "map how=more consume=1; reduce how=sum consume=1; " +
        "write")
    return made


def spread_of(i):
    return ("hash", "range", "owner")[i % 3]


class Operators(drive.Case):
    def setUp(self):
        super().setUp()
        inputs = {"input": "uniform", **{data: data for data in DATA}}
        for name, data in inputs.items():
            pairs = oracle.numbers(data, 3000, 1, 300, 1000)
            self.write(name + ".txt", "".join(f"{k} {v}\n" for k, v in pairs))
        self.inputs = {name: f"n=3000 data={data} path={self.path(name)}.txt"
                       for name, data in inputs.items()}

    def args(self, *more):
        return [os.path.join(PLUGINS, "sets_operators.so"), "--programs", "programs", *more]

    def test_mistakes(self):
        """They are told by all ranks in one line, and none of them is a crash."""
        for text, says in MISTAKES.items():
            self.write("programs", f"wrong: {text}\n")
            for ranks in (0, 2):
                result = self.run_mapred(self.args(), ranks, drive.AT_ONCE)
                told = (text, ranks, result.err[-1000:])
                self.assertIn(result.code, (1, 3, 6), told)
                self.assertEqual(len(result.lines()), 1, told)
                self.assertIn(says, result.lines()[0], told)

    def test_own_output(self):
        """What -o says, in parts and in one, or to stdout."""
        self.write("programs", "own: range n=3000 key=bytes value=bytes; sort by=value; write own=1\n")
        want = oracle.run("range n=3000 key=bytes value=bytes; sort by=value; write")
        for ranks, threads in ((0, 2), (1, 1), (3, 2), (4, 1)):
            args = self.args("-t", threads)
            self.same(self.good(args, ranks), want, "stdout")
            self.good(args + ["-o", f"one{ranks}.tsv"], ranks)
            self.same(self.read(f"one{ranks}.tsv"), want, "a file")
            self.good(args + ["-o", f"parts{ranks}/", "--partitions", "3"], ranks)
            parts = sorted(os.listdir(self.path(f"parts{ranks}")))
            self.assertEqual(parts, ["_SUCCESS", "part-00000", "part-00001", "part-00002"])
            self.same(b"".join(self.read(f"parts{ranks}/{part}") for part in parts[1:]), want, "parts")

    def run_all(self, made, point, folder):
        os.mkdir(self.path(folder))
        ballast = ["-m", "16M", "--ballast"] if point["spill"] else []
        args = self.args("--folder", folder, "-t", point["threads"], "--block", point["block"])
        self.good(args + ballast + ([] if point["steal"] else ["--no-steal"]), point["ranks"],
                  timeout=120, env={"OMP_WAIT_POLICY": "passive"})

    def look_at(self, made, want, point, folder):
        for name, text in made.items():
            ending = ".csv" if ".csv" in text else ".bin" if ".bin" in text else ".tsv"
            with self.subTest(program=name, **point):
                self.same(self.read(f"{folder}/{name}{ending}"), want[name], text)

    def test_everywhere(self):
        made = {name: text.format(**self.inputs) for name, text in programs().items()}
        want = {name: oracle.run(text) for name, text in made.items()}
        self.write("programs", "".join(f"{name}: {text}\n" for name, text in made.items()))
        for i, point in enumerate(points(1)):
            self.run_all(made, point, f"out{i}")
            self.look_at(made, want, point, f"out{i}")


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop())
    drive.main()
