/* base/binned.c: the reproducible sum. The header has the reasons. Touches only what it is given.
 */
#include "base/binned.h"
#include "base/long_sum.h"

#include <string.h>

#define DIGITS   40
#define MASK     ((UINT64_C(1) << DIGITS) - 1)
#define UNIT     (-1074) /* the exponent of the lowest digit of bin 0 */
#define LIMBS    4       /* words of a number that holds all bins: 3 * 40 + 128 digits and a few */
#define INFINITE MR_LONG_INFINITE
#define NEGATIVE MR_LONG_NEGATIVE
#define INVALID  MR_LONG_INVALID

static void add_wide(mr_binned *sum, unsigned place, uint64_t low, uint64_t high)
{
    mr_wide total =
        ((mr_wide)sum->high[place] << 64 | sum->low[place]) + ((mr_wide)high << 64 | low);
    sum->low[place] = (uint64_t)total;
    sum->high[place] = (uint64_t)(total >> 64);
}

/* Gives up the lowest bins for higher ones. */
static void raise_top(mr_binned *sum, uint32_t top)
{
    for (uint32_t i = 0; i < MR_BINNED_BINS && sum->top < top; i++, sum->top++) {
        sum->low[(sum->top + 2) % MR_BINNED_BINS] = 0;
        sum->high[(sum->top + 2) % MR_BINNED_BINS] = 0;
    }
    sum->top = top;
}

static void add_special(mr_binned *sum, uint64_t bits)
{
    if (bits << 12)
        sum->flags |= INVALID;
    else
        sum->flags |= bits >> 63 ? NEGATIVE : INFINITE;
}

/* Adds what a term has in one bin, unless the bin lies below the kept ones. `sign` is all ones for
 * minus. A bin above the top one has nothing but zeros to add. */
static inline void add_digits(mr_binned *sum, uint32_t bin, uint64_t digits, uint64_t sign)
{
    uint64_t kept = 0 - (uint64_t)(bin + 2 >= sum->top);
    digits = ((digits & kept) ^ sign) - sign;
    add_wide(sum, bin % MR_BINNED_BINS, digits, 0 - (digits >> 63));
}

/* Adds digits from a place on, counted from the lowest digit of bin 0. */
static inline void add_at(mr_binned *sum, uint64_t digits, uint32_t place, uint64_t sign)
{
    uint32_t bin = place / DIGITS;
    mr_wide wide = (mr_wide)digits << place % DIGITS;
    add_digits(sum, bin, (uint64_t)wide & MASK, sign);
    add_digits(sum, bin + 1, (uint64_t)(wide >> DIGITS) & MASK, sign);
    add_digits(sum, bin + 2, (uint64_t)(wide >> 2 * DIGITS), sign);
}

void mr_binned_add(mr_binned *sum, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = (uint32_t)(bits >> 52) & 0x7ff;
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (__builtin_expect(exponent == 0x7ff, 0)) {
        add_special(sum, bits);
        return;
    }
    mantissa |= (uint64_t)(exponent > 0) << 52;
    exponent += exponent == 0;
    uint32_t top = (exponent - 1 + 52) / DIGITS - 1; /* where the mantissa's first digit stands */
    if (__builtin_expect(top > sum->top, 0))
        raise_top(sum, top);
    add_at(sum, mantissa, exponent - 1, 0 - (bits >> 63));
}

/* A square has up to 106 digits; those of the smallest of numbers begin at place 0 too. */
void mr_binned_add_square(mr_binned *sum, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = (uint32_t)(bits >> 52) & 0x7ff;
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (__builtin_expect(exponent == 0x7ff, 0)) {
        add_special(sum, bits << 1 >> 1);
        return;
    }
    mantissa |= (uint64_t)(exponent > 0) << 52;
    exponent += exponent == 0;
    mr_wide square = (mr_wide)mantissa * mantissa;
    uint32_t place = 2 * (exponent - 1), top = (place + 105) / DIGITS - 1;
    if (__builtin_expect(top > sum->top, 0))
        raise_top(sum, top);
    add_at(sum, (uint64_t)square, place, 0);
    add_at(sum, (uint64_t)(square >> 64), place + 64, 0);
}

void mr_binned_merge(mr_binned *sum, const mr_binned *other)
{
    sum->flags |= other->flags;
    if (other->top > sum->top)
        raise_top(sum, other->top);
    /* Bins from the highest down, numbered as `top` is plus 2, so that none is below zero. */
    for (uint32_t i = 0; i < MR_BINNED_BINS; i++) {
        uint32_t bin = other->top + 5 - i, place = bin % MR_BINNED_BINS;
        if (bin >= sum->top + 2)
            add_wide(sum, place, other->low[place], other->high[place]);
    }
}

