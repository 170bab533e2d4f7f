/*
 * bench/limits/points.h: a .npy file of f64 in memory, for the limits that work on rows of numbers.
 */
#ifndef BENCH_POINTS_H
#define BENCH_POINTS_H

#include "limit.h"

#include <sys/mman.h>

/* Behind the head of 128 bytes that gen/points.c writes; touched by the threads that use it. */
static inline double *points_read(const char *path, uint64_t columns, uint64_t *rows)
{
    uint64_t size;
    int fd = limit_open(path, &size);
    if (size < 128 || (size - 128) % (8 * columns) != 0) {
        errno = EINVAL;
        limit_fail(path);
    }
    *rows = (size - 128) / (8 * columns);
    char *values = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (values == MAP_FAILED)
        limit_fail("no memory");
    uint64_t piece = 1 << 20, pieces = (size - 128 + piece - 1) / piece;
#pragma omp parallel for schedule(static)
    for (uint64_t i = 0; i < pieces; i++)
        limit_read(fd, values + i * piece, piece, 128 + i * piece);
    close(fd);
    return (double *)(void *)values;
}

#endif
