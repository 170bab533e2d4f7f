/*
 * base/exact.c: exact sums of doubles: adding one term, merging and reading. Adding many is in
 * strips.c. Touches only what it is given.
 */
#include "base/big.h"
#include "base/long_sum.h"

#define DIGIT 32

void mr_long_carry(mr_exact *sum)
{
    int64_t carry = 0;
    for (unsigned i = 0; i + 1 < MR_LONG_DIGITS; i++) {
        int64_t word = sum->words[i] + carry;
        sum->words[i] = (int64_t)(uint32_t)word;
        carry = word >> DIGIT;
    }
    sum->words[MR_LONG_DIGITS - 1] += carry;
    sum->words[MR_LONG_PENDING] = 1;
}

void mr_long_add_special(mr_exact *sum, double value)
{
    int64_t which = value > 0 ? MR_LONG_INFINITE : MR_LONG_NEGATIVE;
    sum->words[MR_LONG_FLAGS] |= isnan(value) ? MR_LONG_INVALID : which;
}

void mr_exact_add(mr_exact *sum, double value)
{
    mr_parts parts = mr_parts_of(value);
    if (__builtin_expect(!parts.finite, 0)) {
        mr_long_add_special(sum, value);
        return;
    }
    mr_long_expect(sum, 1);
    mr_long_put(sum, parts.digits, (unsigned)(parts.exponent - MR_LONG_EXPONENT), parts.sign);
}

void mr_exact_merge(mr_exact *sum, const mr_exact *other)
{
    mr_long_expect(sum, other->words[MR_LONG_PENDING]);
    for (unsigned i = 0; i < MR_LONG_DIGITS; i++)
        sum->words[i] += other->words[i];
    sum->words[MR_LONG_FLAGS] |= other->words[MR_LONG_FLAGS];
}

/* What a sum is that had terms other than numbers. */
static double special(int64_t flags)
{
    if (flags == MR_LONG_INFINITE)
        return INFINITY;
    return flags == MR_LONG_NEGATIVE ? -INFINITY : NAN;
}

/* The sum without its sign, as a whole number of units, moved up by `up` digits. Returns whether it
 * is negative. */
static bool magnitude(const mr_exact *sum, mr_big *big, unsigned up)
{
    mr_exact plain = *sum;
    uint32_t digits[MR_LONG_DIGITS];
    mr_long_carry(&plain);
    bool negative = plain.words[MR_LONG_DIGITS - 1] < 0;
    int64_t carry = 0;
    for (unsigned i = 0; i < MR_LONG_DIGITS; i++) {
        carry += negative ? -plain.words[i] : plain.words[i];
        digits[i] = (uint32_t)carry;
        carry >>= DIGIT;
    }
    mr_big_set(big, digits, MR_LONG_DIGITS, up);
    return negative;
}

double mr_exact_mean(const mr_exact *sum, uint64_t count)
{
    mr_big big;
    if (count == 0)
        return NAN;
    if (sum->words[MR_LONG_FLAGS])
        return special(sum->words[MR_LONG_FLAGS]);
    bool negative = magnitude(sum, &big, 0);
    bool more = mr_big_divide(&big, count);
    double mean = mr_big_round(&big, more, MR_LONG_EXPONENT);
    return negative ? -mean : mean;
}

double mr_exact_round(const mr_exact *sum)
{
    return mr_exact_mean(sum, 1);
}

/* count * squares - sum * sum, to be divided by count * (count - less), which is the variance. A
 * square's unit is that of sums twice, so the other number is moved up by as many digits as the
 * unit has. Returns whether something was left over by the division. */
static bool spread_of(const mr_exact *sum, const mr_exact *squares, uint64_t count, uint64_t less,
                      mr_big *big)
{
    mr_big root, square;
    magnitude(sum, &root, 0);
    mr_big_square(&square, &root);
    if (magnitude(squares, big, -MR_LONG_EXPONENT / DIGIT))
        *big = (mr_big){.size = 0};
    mr_big_multiply(big, count);
    mr_big_subtract(big, &square);
    bool more = mr_big_divide(big, count);
    return mr_big_divide(big, count - less) || more;
}

static bool has_spread(const mr_exact *sum, const mr_exact *squares, uint64_t count, uint64_t less)
{
    return count > less && !sum->words[MR_LONG_FLAGS] && !squares->words[MR_LONG_FLAGS];
}

double mr_exact_variance(const mr_exact *sum, const mr_exact *squares, uint64_t count,
                         uint64_t less)
{
    mr_big big;
    if (!has_spread(sum, squares, count, less))
        return NAN;
    bool more = spread_of(sum, squares, count, less, &big);
    return mr_big_round(&big, more, 2 * MR_LONG_EXPONENT);
}

double mr_exact_deviation(const mr_exact *sum, const mr_exact *squares, uint64_t count,
                          uint64_t less)
{
    mr_big big;
    if (!has_spread(sum, squares, count, less))
        return NAN;
    bool more = spread_of(sum, squares, count, less, &big);
    return mr_big_root(&big, more, 2 * MR_LONG_EXPONENT);
}
