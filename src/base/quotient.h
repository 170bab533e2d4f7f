/*
 * base/quotient.h: dividing a large integer by a count and rounding once: what the mean of a sum
 * is.
 */
#ifndef MR_BASE_QUOTIENT_H
#define MR_BASE_QUOTIENT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 mr_wide;

/*
 * `digits` / `count` times 2 to the power of `exponent`. The highest bit of `digits` must be set
 * and `count` be from 1 to 2^63, so that at least 64 digits come out; `more` tells whether digits
 * were left out behind them. All that is behind those 64, a remainder too, is as good as a one in
 * their last place. Only a result below the normal range can be rounded again.
 */
static inline double mr_quotient(mr_wide digits, bool more, uint64_t count, int exponent)
{
    mr_wide quotient = digits / count;
    more = more || digits % count != 0;
    return ldexp((double)(quotient | more), exponent);
}

#endif
