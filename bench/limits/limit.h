/*
 * bench/limits/limit.h: the few lines that the hand-written limits share: failing, opening, reading
 * and looking at the clock. They are programs, not a library: they print and exit.
 */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static inline _Noreturn void limit_fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline int limit_open(const char *path, uint64_t *size)
{
    struct stat info;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) < 0)
        limit_fail(path);
    *size = (uint64_t)info.st_size;
    return fd;
}

/* Reads `size` bytes, or fewer only at the end of the file. */
static inline size_t limit_read(int fd, char *to, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, to + done, size - done, (off_t)(offset + done));
        if (n < 0)
            limit_fail("cannot read");
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static inline uint64_t limit_load64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

/* Both halves of a 128-bit product in one word: the usual fast hash. */
static inline uint64_t limit_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline double limit_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline _Noreturn void limit_usage(const char *usage)
{
    fprintf(stderr, "usage: %s\n", usage);
    exit(2);
}

static inline uint64_t limit_number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (end == text || *end || n < least || n > most) {
        fprintf(stderr, "not a number from %llu to %llu: %s\n", (unsigned long long)least,
                (unsigned long long)most, text);
        exit(2);
    }
    return n;
}

static inline int limit_threads(const char *text)
{
    return (int)limit_number(text, 1, 256);
}

static inline int limit_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts them. */
static inline double limit_median(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof *seconds, limit_compare);
    return (seconds[(count - 1) / 2] + seconds[count / 2]) / 2;
}

#endif
