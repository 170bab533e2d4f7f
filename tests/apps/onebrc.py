"""apps/onebrc.py: the One Billion Row Challenge: its own small samples, and an implementation in
exact whole numbers. A mean is rounded to tenths, halves towards positive infinity; zero has no sign.
"""

import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive


def show(tenths):
    return b"%s%d.%d" % (b"-" if tenths < 0 else b"", abs(tenths) // 10, abs(tenths) % 10)


def summary(rows):
    """The line that is wanted for rows of (station, tenths)."""
    stations = {}
    for name, tenths in rows:
        stations.setdefault(name, []).append(tenths)
    shown = [
        b"%s=%s/%s/%s" % (
            name,
            show(min(stations[name])),
            show((2 * sum(stations[name]) + len(stations[name])) // (2 * len(stations[name]))),
            show(max(stations[name])),
        )
        for name in sorted(stations)
    ]
    return b"{" + b", ".join(shown) + b"}\n"


def text(rows):
    return b"".join(b"%s;%s\n" % (name, show(tenths)) for name, tenths in rows)


# Input and output as the challenge has them.
SAMPLES = (
    ("a;1.0\n", "{a=1.0/1.0/1.0}"),
    ("a;1.0\nb;1.0\nb;2.0\n", "{a=1.0/1.0/1.0, b=1.0/1.5/2.0}"),
    (".;1.0\n-;1.0\n-;2.0\n", "{-=1.0/1.5/2.0, .=1.0/1.0/1.0}"),
    ("Bosaso;-99.9\nPetropavlovsk-Kamchatsky;99.9\n",
     "{Bosaso=-99.9/-99.9/-99.9, Petropavlovsk-Kamchatsky=99.9/99.9/99.9}"),
    ("Bosaso;5.0\nBosaso;20.0\nBosaso;-5.0\nBosaso;-15.0\n"
     "Petropavlovsk-Kamchatsky;9.5\nPetropavlovsk-Kamchatsky;-9.5\n",
     "{Bosaso=-15.0/1.3/20.0, Petropavlovsk-Kamchatsky=-9.5/0.0/9.5}"),
    ("ham;33.6\nham;31.7\nham;21.9\nham;14.6\n", "{ham=14.6/25.5/33.6}"),
    ("Xi'an1\ufe0f\u20e3\U0001f41d\U0001f3ce\ufe0f;17.5\nAb\u00e9ch\u00e91\ufe0f\u20e3\U0001f41d\U0001f3ce\ufe0f;27.3\n",
     "{Ab\u00e9ch\u00e91\ufe0f\u20e3\U0001f41d\U0001f3ce\ufe0f=27.3/27.3/27.3, "
     "Xi'an1\ufe0f\u20e3\U0001f41d\U0001f3ce\ufe0f=17.5/17.5/17.5}"),
)

# Means that lie between two tenths, and zeros with a sign before them.
ROUNDING = (
    ("a;-0.1\na;0.0\n", "{a=-0.1/0.0/0.0}"),
    ("a;0.1\na;0.0\n", "{a=0.0/0.1/0.1}"),
    ("a;-0.0\n", "{a=0.0/0.0/0.0}"),
    ("a;-0.2\na;-0.1\n", "{a=-0.2/-0.1/-0.1}"),
    ("a;-0.1\na;-0.1\na;0.0\n", "{a=-0.1/-0.1/0.0}"),
    ("a;-0.1\na;0.0\na;0.0\n", "{a=-0.1/0.0/0.0}"),
    ("a;-1.6\na;-1.5\n", "{a=-1.6/-1.5/-1.5}"),
    ("a;1.6\na;1.5\n", "{a=1.5/1.6/1.6}"),
    ("a;99.9\na;99.8\n", "{a=99.8/99.9/99.9}"),
    ("a;-99.9\na;-99.8\n", "{a=-99.9/-99.8/-99.8}"),
)


class Challenge(drive.Case):
    def check(self, data, want, everywhere=False, **more):
        walk = self.everywhere if everywhere else self.briefly
        walk(["onebrc", self.write("in.txt", data)], want, **more)

    def test_samples(self):
        for data, want in SAMPLES:
            with self.subTest(want=want):
                self.check(data, want.encode() + b"\n", blocks=("1", None))

    def test_rounding(self):
        for data, want in ROUNDING:
            with self.subTest(data=data):
                self.check(data, want.encode() + b"\n", blocks=("1",))

    def test_empty(self):
        self.check(b"", b"{}\n")

    def test_no_final_newline(self):
        self.check(b"a;1.0\nb;-2.3", b"{a=1.0/1.0/1.0, b=-2.3/-2.3/-2.3}\n")

    def test_every_temperature(self):
        rows = [(b"x%d" % (t % 7), t) for t in range(-999, 1000)]
        random.Random(1).shuffle(rows)
        self.check(text(rows), summary(rows))

    def test_lengths_of_names(self):
        """1 to 100 bytes, of one to four bytes a character."""
        letters = ["a", "\u00e9", "\u1e28", "\U0001f41d"]
        names = set()
        for letter in letters:
            for size in range(1, 101):
                whole = letter * (size // len(letter.encode()))
                names.add((whole + "z" * (size - len(whole.encode()))).encode())
        rng = random.Random(2)
        rows = [(name, rng.randint(-999, 999)) for name in sorted(names) * 5]
        rng.shuffle(rows)
        self.check(text(rows), summary(rows), everywhere=True)

    def test_ten_thousand_stations(self):
        rng = random.Random(3)
        names = [b"station %d %s" % (n, b"y" * (n % 60)) for n in range(10000)]
        rows = [(name, rng.randint(-999, 999)) for name in names for _ in range(4)]
        rng.shuffle(rows)
        self.check(text(rows), summary(rows), everywhere=True, many=True, blocks=("64", "4K", None))

    def test_few_stations_many_rows(self):
        rng = random.Random(4)
        rows = [(b"s%d" % rng.randint(0, 40), rng.randint(-999, 999)) for _ in range(60000)]
        self.check(text(rows), summary(rows), everywhere=True, blocks=("4K", "64K", None))

    def test_wrong_lines(self):
        good = "a;1.0\n" * 500
        for line in ("nothing", "a;", ";1.0", "a;1", "a;1.23", "a;123.4", "a;x.1", "a;--1.0", "a;1.0;2.0", ""):
            with self.subTest(line=line):
                self.write("in.txt", good + line + "\n" + good)
                self.assertIn("in.txt at byte 3000", self.bad(3, "not a line", ["onebrc", "in.txt"]))
        for ranks in (1, 3, 4):
            self.bad(3, "in.txt at byte 3000", ["onebrc", "--block", "64", "in.txt"], ranks)

    def test_table(self):
        """Other formats have a row for each station."""
        self.write("in.txt", "b;-1.5\nb;2.0\na;0.0\n")
        want = b"station,min,mean,max\na,0.0,0.0,0.0\nb,-1.5,0.3,2.0\n"
        self.assertEqual(self.good(["onebrc", "-f", "csv", "in.txt"], 2), want)


if __name__ == "__main__":
    drive.main()
