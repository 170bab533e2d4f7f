"""apps/lengths.py: count, shortest, mean and longest line by first byte, against awk."""

import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

AWK = (
    "awk '{ k = substr($0, 1, 1); n = length($0); if (!(k in c) || n < a[k]) a[k] = n;"
    " if (n > b[k]) b[k] = n; c[k]++; s[k] += n }"
    ' END { for (k in c) printf "%s\\t%d\\t%d\\t%d\\t%d\\n", k, c[k], a[k], s[k], b[k] }\' in.txt | sort'
)


class Lengths(drive.Case):
    def want(self):
        """Awk's rows, with the sum divided as python does it: shortest digits that read back."""
        rows = []
        for row in drive.run_tool(AWK, cwd=self.folder).decode().splitlines():
            first, number, least, total, most = row.split("\t")
            rows.append(f"{first}\t{number}\t{least}\t{int(total) / int(number)!r}\t{most}\n")
        return "".join(rows).encode()

    def lines(self, seed, number, longest):
        rng = random.Random(seed)
        letters = "abcdefgh XYZ0123456789"
        return "".join(
            "".join(rng.choices(letters, k=rng.randint(0, longest))) + "\n" for _ in range(number)
        )

    def test_lines(self):
        self.write("in.txt", self.lines(1, 6000, 40))
        want = self.want()
        self.assertEqual(want.count(b"\n"), 23)  # one for each letter, and one for empty lines
        self.everywhere(["lengths", "in.txt"], want, many=True)

    def test_long_lines(self):
        self.write("in.txt", self.lines(2, 60, 20000))
        self.briefly(["lengths", "in.txt"], self.want(), blocks=("4K", "64K", None))

    def test_no_final_newline(self):
        self.write("in.txt", self.lines(3, 100, 9) + "abc")
        self.briefly(["lengths", "in.txt"], self.want())

    def test_empty(self):
        self.write("in.txt", "")
        self.briefly(["lengths", "in.txt"], b"")

    def test_empty_lines(self):
        self.write("in.txt", "\n" * 500)
        self.briefly(["lengths", "in.txt"], b"\t500\t0\t0.0\t0\n")


if __name__ == "__main__":
    drive.main()
