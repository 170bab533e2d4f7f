/*
 * bench/limits/alltoallv.c: what MPI itself moves between ranks, and nothing else:
 * `mpirun -np 2 alltoallv [-n TIMES] BYTES` lets every rank send BYTES to every other one with one
 * MPI_Alltoallv, again and again. It prints the median seconds of one time.
 */
#include "limit.h"

#include <mpi.h>

static void *touched(size_t size)
{
    void *memory = malloc(size);
    if (!memory)
        limit_fail("no memory");
    return memset(memory, 1, size);
}

/* The same number of bytes to all but oneself. */
static void divide(int *counts, int *starts, int ranks, int rank, size_t bytes)
{
    for (int i = 0, at = 0; i < ranks; i++) {
        counts[i] = i == rank ? 0 : (int)bytes;
        starts[i] = at;
        at += counts[i];
    }
}

static double once(const char *from, char *to, const int *counts, const int *starts)
{
    MPI_Barrier(MPI_COMM_WORLD);
    double begin = limit_now();
    MPI_Alltoallv(from, counts, starts, MPI_BYTE, to, counts, starts, MPI_BYTE, MPI_COMM_WORLD);
    MPI_Barrier(MPI_COMM_WORLD);
    return limit_now() - begin;
}

int main(int argc, char **argv)
{
    size_t times = 11;
    int option, rank, ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    while ((option = getopt(argc, argv, "n:")) == 'n')
        times = limit_number(optarg, 1, 1000);
    if (option != -1 || argc - optind != 1)
        limit_usage("mpirun alltoallv [-n TIMES] BYTES");
    size_t bytes = limit_number(argv[optind], 1, (uint64_t)(INT32_MAX / ranks));
    int *counts = calloc(2 * (size_t)ranks, sizeof *counts), *starts = counts + ranks;
    divide(counts, starts, ranks, rank, bytes);
    char *from = touched(bytes * (size_t)ranks), *to = touched(bytes * (size_t)ranks);
    double *seconds = calloc(times, sizeof *seconds);
    once(from, to, counts, starts); /* connections, pages, caches */
    for (size_t i = 0; i < times; i++)
        seconds[i] = once(from, to, counts, starts);
    if (rank == 0)
        fprintf(stderr, "seconds: %.6f\n", limit_median(seconds, times));
    MPI_Finalize();
    return 0;
}
