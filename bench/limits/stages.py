#!/usr/bin/env python3
"""limits/stages.py ITEMS: as plugins/stages.c, with processes and queues of Python's multiprocessing."""

import multiprocessing
import sys
import time


def count(items, out):
    for i in range(items):
        out.put(i)
    out.put(None)


def add_one(into, out):
    for number in iter(into.get, None):
        out.put(number + 1)
    out.put(None)


def main():
    items = int(sys.argv[1])
    first, second = multiprocessing.Queue(1000), multiprocessing.Queue(1000)
    workers = [
        multiprocessing.Process(target=count, args=(items, first)),
        multiprocessing.Process(target=add_one, args=(first, second)),
    ]
    begin = time.perf_counter()
    for worker in workers:
        worker.start()
    total = 0
    for number in iter(second.get, None):
        total = (total * 3 + number) % 2**64
    print(f"seconds: {time.perf_counter() - begin:.6f}", file=sys.stderr)
    print(total)
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
