"""bench/dask_tree.py LEAVES threads|processes: a binary tree of additions with dask.delayed, two workers. Says on
standard error how long building and computing took: starting Python and workers is not held against it."""

import sys
import time

import dask


@dask.delayed(pure=False)
def add(*numbers):
    return sum(numbers)


def tree(first, end):
    if end - first == 1:
        return add(first)
    middle = first + (end - first) // 2
    return add(tree(first, middle), tree(middle, end))


def compute(leaves, **how):
    begin = time.perf_counter()
    total = tree(0, leaves).compute(**how)
    print(f"seconds: {time.perf_counter() - begin:.6f}", file=sys.stderr)
    print(total)


def main():
    leaves, how = int(sys.argv[1]), sys.argv[2]
    if how == "threads":
        compute(leaves, scheduler="threads", num_workers=2)
        return
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster):
            compute(leaves)


if __name__ == "__main__":
    main()
