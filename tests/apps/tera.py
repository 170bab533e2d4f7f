"""apps/tera.py: teragen, terasort and teravalidate against python's sorting, zlib's CRC-32 and GNU
sort."""

import os
import random
import re
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

RECORD = 100


def records(data):
    return [data[at : at + RECORD] for at in range(0, len(data), RECORD)]


def summary(data):
    total = sum(map(zlib.crc32, records(data)))
    return b"checksum\t%x\nrecords\t%d\n" % (total, len(data) // RECORD)


def first_fall(data):
    keys = [record[:10] for record in records(data)]
    return next(n for n in range(1, len(keys)) if keys[n - 1] > keys[n])


class Generate(drive.Case):
    BINARY = re.compile(
        rb"(?s).{10}\x00\x11([0-9A-F]{32})\x88\x99\xAA\xBB((?:([0-9A-F])\3\3\3){12})\xCC\xDD\xEE\xFF"
    )
    ASCII = re.compile(rb"[ -~]{10}  ([0-9A-F]{32})  ((?:([0-9A-F])\3\3\3){13})\r\n")

    def generate(self, count, *more):
        return self.good(["teragen", "--records", count, *more])

    def test_layout(self):
        for shape, more in ((self.BINARY, []), (self.ASCII, ["--ascii"])):
            data = self.generate(2345, *more)
            self.assertEqual(len(data), 2345 * RECORD)
            for n, record in enumerate(records(data)):
                hit = shape.fullmatch(record)
                self.assertTrue(hit, (n, record))
                self.assertEqual(int(hit[1], 16), n)

    def test_everywhere(self):
        for more in ([], ["--ascii"], ["--keys", "3"]):
            asked = ["teragen", "--records", 5432, "--seed", 7] + more
            walk = self.somewhere if more else self.everywhere
            walk(asked, self.good(asked), blocks=("1", None))

    def test_a_record_does_not_depend_on_how_many_there_are(self):
        data = self.generate(1000)
        for count in (0, 1, 99, 100, 101, 999):
            self.same(self.generate(count), data[: count * RECORD], count)

    def test_seeds(self):
        """Other seeds give other keys, and no seed the keys of another one further on."""
        kept = [{record[:10] for record in records(self.generate(500, "--seed", seed))} for seed in range(6)]
        self.assertEqual(len(set().union(*kept)), 6 * 500)

    def test_keys_are_spread_evenly(self):
        """Each byte of the key by itself: chi squared with 255 degrees of freedom."""
        data = records(self.generate(20000))
        for place in range(10):
            counts = [0] * 256
            for record in data:
                counts[record[place]] += 1
            expected = len(data) / 256
            chi = sum((count - expected) ** 2 / expected for count in counts)
            self.assertLess(chi, 350, place)  # one in 10,000
            self.assertGreater(chi, 175, place)

    def test_printable_keys_are_spread_evenly(self):
        data = records(self.generate(20000, "--ascii"))
        self.assertEqual(len({record[:10] for record in data}), len(data))
        for place in range(10):
            self.assertEqual(len({record[place] for record in data}), 95, place)

    def test_few_keys(self):
        for keys in (1, 2, 10):
            data = records(self.generate(2000, "--keys", keys))
            self.assertEqual(len({record[:10] for record in data}), keys)
            self.assertEqual(len(set(data)), 2000)

    def test_to_a_file(self):
        want = self.generate(3000)
        for ranks in (0, 3):
            self.good(["teragen", "--records", 3000, "--overwrite", "-o", "f.bin"], ranks)
            self.same(self.read("f.bin"), want)

    def test_wrong_options(self):
        self.bad(2, "--records", ["teragen"])
        self.bad(2, "--records", ["teragen", "--records", "-1"])
        self.bad(2, "--keys", ["teragen", "--records", "1", "--keys", "-1"])


class Sort(drive.Case):
    def twice(self, args, want, **more):
        for _ in range(2):
            self.somewhere(args, want, **more)

    def check(self, data, everywhere=False, **more):
        walk = self.everywhere if everywhere else self.twice
        walk(["terasort", self.write("f.bin", data)], b"".join(sorted(records(data))), **more)

    def generate(self, count, *more):
        return self.good(["teragen", "--records", count, *more])

    def test_random(self):
        self.check(self.generate(20000), everywhere=True, blocks=("4K", None))

    def test_one_record_a_block(self):
        self.check(self.generate(300), blocks=("1", "199", None))

    def test_few_keys(self):
        for keys in (1, 2, 5):
            with self.subTest(keys=keys):
                self.check(self.generate(5000, "--keys", keys), blocks=("4K", None))

    def test_sorted_and_reversed(self):
        data = sorted(records(self.generate(5000)))
        self.check(b"".join(data), blocks=("4K", None))
        self.check(b"".join(reversed(data)), blocks=("4K", None))

    def test_equal_records(self):
        self.check(bytes(range(100)) * 2000, blocks=("4K", None))

    def test_empty_and_one(self):
        self.check(b"")
        self.check(bytes(range(100)))

    def test_keys_of_high_bytes(self):
        rng = random.Random(1)
        self.check(b"".join(bytes(rng.choices(b"\x00\x7f\x80\xff", k=RECORD)) for _ in range(3000)),
                   blocks=("4K", None))

    def test_gnu_sort(self):
        self.write("f.txt", self.generate(20000, "--ascii"))
        want = drive.run_tool("sort f.txt", cwd=self.folder)
        for ranks in (0, 2):
            self.same(self.good(["terasort", "f.txt"], ranks), want)

    def test_several_files(self):
        pieces = [self.generate(count, "--seed", count) for count in (1000, 0, 1, 700)]
        paths = [self.write(f"f{n}.bin", piece) for n, piece in enumerate(pieces)]
        self.twice(["terasort"] + paths, b"".join(sorted(records(b"".join(pieces)))),
                     blocks=("4K", None))

    def test_torn_record(self):
        self.write("f.bin", self.generate(50) + b"x")
        for ranks in (0, 3):
            self.bad(3, "f.bin", ["terasort", "-o", "sorted.bin", "f.bin"], ranks)
            self.assertEqual(self.visible(), ["f.bin"])

    def test_larger_than_memory(self):
        for keys in (0, 2):
            with self.subTest(keys=keys):
                self.good(["teragen", "--records", 1200000, "--keys", keys, "--overwrite", "-o", "f.bin"])
                want = b"".join(sorted(records(self.read("f.bin"))))
                asked = ["terasort", "--memory", "64M", "--overwrite", "-o", "sorted.bin", "f.bin"]
                self.good(asked, 2, timeout=120)
                self.same(self.read("sorted.bin"), want)


class Validate(drive.Case):
    def sorted(self, count, *more):
        data = self.good(["teragen", "--records", count, *more])
        return b"".join(sorted(records(data)))

    def fails(self, data, ranks=0, block="4K"):
        self.write("s.bin", data)
        line = self.bad(1, "not in order", ["teravalidate", "--block", block, "s.bin"], ranks)
        self.assertIn(f"record {first_fall(data)},", line)

    def test_in_order(self):
        data = self.sorted(5000)
        self.everywhere(["teravalidate", self.write("s.bin", data)], summary(data), blocks=("1", "4K", None))

    def test_equal_keys(self):
        for keys in (1, 3):
            data = self.sorted(3000, "--keys", keys)
            self.somewhere(["teravalidate", self.write("s.bin", data)], summary(data))

    def test_order_within_a_key_does_not_matter(self):
        data = b"".join(sorted(records(self.sorted(500, "--keys", 3)), key=lambda r: (r[:10], r[::-1])))
        self.briefly(["teravalidate", self.write("s.bin", data)], summary(data))

    def test_empty_and_one(self):
        for data in (b"", bytes(range(100))):
            self.somewhere(["teravalidate", self.write("s.bin", data)], summary(data))

    def test_checksum_does_not_depend_on_the_order(self):
        self.good(["teragen", "--records", 4000, "-o", "f.bin"])
        self.good(["terasort", "-o", "s.bin", "f.bin"], 2)
        self.same(self.good(["teravalidate", "s.bin"]), summary(self.read("f.bin")))

    def test_every_swap(self):
        """Two neighbours that are swapped, at any place: also at borders of blocks and ranks."""
        data = records(self.sorted(120))
        for turn, n in enumerate((0, 1, 5, 8, 9, 10, 18, 19, 44, 53, 79, 80, 98, 99, 109, 118)):
            swapped = data[:n] + [data[n + 1], data[n]] + data[n + 2 :]
            for block in ("1", "900", "1000", "256K")[turn % 2 :: 2]:
                self.fails(b"".join(swapped), block=block)

    def test_falls_at_ranks(self):
        data = records(self.sorted(20000))
        rng = random.Random(2)
        for ranks in (1, 2, 3, 4):
            fallen = list(data)
            for _ in range(3):
                n = rng.randrange(1, len(data))
                fallen[n] = fallen[n][:10][::-1] + fallen[n][10:]
            fallen[-1] = bytes(100)
            self.fails(b"".join(fallen), ranks)

    def test_descending(self):
        self.fails(b"".join(reversed(records(self.sorted(2000)))), 2)

    def test_unsorted(self):
        self.fails(self.good(["teragen", "--records", 3000]), 3)

    def test_difference_in_the_last_byte_of_a_key(self):
        low, high = bytes(9) + b"\x7f" + bytes(90), bytes(9) + b"\x80" + bytes(90)
        self.briefly(["teravalidate", self.write("s.bin", low + high)], summary(low + high))
        self.fails(high + low)

    def test_several_files(self):
        data = self.sorted(1000)
        cuts = [0, 20000, 20000, 20100, 100000]
        paths = [self.write(f"s{n}.bin", data[a:b]) for n, (a, b) in enumerate(zip(cuts, cuts[1:]))]
        self.briefly(["teravalidate"] + paths, summary(data))
        line = self.bad(1, "not in order", ["teravalidate", paths[0], paths[3], paths[2]], 2)
        self.assertIn("record 999,", line)
        line = self.bad(1, "not in order", ["teravalidate", paths[2], paths[0], paths[3]], 2)
        self.assertIn("record 1,", line)

    def test_torn_record(self):
        self.write("s.bin", bytes(150))
        self.bad(3, "s.bin", ["teravalidate", "s.bin"], 2)


if __name__ == "__main__":
    drive.main()
