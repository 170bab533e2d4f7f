"""numbers/rows.py: rows of numbers as kernels get them, from HDF5, .npy and CSV, against numpy and
h5py: every number exactly, with its place, for any ranks, threads and blocks."""

import gzip
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import h5py
import numpy as np

import drive

PLUGINS = ""
SOME = np.random.default_rng(1)

ELEMENTS = {"f64": "f8", "f32": "f4", "i64": "i8", "i32": "i4", "c128": "c16"}
NEAREST = {
    "f8": "f64", "f4": "f32", "f2": "f32", "i8": "i64", "i4": "i32", "i2": "i32", "i1": "i32",
    "u8": "i64", "u4": "i64", "u2": "i32", "u1": "i32", "b1": "i32", "c16": "c128", "c8": "c128",
}  # fmt: skip


def plugin(name):
    return os.path.join(PLUGINS, f"numbers_{name}.so")


def hexed(value):
    """As C's %a has it."""
    value = float(value)
    if np.isnan(value):
        return "nan"
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    sign, rest = ("-", -value) if np.copysign(1, value) < 0 else ("", value)
    if rest == 0:
        return sign + "0x0p+0"
    mantissa, exponent = rest.hex().split("p")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{sign}{mantissa}p{int(exponent):+d}"


def shown(value, element):
    if element == "c128":
        return f"{hexed(value.real)},{hexed(value.imag)}"
    return str(int(value)) if element[0] == "i" else hexed(value)


def lines(name, array, element=None, names=(), places=None):
    """What the plugin says of a dataset."""
    array = np.asarray(array)
    if element is None:
        element = NEAREST[array.dtype.str[1:]]
    array = array.reshape(-1) if array.ndim == 0 else array
    shape = [str(size) for size in array.shape[1:]]
    array = array.astype(ELEMENTS[element]).reshape(len(array), -1) if array.size else array
    text = []
    for i, row in enumerate(array if array.size else []):
        place = i if places is None else places[i]
        cells = [name, str(place), element, *shape, *names, *(shown(x, element) for x in row)]
        text.append(" ".join(cells) + "\n")
    return "".join(text).encode()


def any_array(kind, shape):
    """Numbers of a kind, with those at its ends."""
    dtype = np.dtype(kind)
    if dtype.kind == "b":
        return SOME.random(shape) < 0.5
    if dtype.kind in "iu":
        about = np.iinfo(dtype)
        top = min(about.max, 2**63 - 1)
        array = SOME.integers(about.min, top, shape, dtype=dtype.newbyteorder("="), endpoint=True)
        return np.asarray(array, dtype=dtype)
    array = SOME.normal(size=shape) * 10.0 ** SOME.integers(-3, 4, shape)
    array = np.where(SOME.random(shape) < 0.1, SOME.choice([np.nan, np.inf, -np.inf, -0.0, 6e-8]), array)
    if dtype.kind == "c":
        array = array + 1j * SOME.normal(size=shape)
    with np.errstate(all="ignore"):
        return np.asarray(array, dtype=dtype)


class Case(drive.Case):
    def alone(self, args, want, blocks=("1", None)):
        """Without mpirun: most of what is read does not know of ranks."""
        self.at([(0, 1 + i % 2, block) for i, block in enumerate(blocks)], args, want)

    def with_ranks(self, args, want, blocks=("1", None)):
        self.alone(args, want, blocks)
        self.at([(2, 2, blocks[0]), (3, 1, blocks[-1])], args, want)


