"""numbers/arrays.py: programs of arrays against numpy: the same values for any number of ranks and
threads, with much memory and with little."""

import fractions
import math
import os
import random
import sys
import unittest

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGIN = ""
SEED = 12345
PROGRAMS = 120
TILE_ROWS = 1024
TYPES = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "c128": np.complex128}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}
ORDER = ("i32", "i64", "f32", "f64", "c128")

ADD, SUBTRACT, MULTIPLY, DIVIDE, REMAINDER, POWER, MINIMUM, MAXIMUM, LESS, LESS_EQUAL, EQUAL = range(1, 12)
NOT_EQUAL, AND, OR, NEGATE, ABSOLUTE, SQUARE, SQRT, EXP, LOG, SIN, COS, TANH, FLOOR = range(12, 25)
NOT, CONJUGATE, REAL, IMAGINARY, IS_NAN = range(25, 30)
SUM, MEAN, VARIANCE, DEVIATION, VARIANCE_1, DEVIATION_1, LEAST, LARGEST = range(1, 9)
ARG_LEAST, ARG_LARGEST, NORM, SUM_FAST, MEAN_FAST = range(9, 14)

SHAPES = [(), (1,), (3000,), (5,), (0,), (2500, 3), (3, 2500), (1100, 40), (40, 1100), (7, 300, 9),
          (5, 0, 3), (2100, 1), (2048, 2, 3), (130, 130), (0, 4), (2, 3, 1, 4, 2)]


def name_of(values):
    return NAMES[np.asarray(values).dtype]


# ---- What mapred is to do ----


def common(a, b):
    one, two = name_of(a), name_of(b)
    if {one, two} == {"i64", "f32"}:
        return np.float64
    return TYPES[max(one, two, key=ORDER.index)]


def remainder(a, b):
    if a.dtype.kind != "i":
        return np.remainder(a, b)
    return np.where(b == 0, 0, np.remainder(a, np.where(b == 0, 1, b))).astype(a.dtype)


BINARY = {
    ADD: np.add, SUBTRACT: np.subtract, MULTIPLY: np.multiply, DIVIDE: np.true_divide,
    REMAINDER: remainder, POWER: np.power, MINIMUM: np.minimum, MAXIMUM: np.maximum, LESS: np.less,
    LESS_EQUAL: np.less_equal, EQUAL: np.equal, NOT_EQUAL: np.not_equal,
    AND: lambda a, b: (a != 0) & (b != 0), OR: lambda a, b: (a != 0) | (b != 0),
}
UNARY = {
    NEGATE: np.negative, ABSOLUTE: np.absolute, SQUARE: np.square, SQRT: np.sqrt, EXP: np.exp,
    LOG: np.log, SIN: np.sin, COS: np.cos, TANH: np.tanh, FLOOR: np.floor, NOT: lambda a: a == 0,
    CONJUGATE: np.conj, REAL: np.real, IMAGINARY: np.imag, IS_NAN: lambda a: a != a,
}


def binary(op, a, b):
    kind = common(a, b)
    a, b = np.asarray(a).astype(kind), np.asarray(b).astype(kind)
    result = np.asarray(BINARY[op](a, b))
    return result.astype(np.int32) if result.dtype == bool else result


def unary(op, a):
    if a.dtype.kind == "i" and op in (SQRT, EXP, LOG, SIN, COS, TANH):
        a = a.astype(np.float64)
    if a.dtype.kind == "i" and op == FLOOR:
        return a
    result = np.asarray(UNARY[op](a))
    return result.astype(np.int32) if result.dtype == bool else result


def exact(terms):
    """The sum of finite doubles, as a fraction."""
    mantissas, exponents = np.frexp(terms)
    whole = (mantissas * 2.0**53).astype(np.int64)
    total = fractions.Fraction(0)
    for exponent in np.unique(exponents):
        some = whole[exponents == exponent]
        high, low = int((some >> 26).sum()), int((some & (2**26 - 1)).sum())
        total += fractions.Fraction((high << 26) + low) * fractions.Fraction(2) ** (int(exponent) - 53)
    return total


