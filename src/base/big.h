/*
 * base/big.h: whole numbers of some thousand binary digits: enough to read an exact sum, and to
 * make a variance of two of them. Never negative. Nothing here is fast; it is done once a result.
 */
#ifndef MR_BASE_BIG_H
#define MR_BASE_BIG_H

#include <stdbool.h>
#include <stdint.h>

#define MR_BIG_DIGITS 280

/* Digits to the base of 2^32, the lowest first; `size` of them, the others are zero. */
typedef struct mr_big {
    uint32_t digits[MR_BIG_DIGITS];
    unsigned size;
} mr_big;

/* `big` = 0 + the `size` digits, moved up by `up` places. */
void mr_big_set(mr_big *big, const uint32_t *digits, unsigned size, unsigned up);
void mr_big_multiply(mr_big *big, uint64_t by);
/* `square` is another number than `root`, which has at most half the digits. */
void mr_big_square(mr_big *square, const mr_big *root);
/* Zero where `other` is the larger one. */
void mr_big_subtract(mr_big *big, const mr_big *other);
/* Whether something was left over. */
bool mr_big_divide(mr_big *big, uint64_t by);
/* The nearest double to `big` times 2 to the power of `exponent`, which is below -1300; `more`
 * tells whether digits below were left out. */
double mr_big_round(const mr_big *big, bool more, int exponent);
/* The nearest double to the square root of that; `exponent` is even, and below -2400. */
double mr_big_root(const mr_big *big, bool more, int exponent);

#endif
