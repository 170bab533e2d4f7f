/*
 * bench/limits/terms.h: what the programs that add doubles up share: random ones from -1 to 1 in
 * memory, each thread's stretch touched by it first; and how often a sum is made, for the median.
 */
#ifndef BENCH_TERMS_H
#define BENCH_TERMS_H

#include "limit.h"

#include <omp.h>
#include <stdbool.h>

#define ROUNDS 7

typedef struct terms {
    double *values;
    size_t count;
    int threads;
    bool squares; /* of the values, instead of themselves */
} terms;

static inline double terms_value(uint64_t i)
{
    uint64_t bits = limit_fold(i + 1, UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (double)(int64_t)(bits ^ bits >> 32) * 0x1p-63;
}

/* Arguments are `[-t THREADS] [-s] N`; -s: sums of squares. */
static inline terms terms_make(int argc, char **argv, const char *usage)
{
    terms all = {.threads = 2};
    for (int option; (option = getopt(argc, argv, "t:s")) != -1;) {
        if (option == 't')
            all.threads = limit_threads(optarg);
        else if (option == 's')
            all.squares = true;
        else
            limit_usage(usage);
    }
    if (optind + 1 != argc)
        limit_usage(usage);
    all.count = limit_number(argv[optind], 1, UINT64_C(1) << 40);
    all.values = malloc(all.count * sizeof *all.values);
    if (!all.values)
        limit_fail("no memory");
#pragma omp parallel for num_threads(all.threads) schedule(static)
    for (size_t i = 0; i < all.count; i++)
        all.values[i] = terms_value(i);
    return all;
}

/* Runs it ROUNDS times; tells the last sum and the median. */
static inline void terms_measure(const terms *all, double (*sum)(const terms *all))
{
    double seconds[ROUNDS], result = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = limit_now();
        result = sum(all);
        seconds[round] = limit_now() - start;
    }
    printf("%.17g\n", result);
    fprintf(stderr, "seconds: %.6f\n", limit_median(seconds, ROUNDS));
    free(all->values);
}

#endif