class Npy(Case):
    def test_every_kind_and_order(self):
        names, want = [], b""
        for number, kind in enumerate(NEAREST):
            for order in "<>":
                array = any_array(order + kind, (5, 3))
                if number % 2:
                    array = np.asfortranarray(array)
                name = f"{kind}{'le' if order == '<' else 'be'}.npy"
                np.save(self.path(name), array)
                names.append(name)
                want += lines(name, array)
        self.with_ranks([plugin("rows"), *names], want)

    def test_every_shape_and_version(self):
        for turn, shape in enumerate([(), (7,), (0,), (4, 0), (0, 3), (3, 1), (4, 2, 3), (3, 2, 1, 2, 2)]):
            for order in "CF":
                array = np.asarray(any_array("f8", shape), order=order)
                with open(self.path("a.npy"), "wb") as file:
                    np.lib.format.write_array(file, array, version=(1 + turn % 3, 0))
                want = lines("a.npy", array)
                self.alone([plugin("rows"), "a.npy"], want, ("1",))
        array = any_array("<f4", (1000, 7, 3))
        for order in "CF":
            np.save(self.path("big.npy"), np.asarray(array, order=order))
            self.alone([plugin("rows"), "big.npy"], lines("big.npy", array), (None, "100", "5K"))

    def test_wanted_elements(self):
        array = SOME.integers(-100, 100, (6, 2)).astype("<i2")
        np.save(self.path("a.npy"), array)
        for element in ELEMENTS:
            want = lines("a.npy", array, element)
            self.alone([plugin("rows"), "--element", element, "a.npy"], want, ("1",))
        for bad, element in ((2**31, "i32"), (0.5, "i64"), (1e300, "f32"), (1j, "f64"), (np.nan, "i32")):
            np.save(self.path("bad.npy"), np.array([[0], [1], [bad]]))
            said = self.bad(3, "bad.npy", [plugin("rows"), "--element", element, "bad.npy"])
            self.assertIn(element, said)

    def test_damage(self):
        np.save(self.path("good.npy"), np.arange(12.0).reshape(4, 3))
        good = self.read("good.npy")
        for size in (0, 5, 8, 11, 50, len(good) - 1):
            self.write("cut.npy", good[:size])
            self.bad(3, "cut.npy", [plugin("rows"), "cut.npy"])
        for what, by in ((b"'<f8'", b"'<f9'"), (b"'<f8'", b"'|O'"), (b"'<f8'", b"[('a','<f8')]"),
                         (b"(4, 3)", b"(4, 3"), (b"(4, 3)", b"(-4,3)"), (b"False", b"Maybe"),
                         (b"descr", b"desc "), (b"(4, 3)", b"(4,4194304,4194304,4194304)"),
                         (b"\x93NUMPY\x01", b"\x93NUMPY\x09")):  # fmt: skip
            head, body = good[:128], good[128:]
            changed = head.replace(what, by)
            changed = changed[:128] if len(changed) > 128 and b"  " in changed else changed
            self.write("bad.npy", changed.ljust(128)[:128] + body)
            self.bad(3, "bad.npy", [plugin("rows"), "bad.npy"])
        np.save(self.path("text.npy"), np.array(["a", "b"]))
        self.bad(3, "no plain numbers", [plugin("rows"), "text.npy"])


