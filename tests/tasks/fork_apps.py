"""tasks/fork_apps.py: forkjoin-sum, mergesort and quadrature against plain Python and closed forms, the
same bytes for any number of ranks and threads."""

import math
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

# Ranks (0: without mpirun) and threads.
POINTS = ((0, 1), (0, 2), (2, 1), (3, 2), (4, 1))
FEW = ((0, 2), (2, 1))


def lines(numbers):
    return "".join(f"{number}\n" for number in numbers)


class Case(drive.Case):
    def alike(self, args, want, points=POINTS):
        for ranks, threads in points:
            got = self.good([*args, "--threads", threads], ranks)
            self.same(got, want.encode(), f"{args} at {ranks} ranks, {threads} threads")


class Sum(Case):
    def test_range(self):
        for n in (1, 2, 1000, 123456789):
            self.alike(["forkjoin-sum", "--n", n], f"{n * (n - 1) // 2}\n", POINTS if n > 2 else FEW)

    def test_file(self):
        some = random.Random(1)
        numbers = [some.randrange(-(10**18), 10**18) for _ in range(300000)]
        numbers += [2**63 - 1] * 50 + [-(2**63)] * 20
        self.write("n.txt", lines(numbers))
        self.alike(["forkjoin-sum", "n.txt"], f"{sum(numbers)}\n")

    def test_how_lines_look(self):
        for text, want in (("", 0), ("5", 5), ("-5\r\n+7\n 3 \n", 5), ("0007\n-0\n", 7)):
            self.write("n.txt", text)
            self.alike(["forkjoin-sum", "n.txt"], f"{want}\n", FEW[:1])

    def test_mistakes(self):
        self.write("n.txt", "1\n22\nx3\n")
        self.bad(3, "not a whole number: n.txt, byte 5: 'x3'", ["forkjoin-sum", "n.txt"], 2)
        self.write("large.txt", "1\n9223372036854775808\n")
        self.bad(3, "too large: large.txt, byte 2", ["forkjoin-sum", "large.txt"])
        self.bad(3, "cannot open: none.txt", ["forkjoin-sum", "none.txt"], 2)
        self.bad(2, "--n", ["forkjoin-sum"])
        self.bad(2, "--n", ["forkjoin-sum", "--n", "-4"])
        self.bad(2, "--n", ["forkjoin-sum", "--n", "4", "n.txt"])
        self.bad(2, "2 of them", ["forkjoin-sum", "n.txt", "n.txt"])


class Sort(Case):
    def test_whole_numbers(self):
        some = random.Random(2)
        kinds = {
            "wide": [some.randrange(-(2**63), 2**63) for _ in range(200000)],
            "few": [some.randrange(-3, 4) for _ in range(400000)],
            "up": list(range(-50000, 50000)),
            "one": [7],
            "none": [],
        }
        for name, numbers in kinds.items():
            self.write("n.txt", lines(numbers))
            self.alike(["mergesort", "n.txt"], lines(sorted(numbers)),
                       POINTS if name == "wide" else FEW)

    def test_doubles(self):
        some = random.Random(3)
        numbers = [some.gauss(0, 1) * 10.0 ** some.randrange(-300, 300) for _ in range(60000)]
        numbers += [0.5, 1e22, 5e-324, -1.7976931348623157e308, 3.0]
        some.shuffle(numbers)
        self.write("n.txt", lines(numbers))
        self.alike(["mergesort", "n.txt"], lines(sorted(numbers)))

    def test_one_double_among_whole_numbers(self):
        """It may be in the part of another rank: all become doubles."""
        numbers = list(range(300000, 0, -1))
        self.write("n.txt", lines(numbers) + "0.5\n")
        self.alike(["mergesort", "n.txt"], lines(sorted(float(x) for x in numbers + [0.5])))

    def test_output(self):
        self.write("n.txt", "3\n-1\n2")
        for ranks in (0, 2):
            self.good(["mergesort", "n.txt", "-o", "out.txt", "--overwrite"], ranks)
            self.assertEqual(self.read("out.txt"), b"-1\n2\n3\n")

    def test_large_joins(self):
        """Enough for threads to merge together, and for results that ranks hand on in rounds."""
        some = random.Random(4)
        numbers = [some.getrandbits(40) for _ in range(1200000)]
        self.write("n.txt", lines(numbers))
        self.alike(["mergesort", "n.txt"], lines(sorted(numbers)), ((0, 2), (4, 1), (2, 2)))

    def test_mistakes(self):
        good = lines(range(100000))
        self.write("n.txt", good + "12x\n" + good)
        for ranks in (0, 2):
            line = self.bad(3, "not a number: n.txt, ", ["mergesort", "n.txt"], ranks)
            self.assertIn(f"byte {len(good)}: '12x'", line)
        for text in ("1\n\n2\n", "nan\n", "0x10\n", "1e999\n", "1 2\n", "-\n", "inf\n"):
            self.write("n.txt", text)
            self.bad(3, "not a number: n.txt, byte ", ["mergesort", "n.txt"])
        self.write("n.txt", "9" * 20 + "\n")
        self.bad(3, "number too large", ["mergesort", "n.txt"])
        self.write("n.txt", "1" * 700000)
        self.bad(3, "line too long", ["mergesort", "n.txt"], 2)
        self.bad(2, "give one file", ["mergesort"])
        self.bad(5, "--memory", ["mergesort", "n.txt", "--memory", "100K"])


