/*
 * base/long_sum.h: what the words of an mr_exact mean, for the files that make exact sums.
 *
 * Word i counts units of 2^(32 * i - 2176). A word has 64 bits and a term reaches 32 of them at
 * most, with its sign, so 2^31 pieces fit before anything has to be carried upwards: adding is
 * three additions that know nothing of each other. The lowest word lies below the product of the
 * two smallest doubles, 2^-2148; the highest holds no more than the sign of 2^63 products of the
 * two largest. No term is ever cut, so the number that the words stand for does not depend on the
 * order of the terms, though the words themselves do.
 */
#ifndef MR_BASE_LONG_SUM_H
#define MR_BASE_LONG_SUM_H

#include "base/quotient.h"

#include <mapred/exact.h>

#include <string.h>

#define MR_LONG_DIGITS   136 /* words of the number; the others follow */
#define MR_LONG_FLAGS    136 /* which kinds of terms were no numbers */
#define MR_LONG_PENDING  137 /* pieces that a word may hold; 0 for the empty sum alone */
#define MR_LONG_EXPONENT (-2176)
#define MR_LONG_MOST     (INT64_C(1) << 30) /* pieces; twice as many would fit */

#define MR_LONG_INFINITE 1
#define MR_LONG_NEGATIVE 2 /* minus infinity */
#define MR_LONG_INVALID  4

/* Carries upwards what does not fit in 32 bits: words are then 0 to 2^32 - 1, but for the highest,
 * which has the sign. That is one piece. */
void mr_long_carry(mr_exact *sum);
void mr_long_add_special(mr_exact *sum, double value);

static inline void mr_long_expect(mr_exact *sum, int64_t pieces)
{
    if (__builtin_expect(sum->words[MR_LONG_PENDING] >= MR_LONG_MOST, 0))
        mr_long_carry(sum);
    sum->words[MR_LONG_PENDING] += pieces;
}

/* Adds digits at a place, counted in bits from the lowest. `sign` is all ones for minus. */
static inline void mr_long_put(mr_exact *sum, uint64_t digits, unsigned place, int64_t sign)
{
    mr_wide wide = (mr_wide)digits << place % 32;
    int64_t *words = sum->words + place / 32;
    words[0] += ((int64_t)(uint32_t)wide ^ sign) - sign;
    words[1] += ((int64_t)(uint32_t)(wide >> 32) ^ sign) - sign;
    words[2] += ((int64_t)(wide >> 64) ^ sign) - sign;
}

/* A double as a whole number times a power of two. */
typedef struct mr_parts {
    uint64_t digits;
    int exponent;
    int64_t sign; /* all ones for minus */
    bool finite;
} mr_parts;

static inline mr_parts mr_parts_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> 52) & 0x7ff;
    uint64_t digits = (bits & ((UINT64_C(1) << 52) - 1)) | (uint64_t)(exponent > 0) << 52;
    return (mr_parts){digits, exponent + (exponent == 0) - 1075, (int64_t)bits >> 63,
                      exponent < 0x7ff};
}

/* One product, exact. */
static inline void mr_long_add_product(mr_exact *sum, double a, double b)
{
    mr_parts x = mr_parts_of(a), y = mr_parts_of(b);
    if (__builtin_expect(!x.finite || !y.finite, 0)) {
        mr_long_add_special(sum, a * b);
        return;
    }
    mr_wide digits = (mr_wide)x.digits * y.digits;
    unsigned place = (unsigned)(x.exponent + y.exponent - MR_LONG_EXPONENT);
    mr_long_expect(sum, 2);
    mr_long_put(sum, (uint64_t)digits, place, x.sign ^ y.sign);
    mr_long_put(sum, (uint64_t)(digits >> 64), place + 64, x.sign ^ y.sign);
}

#endif