class Hdf5(Case):
    def make(self, **arrays):
        with h5py.File(self.path("a.h5"), "a") as file:
            for name, how in arrays.items():
                array, options = how if isinstance(how, tuple) else (how, {})
                file.create_dataset(name, data=array, **options)

    def test_chunks_of_any_shape(self):
        array = any_array("f8", (103, 7, 2))
        self.make(plain=array, one=(array, {"chunks": (1, 1, 1)}), odd=(array, {"chunks": (10, 3, 2)}),
                  whole=(array, {"chunks": (103, 7, 2), "compression": "gzip"}),
                  packed=(array, {"chunks": (33, 7, 1), "compression": 4, "shuffle": True, "fletcher32": True}),
                  extra=(array, {"chunks": (9, 9, 9), "maxshape": (None, None, None)}))  # fmt: skip
        for name in ("plain", "one", "odd", "whole", "packed", "extra"):
            want = lines(f"a.h5:/{name}", array)
            self.alone([plugin("rows"), f"a.h5:/{name}"], want)
        self.with_ranks([plugin("rows"), "a.h5:/odd"], lines("a.h5:/odd", array), ("1", "1K", None))

    def test_kinds_and_wanted_elements(self):
        for kind in NEAREST:
            self.make(**{f"{kind}le": any_array("<" + kind, (4, 2)), f"{kind}be": any_array(">" + kind, (4, 2))})
        want = b""
        with h5py.File(self.path("a.h5")) as file:
            for name in sorted(file):
                want += lines(f"a.h5:/{name}", file[name][()])
        self.alone([plugin("rows"), "a.h5:/*"], want)
        self.make(single=np.float64(3), vector=np.arange(5))
        self.alone([plugin("rows"), "--element", "f64", "a.h5:/single", "a.h5:/vector"],
                     lines("a.h5:/single", np.float64(3)) + lines("a.h5:/vector", np.arange(5), "f64"))  # fmt: skip

    def test_parts_globs_and_files(self):
        array = any_array("f4", (60, 4))
        options = {"chunks": (7, 3), "compression": "gzip"}
        self.make(run1=(array, options), run2=array[:9], other=array)
        part = self.path("b.h5")
        with h5py.File(part, "w") as file:
            file["run1"] = array[20:]
        np.save(self.path("c.npy"), array[:5])
        want = lines("a.h5:/run1", array) + lines("a.h5:/run2", array[:9])
        self.alone([plugin("rows"), "a.h5:/run*"], want)
        want = lines("a.h5:/run1", array) + lines("b.h5:/run1", array[20:])
        self.alone([plugin("rows"), "*.h5:/run1"], want)
        self.alone([plugin("rows"), "b.h5", "c.npy"], lines("b.h5:/run1", array[20:]) + lines("c.npy", array[:5]))
        for slab in ("[5:23,:]", "[-9:,1:3]", "[50:50,:]"):
            name = "a.h5:/run1" + slab
            self.alone([plugin("rows"), name], lines(name, eval("array" + slab)), ("100",))
        self.write("list", "# inputs\na.h5:/run2\nc.npy\n")
        self.alone([plugin("rows"), "@list"], lines("a.h5:/run2", array[:9]) + lines("c.npy", array[:5]))
        os.mkdir(self.path("in"))
        os.rename(self.path("b.h5"), self.path("in/b.h5"))
        os.rename(self.path("c.npy"), self.path("in/c.npy"))
        self.alone([plugin("rows"), "in"], lines("in/b.h5:/run1", array[20:]) + lines("in/c.npy", array[:5]))

    def test_tables(self):
        table = np.zeros(50, dtype=[("mass", "f4"), ("name", "S4"), ("n", ">i2"), ("z", "f8")])
        table["mass"], table["n"], table["z"] = SOME.random(50), range(50), SOME.random(50)
        self.make(t=(table, {"chunks": (8,)}))
        numbers = np.stack([table["mass"], table["n"], table["z"]], 1)
        self.alone([plugin("rows"), "a.h5:/t"], lines("a.h5:/t", numbers, "f64", ["mass", "n", "z"]))
        self.alone([plugin("rows"), "a.h5:/t.n"], lines("a.h5:/t.n", table["n"]))

    def test_strings_are_text(self):
        words = ["to be", "or not", "", "to be"]
        self.make(fixed=np.array(words, "S7"), chunked=(np.array(words * 999, "S7"), {"chunks": (100,)}),
                  variable=(words, {"dtype": h5py.string_dtype()}), numbers=np.arange(3.0))  # fmt: skip
        want = b"be\t2\nnot\t1\nor\t1\nto\t2\n"
        for name in ("fixed", "variable"):
            self.alone(["wordcount", f"a.h5:/{name}"], want)
        self.alone(["wordcount", "a.h5:/chunked"], want.replace(b"2", b"1998").replace(b"1\n", b"999\n"))
        self.write("more.txt", "to be")
        self.alone(["wordcount", "a.h5:/fixed", "more.txt"], want.replace(b"2", b"3"))
        self.bad(3, "a.h5:/numbers", ["wordcount", "a.h5:/numbers"])
        self.bad(3, "a.h5:/fixed", [plugin("rows"), "a.h5:/fixed"])
        np.save(self.path("a.npy"), np.arange(3))
        self.bad(3, "holds numbers", ["wordcount", "a.npy"])

    def test_errors(self):
        self.make(x=np.zeros((9, 3)), y=np.zeros((9, 4)), big=(np.zeros((99, 3)), {"chunks": (9, 3)}))
        self.bad(3, "/y", [plugin("rows"), "a.h5:/nothing"], 2)
        self.bad(3, "none.h5", [plugin("rows"), "none.h5:/x"])
        self.bad(3, "none*.h5", [plugin("rows"), "none*.h5:/x"])
        said = self.bad(3, "rows differ", [plugin("rows"), "a.h5:/x", "a.h5:/y"])
        for part in ("a.h5:/x", "(3,)", "a.h5:/y", "(4,)"):
            self.assertIn(part, said)
        said = self.bad(1, "wrong row", [plugin("rows"), "--fail", "70", "a.h5:/big"], 2)
        self.assertIn("a.h5:/big at row 70", said)
        result = self.run_mapred([plugin("rows"), "--crash", "70", "a.h5:/big", "--block", "1"])
        self.assertIn(b"a.h5:/big rows 63-72, row at 70", result.err)
        self.bad(3, "pipe", [plugin("rows"), "-"])

    def test_plan(self):
        self.make(x=np.zeros((9, 3)))
        for args in (["plan", plugin("rows"), "a.h5:/x"], [plugin("rows"), "a.h5:/x", "--dry-run"],
                     ["plan", "stats", "a.h5:/x"]):  # fmt: skip
            said = self.run_mapred(args).err
            self.assertIn(b"rows: 3 values each", said)
            self.assertIn(b"216 bytes", said)


