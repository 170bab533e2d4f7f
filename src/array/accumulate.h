/*
 * array/accumulate.h: what becomes of the terms of one value of a reduction: an accumulator, which
 * takes runs of them, merges with others, and ends up as one element.
 */
#ifndef MR_ARRAY_ACCUMULATE_H
#define MR_ARRAY_ACCUMULATE_H

#include <mapred/array.h>
#include <mapred/exact.h>

/* The smallest or the largest: integers as they are, others as f64. */
typedef struct mr_extreme {
    union {
        double f64;
        int64_t i64;
    } value;
    int64_t place;
    int64_t state; /* 0: there was no term; 1; 2: a NaN */
} mr_extreme;

/* Large enough for any of them. */
typedef union mr_accumulator {
    mr_exact exact[4];
    mr_extreme extreme;
    int64_t i64;
    double fast[2];
} mr_accumulator;

typedef struct mr_accumulating {
    mr_reduction reduction;
    mr_element element; /* of the terms */
    mr_element result;
    mr_fold fold; /* zeros are the accumulator of no terms */
    bool fast;
    bool places; /* merging asks for places */
} mr_accumulating;

/* False: there is no such reduction of this element. */
bool mr_accumulating_of(mr_accumulating *how, mr_reduction reduction, mr_element element);
/* Adds terms. Extremes: *place is the number of the first one that is it; the accumulator has to be
 * empty. */
void mr_accumulate(const mr_accumulating *how, void *accumulator, const void *terms, uint64_t count,
                   uint64_t *place);
/* The value of `count` terms in all. */
void mr_accumulated(const mr_accumulating *how, const void *accumulator, uint64_t count,
                    void *value);
/* A sum in a fixed order: halves, halves of halves. Terms are `step` doubles apart. */
double mr_sum_tree(const double *terms, uint64_t count, uint64_t step);

#endif
