/*
 * base/binned.h: a sum of doubles that comes out the same, bit for bit, whatever the order and the
 * grouping of its terms. Knows nothing of folds.
 *
 * All doubles are whole multiples of 2^-1074, of up to 2098 binary digits. That range is cut, once
 * and for all, into bins of 40 digits, and a term is split on this grid into digits of at most
 * three bins. Sums are kept for the four bins from the one that the largest |term| reached
 * downwards; digits below them are dropped.
 *
 * Why the order does not matter. Let T be the top bin of all terms together. T is a maximum, so it
 * does not depend on the order. Whenever a term is added, the top bin at that time is T or lower,
 * so the bins kept at that time reach down at least as far as bin T-3: what is dropped always lies
 * below T-3, and when the top rises, whole bins are dropped that lie below T-3 as well. Bins T-3 to
 * T end as the exact sums of the terms' digits in them. That would not hold if a bin ever carried
 * into the next one up, for a bin that is dropped later would leave its carry behind: so nothing is
 * carried between bins. Each is 128 bits wide instead, which 2^87 terms do not fill. Merging adds
 * the bins that both keep, and the same argument holds for any tree of merges. Carries are resolved
 * in mr_binned_round, from the end result alone, and it rounds once, to nearest.
 *
 * Error: each term loses less than 2^-120 of the largest |term|, so n terms lose less than
 * n * 2^-120 * max|term|; then half a unit in the last place of the result. Terms whose digits all
 * lie within 120 binary digits lose nothing, and sums in between cannot overflow.
 */
#ifndef MR_BASE_BINNED_H
#define MR_BASE_BINNED_H

#include <stdint.h>

#define MR_BINNED_BINS 4

/* All zeros is the empty sum. Plain memory: no pointers, moved with memcpy. 72 bytes. */
typedef struct mr_binned {
    uint64_t low[MR_BINNED_BINS]; /* bin b stands in place b modulo 4: a rising top moves nothing */
    uint64_t high[MR_BINNED_BINS];
    uint32_t top;   /* the top bin, less one: the smallest of numbers start in bin 1 */
    uint32_t flags; /* whether infinities or a NaN were added */
} mr_binned;

void mr_binned_add(mr_binned *sum, double value);
/* To a sum of squares, which is not to be mixed with other terms: its bins begin at 2^-2148, so
 * that no square is too small or too large. Each square loses less than 2^-119 of the largest. */
void mr_binned_add_square(mr_binned *sum, double value);
void mr_binned_merge(mr_binned *sum, const mr_binned *other);

/* The sum as a double. A sum of nothing, or of zeros of either sign, is 0.0. A NaN among the terms,
 * or infinities of both signs, make NaN; one too large for a double is infinite. */
double mr_binned_round(const mr_binned *sum);

/* The exact sum divided by a count and then rounded: the mean, also when the sum is too large for a
 * double. NaN for a count of 0. */
double mr_binned_mean(const mr_binned *sum, int64_t count);

/* The variance of `count` terms from their sum and the sum of their squares, with a divisor of
 * count - less, rounded once: off by less than 2^-117 of the largest square, and half a unit in the
 * last place. Never negative. NaN where count <= less. */
double mr_binned_variance(const mr_binned *sum, const mr_binned *squares, int64_t count,
                          uint64_t less);

#endif
