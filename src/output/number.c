/* output/number.c: numbers as text. Touches nothing but the text it is given. */
#include "output/number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* Powers of ten, but for the first: 0 has a digit too. */
static const uint64_t powers[] = {
    0,
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

/* The binary size times log10(2) is the number of digits, or one too few: a look at the power
 * tells. */
static unsigned digits_of(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned guess = bits * 1233 >> 12;
    return guess + (value >= powers[guess]);
}

static void put_padded(uint64_t value, unsigned digits, char *text)
{
    char *at = text + digits;
    for (; at - text >= 2; value /= 100)
        memcpy(at -= 2, pairs + 2 * (value % 100), 2);
    if (at > text)
        *text = (char)('0' + value % 10);
}

static size_t put_digits(uint64_t value, char *text)
{
    unsigned digits = digits_of(value);
    put_padded(value, digits, text);
    return digits;
}

size_t mr_number_of_i64(int64_t value, char *text)
{
    size_t sign = value < 0;
    *text = '-';
    return sign + put_digits(sign ? 0 - (uint64_t)value : (uint64_t)value, text + sign);
}

size_t mr_number_of_u64(uint64_t value, char *text)
{
    return put_digits(value, text);
}

__extension__ typedef unsigned __int128 wide;

/* The first 17 digits of a double, and how far it is from there to the next: exact. */
typedef struct range {
    uint64_t digits;
    wide rest;     /* behind the digits, in units of which 2^unit are one in the last of them */
    wide half;     /* from the double to halfway to its neighbours: what is nearer reads back */
    unsigned unit; /* at most 120 */
    int decimals;  /* how many of the digits stand behind the point */
} range;

#define USUAL_LEAST 1e-35
#define USUAL_MOST  1e15

static int decimal_exponent(double value)
{
    static const double tenths[] = {1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8,  1e-9,
                                    1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18,
                                    1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27,
                                    1e-28, 1e-29, 1e-30, 1e-31, 1e-32, 1e-33, 1e-34, 1e-35};
    uint64_t bits;
    if (value >= 1)
        return (int)digits_of((uint64_t)value) - 1;
    memcpy(&bits, &value, sizeof bits);
    /* The binary exponent times log10(2) is the decimal one, or one too few. */
    int guess = (1022 - (int)(bits >> 52)) * 1233 >> 12;
    return -1 - guess - (value < tenths[guess]);
}

/* 5^exponent, which is at most 51. */
static wide power_of_five(unsigned exponent)
{
    const uint64_t most = UINT64_C(7450580596923828125); /* 5^27 */
    wide power = exponent > 27 ? most : 1;
    uint64_t rest = 1;
    for (exponent -= exponent > 27 ? 27 : 0; exponent > 0; exponent--)
        rest *= 5;
    return power * rest;
}

/*
 * For doubles from USUAL_LEAST to USUAL_MOST. Points halfway to the next double have more than 17
 * digits there, so it does not matter whether they read back. Powers of two, where the double below
 * is nearer than the one above, have no more than 15 from 1e-5 on, and are not for this below that.
 * The double times 10^decimals is its mantissa times 5^decimals times a power of two: 176 bits, in
 * `high` and `low`.
 */
static range range_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t first = UINT64_C(1) << 52, twice = 2 * ((bits & (first - 1)) | first);
    range found = {.decimals = 16 - decimal_exponent(value)};
    found.half = power_of_five((unsigned)found.decimals);
    found.unit = 1076 - (unsigned)(bits >> 52) - (unsigned)found.decimals;
    wide product = (wide)twice * (uint64_t)found.half;
    wide high = (wide)twice * (uint64_t)(found.half >> 64) + (product >> 64);
    uint64_t low = (uint64_t)product;
    if (found.unit < 64) {
        found.digits = (uint64_t)(((high << 64) | low) >> found.unit);
        found.rest = low & ((UINT64_C(1) << found.unit) - 1);
    } else {
        unsigned more = found.unit - 64;
        found.digits = (uint64_t)(high >> more);
        found.rest = (high & (((wide)1 << more) - 1)) << 64 | low;
    }
    return found;
}

