/* base/parse.c: numbers from bytes that nobody terminated. Touches nothing else. */
#include "base/parse.h"

#include <mapred/bytes.h>

#include <errno.h>
#include <float.h>
#include <stdlib.h>

bool mr_bytes_to_i64(mr_bytes text, int64_t *value)
{
    const char *at = text.data, *end = text.data + text.size;
    bool negative = at < end && *at == '-';
    uint64_t sum = 0, most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    for (; at < end; at++) {
        unsigned digit = (unsigned)((unsigned char)*at - '0');
        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, digit, &sum) || sum > most)
            return false;
    }
    *value = (int64_t)(negative ? 0 - sum : sum);
    return true;
}

/* Longer than any double is ever written by a program that means well. */
#define LONGEST 511

/* By the C library, which rounds right whatever comes. */
static bool read_slowly(const char *at, const char *stop, double *value)
{
    char copy[LONGEST + 1], *end;
    size_t size = (size_t)(stop - at);
    if (size > LONGEST)
        return false;
    memcpy(copy, at, size);
    copy[size] = '\0';
    *value = strtod(copy, &end);
    return end == copy + size;
}

/*
 * digits * 10^exponent, rounded once; false where that can't be told quickly. Up to 2^53 and 10^22
 * both are doubles, and one operation rounds once. Where a long double has 64 bits both are exact
 * up to 19 digits and 10^27; what one operation makes of them is rounded a second time, which is
 * wrong only if the first has made it a tie.
 */
static inline bool scale(uint64_t digits, int exponent, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (digits <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22) {
        double number = (double)digits;
        *value = exponent < 0 ? number / powers[-exponent] : number * powers[exponent];
        return true;
    }
#if LDBL_MANT_DIG == 64 && LDBL_MAX_EXP == 16384
    static const long double wide[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                       1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                       1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L,
                                       1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
    if (exponent < -27 || exponent > 27)
        return false;
    long double number = (long double)digits;
    number = exponent < 0 ? number / wide[-exponent] : number * wide[exponent];
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    *value = (double)number;
    return (bits & 0x7ff) != 0x400;
#else
    return false;
#endif
}

/* Digits of a number, with a point or without, as they are read. */
typedef struct mantissa {
    uint64_t digits;
    int count, exponent; /* digits that count; and by how much the point has moved */
} mantissa;

static inline const char *take_digits(const char *at, const char *end, mantissa *m, int move)
{
    for (; at < end; at++) {
        unsigned digit = (unsigned)((unsigned char)*at - '0');
        if (digit > 9)
            break;
        m->digits = m->digits * 10 + digit;
        m->count += m->digits != 0;
        m->exponent += move;
    }
    return at;
}

/* What is behind an e; where that is no number, the e is not part of one. */
static const char *take_exponent(const char *at, const char *end, int *exponent)
{
    const char *sign = at + 1;
    bool negative = sign < end && *sign == '-';
    const char *first = sign + (sign < end && (*sign == '-' || *sign == '+')), *stop = first;
    int sum = 0;
    for (; stop < end && (unsigned char)(*stop - '0') <= 9; stop++)
        sum = sum < 100000 ? sum * 10 + (*stop - '0') : sum;
    *exponent += negative ? -sum : sum;
    return stop > first ? stop : at;
}

const char *mr_parse_f64(const char *at, const char *end, double *value)
{
    const char *begin = at;
    mantissa m = {0, 0, 0};
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    const char *first = at, *stop = take_digits(at, end, &m, 0);
    int digits = (int)(stop - first);
    if (stop < end && *stop == '.') {
        const char *fraction = stop + 1;
        stop = take_digits(fraction, end, &m, -1);
        digits += (int)(stop - fraction);
    }
    if (digits == 0)
        return NULL;
    if (stop < end && (*stop == 'e' || *stop == 'E'))
        stop = take_exponent(stop, end, &m.exponent);
    if (m.count <= 19 && scale(m.digits, m.exponent, value)) {
        *value = negative ? -*value : *value;
        return stop;
    }
    return read_slowly(begin, stop, value) ? stop : NULL;
}

bool mr_bytes_to_f64(mr_bytes text, double *value)
{
    const char *end = text.data + text.size;
    if (text.size == 0 || text.size > LONGEST || mr_byte_is_space(text.data[0]))
        return false;
    return mr_parse_f64(text.data, end, value) == end || read_slowly(text.data, end, value);
}
