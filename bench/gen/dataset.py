"""bench/gen/dataset.py: an HDF5 file with one dataset of doubles, as instruments leave them: slow
waves with noise, rounded to a thousandth. `dataset.py FILE BYTES LEVEL`; a level of 0 is contiguous,
others are chunks of 1 MiB, shuffled and deflated. Needs h5py."""

import sys

import h5py
import numpy as np

COLUMNS, ROWS = 1024, 128  # of a chunk


def band(rng, first, rows):
    time = np.arange(first, first + rows)[:, None] / 1000 + np.arange(COLUMNS)
    return np.round(100 * np.sin(time) + rng.normal(size=(rows, COLUMNS)), 3)


def main():
    path, size, level = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = max(1, size // (8 * COLUMNS))
    packed = {"chunks": (ROWS, COLUMNS), "compression": level, "shuffle": True} if level else {}
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (rows, COLUMNS), "<f8", **packed)
        for first in range(0, rows, ROWS):
            some = min(ROWS, rows - first)
            made[first : first + some] = band(rng, first, some)


main()
