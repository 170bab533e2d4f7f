"""bench/dask_mean.py N CHUNK threads|processes: the mean of x + x.T with Dask, two workers. Says on standard
error how long the computation alone took: starting Python and workers is not held against it."""

import sys
import time

import dask
import dask.array as da


def compute(n, chunk):
    begin = time.perf_counter()
    x = da.random.random((n, n), chunks=(chunk, chunk))
    mean = (x + x.T).mean().compute()
    print(f"seconds: {time.perf_counter() - begin:.6f}", file=sys.stderr)
    print(mean)


def main():
    n, chunk, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if how == "threads":
        with dask.config.set(scheduler="threads", num_workers=2):
            compute(n, chunk)
        return
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster):
            compute(n, chunk)


if __name__ == "__main__":
    main()
