"""apps/dedup.py: the first of all equal lines, against a set of python's and awk."""

import gzip
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive


def lines_of(data):
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def firsts(*pieces):
    seen, out = set(), []
    for piece in pieces:
        for line in lines_of(piece):
            if line not in seen:
                seen.add(line)
                out.append(line + b"\n")
    return b"".join(out)


def text(seed, number, kinds):
    """Lines of which a few are frequent."""
    rng = random.Random(seed)
    known = [
        bytes(rng.choices(b"abcdefgh XYZ\t\\\r\x00\xc3\xa9", k=rng.choice((0, 3, 10, 15, 16, 17, 40, 200))))
        for _ in range(kinds)
    ]
    return b"".join(known[int(kinds * rng.random() ** 2)] + b"\n" for _ in range(number))


class Dedup(drive.Case):
    def check(self, data, **more):
        for _ in range(2):
            self.somewhere(["dedup", self.write("in.txt", data)], firsts(data), **more)

    def test_many_points(self):
        data = text(1, 6000, 2000)
        self.assertGreater(len(lines_of(firsts(data))), 500)
        self.everywhere(["dedup", self.write("in.txt", data)], firsts(data), blocks=("1", "64", None))

    def test_awk(self):
        data = b"".join(b"%d\n" % (n * 7919 % 20011 % 5000) for n in range(40000))
        self.write("in.txt", data)
        want = drive.run_tool("awk '!seen[$0]++' in.txt", cwd=self.folder)
        self.briefly(["dedup", "in.txt"], want, blocks=("4K", None))

    def test_files_in_the_order_given(self):
        pieces = [text(10 + n, 300 if n % 3 else 0, 200) for n in range(7)]
        paths = [self.write(f"f{9 - n}.txt", piece) for n, piece in enumerate(pieces)]
        self.everywhere(["dedup"] + paths, firsts(*pieces), blocks=("1", "64", None))

    def test_same_file_twice(self):
        data = text(2, 200, 100)
        self.write("in.txt", data)
        self.briefly(["dedup", "in.txt", "in.txt"], firsts(data))

    def test_all_equal(self):
        self.check(b"the same\n" * 5000)

    def test_all_different(self):
        self.check(b"".join(b"line %d\n" % n for n in range(3000)), blocks=("64", "4K", None))

    def test_empty(self):
        self.check(b"")

    def test_empty_lines(self):
        self.check(b"\n\na\n\n\nb\n\n")

    def test_no_final_newline(self):
        self.check(b"a\nb\na\nb")
        self.check(b"a\nb\na\nc")

    def test_carriage_returns_count(self):
        self.check(b"a\r\na\na\r\nb\r\n")

    def test_long_lines(self):
        rng = random.Random(3)
        known = [bytes([97 + n]) * rng.randint(20000, 300000) for n in range(8)]
        self.check(b"".join(rng.choice(known) + b"\n" for _ in range(40)), blocks=("4K", None))

    def test_gzip(self):
        data = text(4, 5000, 1500)
        self.write("in.gz", gzip.compress(data))
        self.briefly(["dedup", "in.gz"], firsts(data), blocks=("4K", None))

    def test_standard_input(self):
        data = text(5, 5000, 1500)
        for ranks in (0, 3):
            self.same(self.good(["dedup", "-"], ranks, data=data), firsts(data), f"at {ranks} ranks")

    def test_to_a_file(self):
        data = text(6, 2000, 700)
        self.write("in.txt", data)
        self.good(["dedup", "-o", "out.bin", "in.txt"], 2)
        self.same(self.read("out.bin"), firsts(data))

    def test_larger_than_memory(self):
        """Every other line is one of a few: 150 MB with 75 MB of different lines."""
        rng = random.Random(7)
        digits = rng.randbytes(50 * 750000).hex().encode()
        new = [digits[at : at + 100] + b"\n" for at in range(0, len(digits), 100)]
        data = b"".join(line + new[n * n % 999] for n, line in enumerate(new))
        self.write("in.txt", data)
        self.same(self.good(["dedup", "--memory", "64M", "in.txt"], 2, timeout=120), firsts(data))


if __name__ == "__main__":
    drive.main()
