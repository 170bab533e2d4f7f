/*
 * mapred/exact.h: sums of doubles without any error, rounded once, when they are read: the same
 * bits for any order and grouping of the terms, and the double that is nearest to the true sum.
 *
 * An mr_exact is plain memory without pointers, and all zeros is the empty sum: it can be an
 * accumulator, be part of one, and be moved with memcpy. It is large (see its size); where that
 * matters and a bound on the error will do, MR_SUM_F64 keeps 72 bytes. The words of a sum depend on
 * how its terms came; what is read from it does not.
 *
 * Infinities and NaN: a NaN among the terms, or infinities of both signs, make NaN; one infinity
 * makes that infinity. Sums in between never overflow; a result too large for a double is infinite.
 */
#ifndef MAPRED_EXACT_H
#define MAPRED_EXACT_H

#include <mapred/fold.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fixed point, from below 2^-2148 to above 2^2048 with room for 2^63 terms: products of any two
 * doubles fit too. Not to be looked into. */
#define MR_EXACT_WORDS 138
typedef struct mr_exact {
    int64_t words[MR_EXACT_WORDS];
} mr_exact;

/* Local. One term. */
MR_API void mr_exact_add(mr_exact *sum, double value);
/* Local. Many: several times as fast as one by one (from 64 on, best at some hundreds or more). */
MR_API void mr_exact_add_all(mr_exact *sum, const double *values, size_t count);
/* Local. The products a[i] * b[i], each exact: dot products, and with a == b sums of squares. */
MR_API void mr_exact_add_products(mr_exact *sum, const double *a, const double *b, size_t count);
/* Local. Adds another sum. */
MR_API void mr_exact_merge(mr_exact *sum, const mr_exact *other);

/* Local. The nearest double; ties to even. 0.0 for the empty sum and for sums that are zero. */
MR_API double mr_exact_round(const mr_exact *sum);
/* Local. sum / count, rounded once; NaN for a count of 0. */
MR_API double mr_exact_mean(const mr_exact *sum, uint64_t count);
/* Local. The variance of `count` terms from their sum and the sum of their squares, with a divisor
 * of count - less (1: of a sample; 0: of all): exact, then rounded once. Never negative. NaN where
 * count <= less. */
MR_API double mr_exact_variance(const mr_exact *sum, const mr_exact *squares, uint64_t count,
                                uint64_t less);
/* Local. Its square root, rounded once too: it may be finite where the variance is not. */
MR_API double mr_exact_deviation(const mr_exact *sum, const mr_exact *squares, uint64_t count,
                                 uint64_t less);

/* A fold whose accumulators are mr_exact: for mr_dense, and for keys that are few. */
MR_API extern const mr_fold mr_fold_exact_f64;
#define MR_EXACT_F64 (&mr_fold_exact_f64)

#ifdef __cplusplus
}
#endif

#endif