def rounded(number):
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def sum_of(terms, divisor=1):
    """Exact, rounded once; infinities and NaN as additions have them."""
    if not np.isfinite(terms).all():
        with np.errstate(invalid="ignore"):
            return float(np.sum(terms[~np.isfinite(terms)]))
    if divisor == 0:
        return math.nan
    if terms.dtype.kind == "i":
        return rounded(fractions.Fraction(sum(map(int, terms)), divisor))
    return rounded(exact(terms.astype(np.float64)) / divisor)


def squares_of(terms):
    return sum((fractions.Fraction(float(x)) if terms.dtype.kind != "i" else fractions.Fraction(int(x))) ** 2
               for x in terms)


def variance(terms, less):
    count = len(terms)
    if count <= less or not np.isfinite(terms).all():
        return math.nan
    if terms.dtype.kind == "c":
        return variance(terms.real, less) + variance(terms.imag, less)
    mean = exact(terms.astype(np.float64)) if terms.dtype.kind == "f" else sum(map(int, terms))
    return rounded((squares_of(terms) - fractions.Fraction(mean) ** 2 / count) / (count - less))


def reduce_terms(how, terms):
    """One value, from all of its terms in C order."""
    kind = terms.dtype.kind
    how = {SUM_FAST: SUM, MEAN_FAST: MEAN}.get(how, how)
    if how == SUM and kind == "i":
        return np.int64(np.sum(terms.astype(np.int64)))
    if how in (SUM, MEAN):
        divisor = len(terms) if how == MEAN else 1
        if kind == "c":
            return complex(sum_of(terms.real, divisor), sum_of(terms.imag, divisor))
        return sum_of(terms, divisor)
    if how in (VARIANCE, DEVIATION, VARIANCE_1, DEVIATION_1):
        value = variance(terms, how in (VARIANCE_1, DEVIATION_1))
        return math.sqrt(value) if how in (DEVIATION, DEVIATION_1) else value
    if how == NORM:
        if not np.isfinite(terms).all():
            return math.nan if np.isnan(terms).any() else math.inf
        parts = [terms.real, terms.imag] if kind == "c" else [terms]
        return math.sqrt(rounded(sum(squares_of(part) for part in parts)))
    return {LEAST: np.min, LARGEST: np.max, ARG_LEAST: np.argmin, ARG_LARGEST: np.argmax}[how](terms)


def result_kind(how, kind):
    if how in (LEAST, LARGEST):
        return kind
    if how in (ARG_LEAST, ARG_LARGEST) or (how in (SUM, SUM_FAST) and kind.kind == "i"):
        return np.int64
    return np.complex128 if kind.kind == "c" and how in (SUM, MEAN, SUM_FAST, MEAN_FAST) else np.float64


def reduce_axes(how, a, axes):
    stay = [axis for axis in range(a.ndim) if not axes >> axis & 1]
    gone = [axis for axis in range(a.ndim) if axes >> axis & 1]
    shape = [a.shape[axis] for axis in stay]
    count = math.prod(shape)
    flat = a.transpose(stay + gone).reshape(count, math.prod(a.shape[axis] for axis in gone))
    values = np.empty(count, result_kind(how, a.dtype))
    for i, terms in enumerate(flat):
        values[i] = reduce_terms(how, terms)
    return values.reshape(shape)


def made(shape):
    total = np.zeros(shape, np.int64)
    for axis, places in enumerate(np.indices(shape)):
        total += places * (axis + 1)
    return total - np.where(total % 3, 0, 50.0)


