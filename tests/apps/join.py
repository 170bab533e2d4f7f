"""apps/join.py: joins against python's own, and against join(1)."""

import collections
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

HOWS = ("inner", "left", "right", "full", "semi", "anti")


def cut(data, columns, delimiter):
    """Lines as (key, other columns), and how many the latter are at most."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    rows = []
    for line in lines:
        cells = line[:-1] if line.endswith(b"\r") else line
        cells = cells.split(delimiter)
        key = tuple(cells[n - 1] for n in columns)
        rows.append((key, [cell for n, cell in enumerate(cells, 1) if n not in columns]))
    return rows, max((len(rest) for _, rest in rows), default=0)


def joined(left, right, left_key=(1,), right_key=(1,), how="inner", delimiter=b","):
    left, left_width = cut(left, left_key, delimiter)
    right, right_width = cut(right, right_key, delimiter)
    sides = collections.defaultdict(lambda: ([], []))
    for n, rows in enumerate((left, right)):
        for key, rest in rows:
            sides[key][n].append(rest)
    if how in ("semi", "anti"):
        right_width = 0
    table = []
    for key in sorted(sides, key=b"\n".join):
        mine, other = sides[key]
        if how in ("semi", "anti"):
            other = [[]] if bool(other) == (how == "semi") else []
        if not other and how in ("left", "full"):
            other = [[]]
        if not mine and how in ("right", "full"):
            mine = [[]]
        for a in mine:
            for b in other:
                a_cells = a + [b""] * (left_width - len(a))
                b_cells = b + [b""] * (right_width - len(b))
                table.append(list(key) + a_cells + b_cells)
    return b"".join(b"\t".join(map(drive.escape, row)) + b"\n" for row in table)


def table(seed, rows, columns, key, keys, delimiter=b","):
    """Lines of so many columns, of which number `key` is one of so many keys."""
    rng = random.Random(seed)
    cells = [b"", b"x", b"caf\xc3\xa9", b"a\\b", b" two words ", b'"q"', b"y" * 70, b"\x00z"]
    cells += [b"%d" % n for n in range(40)]
    cells += [b"a\tb" if delimiter != b"\t" else b"a,b"]
    out = []
    for _ in range(rows):
        row = rng.choices(cells, k=columns)
        row[key - 1] = b"k%d" % int(keys * rng.random() ** 1.5)
        out.append(delimiter.join(row) + b"\n")
    return b"".join(out)


class Join(drive.Case):
    def check(self, left, right, hows=HOWS, left_key=(1,), right_key=(1,), delimiter=None,
              everywhere=False, **more):
        self.write("left.txt", left)
        self.write("right.txt", right)
        asked = ["join", "--left", "left.txt", "--right", "right.txt"]
        asked += ["--left-key", ",".join(map(str, left_key))]
        asked += ["--right-key", ",".join(map(str, right_key))]
        if delimiter:
            asked += ["--delimiter=" + ("\\t" if delimiter == b"\t" else delimiter.decode())]
        walk = self.everywhere if everywhere else self.somewhere
        for how in hows:
            want = joined(left, right, left_key, right_key, how, delimiter or b",")
            walk(asked + ["--how", how], want, **more)

    def test_all_kinds(self):
        left, right = table(1, 600, 3, 1, 400), table(2, 500, 4, 2, 400)
        self.assertGreater(len(joined(left, right, (1,), (2,))), 10000)
        self.check(left, right, ("full",), (1,), (2,), everywhere=True, blocks=("1", "64", None))
        self.check(left, right, left_key=(1,), right_key=(2,))

    def test_places_of_keys(self):
        for n in (1, 2, 3):
            for m in (1, 4):
                with self.subTest(left=n, right=m):
                    self.check(table(3, 80, 3, n, 60), table(4, 80, 4, m, 60), ("full",), (n,), (m,))

    def test_many_of_one_key(self):
        """Rows of the same key: in the order of the left file, then of the right one."""
        left = b"".join(b"same,%d\n" % (n * 7 % 83) for n in range(83)) + b"other,1\n"
        right = b"".join(b"same,r%d\n" % (n * 5 % 71) for n in range(71))
        self.check(left, right)

    def test_equal_lines(self):
        self.check(b"a,1\na,1\nb,2\n", b"a,x\na,x\n")

    def test_several_columns(self):
        left, right = table(5, 300, 4, 2, 9), table(6, 300, 4, 1, 9)
        self.check(left, right, ("inner", "left", "right"), (2, 4), (1, 3))
        self.check(left, right, left_key=(4, 2), right_key=(3, 1), hows=("full",))
        self.check(left, right, left_key=(1, 2, 3, 4), right_key=(4, 3, 2, 1), hows=("full",))

    def test_delimiters(self):
        left, right = table(7, 100, 3, 1, 80, b"\t"), table(8, 100, 2, 1, 80, b"\t")
        self.check(left, right, ("inner", "full"), delimiter=b"\t")
        for delimiter in (b";", b"|", b" ", b":"):
            with self.subTest(delimiter=delimiter):
                self.check(b"a,1 b;2|3:4\n".replace(b",", delimiter) * 2,
                           b"a,c;2|3:5\n".replace(b",", delimiter), ("inner",),
                           delimiter=delimiter)

    def test_keys_alone(self):
        """Files that have no column but the key."""
        self.check(b"a\nb\nb\nc\n", b"b\nc\nd\n")
        self.check(b"a\nb\nb\nc\n", b"b,1\nc,2\nd,3\n")

    def test_ragged_lines(self):
        self.check(b"a\nb,1\nc,1,2\nd,1,2,3\n", b"a,x,y\nb,x\nc\ne\n")
        self.check(b"1,a\n1,2,b,3,4\n,b\n", b"a,x\nb,y\n", left_key=(2,))

    def test_empty_files(self):
        rows = b"a,1,2\nb,3,4\n"
        self.check(b"", b"")
        self.check(rows, b"")
        self.check(b"", rows)

    def test_empty_keys(self):
        self.check(b",1\na,2\n,3\n", b",x\nb,y\n")
        self.check(b"\n\nx,1\n", b"\ny,2\n")

    def test_no_final_newline(self):
        self.check(b"a,1\nb,2", b"b,x\na,y")

    def test_carriage_returns(self):
        self.check(b"a,1\r\nb,2\r\n", b"b,x\na,y\n")
        self.check(b"1,a\r\n2,b\r\n", b"b\r\na\r\n", left_key=(2,))

    def test_long_cells(self):
        rng = random.Random(9)
        left = b"".join(b"k%d,%s,%s\n" % (n, b"x" * rng.randint(0, 40000), b"y" * 600) for n in range(30))
        right = b"".join(b"%s,k%d\n" % (b"z" * rng.randint(0, 40000), n * 3) for n in range(30))
        self.check(left, right, ("inner", "full"), (1,), (2,), blocks=("4K", None))

    def test_long_keys(self):
        left = b"".join(b"%s,%d\n" % (b"k" * n, n) for n in range(0, 200, 3))
        right = b"".join(b"%s,%d\n" % (b"k" * n, n) for n in range(0, 200, 5))
        self.check(left, right, ("full",), blocks=("64", None))

    def test_a_file_with_itself(self):
        data = table(10, 200, 2, 1, 150)
        self.write("in.txt", data)
        asked = ["join", "--left", "in.txt", "--right", "in.txt"]
        self.briefly(asked, joined(data, data))

    def test_standard_input(self):
        left, right = table(11, 300, 2, 1, 200), table(12, 300, 2, 1, 200)
        self.write("right.txt", right)
        for ranks in (0, 2):
            got = self.good(["join", "--left", "-", "--right", "right.txt"], ranks, data=left)
            self.same(got, joined(left, right), f"at {ranks} ranks")

    def test_coreutils(self):
        rng = random.Random(13)
        for name in ("left", "right"):
            self.write(name, b"".join(b"%d,%s%d\n" % (rng.getrandbits(14), name.encode(), n)
                                      for n in range(20000)))
        tool = "sort -s -t, -k1,1 left > l; sort -s -t, -k1,1 right > r; join -t, l r | tr , '\\t'"
        want = drive.run_tool(tool, cwd=self.folder)
        self.assertGreater(want.count(b"\n"), 20000)
        asked = ["join", "--left", "left", "--right", "right"]
        self.briefly(asked, want, blocks=("4K", None))

    def test_csv(self):
        self.write("left.txt", b"a,1,k\nb,2,l\n")
        self.write("right.txt", b"l,x\n")
        asked = ["join", "--left", "left.txt", "--left-key", "3", "--right", "right.txt", "--how", "left"]
        self.good(asked + ["-o", "out.csv"], 2)
        self.same(self.read("out.csv"), b'key,left1,left2,right2\nk,a,1,""\nl,b,2,x\n')
        asked = ["join", "--left", "left.txt", "--left-key", "3,1", "--right", "right.txt",
                 "--right-key", "1,2", "--how", "full", "-f", "json"]
        self.same(self.good(asked),
                  b'{"key":"k","key2":"a","left2":"1"}\n{"key":"l","key2":"b","left2":"2"}\n'
                  b'{"key":"l","key2":"x","left2":""}\n')

    def test_column_that_is_missing(self):
        self.write("left.txt", b"a,1\nb,2\nc\nd,4\n")
        self.write("right.txt", b"1,a\n")
        asked = ["join", "--left", "left.txt", "--right", "right.txt", "--left-key"]
        for ranks in (0, 3):
            line = self.bad(3, "no column 2", asked + ["2"], ranks)
            self.assertIn("left.txt at byte 8", line)
        self.bad(3, "no column 2", asked + ["2,1", "--right-key", "1,2"])

    def test_file_that_is_missing(self):
        self.write("left.txt", b"a,1\n")
        self.bad(3, "none.txt", ["join", "--left", "left.txt", "--right", "none.txt"], 2)
        self.bad(3, "none.txt", ["join", "--left", "none.txt", "--right", "left.txt"])

    def test_wide_rows(self):
        left, right = b"a" + b",1" * 200 + b"\n", b"a" + b",2" * 55 + b"\n"
        self.check(left, right, ("inner", "full"), blocks=(None,))
        self.write("right.txt", right[:-1] + b",3\n")
        self.bad(3, "too wide", ["join", "--left", "left.txt", "--right", "right.txt"], 2)

    def test_wrong_options(self):
        self.write("in.txt", b"a,b\n")
        asked = ["join", "--left", "in.txt", "--right", "in.txt"]
        for option, value in (("left-key", "0"), ("left-key", "a"), ("right-key", "1,"),
                              ("right-key", "1,1"), ("left-key", "1;2"), ("left-key", "2000000"),
                              ("left-key", "1,2"), ("how", "outer"), ("delimiter", ""),
                              ("delimiter", ",,"), ("delimiter", "\n")):
            self.bad(2, option, asked + ["--" + option, value])
        self.bad(2, "--right", ["join", "--left", "in.txt"])

    def test_larger_than_memory(self):
        """Four times as much in as there may be in memory; the result is put in order by join(1)."""
        rng = random.Random(14)
        for name in ("left", "right"):
            digits = rng.randbytes(40 * 1100000).hex()
            with open(self.path(name), "w", encoding="ascii") as file:
                for at in range(0, len(digits), 80):
                    file.write(f"{digits[at : at + 6]},{digits[at : at + 80]}{'x' * 40}\n")
        tool = "sort -s -t, -k1,1 %s > %s.sorted"
        for name in ("left", "right"):
            drive.run_tool(tool % (name, name), cwd=self.folder)
        joined = "join -t, left.sorted right.sorted | tr , '\\t'"
        want = drive.run_tool(joined, cwd=self.folder)
        asked = ["join", "--memory", "64M", "--left", "left", "--right", "right"]
        self.same(self.good(asked, 2, timeout=120), want)


if __name__ == "__main__":
    drive.main()
