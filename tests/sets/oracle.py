"""sets/oracle.py: what programs of operators.c make, worked out with lists and dictionaries, and with
no other knowledge of mapred than its headers and documents. See numbers.h for pairs of numbers."""

import copy
import functools
import math
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

WORD = (1 << 64) - 1
MIXED = 0x9E3779B97F4A7C15
UNMIXED = pow(MIXED, -1, 1 << 64)


# ---- numbers, and pairs made of them ----


def scramble(z):
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & WORD
    return z ^ z >> 31


@functools.lru_cache(maxsize=None)
def numbers(data, n, seed, keys, values):
    """Key and value of each pair, in the order of their places."""
    pick = {
        "equal": lambda i, r: 11,
        "two": lambda i, r: r & 1,
        "up": lambda i, r: i * keys // n,
        "down": lambda i, r: (n - 1 - i) * keys // n,
        "zipf": lambda i, r: keys // (1 + r % keys) - 1,
        "uniform": lambda i, r: r % keys,
    }[data]
    return [(pick(i, scramble(((seed + i * 2) * MIXED) & WORD)),
             scramble(((seed + i * 2 + 1) * MIXED) & WORD) % values) for i in range(n)]


def image_of_f64(number):
    if math.isnan(number):
        return b"\xff" * 8
    bits = struct.unpack("<Q", struct.pack("<d", number + 0.0))[0]
    bits = ~bits & WORD if bits >> 63 else bits | 1 << 63
    return struct.pack(">Q", bits)


def image_of_i64(number):
    return struct.pack(">Q", number + (1 << 63))


def as_f64(number):
    return math.nan if number == 7 else math.inf if number == 8 else (number - 1000) / 4


def tuple_bytes(field):
    return field.replace(b"\0", b"\0\1") + b"\0\0"


