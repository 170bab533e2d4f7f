"""bench/numbers_in.py: the benchmark of reading HDF5: its contenders and its marks."""

import subprocess

import harness
from contenders import times
from harness import Contender, Failed, Mark

PYTHON = "/usr/bin/python3"  # Debian's, which has h5py


def dataset(size, level):
    target = harness.DATA / f"dataset-{size}-{level}-1.h5"
    if not target.exists():
        harness.say(f"generating {target}")
        harness.DATA.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        made = subprocess.run([PYTHON, harness.HERE / "gen/dataset.py", part, str(size), str(level)])
        if made.returncode != 0:
            raise Failed("the dataset could not be made: is python3-h5py there?")
        part.rename(target)
    return target


def libraries():
    """How to find HDF5 and what else the objects of src/hdf5 stand on."""
    found = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "hdf5-openmpi", "libdeflate"], capture_output=True, text=True
    )
    if found.returncode != 0:
        raise Failed("pkg-config knows no hdf5-openmpi")
    return ["-Wl,--no-as-needed", *found.stdout.split()]


def reading(s):
    size, flags = s.size(2 << 30), libraries()
    plain = harness.compile_tool("h5read", "limits/h5read.c", "-march=native", *flags, compiler="mpicc")
    ours = harness.internal_tool("h5read", s.build, "-fopenmp", "-march=native", *flags)
    packed, flat = dataset(size, 4), dataset(size, 0)
    of = dict(clock=True, work=(size / harness.MB, "MB"))
    contenders = [
        Contender("H5Dread, deflate", [plain, "{in}"], packed, agrees="packed", **of),
        Contender("H5Dread, contiguous", [plain, "{in}"], flat, agrees="flat", **of),
        Contender("read(2), contiguous", [plain, "-r", "{in}"], flat, agrees="flat", **of),
    ]
    for threads in (1, 2) if ours else ():
        for what, data, agrees in (("deflate", packed, "packed"), ("contiguous", flat, "flat")):
            name, command = f"mapred -t {threads}, {what}", [ours, "-t", str(threads), "{in}"]
            contenders.append(Contender(name, command, data, agrees=agrees, **of))
    read, ours_flat = "read(2), contiguous", "mapred -t 1, contiguous"
    marks = [
        Mark("H5Dread over mapred -t 2, deflate",
             times("H5Dread, deflate", "mapred -t 2, deflate"), 1.8, True),
        Mark("mapred -t 1 over read(2), contiguous", times(ours_flat, read), 1.2),
    ]
    return contenders, marks


BENCHMARKS = {"hdf5": (reading, "a dataset of doubles, deflated and contiguous, read whole")}
