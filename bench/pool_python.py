"""bench/pool_python.py pool|futures COUNT: squares of COUNT numbers by two processes of Python's
multiprocessing.Pool.map or concurrent.futures' ProcessPoolExecutor.map, as one writes it. The pool is
started before the clock."""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def square(x):
    return x * x


def measure(run, count):
    run(range(4))
    start = time.monotonic()
    squares = run(range(count))
    print(f"seconds: {time.monotonic() - start:.9f}", file=sys.stderr)
    print(sum(squares) % 2**64)


def main():
    how, count = sys.argv[1], int(sys.argv[2])
    if how == "pool":
        with multiprocessing.Pool(2) as pool:
            measure(lambda numbers: pool.map(square, numbers), count)
    else:
        with ProcessPoolExecutor(2) as pool:
            measure(lambda numbers: list(pool.map(square, numbers)), count)


if __name__ == "__main__":
    main()