/* The nearest number whose 17 digits end in so many zeros as `step` has, if it reads back. */
static bool find_digits(const range *among, uint64_t step, uint64_t *digits)
{
    uint64_t below = among->digits / step * step;
    wide under = ((wide)(among->digits - below) << among->unit) + among->rest;
    wide above = ((wide)step << among->unit) - under;
    bool goes_up = above < under || (above == under && below / step % 2 == 1);
    *digits = goes_up ? below + step : below;
    return (goes_up ? above : under) < among->half;
}

static bool reads_back(const char *text, double value)
{
    double back = strtod(text, NULL);
    return memcmp(&back, &value, sizeof back) == 0;
}

/*
 * At a power of two the doubles above are twice as far apart as those below. The nearest number of
 * 16 digits may then lie below and read as another double when the next one up would do.
 */
static bool try_next(char *trial, double value)
{
    int exponent;
    char *last = strchr(trial, 'e') - 1;
    if (frexp(value, &exponent) != 0.5 || *last == '9')
        return false;
    ++*last;
    return reads_back(trial, value);
}

/*
 * The fewest digits that read back, as printf makes them and strtod reads them. 17 always do. 15
 * are enough for any number that has so few, except below the normal range where digits carry less.
 */
static void find_shortest(double value, char *trial, size_t size)
{
    for (int digits = value < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(trial, size, "%.*e", digits - 1, value);
        if (reads_back(trial, value) || (digits == 16 && try_next(trial, value)))
            return;
    }
}

static size_t put_exponent(int exponent, char *text)
{
    unsigned size = (unsigned)abs(exponent);
    unsigned digits = size < 100 ? 2 : 3;
    text[0] = 'e';
    text[1] = exponent < 0 ? '-' : '+';
    put_padded(size, digits, text + 2);
    return 2 + digits;
}

static char *put(char *at, const char *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static const char zeros[] = "0000000000000000";

/* Lays out D.DDD times 10^exponent, with the point where a reader expects it. */
static size_t lay_out(const char *digits, size_t count, int exponent, char *text)
{
    char *at = text;
    if (exponent < -4 || exponent > 15) {
        at = put(at, digits, 1);
        if (count > 1)
            at = put(put(at, ".", 1), digits + 1, count - 1);
        return (size_t)(at - text) + put_exponent(exponent, at);
    }
    if (exponent < 0) {
        at = put(put(at, "0.", 2), zeros, (size_t)(-exponent - 1));
        return (size_t)(put(at, digits, count) - text);
    }
    size_t whole = (size_t)exponent + 1;
    if (count <= whole) {
        at = put(put(at, digits, count), zeros, whole - count);
        return (size_t)(put(at, ".0", 2) - text);
    }
    at = put(put(at, digits, whole), ".", 1);
    return (size_t)(put(at, digits + whole, count - whole) - text);
}

static size_t without_zeros(const char *digits, size_t count)
{
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/* 15 digits are enough for any number that has so few, and 17 always are. */
static size_t put_usual(double value, char *text)
{
    char digits[MR_NUMBER_TEXT];
    uint64_t number;
    range among = range_of(value);
    if (!find_digits(&among, 100, &number) && !find_digits(&among, 10, &number))
        find_digits(&among, 1, &number);
    size_t count = put_digits(number, digits);
    int exponent = (int)count - 1 - among.decimals;
    return lay_out(digits, without_zeros(digits, count), exponent, text);
}

static size_t put_unusual(double value, char *text)
{
    char trial[64], digits[MR_NUMBER_TEXT];
    size_t count = 0;
    find_shortest(value, trial, sizeof trial);
    const char *at = trial;
    for (; *at != 'e'; at++) /* what is no digit is the point, whatever the locale has for it */
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    int exponent = (int)strtol(at + 1, NULL, 10);
    return lay_out(digits, without_zeros(digits, count), exponent, text);
}

size_t mr_number_of_f64(double value, char *text)
{
    if (isnan(value))
        return (size_t)(put(text, "nan", 3) - text);
    size_t sign = signbit(value) != 0;
    *text = '-';
    value = fabs(value);
    if (isinf(value) || value == 0)
        return (size_t)(put(text + sign, value > 0 ? "inf" : "0.0", 3) - text);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool usual = value >= USUAL_LEAST && value < USUAL_MOST && (value >= 1e-5 || bits << 12 != 0);
    return sign + (usual ? put_usual(value, text + sign) : put_unusual(value, text + sign));
}
