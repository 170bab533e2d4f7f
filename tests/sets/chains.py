"""sets/chains.py: programs for operators.py that nobody has thought of: words put together at random,
but so that each of them makes sense where it stands."""

KEYS = ("i64", "u64", "f64", "bytes", "fixed", "tuple", "pair")
VALUES = ("i64", "u64", "f64", "bytes", "fixed", "none")
DATA = ("uniform", "equal", "two", "up", "down", "zipf")
JOINS = ("inner", "left", "right", "full", "semi", "anti")
SPREADS = ("hash", "range", "local", "owner")


class Chain:
    """A program that is being written, and what is known of the set that it has."""

    def __init__(self, random):
        self.random = random
        self.words = []
        self.key, self.value, self.ordered = random.choice(KEYS), random.choice(VALUES), False
        self.source(self.key, self.value, random.random() < 0.5)

    def flag(self, name):
        return f" {name}=1" if self.random.random() < 0.5 else ""

    def shape(self):
        self.key, self.value = self.random.choice(KEYS), self.random.choice(VALUES)
        return f"key={self.key} value={self.value}"

    def source(self, key, value, ordered):
        verb = self.random.choice(("range", "memory"))
        self.ordered = ordered
        self.words.append(
            f"{verb} n={self.random.choice((0, 1, 30, 300, 700))} seed={self.random.randrange(99)} "
            f"keys={self.random.choice((5, 100, 400))} data={self.random.choice(DATA)} "
            f"numbers={self.random.choice((20, 500))} to={self.random.choice(SPREADS)} "
            f"key={key} value={value}" + " ordered=1" * ordered)

    def keep_order(self):
        self.ordered = self.ordered and self.random.random() < 0.5
        return " ordered=1" * self.ordered

    def second(self, key, value, ordered):
        kept = self.ordered
        self.source(key, value, ordered)
        self.ordered = kept

    def map(self):
        how = self.random.choice(("keep", "swap", "few", "more"))
        to = self.random.choice(SPREADS)
        self.words.append(f"map how={how} to={to} {self.shape()}" + self.keep_order() +
                          self.flag("consume"))

    def filter(self):
        self.words.append(f"filter modulus={self.random.choice((1, 2, 5))} rest=0")

    def spread(self):
        self.words.append(f"spread to={self.random.choice(SPREADS)}" + self.flag("consume"))

    def reduce(self):
        how = self.random.choice(("all", "sum", "two"))
        values = self.random.choice(("stable", "value"))
        same = self.flag("same")
        value = self.random.choice([kind for kind in VALUES if kind != "fixed"])
        if not same:
            self.key = self.random.choice(KEYS)
        self.value = value
        self.words.append(f"reduce how={how} values={values} key={self.key} value={value} "
                          f"to={self.random.choice(SPREADS)}" + same + self.keep_order() +
                          self.flag("consume"))

    def distinct(self):
        self.words.append("distinct")
        self.ordered = False

    def union(self):
        self.second(self.key, self.value, self.ordered)
        self.words.append("union")

    def sort(self):
        by = self.random.choice(("key", "value", "compare"))
        self.words.append(f"sort by={by}" + self.flag("descending") + self.flag("consume"))

    def top(self):
        by = self.random.choice(("key", "value", "compare"))
        count = self.random.choice((0, 1, 50, 5000))
        self.words.append(f"top by={by} count={count}" + self.flag("descending"))

    def step(self):
        self.random.choice((self.map, self.map, self.filter, self.spread, self.reduce, self.reduce,
                            self.distinct, self.union, self.sort, self.top))()

    def end(self):
        """What makes something of a set that only can be written."""
        kind = self.random.choice(("write", "write", "hash", "pairs", "index", "gather", "count",
                                   "look", "text"))
        if kind == "hash":
            self.words.append(f"reduce how=hash key={self.key} value=bytes" + self.flag("consume"))
        elif kind == "pairs":
            self.second(self.key, self.random.choice(VALUES), False)
            how = self.random.choice(JOINS + ("cogroup",))
            verb = "cogroup" if how == "cogroup" else f"join how={how}"
            self.words.append(f"{verb} key={self.key} value=bytes" + self.flag("same") +
                              self.flag("consume"))
        elif kind == "gather" and self.value == "bytes":
            self.words.append(f"gather on={self.random.choice(('0', '2', 'all'))}")
        elif kind in ("count", "look"):
            self.words.append(kind)
        elif kind == "index":
            self.words.append("index")
            return f"write as=index value={self.value}"
        elif kind == "text":
            return "write as=text"
        return "write"


def chains(random, count):
    """Names and programs."""
    made = {}
    for i in range(count):
        chain = Chain(random)
        for _ in range(random.randrange(5)):
            chain.step()
        last = chain.end()
        made[f"chain_{i}"] = "; ".join(chain.words + [last])
    return made
