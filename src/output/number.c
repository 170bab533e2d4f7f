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

/* What the digits of a number of doubles' usual size are looked for among: all in one unit, so
 * small that everything is a whole number below 2^124. */
typedef struct range {
    wide lowest, value, highest; /* whatever lies between reads back as the value */
    unsigned unit;               /* 2^unit is one in the last of 17 digits */
    int decimals;                /* how many of those stand behind the point */
} range;

static int decimal_exponent(double value)
{
    if (value >= 1)
        return (int)digits_of((uint64_t)value) - 1;
    return value >= 1e-1 ? -1 : value >= 1e-2 ? -2 : value >= 1e-3 ? -3 : value >= 1e-4 ? -4 : -5;
}

/*
 * For doubles from 1e-5 to 1e15. Those make two special cases void: points halfway to the next
 * double have more than 17 digits, so it does not matter whether they read back; and powers of two,
 * where the double below is nearer than the one above, have no more than 15.
 */
static range range_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t first = UINT64_C(1) << 52, mantissa = (bits & (first - 1)) | first;
    range found = {.unit = 1076 - (unsigned)(bits >> 52), .decimals = 16 - decimal_exponent(value)};
    wide power = powers[found.decimals < 19 ? found.decimals : 19];
    for (int i = 19; i < found.decimals; i++)
        power *= 10;
    found.value = 2 * mantissa * power;
    found.lowest = found.value - power;
    found.highest = found.value + power;
    return found;
}

/* The nearest number whose 17 digits end in so many zeros as `step` has, if it reads back. */
static bool find_digits(const range *among, uint64_t step, uint64_t *digits)
{
    uint64_t below = (uint64_t)(among->value >> among->unit) / step * step;
    wide down = (wide)below << among->unit, up = (wide)(below + step) << among->unit;
    wide above = up - among->value, under = among->value - down;
    bool goes_up = above < under || (above == under && below / step % 2 == 1);
    *digits = goes_up ? below + step : below;
    return goes_up ? up < among->highest : down > among->lowest;
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
    bool usual = value >= 1e-5 && value < 1e15;
    return sign + (usual ? put_usual(value, text + sign) : put_unusual(value, text + sign));
}