def words(count, stream):
    """Block b of mapred is what numpy makes first with counter b - 1: it counts up before."""
    generator = np.random.Philox(key=SEED + (stream << 64), counter=2**256 - 1)
    return generator.random_raw((count + 3) // 4 * 4)


def uniform(shape, stream, low=0.0, high=1.0):
    count = math.prod(shape)
    fraction = (words(count, stream)[:count] >> np.uint64(11)) * 2.0**-53
    values = fraction if (low, high) == (0, 1) else low + fraction * (high - low)
    return np.minimum(values, np.nextafter(high, low)).reshape(shape)


def normal(shape, stream, mean=0.0, deviation=1.0):
    count = math.prod(shape)
    fraction = (words(count, stream) >> np.uint64(11)) * 2.0**-53
    radius = np.sqrt(-2 * np.log(fraction[0::2] + 2.0**-53))
    angle = 2 * np.pi * fraction[1::2]
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
    return (mean + deviation * both[:count]).reshape(shape)


def each(a):
    return np.array([int(a[i:i + TILE_ROWS].sum()) + len(a[i:i + TILE_ROWS])
                     for i in range(0, len(a), TILE_ROWS)], np.int64)


def listed(numbers):
    return ",".join(map(str, numbers))


# ---- Programs made up ----


class Maker:
    """Writes a program, and computes with numpy what comes out of it."""

    def __init__(self, seed, case):
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.case = case
        self.name = f"p{seed}"
        self.files = 0
        self.text = []

    def say(self, word):
        self.text.append(word)

    def of(self, values):
        name = f"{self.name}_{self.files}.bin"
        self.files += 1
        self.case.write(name, values.tobytes())
        self.say(f"of el={name_of(values)} dims={listed(values.shape)} file={name}")
        return values

    def data(self, shape, element):
        """Small whole numbers, or anything; sometimes what is special."""
        kind = TYPES[element]
        small = self.numbers.integers(-9, 10, shape)
        if element == "c128":
            return small + 1j * self.numbers.integers(-9, 10, shape)
        if element.startswith("i"):
            big = self.numbers.integers(np.iinfo(kind).min, np.iinfo(kind).max, shape, endpoint=True)
            return np.asarray(big if self.random.random() < 0.2 else small).astype(kind)
        values = self.numbers.standard_normal(shape) * 10.0 ** self.numbers.integers(-8, 9, shape)
        values = np.asarray(small if self.random.random() < 0.3 else values).astype(kind)
        if self.random.random() < 0.3:
            special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e38, -1e38, 1e-38], kind)
            where = self.numbers.random(shape) < 0.002
            values = np.where(where, self.numbers.choice(special, shape), values)
        return values

    def leaf(self, shape):
        how = self.random.choice(("of", "of", "of", "full", "made", "uniform", "kept"))
        if how == "full":
            element, value = self.random.choice(list(TYPES)), self.random.choice((0, 1, -3, 7))
            self.say(f"full el={element} dims={listed(shape)} value={value}")
            return np.full(shape, value, TYPES[element])
        if how == "made":
            self.say(f"made dims={listed(shape)}")
            return made(shape)
        if how == "uniform":
            stream = self.random.randrange(1000)
            self.say(f"uniform dims={listed(shape)} stream={stream}")
            return uniform(shape, stream)
        values = self.of(self.data(shape, self.random.choice(list(TYPES))))
        if how == "kept":
            self.say("broadcast dims=" + listed(shape))
            self.say("keep")
        return values

    def partner(self, shape):
        """An operand that goes with the shape."""
        some = [1 if self.random.random() < 0.25 else size for size in shape]
        if self.random.random() < 0.3:
            some = some[self.random.randrange(len(some) + 1):]
        return self.leaf(tuple(some))

    def unary(self, a):
        ops = [NEGATE, ABSOLUTE, SQUARE, SQRT, FLOOR, NOT, CONJUGATE, REAL, IMAGINARY, IS_NAN]
        if a.dtype.kind == "c":
            ops = [NEGATE, SQUARE, NOT, CONJUGATE, REAL, IMAGINARY, IS_NAN]
        op = self.random.choice(ops)
        self.say(f"unary op={op}")
        return unary(op, a)

    def binary(self, a):
        b = self.partner(a.shape)
        ops = [ADD, SUBTRACT, MULTIPLY, DIVIDE, REMAINDER, MINIMUM, MAXIMUM, LESS, LESS_EQUAL, EQUAL,
               NOT_EQUAL, AND, OR]
        if "c" in (a.dtype.kind, b.dtype.kind):
            ops = [ADD, SUBTRACT, EQUAL, NOT_EQUAL, AND, OR]
        op = self.random.choice(ops)
        self.say(f"binary op={op}")
        return binary(op, a, b)

    def turned(self, a):
        """With itself, turned: what a tile needs lies elsewhere too."""
        if a.ndim != 2 or a.shape[0] != a.shape[1] or a.dtype.kind == "c":
            return self.transpose(a)
        op = self.random.choice((ADD, SUBTRACT, MAXIMUM))
        self.say("dup; transpose")
        self.say(f"binary op={op}")
        return binary(op, a, a.T)

    def where(self, a):
        condition = self.of(self.numbers.integers(0, 2, a.shape).astype(np.int32))
        self.say(f"binary op={MULTIPLY}" if a.dtype.kind == "i" else f"cast el={name_of(a)}")
        if a.dtype.kind == "i":
            chosen = binary(MULTIPLY, a, condition)
        else:
            self.say(f"binary op={NOT_EQUAL}")
            chosen = binary(NOT_EQUAL, a, condition.astype(a.dtype))
        first, second = self.partner(chosen.shape), self.partner(chosen.shape)
        self.say("where")
        kind = common(first, second)
        shape = np.broadcast_shapes(chosen.shape, first.shape, second.shape)
        return np.broadcast_to(np.where(chosen != 0, first.astype(kind), second.astype(kind)), shape)

    def cast(self, a):
        element = self.random.choice(list(TYPES))
        if element.startswith("i") and a.dtype.kind in "fc":
            return a
        self.say(f"cast el={element}")
        with np.errstate(all="ignore"):
            return (a.real if a.dtype.kind == "c" and element != "c128" else a).astype(TYPES[element])

    def transpose(self, a):
        axes = list(range(a.ndim))
        self.random.shuffle(axes)
        if self.random.random() < 0.5 or not axes:
            self.say("transpose")
            return a.T
        self.say("transpose axes=" + listed(axes))
        return a.transpose(axes)

    def slice(self, a):
        if a.ndim == 0:
            return a
        says, slices = [], []
        for size in a.shape:
            if self.random.random() < 0.4:
                says.append(":")
                slices.append(slice(None))
                continue
            begin, end = sorted(self.random.randint(0, size) for _ in range(2))
            step = self.random.choice((1, 1, 1, 2, 7))
            if self.random.random() < 0.3 and begin < size and 0 < end < size:
                begin, end = begin - size, end - size
            says.append(f"{begin}:{end}:{step}")
            slices.append(slice(begin, end, step))
        self.say("slice of=" + listed(says))
        return a[tuple(slices)]

    def reshape(self, a):
        size = a.size
        if size == 0:
            shape = (0,) + self.random.choice(((), (3,)))
        else:
            divisor = self.random.choice([d for d in range(1, 60) if size % d == 0])
            shape = self.random.choice(((size,), (size // divisor, divisor), (divisor, size // divisor),
                                        (1, size // divisor, divisor)))
        self.say("reshape dims=" + listed(shape))
        return a.reshape(shape)

    def broadcast(self, a):
        if a.size > 20000 or a.ndim > 6:
            return a
        shape = (self.random.choice((1, 2, 3)),) + tuple(3 if size == 1 else size for size in a.shape)
        self.say("broadcast dims=" + listed(shape))
        return np.broadcast_to(a, shape)

    def rechunk(self, a):
        self.say("rechunk dims=" + listed(self.random.choice((1, 3, 64, 1000)) for _ in a.shape))
        return a

    def keep(self, a):
        self.say("keep")
        return a

    def reduce(self, a):
        hows = list(range(SUM, MEAN_FAST + 1))
        if a.dtype.kind == "c":
            hows = [SUM, MEAN, VARIANCE, DEVIATION_1, NORM]
        how = self.random.choice(hows)
        axes = self.random.choice((255, self.random.randrange(1 << a.ndim)))
        gone = math.prod(a.shape[axis] for axis in range(a.ndim) if axes >> axis & 1)
        if how in (LEAST, LARGEST, ARG_LEAST, ARG_LARGEST) and gone == 0:
            how = SUM
        self.say(f"reduce how={how} axes={axes}")
        self.fast = how in (SUM_FAST, MEAN_FAST)
        return reduce_axes(how, a, axes)

    def make(self):
        self.fast = False
        a = self.leaf(self.random.choice(SHAPES))
        steps = (self.unary, self.binary, self.binary, self.binary, self.turned, self.where, self.cast,
                 self.transpose, self.slice, self.reshape, self.broadcast, self.rechunk, self.keep)
        for _ in range(self.random.randint(1, 6)):
            a = np.asarray(self.random.choice(steps)(a))
            if a.size > 200000:
                break
        if self.random.random() < 0.5 and a.size < 100000:
            a = self.reduce(a)
        return "; ".join(self.text), a, self.fast


# ---- Programs written down ----


def written_down(case):
    """Name: program, what comes out, how near it has to be (0: the same)."""
    found = {}

    def add(name, text, want, near=0):
        found[name] = (text, np.asarray(want), near)

    def of(name, values):
        case.write(name, values.tobytes())
        return f"of el={name_of(values)} dims={listed(values.shape)} file={name}"

    add("uniform", "uniform dims=1001,3 stream=77", uniform((1001, 3), 77))
    add("between", "uniform dims=4097 low=-3 high=5 stream=1", uniform((4097,), 1, -3.0, 5.0))
    add("normal", "normal dims=999,2 mean=5 dev=2 stream=8", normal((999, 2), 8, 5, 2), 1e-14)
    add("part", "uniform dims=70,50 stream=2; slice of=3:9:1,5:50:1", uniform((70, 50), 2)[3:9, 5:])
    add("arange", "arange el=i64 first=9007199254740993 step=-3 n=5",
        9007199254740992 - 3 * np.arange(5, dtype=np.int64))
    add("fractions", "arange first=0.5 step=0.25 n=3000", 0.5 + 0.25 * np.arange(3000))
    add("linspace", "linspace first=-1 last=2 n=3001", np.linspace(-1, 2, 3001), 1e-15)
    x = uniform((200, 210), 5)
    for op in (EXP, LOG, SIN, COS, TANH, SQRT):
        add(f"function{op}", f"uniform dims=200,210 stream=5; unary op={op}", UNARY[op](x), 1e-14)
    z = (np.random.default_rng(4).standard_normal((300, 2)) * 3).view(np.complex128)
    w = (np.random.default_rng(5).standard_normal((300, 2)) * 3).view(np.complex128)
    for op in (MULTIPLY, DIVIDE, POWER):
        add(f"complex{op}", f"{of('z', z)}; {of('w', w)}; binary op={op}", BINARY[op](z, w), 1e-12)
    for op in (ABSOLUTE, EXP, LOG, SIN, COS, TANH, SQRT):
        add(f"complex{op}", f"{of('z', z)}; unary op={op}", UNARY[op](z), 1e-12)
    whole = np.arange(-4, 5)
    add("powers", f"{of('i', whole)}; {of('k', np.abs(whole))}; binary op={POWER}", whole ** np.abs(whole))
    add("power", f"{of('r', z.real.copy())}; number value=3; binary op={POWER}", z.real ** 3, 1e-14)
    add("pair", "uniform dims=700,700 stream=3; dup; transpose; binary op=1; reduce how=2",
        sum_of((lambda m: m + m.T)(uniform((700, 700), 3)).reshape(-1), 490000))
    add("deep", "uniform dims=600,600; dup; transpose; binary op=1; dup; transpose; binary op=3; dup;"
        " transpose; binary op=2; reduce how=7", 0.0)
    add("shared", "uniform dims=3000" + 30 * "; dup; binary op=1; number value=0.5; binary op=3",
        uniform((3000,), 0))
    hard = np.tile([1e308, 1e-308, -1e308, 3.0], 2500).reshape(5000, 2)
    for how in (SUM, MEAN, SUM_FAST):
        if how != SUM_FAST:
            add(f"hard{how}", f"{of('hard', hard)}; keep; reduce how={how}",
                reduce_axes(how, hard, 255))
    add("hard_rows", f"{of('hard', hard)}; keep; reduce how={SUM} axes=1", reduce_axes(SUM, hard, 1))
    add("hard_columns", f"{of('hard', hard)}; keep; reduce how={SUM} axes=2", reduce_axes(SUM, hard, 2))
    big = np.full((3000, 2), 2**62, np.int64)
    add("big_mean", f"{of('big', big)}; reduce how={MEAN}", 2.0**62)
    add("big_spread", f"{of('big', big)}; reduce how={VARIANCE}", 0.0)
    add("big_sum", f"{of('big', big)}; reduce how={SUM} axes=1", np.sum(big, 0))
    long = uniform((70000, 2), 9)
    add("long", "uniform dims=70000,2 stream=9; reduce how=1 axes=1", reduce_axes(SUM, long, 1))
    add("long_kept", "uniform dims=70000,2 stream=9; keep; reduce how=10 axes=1", np.argmax(long, 0))
    add("wide", "uniform dims=3,50000 stream=9; reduce how=5 axes=1",
        reduce_axes(VARIANCE_1, uniform((3, 50000), 9), 1))
    add("fast", "uniform dims=70000,2 stream=9; reduce how=12", np.sum(long), 1e-12)
    add("all", "uniform dims=70000,2 stream=9; all how=2", reduce_axes(MEAN, long, 255))
    add("all_whole", "arange el=i32 n=5000; all how=8", 4999.0)
    add("apply", "made dims=1500,4; made dims=1,4; number value=2; apply n=3",
        made((1500, 4)) - 2 * made((1, 4)) + 2)
    rows = made((5000, 3))
    add("each", "made dims=5000,3; each", each(rows))
    add("each_kept", "made dims=5000,3; keep; each", each(rows))
    add("each_moved", "made dims=5000,3; keep; dup; slice of=7:5000:1,:; dup at=1; slice of=0:4993:1,:; "
        "binary op=1; each", each(rows[7:] + rows[:4993]))
    add("far", "made dims=3000,3; keep; transpose; keep; transpose; reshape dims=9000; "
        "slice of=1:9000:2; keep", made((3000, 3)).reshape(-1)[1::2])
    return found


REFUSED = {
    "full dims=10,20; full dims=3,20; binary op=1":
        "cannot add arrays: f64 (10, 20) and f64 (3, 20): shapes must match or be 1 along each axis",
    "full el=c128 dims=4; full el=i32 dims=4; binary op=9":
        "cannot compare arrays: c128 (4,) and i32 (4,): complex numbers have no order",
    "full dims=4; full dims=5; full dims=4; where": "cannot choose between arrays: f64 (4,) and f64 (5,)",
    "full dims=4,5; transpose axes=0,0": "cannot transpose an array: f64 (4, 5)",
    "full dims=4,5; reshape dims=3,7": "cannot reshape an array: f64 (4, 5) and f64 (3, 7)",
    "full dims=4,5; broadcast dims=4,6": "cannot broadcast an array to a shape: f64 (4, 5) and f64 (4, 6)",
    "full dims=4,5; rechunk dims=0,5": "cannot rechunk an array: f64 (4, 5)",
    "full dims=4,5; slice of=:,0:5:0": "cannot slice an array: f64 (4, 5)",
    "full dims=0,5; reduce how=7": "cannot take the smallest of an array: f64 (0, 5): it has no elements",
    "full el=c128 dims=5; reduce how=10": "cannot take the place of the largest of an array: c128 (5,)",
    "full dims=5; reduce axes=2": "cannot take the sum of an array: f64 (5,)",
    "full el=c128 dims=5; all how=1": "cannot take the sum of an array: c128 (5,)",
    "uniform dims=4 low=2 high=1": "cannot make random numbers",
    "full dims=2000000000,2000000000": "cannot make an array",
}


def same(got, want, near):
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    if near:
        return np.allclose(got, want, rtol=near, atol=near, equal_nan=True)
    if got.dtype.kind == "c":
        return same(got.real, want.real, 0) and same(got.imag, want.imag, 0)
    return bool(((got == want) | ((got != got) & (want != want))).all())


class Arrays(drive.Case):
    def args(self, programs, *more):
        return [PLUGIN, "--programs", programs, "--seed", str(SEED), *more]

    def result(self, folder, name):
        data = self.read(f"{folder}/{name}.out")
        head, _, values = data.partition(b"\n")
        element, _, shape = head.decode().partition(" ")
        shape = tuple(int(size) for size in shape.split(",") if size)
        return np.frombuffer(values, TYPES[element]).reshape(shape)

    def test_refused(self):
        """In one line, that names the operands, at any number of ranks."""
        for i, (text, says) in enumerate(REFUSED.items()):
            self.write("refused", f"wrong {text}\n")
            self.bad(2, says, self.args("refused"), ranks=(0, 2)[i == 0])

    def test_failures(self):
        """On one rank alone: all end, with what that one says."""
        for text, code, says in (
            ("made dims=5000,3 fail=1; keep", 3, "its function failed"),
            ("made dims=5000,3 fail=1; reduce", 3, "its function failed"),
            ("made dims=5000,3 fail=1; transpose; reduce axes=1", 3, "its function failed"),
            ("made dims=5000,3; keep; each fail=1", 1, "kernel failed"),
            ("made dims=5000,30; keep; dup; transpose; keep; transpose; binary op=1; keep", 5, "budget"),
        ):
            self.write("failing", f"wrong {text}\n")
            for ranks in (0, 3):
                self.bad(code, says, self.args("failing", "-m", "2M" if code == 5 else "1G"), ranks)

    def test_programs(self):
        programs = written_down(self)
        with np.errstate(all="ignore"):
            for seed in range(PROGRAMS):
                maker = Maker(seed, self)
                text, want, fast = maker.make()
                programs[maker.name] = (text, want, 1e-9 if fast else 0)
        self.write("programs", "".join(f"{name} {text}\n" for name, (text, _, _) in programs.items()))
        first = None
        for ranks, threads, more in ((0, 2, []), (1, 1, ["-m", "120M"]), (2, 2, []), (3, 1, []),
                                     (4, 2, ["--no-steal"]), (7, 1, ["-m", "60M"])):
            folder = f"at{ranks}"
            os.mkdir(self.path(folder))
            for name in os.listdir(self.folder):
                if os.path.isfile(self.path(name)):
                    os.link(self.path(name), self.path(f"{folder}/{name}"))
            self.good(self.args("programs", "--folder", folder, "-t", threads, *more), ranks, timeout=120,
                      env={"OMP_WAIT_POLICY": "passive"})
            for name, (text, want, near) in programs.items():
                got = self.result(folder, name)
                with self.subTest(program=name, ranks=ranks, threads=threads):
                    self.assertTrue(same(got, want, near), (text, got, want))
                    if first:
                        self.assertEqual(got.tobytes(), self.result(first, name).tobytes(), text)
            first = first or folder


if __name__ == "__main__":
    PLUGIN = os.path.join(os.path.abspath(sys.argv.pop()), "numbers_arrays.so")
    drive.main()
