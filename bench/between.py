"""bench/between.py WHAT N: numbers through a queue or a pipe of Python's multiprocessing, or a lock that
two processes take by turns. Says on standard error how long that took, without starting processes."""

import multiprocessing
import sys
import time


def put(what, thing, count, start):
    start.wait()
    for number in range(count):
        if what == "queue":
            thing.put(number)
        elif what == "pipe":
            thing.send(number)
        elif number % 2:
            with thing:
                pass


def take(what, thing, count):
    if what == "queue":
        return sum(thing.get() for _ in range(count))
    if what == "pipe":
        return sum(thing.recv() for _ in range(count))
    for _ in range(0, count, 2):
        with thing:
            pass
    return 2


def main():
    what, count = sys.argv[1], int(sys.argv[2])
    start = multiprocessing.Barrier(2)
    if what == "pipe":
        mine, other = multiprocessing.Pipe(duplex=False)
    else:
        mine = other = multiprocessing.Queue() if what == "queue" else multiprocessing.Lock()
    process = multiprocessing.Process(target=put, args=(what, other, count, start))
    process.start()
    start.wait()
    begin = time.perf_counter()
    total = take(what, mine, count)
    process.join()
    print(f"seconds: {time.perf_counter() - begin:.6f}", file=sys.stderr)
    print(total)


if __name__ == "__main__":
    main()
