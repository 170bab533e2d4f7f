/* base/big.c: long multiplication and division, as on paper. Touches only what it is given. */
#include "base/big.h"
#include "base/quotient.h"

#include <string.h>

#define DIGIT 32

/* Where the number really begins. */
static void trim(mr_big *big)
{
    while (big->size > 0 && big->digits[big->size - 1] == 0)
        big->size--;
}

void mr_big_set(mr_big *big, const uint32_t *digits, unsigned size, unsigned up)
{
    memset(big, 0, sizeof *big);
    memcpy(big->digits + up, digits, size * sizeof *digits);
    big->size = up + size;
    trim(big);
}

void mr_big_multiply(mr_big *big, uint64_t by)
{
    mr_wide carry = 0;
    for (unsigned i = 0; i < big->size || carry > 0; i++) {
        carry += (mr_wide)big->digits[i] * by;
        big->digits[i] = (uint32_t)carry;
        carry >>= DIGIT;
        if (i >= big->size)
            big->size = i + 1;
    }
    trim(big);
}

/* Adds digit i of the root times the whole root, from place i on. */
static void add_row(mr_big *square, const mr_big *root, unsigned i)
{
    uint64_t carry = 0;
    for (unsigned j = 0; j < root->size; j++) {
        carry += (uint64_t)root->digits[i] * root->digits[j] + square->digits[i + j];
        square->digits[i + j] = (uint32_t)carry;
        carry >>= DIGIT;
    }
    square->digits[i + root->size] = (uint32_t)carry;
}

void mr_big_square(mr_big *square, const mr_big *root)
{
    memset(square, 0, sizeof *square);
    for (unsigned i = 0; i < root->size; i++)
        add_row(square, root, i);
    square->size = 2 * root->size;
    trim(square);
}

static bool is_less(const mr_big *a, const mr_big *b)
{
    if (a->size != b->size)
        return a->size < b->size;
    for (unsigned i = a->size; i-- > 0;)
        if (a->digits[i] != b->digits[i])
            return a->digits[i] < b->digits[i];
    return false;
}

void mr_big_subtract(mr_big *big, const mr_big *other)
{
    if (is_less(big, other)) {
        memset(big, 0, sizeof *big);
        return;
    }
    int64_t borrow = 0;
    for (unsigned i = 0; i < big->size; i++) {
        borrow += (int64_t)big->digits[i] - other->digits[i];
        big->digits[i] = (uint32_t)borrow;
        borrow >>= DIGIT;
    }
    trim(big);
}

bool mr_big_divide(mr_big *big, uint64_t by)
{
    mr_wide rest = 0;
    for (unsigned i = big->size; i-- > 0;) {
        rest = rest << DIGIT | big->digits[i];
        big->digits[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    trim(big);
    return rest != 0;
}

double mr_big_round(const mr_big *big, bool more, int exponent)
{
    mr_wide digits = 0;
    unsigned below = big->size > 4 ? big->size - 4 : 0;
    for (unsigned i = big->size; i-- > below;)
        digits = digits << DIGIT | big->digits[i];
    for (unsigned i = 0; i < below; i++)
        more = more || big->digits[i] != 0;
    return mr_nearest(digits | more, exponent + DIGIT * (int)below);
}

/* The root of a whole number, digit by digit. */
static uint64_t root_of(mr_wide square)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 63; bit > 0; bit >>= 1)
        if ((mr_wide)(root | bit) * (root | bit) <= square)
            root |= bit;
    return root;
}

static unsigned length_of(const mr_big *big)
{
    return big->size ? big->size * DIGIT - (unsigned)__builtin_clz(big->digits[big->size - 1]) : 0;
}

/* `big` without its lowest bits: those that are left fit. */
static mr_wide without(const mr_big *big, unsigned bits)
{
    unsigned at = bits / DIGIT, shift = bits % DIGIT;
    mr_wide low = 0, high = at + 4 < MR_BIG_DIGITS ? big->digits[at + 4] : 0;
    for (unsigned i = 4; i-- > 0;)
        low = low << DIGIT | big->digits[at + i];
    return shift ? low >> shift | high << (128 - shift) : low;
}

/* Of the highest 127 or 128 bits, the root has 64: all that is behind them is as good as a one in
 * the next place. */
double mr_big_root(const mr_big *big, bool more, int exponent)
{
    unsigned length = length_of(big), drop = length > 128 ? (length - 127) / 2 * 2 : 0;
    mr_wide digits = without(big, drop);
    uint64_t root = root_of(digits);
    more = more || (mr_wide)root * root != digits;
    for (unsigned i = 0; i < drop && !more; i++)
        more = big->digits[i / DIGIT] >> i % DIGIT & 1;
    return mr_nearest((mr_wide)root << 1 | more, (exponent + (int)drop) / 2 - 1);
}