/* Adds the 128 bits of one bin, moved up by `shift`, to one long number in two's complement. */
static void add_shifted(uint64_t limbs[LIMBS], uint64_t low, uint64_t high, unsigned shift)
{
    uint64_t sign = 0 - (high >> 63), carry = 0;
    const uint64_t bin[LIMBS] = {low, high, sign, sign};
    unsigned skip = shift / 64, by = shift % 64;
    for (unsigned i = skip; i < LIMBS; i++) {
        uint64_t limb = bin[i - skip] << by;
        if (i > skip && by > 0)
            limb |= bin[i - skip - 1] >> (64 - by);
        mr_wide total = (mr_wide)limbs[i] + limb + carry;
        limbs[i] = (uint64_t)total;
        carry = (uint64_t)(total >> 64);
    }
}

static bool make_positive(uint64_t limbs[LIMBS])
{
    if (limbs[LIMBS - 1] >> 63 == 0)
        return false;
    uint64_t carry = 1;
    for (unsigned i = 0; i < LIMBS; i++) {
        limbs[i] = ~limbs[i] + carry;
        carry = carry && limbs[i] == 0;
    }
    return true;
}

/* 64 digits of a long number that is moved up by `up`, less than 64. */
static uint64_t limb_at(const uint64_t limbs[LIMBS], unsigned i, unsigned up)
{
    uint64_t from_below = i > 0 && up > 0 ? limbs[i - 1] >> (64 - up) : 0;
    return limbs[i] << up | from_below;
}

static double divide(const uint64_t limbs[LIMBS], uint64_t count, int exponent)
{
    unsigned top = LIMBS - 1;
    while (top > 0 && limbs[top] == 0)
        top--;
    if (limbs[top] == 0)
        return 0;
    unsigned up = (unsigned)__builtin_clzll(limbs[top]);
    mr_wide digits = (mr_wide)limb_at(limbs, top, up) << 64;
    uint64_t more = 0;
    if (top > 0)
        digits |= limb_at(limbs, top - 1, up);
    for (unsigned i = 0; i + 1 < top; i++)
        more |= limb_at(limbs, i, up);
    return mr_quotient(digits, more != 0, count, exponent + 64 * ((int)top - 1) - (int)up);
}

/* What a sum is that had terms other than numbers. */
static double special(uint32_t flags)
{
    if (flags == INFINITE)
        return INFINITY;
    return flags == NEGATIVE ? -INFINITY : NAN;
}

static double mean(const mr_binned *sum, uint64_t count)
{
    uint64_t limbs[LIMBS] = {0};
    if (sum->flags)
        return special(sum->flags);
    for (unsigned i = 0; i < MR_BINNED_BINS; i++) {
        unsigned place = (sum->top + 2 + i) % MR_BINNED_BINS; /* of bin top - 2 + i */
        add_shifted(limbs, sum->low[place], sum->high[place], DIGITS * i);
    }
    bool negative = make_positive(limbs);
    double value = divide(limbs, count, DIGITS * ((int)sum->top - 2) + UNIT);
    return negative ? -value : value;
}

/* Nothing is rounded twice: sums below the normal range have few enough digits to be exact. */
double mr_binned_round(const mr_binned *sum)
{
    return mean(sum, 1);
}

double mr_binned_mean(const mr_binned *sum, int64_t count)
{
    return count > 0 ? mean(sum, (uint64_t)count) : NAN;
}

/* One bin's 128 bits, which have a sign. Bins below the first are empty. */
static void put_bin(mr_exact *to, uint64_t low, uint64_t high, int place)
{
    mr_wide digits = (mr_wide)high << 64 | low;
    int64_t sign = (int64_t)high >> 63;
    if (digits == 0)
        return;
    if (sign)
        digits = 0 - digits;
    mr_long_expect(to, 2);
    mr_long_put(to, (uint64_t)digits, (unsigned)place, sign);
    mr_long_put(to, (uint64_t)(digits >> 64), (unsigned)place + 64, sign);
}

static mr_exact exactly(const mr_binned *sum, int unit)
{
    mr_exact to = {.words = {[MR_LONG_FLAGS] = sum->flags}}; /* the flags are the same ones */
    for (unsigned i = 0; i < MR_BINNED_BINS; i++) {
        unsigned place = (sum->top + 2 + i) % MR_BINNED_BINS; /* of bin top - 2 + i */
        put_bin(&to, sum->low[place], sum->high[place],
                DIGITS * ((int)(sum->top + i) - 2) + unit - MR_LONG_EXPONENT);
    }
    return to;
}

double mr_binned_variance(const mr_binned *sum, const mr_binned *squares, int64_t count,
                          uint64_t less)
{
    mr_exact first = exactly(sum, UNIT), second = exactly(squares, 2 * UNIT);
    return mr_exact_variance(&first, &second, count > 0 ? (uint64_t)count : 0, less);
}