class Csv(Case):
    def csv(self, text, name="a.csv"):
        return self.write(name, text)

    def places(self, text, first):
        """Where lines with something in them begin, from line `first` on; tabs are something."""
        places, at = [], 0
        for number, line in enumerate(text.encode().splitlines(keepends=True)):
            if number >= first and line.strip(b"\r\n "):
                places.append(at)
            at += len(line)
        return places

    def expect(self, text, rows, names=(), first=1, name="a.csv"):
        self.csv(text, name)
        rows = np.array(rows, dtype="f8")
        want = lines(name, rows, "f64", names, self.places(text, first))
        self.alone([plugin("rows"), name], want, ("1", "7", None))

    def test_variants(self):
        nan = np.nan
        self.expect("a,b\n1,2\n3,4.5\n", [[1, 2], [3, 4.5]], ["a", "b"])
        self.expect("1,2\n3,4", [[1, 2], [3, 4]], first=0)
        self.expect("a;b\r\n1;-2e3\r\n;+.5\r\n", [[1, -2000], [nan, 0.5]], ["a", "b"])
        self.expect("a\tb\n1\t2\n\t\n3\t\n", [[1, 2], [nan, nan], [3, nan]], ["a", "b"])
        self.expect('"x ""y""","b,c"\n"1", 2 \n3 ,"4"\n', [[1, 2], [3, 4]], ['x "y"', "b,c"])
        self.expect("a,b\n\n1,2\n\n\n3\n\n", [[1, 2], [3, nan]], ["a", "b"])
        self.expect("a,b,c\n1,x,2\n3,y;z,NA\nnan,,inf\n", [[1, 2], [3, nan], [nan, np.inf]], ["a", "c"])
        self.expect("1,x,2\n3,y,4\n", [[1, 2], [3, 4]], ["0", "2"], 0)
        self.expect(",v\n0,1\n1,2\n", [[0, 1], [1, 2]], ["0", "v"])
        self.expect("v\n1\n-0\n1e400\n4.9e-324\n", [[1], [-0.0], [np.inf], [4.9e-324]], ["v"])
        self.expect("7\n", [[7]], first=0)
        self.expect("a,b\n,1\n,2\n", [[nan, 1], [nan, 2]], ["a", "b"])
        self.csv("\ufeffa,b\n1,2\n")
        self.alone([plugin("rows"), "a.csv"], lines("a.csv", [[1, 2]], "f64", ["a", "b"], [7]))
        for empty in ("", "\n\n", "a,b\n"):
            self.csv(empty)
            self.alone([plugin("rows"), "a.csv"], b"")

    def test_numbers_as_numpy_reads_them(self):
        texts = [repr(float(x)) for x in any_array("f8", (300,))]
        texts += [f"{x:.{n}{k}}" for x, n, k in zip(SOME.random(900) * 1e5, SOME.integers(0, 25, 900), "efg" * 300)]
        texts += [str(int(x)) for x in SOME.integers(-(2**62), 2**62, 300)]
        texts += ["9007199254740993", "0." + "0" * 400 + "1", "1" + "0" * 300, "1.7976931348623159e308", "1e-400",
                  "2.2250738585072011e-308", "5e-324", "2.4703282292062328e-324", "00012", "+1.", ".5e-0"]  # fmt: skip
        text = "x\n" + "\n".join(texts) + "\n"
        self.expect(text, [[float(x)] for x in texts], ["x"])

    def test_several_files(self):
        array = SOME.random((500, 3))
        want, names = b"", []
        for number, (header, separator) in enumerate((("a,b,c", ","), ("", ";"), ("a\tb\tc", "\t"))):
            text = header + "\n" * bool(header)
            text += "".join(separator.join(map(repr, map(float, row))) + "\n" for row in array)
            name = f"{number}.csv"
            self.csv(text, name)
            want += lines(name, array, "f64", "abc", self.places(text, bool(header)))
            names.append(name)
        self.with_ranks([plugin("rows"), *names], want, ("1K", "9K", None))
        with open(self.path("0.csv.gz"), "wb") as file:
            file.write(gzip.compress(self.read("0.csv")))
        np.save(self.path("a.npy"), array)
        packed = want[: want.index(b"1.csv ")].replace(b"0.csv ", b"0.csv.gz ")
        more = lines("a.npy", array, "f64", "abc")
        self.alone([plugin("rows"), "0.csv.gz", "a.npy"], packed + more, ("3K", None))
        f32 = lines("a.npy", array, "f32", "abc")
        self.alone([plugin("rows"), "--element", "f32", "a.npy", "0.csv"],
                       f32 + lines("0.csv", array, "f32", "abc", self.places(self.read("0.csv").decode(), 1)))  # fmt: skip

    def test_sets_keep_the_order_of_the_input(self):
        keys = SOME.integers(0, 5, 300)
        self.csv("x,y,k\n" + "".join(f"{i},,{k}\n" for i, k in enumerate(keys)))
        table = np.array([[i, 0, k] for i, k in enumerate(keys)], "i8")
        np.save(self.path("a.npy"), table)
        with h5py.File(self.path("a.h5"), "w") as file:
            file.create_dataset("t", data=table, chunks=(7, 2))
        inputs = ["a.csv", "a.npy", "a.h5:/t"]
        want = "".join(
            f"{k}\t" + "".join(f"{i} " for i in np.nonzero(keys == k)[0]) * 3 + "\n" for k in range(5)
        )
        self.with_ranks([plugin("rows_sets"), *inputs], want.encode(), ("1", "300", None))
        sums = "".join(f"{k}\t{3 * np.nonzero(keys == k)[0].sum()}\n" for k in range(5))
        self.alone([plugin("rows_sets"), "--folded", *inputs], sums.encode())

    def test_errors(self):
        filler = "1,2\n" * 300000
        self.csv("a,bee\n" + filler + "3,four\n")
        place = len("a,bee\n" + filler) + 2
        for ranks in (0, 2):
            said = self.bad(3, f"a.csv at byte {place}", [plugin("rows"), "a.csv"], ranks)
            self.assertIn('column bee: "four"', said)
        self.csv("a,b\n" + filler + "1,2,3\n")
        self.bad(3, f"a.csv at byte {place - 4}", [plugin("rows"), "a.csv"])
        self.csv('a,b,c\n1,2,"x\ny"\n')
        self.bad(3, "newline", [plugin("rows"), "a.csv"])
        self.csv("a,b\nx,y\n")
        self.bad(3, "no column", [plugin("rows"), "a.csv"])
        self.csv("a,b\n1,2\n")
        self.csv("a,c\n1,2\n", "b.csv")
        said = self.bad(3, "columns differ", [plugin("rows"), "a.csv", "b.csv"])
        for part in ("a.csv", "b.csv", "b in", "c in"):
            self.assertIn(part, said)
        self.csv("a,b,c\n1,2,3\n", "b.csv")
        self.bad(3, "rows differ", [plugin("rows"), "a.csv", "b.csv"])
        self.csv("a\n0.5\n")
        self.bad(3, "a.csv at byte 2", [plugin("rows"), "--element", "i32", "a.csv"])
        self.bad(1, "a.csv at byte 2", [plugin("rows"), "--fail", "2", "a.csv"])
        result = self.run_mapred([plugin("rows"), "--crash", "2", "a.csv"])
        self.assertIn(b"a.csv bytes 2-2, row at 2", result.err)


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop(2))
    drive.main()