def antiderivative(name, x):
    return {
        "sin": lambda: -math.cos(x), "cos": lambda: math.sin(x), "tan": lambda: -math.log(math.cos(x)),
        "exp": lambda: math.exp(x), "log": lambda: x * math.log(x) - x if x else 0.0,
        "sqrt": lambda: 2 / 3 * x**1.5, "abs": lambda: x * abs(x) / 2, "1/x": lambda: math.log(abs(x)),
        "x^2": lambda: x**3 / 3, "x^3": lambda: x**4 / 4, "runge": lambda: math.atan(5 * x) / 5,
        "gauss": lambda: math.sqrt(math.pi) / 2 * math.erf(x), "4/(1+x^2)": lambda: 4 * math.atan(x),
    }[name]()


class Quadrature(Case):
    INTERVALS = (
        ("sin", 0, 3), ("cos", -1, 40), ("tan", -1, 1.5), ("exp", -3, 5), ("log", 0, 2), ("sqrt", 0, 9),
        ("abs", -1, 3), ("1/x", 1, 1e6), ("1/x", -1, -2), ("x^2", 2, -1), ("x^3", 0, 1),
        ("runge", -5, 5), ("gauss", -30, 30), ("4/(1+x^2)", 0, 1),
    )

    def args(self, name, start, end, tolerance):
        return ["quadrature", "--f", name, "--from", start, "--to", end, "--tolerance", tolerance]

    def test_closed_forms(self):
        for name, start, end in self.INTERVALS:
            for tolerance in (1e-3, 1e-11):
                got = float(self.good(self.args(name, start, end, tolerance)))
                want = antiderivative(name, end) - antiderivative(name, start)
                self.assertLessEqual(abs(got - want), tolerance + 1e-14 * abs(want) + 1e-15,
                                     (name, tolerance))

    def test_same_bits(self):
        for name, start, end in (("sin(1/x)", 0.0005, 1), ("tan", -1.5, 1.57), ("log", 0, 1)):
            args = self.args(name, start, end, 1e-13)
            self.alike(args, self.good(args).decode())

    def test_nothing(self):
        self.assertEqual(self.good(self.args("exp", 2, 2, 1)), b"0.0\n")

    def test_mistakes(self):
        for args, naming in (
            (self.args("sine", 0, 1, 1), "wrong --f: sine: give one of sin"),
            (self.args("sin", 0, 1, 0), "--tolerance"),
            (self.args("sin", 0, 1, -1e-3), "--tolerance"),
            (self.args("sin", "inf", 1, 1), "--from"),
            (self.args("sin", 0, "1e999", 1), "--to"),
            (["quadrature"], "--f"),
        ):
            self.bad(2, naming, args)
        self.bad(1, "does not converge: 1/x", self.args("1/x", 0, 1, 1e-6), 2)
        self.bad(1, "not finite: 1/x at 0", self.args("1/x", -1, 1, 1e-6))


if __name__ == "__main__":
    sys.argv.pop()  # where plugins are: it needs none
    drive.main()