# Of each kind of key: its bytes, in whose order keys are, and its cells.
KEYS = {
    "i64": lambda n: (image_of_i64(n - 1000), [n - 1000]),
    "u64": lambda n: (struct.pack(">Q", n * MIXED & WORD), [n * MIXED & WORD]),
    "f64": lambda n: (image_of_f64(as_f64(n)), [as_f64(n)]),
    "bytes": lambda n: 2 * (b"k%d" % n + b"x" * (n % 23),),
    "fixed": lambda n: 2 * (b"%010d" % n,),
    "tuple": lambda n: (tuple_bytes(b"a\0b%d" % (n // 16)) + image_of_i64(n % 16 - 8),
                        [b"a\0b%d" % (n // 16), n % 16 - 8]),
    "pair": lambda n: (struct.pack(">Q", n // 16) + image_of_f64((n % 16 - 8) / 2),
                       [n // 16, (n % 16 - 8) / 2]),
}


def value_bytes(n):
    return b"" if n == 0 else b"v%d" % n + b".\t\n\\,\""[n % 6:n % 6 + 1] * (n % 31)


def value_f64(n):
    return math.nan if n == 5 else -0.0 if n == 6 else n / 8 - 3


def wrapped(number):
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def order_of_f64(number):
    raw = struct.pack("<d", number)
    return (1, 0, raw) if math.isnan(number) else (0, number, raw)


# Of each kind of value: what it is ordered by, and its cells.
VALUES = {
    "i64": lambda n: 2 * (wrapped(n - 500),),
    "u64": lambda n: 2 * (n * MIXED & WORD,),
    "f64": lambda n: (order_of_f64(value_f64(n)), value_f64(n)),
    "bytes": lambda n: 2 * (value_bytes(n),),
    "fixed": lambda n: 2 * (b"%06d" % n,),
    "none": lambda n: (0, None),
    "text": lambda n: 2 * (n,),  # bytes that a kernel made
}


@functools.lru_cache(maxsize=None)
def key_of(kind, number):
    return KEYS[kind](number)


@functools.lru_cache(maxsize=None)
def value_of(kind, number):
    return VALUES[kind](number)


class Set:
    """Pairs are (key number, value number, place); of text the value is that itself."""

    def __init__(self, key, value, pairs, ordered=False):
        self.key, self.value, self.ordered = key, value, ordered
        self.pairs = pairs if value != "none" else [(k, 0, place) for k, _, place in pairs]
        self.order = self.by_key
        self.descending = False

    def key_of(self, pair):
        return key_of(self.key, pair[0])[0]

    def value_of(self, pair):
        return value_of(self.value, pair[1])[0]

    def ties(self, pair):
        value = self.value_of(pair)
        return (pair[2], value) if self.ordered else (value,)

    def by_key(self, pair):
        return self.key_of(pair)

    def by_value(self, pair):
        value = self.value_of(pair)
        return value[:2] if self.value == "f64" else value  # zeros of both signs are equal

    def by_compare(self, pair):
        return pair[1] % 7

    def in_order(self):
        """Pairs in the total order of mapred/set.h, or that of the last sort."""
        if not hasattr(self, "done"):
            if self.order == self.by_key:
                done = sorted(self.pairs, key=self.ties)
            else:
                done = sorted(self.pairs, key=lambda pair: (self.key_of(pair), self.ties(pair)))
            done.sort(key=self.order, reverse=self.descending)  # stable, also backwards
            self.done = done
        return self.done

    def groups(self, how="stable"):
        """Each key's pairs in the order in which kernels see them."""
        found = {}
        rank = self.ties if how == "stable" else lambda pair: (self.value_of(pair), pair[2])
        for pair in sorted(self.pairs, key=rank):
            found.setdefault(pair[0], []).append(pair)
        return found

    def cells(self, pair):
        key = key_of(self.key, pair[0])[1]
        value = value_of(self.value, pair[1])[1]
        return (key if isinstance(key, list) else [key]) + \
            (value if isinstance(value, list) else [] if value is None else [value])

    def size_of(self, pair):
        """As mapred/pair.h lays pairs out."""
        key = len(self.key_of(pair))
        plain = {"i64": 8, "u64": 8, "f64": 8, "none": 0, "fixed": 6}
        value = plain.get(self.value)
        if self.key not in ("bytes", "tuple") and value is not None:
            return key + value + 8 * self.ordered
        value = len(value_of(self.value, pair[1])[1]) if value is None else value
        return 8 + 8 * self.ordered + (key + 7) // 8 * 8 + (value + 7) // 8 * 8


# ---- how rows look ----


def tsv_cell(cell):
    if isinstance(cell, bytes):
        return drive.escape(cell)
    return repr(cell).encode()


def tsv(rows):
    return b"".join(b"\t".join(map(tsv_cell, row)) + b"\n" for row in rows)


def csv_cell(cell):
    if not isinstance(cell, bytes):
        return repr(cell).encode()
    if cell == b"" or any(c in cell for c in b",\"\n\r"):
        return b'"' + cell.replace(b'"', b'""') + b'"'
    return cell


def csv(rows, header):
    return header + b"\n" + b"".join(b",".join(map(csv_cell, row)) + b"\n" for row in rows)


def binary(rows):
    def cell(c):
        if isinstance(c, bytes):
            return struct.pack("<BI", 3, len(c)) + c
        if isinstance(c, float):
            return struct.pack("<Bd", 2, c)
        return struct.pack("<BQ", 4, c)
    return b"MRBIN01\n" + b"".join(
        struct.pack("<I", len(row)) + b"".join(map(cell, row)) for row in rows)


# ---- folds: what is shown of a list of numbers ----


def mean(values):
    return sum(values) / len(values)  # of integers: exact, and rounded once


FOLDS = {
    "count": lambda v: [len(v)],
    "sum": lambda v: [wrapped(sum(v))],
    "min": lambda v: [min(v)],
    "max": lambda v: [max(v)],
    "mean": lambda v: [mean(v)],
    "stats": lambda v: [len(v), min(v), mean(v), max(v)],
    "sum_f64": lambda v: [math.fsum(v)],
    "min_f64": lambda v: [min(v)],
    "max_f64": lambda v: [max(v)],
    "mean_f64": lambda v: [math.fsum(v) / len(v)],
    "top": lambda v: sorted(v, reverse=True)[:3],
    "first": lambda v: [v[0]],
}


# ---- the words of a program ----


class Machine:
    def __init__(self):
        self.stack = []

    def run(self, program):
        """What a program writes."""
        for text in program.split(";"):
            verb, *words = text.split()
            self.words = {name: value or "1" for name, _, value in
                          (word.partition("=") for word in words)}
            getattr(self, "do_" + verb)()
        return self.written

    def flag(self, name):
        return self.words.get(name, "0") != "0"

    def number(self, name, fallback):
        return int(self.words.get(name, fallback))

    def made(self, pairs, key=None, value=None):
        """The new set, of the shape that the step names; folded, where it says so."""
        key, value = key or self.words.get("key", "u64"), value or self.words.get("value", "u64")
        fold = self.words.get("fold")
        if not fold:
            return Set(key, value, pairs, self.flag("ordered"))
        if fold == "first":
            raw = [(k, value_bytes(v)) for k, v, _ in sorted(pairs, key=lambda pair: pair[2])]
        else:
            raw = [(k, v / 8 - 3 if fold.endswith("f64") else v - 500) for k, v, _ in pairs]
        return folded(fold, key, raw)

    def do_make(self):
        pairs = numbers(self.words.get("data", "uniform"), self.number("n", 1000),
                        self.number("seed", 1), self.number("keys", 300),
                        self.number("numbers", 1000))
        made = self.made([(k, v, i) for i, (k, v) in enumerate(pairs)])
        if "sorted" in self.words:
            sort(made, self.words["sorted"], self.flag("descending"))
        self.stack.append(made)

    do_range = do_input = do_memory = do_make

    def do_map(self):
        old = self.stack.pop()
        how = self.words.get("how", "keep")
        pairs = []
        for k, v, place in old.pairs:
            if how == "keep":
                pairs.append((k, v, place))
            elif how == "swap":
                pairs.append((v, k, place))
            elif how == "few":
                pairs.append((k % 10, v, place))
            elif how == "rank":
                pairs.append((k, 0, place))  # in place of the rank: keys are together
            elif v % 3:
                pairs += [(k, v, place), (k // 2, v + 1, place)]
        self.stack.append(self.made(pairs))

    def numbers_alone(self, key, value):
        """The two as a set of one pair; here they are what is shown of it."""
        self.stack.append(Set("u64", "u64",
                              [(key * UNMIXED & WORD, value * UNMIXED & WORD, 0)]))

    def do_look(self):
        pairs = self.stack.pop().pairs
        self.numbers_alone(len(pairs), sum(k * 3 + v for k, v, _ in pairs))

    def do_each(self):
        groups = self.stack.pop().groups(self.words.get("values", "stable"))
        self.numbers_alone(sum(map(len, groups.values())),
                           sum(k + digest(group)[1] for k, group in groups.items()) & WORD)

    def do_count(self):
        old = self.stack.pop()
        self.numbers_alone(len(old.pairs), sum(map(old.size_of, old.pairs)))

    def do_filter(self):
        old = self.stack.pop()
        modulus, rest = self.number("modulus", 3), self.number("rest", 1)
        self.stack.append(like(old, [p for p in old.pairs if (p[0] + p[1]) % modulus == rest]))

    def do_spread(self):
        old = self.stack.pop()
        self.stack.append(Set(old.key, old.value, old.pairs, old.ordered))

    def do_reduce(self):
        old = self.stack.pop()
        how, pairs = self.words.get("how", "hash"), []
        for k, group in old.groups(self.words.get("values", "stable")).items():
            place = group[0][2]
            if how in ("hash", "rekey"):
                text = b"%d %016x" % digest(group)
                pairs.append((k % 10 if how == "rekey" else k, text, place))
            elif how == "all":
                pairs += [(k, v + i + 1, place + i) for i, (_, v, _) in enumerate(group)]
            else:
                some = group if how == "sum" else group[:2]
                pairs.append((k, sum(v for _, v, _ in some), place))
        self.stack.append(self.made(pairs, value="text" if how in ("hash", "rekey") else None))

    def do_fold(self):
        old = self.stack.pop()
        fold = self.words["fold"]
        if old.value == "folded":
            raw = [(k, one) for k, values, _ in old.pairs for one in values]
        else:
            raw = [(k, value_of(old.value, v)[1]) for k, v, _ in old.pairs]
        if old.value == "u64":
            raw = [(k, wrapped(v)) for k, v in raw]
        self.stack.append(folded(fold, old.key, raw))

    def do_cogroup(self):
        right, left = self.stack.pop(), self.stack.pop()
        a, b = left.groups(), right.groups()
        pairs = []
        for k in {**a, **b}:
            text = b"%d %016x %d %016x" % (*digest(a.get(k, [])), *digest(b.get(k, [])))
            pairs.append((k, text, (a.get(k) or b.get(k))[0][2]))
        self.stack.append(self.made(pairs, value="text"))

    def do_join(self):
        right, left = self.stack.pop(), self.stack.pop()
        how = self.words["how"]
        a, b = left.groups(), right.groups()
        pairs = []
        for k in {**a, **b}:
            x, y = [p[1] for p in a.get(k, [])], [p[1] for p in b.get(k, [])]
            if how in ("semi", "anti"):
                found = [b"%d -" % v for v in x if bool(y) == (how == "semi")]
            elif x and y:
                found = [b"%d %d" % (v, w) for v in x for w in y]
            else:
                found = [b"%d -" % v for v in x if how in ("left", "full")]
                found += [b"- %d" % w for w in y if how in ("right", "full")]
            place = (a.get(k) or b.get(k))[0][2]
            pairs += [(k, text, place + i) for i, text in enumerate(found)]
        self.stack.append(self.made(pairs, value="text"))

    def do_union(self):
        right, left = self.stack.pop(), self.stack.pop()
        self.stack.append(like(left, left.pairs + right.pairs))
        sort(self.stack[-1], "key", False)

    def do_sort(self):
        old = self.stack.pop()
        new = like(old, old.pairs)
        sort(new, self.words.get("by", "key"), self.flag("descending"))
        self.stack.append(new)

    def do_top(self):
        self.do_sort()
        new = self.stack[-1]
        new.done = new.pairs = new.in_order()[:self.number("count", 10)]

    def do_distinct(self):
        old = self.stack.pop()
        self.stack.append(Set(old.key, old.value, list({p[:2]: p[:2] + (0,)
                                                        for p in old.pairs}.values())))

    def do_index(self):
        self.index = self.stack.pop()
        self.stack.append(None)

    def do_sample(self):
        old = self.stack.pop()
        self.stack.append(like(old, old.pairs if self.words["fraction"] == "1" else []))

    def do_gather(self):
        old = self.stack.pop()
        values = [value_of(old.value, pair[1])[1] for pair in old.in_order()]
        self.stack.append([[i, value] for i, value in enumerate(values)])

    def do_dup(self):
        self.stack.append(self.stack[-1])

    def do_swap(self):
        self.stack.append(self.stack.pop(-2))

    def do_write(self):
        made, how = self.stack.pop(), self.words.get("as", "cells")
        ending = self.words.get("ending", ".tsv")
        if how == "index":
            rows = [[i, key_of(self.index.key, p[0])[0], p[1]]
                    for i, p in enumerate(self.index.in_order())]
        elif how == "text":
            self.written = b"".join(b"%d;%d\n" % p[:2] for p in made.in_order())
            return
        elif isinstance(made, list):
            rows = made
        else:
            rows = [made.cells(pair) for pair in made.in_order()]
        if ending == ".csv":
            self.written = csv(rows, b"key,value")
        else:
            self.written = binary(rows) if ending == ".bin" else tsv(rows)


def digest(group):
    value = 0
    for _, number, _ in group:
        value = (value * 1000003 + number + 1) & WORD
    return len(group), value


def sort(made, by, descending):
    made.order = {"key": made.by_key, "value": made.by_value, "compare": made.by_compare}[by]
    made.descending = descending


def like(old, pairs):
    """The same set with other pairs."""
    new = copy.copy(old)
    new.pairs = pairs
    new.__dict__.pop("done", None)
    new.order = getattr(new, old.order.__name__)
    return new


class Folded(Set):
    """Values are lists of all that was folded."""

    def __init__(self, fold, key, pairs):
        super().__init__(key, "folded", pairs)
        self.fold = FOLDS[fold]

    def value_of(self, pair):
        return 0  # there is one a key

    def cells(self, pair):
        key = key_of(self.key, pair[0])[1]
        return (key if isinstance(key, list) else [key]) + self.fold(pair[1])


def folded(fold, key, raw):
    found = {}
    for k, value in raw:
        found.setdefault(k, []).append(value)
    return Folded(fold, key, [(k, tuple(values), 0) for k, values in found.items()])


def run(program):
    return Machine().run(program)
