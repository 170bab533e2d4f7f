/*
 * base/quotient.h: large integers as doubles, rounded once, and divided by a count before that:
 * what the mean of a sum is.
 */
#ifndef MR_BASE_QUOTIENT_H
#define MR_BASE_QUOTIENT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 mr_wide;

static inline int mr_wide_length(mr_wide digits)
{
    uint64_t high = (uint64_t)(digits >> 64), low = (uint64_t)digits;
    if (high > 0)
        return 128 - __builtin_clzll(high);
    return low > 0 ? 64 - __builtin_clzll(low) : 0;
}

/*
 * The double nearest to `digits` times 2 to the power of `exponent`; ties to even; also where that
 * lies below the normal range, or is infinite. Digits that were left out behind the lowest one are
 * as good as a one there, when it is at least two places below those that a double keeps.
 */
static inline double mr_nearest(mr_wide digits, int exponent)
{
    int drop = mr_wide_length(digits) - 53;
    if (drop < -1074 - exponent)
        drop = -1074 - exponent; /* to where the smallest of numbers stands */
    if (drop > 128)
        return 0;
    if (drop > 0) {
        mr_wide twice = digits >> (drop - 1), whole = twice >> 1;
        bool tie = (twice << (drop - 1)) == digits;
        digits = whole + (twice & 1 && (!tie || whole & 1));
        exponent += drop;
    }
    return ldexp((double)(uint64_t)digits, exponent);
}

/*
 * `digits` / `count` times 2 to the power of `exponent`. The highest bit of `digits` must be set
 * and `count` be 1 or more, so that at least 64 digits come out; `more` tells whether digits were
 * left out behind them. All that is behind those 64, a remainder too, is as good as a one in their
 * last place.
 */
static inline double mr_quotient(mr_wide digits, bool more, uint64_t count, int exponent)
{
    mr_wide quotient = digits / count;
    more = more || digits % count != 0;
    return mr_nearest(quotient | more, exponent);
}

#endif
