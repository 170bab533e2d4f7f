/*
 * unit/test_exact.c: exact sums against long numbers of their own: a slow adder of one integer of
 * 4500 binary digits, into which each double or product is put bit by bit. A result is right when
 * no double lies nearer to that integer; means and variances are held against it crosswise
 * multiplied, so that nothing has to be divided.
 */
#include "base/strips.h"
#include "random.h"

#include <CUnit/Basic.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Two's complement, in units of 2^-2304; wide enough for 2^90 products of the largest. */
#define LIMBS 140
#define UNIT  2304
typedef struct oracle {
    uint32_t limbs[LIMBS];
} oracle;

static void oracle_add_at(oracle *sum, int place, uint32_t digits, bool minus)
{
    uint64_t carry = minus;
    for (int i = 0; i < LIMBS; i++) {
        uint64_t wide = (uint64_t)digits << place % 32;
        uint32_t limb = 0;
        if (i == place / 32)
            limb = (uint32_t)wide;
        if (i == place / 32 + 1)
            limb = (uint32_t)(wide >> 32);
        carry += (uint64_t)sum->limbs[i] + (minus ? ~limb : limb);
        sum->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* A double as four numbers of 16 binary digits. */
static int pieces_of(double value, uint32_t pieces[4])
{
    int exponent;
    uint64_t digits = (uint64_t)ldexp(frexp(fabs(value), &exponent), 53);
    for (int i = 0; i < 4; i++)
        pieces[i] = digits >> 16 * i & 0xffff;
    return exponent - 53;
}

static void oracle_add_product(oracle *sum, double a, double b)
{
    uint32_t x[4], y[4];
    int place = pieces_of(a, x) + pieces_of(b, y) + UNIT;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            if (x[i] * y[j] > 0)
                oracle_add_at(sum, place + 16 * (i + j), x[i] * y[j], signbit(a) != signbit(b));
}

static void oracle_add(oracle *sum, double value)
{
    oracle_add_product(sum, value, 1);
}

static int oracle_sign(const oracle *sum)
{
    if (sum->limbs[LIMBS - 1] >> 31)
        return -1;
    for (int i = 0; i < LIMBS; i++)
        if (sum->limbs[i])
            return 1;
    return 0;
}

static void oracle_merge(oracle *sum, const oracle *other)
{
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)sum->limbs[i] + other->limbs[i];
        sum->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void oracle_multiply(oracle *sum, uint32_t by)
{
    oracle all = {{0}};
    for (int bit = 31; bit >= 0; bit--) {
        oracle twice = all;
        oracle_merge(&all, &twice);
        if (by >> bit & 1)
            oracle_merge(&all, sum);
    }
    *sum = all;
}

/* What stands for infinity is 2^1024: numbers from halfway to it on are rounded there. */
static void oracle_subtract_times(oracle *sum, double value, uint32_t times)
{
    oracle all = {{0}};
    bool infinite = isinf(value);
    oracle_add(&all, infinite ? copysign(0x1p1023, -value) : -value);
    if (infinite)
        oracle_add(&all, copysign(0x1p1023, -value));
    oracle_multiply(&all, times);
    oracle_merge(sum, &all);
}

static bool is_even(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits % 2 == 0;
}

/* Whether sum - divisor * (value + its neighbour towards `side`) / 2 has the sign of the side that
 * `value` is on; or is zero, for a value that is even. */
static bool is_within(const oracle *sum, uint32_t divisor, double value, double side)
{
    oracle rest = *sum;
    oracle_merge(&rest, sum);
    oracle_subtract_times(&rest, value, divisor);
    oracle_subtract_times(&rest, nextafter(value, side), divisor);
    int sign = oracle_sign(&rest);
    return sign == 0 ? is_even(value) : (sign < 0) == (side > 0);
}

/* Whether `value` is the double nearest to sum / divisor. */
static bool is_nearest(const oracle *sum, uint32_t divisor, double value)
{
    if (oracle_sign(sum) == 0)
        return value == 0 && !signbit(value);
    return (value == INFINITY || is_within(sum, divisor, value, INFINITY)) &&
           (value == -INFINITY || is_within(sum, divisor, value, -INFINITY));
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Equal, or both no number. */
static bool same(double a, double b)
{
    return same_bits(a, b) || (isnan(a) && isnan(b));
}

static const mr_exact nothing;

/* The kinds of terms. */
typedef double maker(uint64_t *state);

static double with_exponent(uint64_t *state, int exponent)
{
    double value = (double)(random_next(state) >> 11 | UINT64_C(1) << 52);
    return ldexp(random_next(state) % 2 ? value : -value, exponent - 52);
}

static double any_bits(uint64_t *state)
{
    double value;
    do {
        uint64_t bits = random_next(state);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static double of_one_size(uint64_t *state)
{
    return with_exponent(state, 3);
}

static double of_some_sizes(uint64_t *state)
{
    return with_exponent(state, (int)random_below(state, 60) - 30);
}

static double of_many_sizes(uint64_t *state)
{
    return with_exponent(state, (int)random_below(state, 700) - 350);
}

static double tiny(uint64_t *state)
{
    return with_exponent(state, -1074 + (int)random_below(state, 150));
}

static double huge(uint64_t *state)
{
    return with_exponent(state, 1023 - (int)random_below(state, 80));
}

static double mixed(uint64_t *state)
{
    static maker *const all[] = {tiny, huge, any_bits, of_one_size};
    unsigned which = (unsigned)random_below(state, 5);
    return which < 4 ? all[which](state) : random_next(state) % 2 ? 0.0 : -0.0;
}

static double small_integer(uint64_t *state)
{
    return (double)random_below(state, 2001) - 1000;
}

static double mostly_zero(uint64_t *state)
{
    return random_below(state, 50) > 0 ? -0.0 : of_some_sizes(state);
}

static maker *const makers[] = {any_bits, of_one_size, of_some_sizes, of_many_sizes, tiny,
                                huge,     mixed,       small_integer, mostly_zero};
#define MAKERS (sizeof makers / sizeof *makers)

#define TERMS 4000

static void make_terms(uint64_t *state, maker *make, double *terms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        terms[i] = make(state);
    if (random_below(state, 3) == 0) /* cancel most of it */
        for (size_t i = 1; i + 1 < count; i += 2)
            terms[i] = -terms[i - 1];
}

static void shuffle(uint64_t *state, double *terms, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(state, i);
        double term = terms[i - 1];
        terms[i - 1] = terms[j];
        terms[j] = term;
    }
}

static mr_strips_cpu any_cpu(uint64_t *state)
{
    return (mr_strips_cpu)random_below(state, (uint64_t)mr_strips_best() + 1);
}

/* Pieces of random sizes, some added one by one, some together, merged from either side. */
static void sum_tree(uint64_t *state, const double *terms, size_t count, mr_exact *sum)
{
    *sum = nothing;
    uint64_t way = count < 2 ? 0 : random_below(state, 6);
    if (way == 0) {
        for (size_t i = 0; i < count; i++)
            mr_exact_add(sum, terms[i]);
    } else if (way < 3) {
        mr_strips_add(any_cpu(state), sum, terms, count);
    } else {
        mr_exact other;
        size_t half = random_below(state, count + 1);
        bool swap = random_below(state, 2);
        sum_tree(state, terms, half, swap ? &other : sum);
        sum_tree(state, terms + half, count - half, swap ? sum : &other);
        mr_exact_merge(sum, &other);
    }
}

static double one_by_one(const double *terms, size_t count)
{
    mr_exact sum = nothing;
    for (size_t i = 0; i < count; i++)
        mr_exact_add(&sum, terms[i]);
    return mr_exact_round(&sum);
}

/* Zero to the last digit, also where that is too small for a double: it is doubled until it is not.
 */
static bool is_zero(mr_exact sum)
{
    for (int i = 0; i < 1100 && mr_exact_round(&sum) == 0; i += 50)
        for (int n = 0; n < 50; n++) {
            mr_exact half = sum;
            mr_exact_merge(&sum, &half);
        }
    return mr_exact_round(&sum) == 0;
}

/* Whether a sum is that of the terms to its last digit, not only where it is rounded. */
static bool is_exactly(const mr_exact *sum, const double *terms, size_t count)
{
    mr_exact rest = *sum;
    for (size_t i = 0; i < count; i++)
        mr_exact_add(&rest, -terms[i]);
    return is_zero(rest);
}

static void test_nearest(void)
{
    static double terms[TERMS];
    uint64_t state = 1;
    for (size_t round = 0; round < 60 * MAKERS; round++) {
        size_t count = 1 + random_below(&state, 100);
        oracle sum = {{0}};
        make_terms(&state, makers[round % MAKERS], terms, count);
        for (size_t i = 0; i < count; i++)
            oracle_add(&sum, terms[i]);
        CU_ASSERT_FATAL(is_nearest(&sum, 1, one_by_one(terms, count)));
    }
}

static void test_any_order(void)
{
    static double terms[TERMS];
    uint64_t state = 2;
    for (size_t round = 0; round < 20 * MAKERS; round++) {
        size_t count = 1 + random_below(&state, TERMS);
        make_terms(&state, makers[round % MAKERS], terms, count);
        double expected = one_by_one(terms, count);
        for (int i = 0; i < 5; i++) {
            mr_exact sum;
            sum_tree(&state, terms, count, &sum);
            CU_ASSERT_FATAL(same_bits(mr_exact_round(&sum), expected));
            CU_ASSERT_FATAL(is_exactly(&sum, terms, count));
            shuffle(&state, terms, count);
        }
    }
}

/* Lengths around those of strips and groups, from places that are aligned to 8 only. */
static void test_lengths(void)
{
    static double terms[TERMS + 8];
    static const size_t lengths[] = {0,  1,    15,   16,   31,   32,   33,   47,
                                     48, 1007, 1008, 1009, 1024, 2016, TERMS};
    uint64_t state = 3;
    make_terms(&state, of_some_sizes, terms, TERMS + 8);
    for (int cpu = 0; cpu <= (int)mr_strips_best(); cpu++)
        for (size_t i = 0; i < 8 * sizeof lengths / sizeof *lengths; i++) {
            const double *from = terms + i % 8;
            mr_exact sum = nothing;
            mr_strips_add((mr_strips_cpu)cpu, &sum, from, lengths[i / 8]);
            CU_ASSERT(is_exactly(&sum, from, lengths[i / 8]));
        }
}

/* Strips whose terms are all nearly as large as the largest, and have one sign. */
static void test_full_strips(void)
{
    static double terms[TERMS];
    uint64_t state = 4;
    for (int exponent = -1074; exponent < 1024; exponent += 1 + (int)random_below(&state, 9)) {
        double sign = random_below(&state, 2) ? 1 : -1;
        for (size_t i = 0; i < TERMS; i++) {
            double below = (double)random_below(&state, UINT64_C(1) << 50) * 0x1p-53;
            terms[i] = sign * ldexp(1 - below, exponent);
        }
        for (int cpu = 0; cpu <= (int)mr_strips_best(); cpu++) {
            mr_exact sum = nothing;
            mr_strips_add((mr_strips_cpu)cpu, &sum, terms, TERMS);
            CU_ASSERT_FATAL(is_exactly(&sum, terms, TERMS));
        }
    }
}

static void test_products(void)
{
    static double a[TERMS], b[TERMS];
    uint64_t state = 5;
    for (size_t round = 0; round < 4 * MAKERS * MAKERS; round++) {
        size_t count = 1 + random_below(&state, 100);
        oracle want = {{0}};
        make_terms(&state, makers[round % MAKERS], a, count);
        make_terms(&state, makers[round / MAKERS % MAKERS], b, count);
        for (size_t i = 0; i < count; i++)
            oracle_add_product(&want, a[i], b[i]);
        for (int cpu = 0; cpu <= (int)mr_strips_best(); cpu++) {
            mr_exact sum = nothing;
            size_t half = random_below(&state, count + 1);
            mr_strips_add_products((mr_strips_cpu)cpu, &sum, a, b, half);
            mr_strips_add_products((mr_strips_cpu)cpu, &sum, a + half, b + half, count - half);
            double got = mr_exact_round(&sum);
            CU_ASSERT_FATAL(oracle_sign(&want) == 0 ? got == 0 : is_nearest(&want, 1, got));
        }
    }
}

static void test_long_products(void)
{
    static double a[TERMS], b[TERMS];
    uint64_t state = 6;
    for (size_t round = 0; round < 4 * MAKERS; round++) {
        make_terms(&state, makers[round % MAKERS], a, TERMS);
        make_terms(&state, makers[(round + round / MAKERS) % MAKERS], b, TERMS);
        mr_exact single = nothing, all = nothing;
        for (size_t i = 0; i < TERMS; i++)
            mr_exact_add_products(&single, a + i, b + i, 1);
        mr_strips_add_products(any_cpu(&state), &all, a, b, TERMS);
        CU_ASSERT_FATAL(same_bits(mr_exact_round(&single), mr_exact_round(&all)));
    }
}

/* Products that are all of one size, from too small for a double to too large, with a few zeros. */
static void test_sizes_of_products(void)
{
    static double a[TERMS], b[TERMS];
    uint64_t state = 10;
    for (int exponent = -2140; exponent < 2046; exponent += 1 + (int)random_below(&state, 9)) {
        for (size_t i = 0; i < 1008; i++) {
            a[i] = with_exponent(&state, exponent / 2);
            b[i] = i % 100 ? with_exponent(&state, exponent - exponent / 2) : 0;
        }
        mr_exact sum = nothing;
        mr_strips_add_products(any_cpu(&state), &sum, a, b, 1008);
        for (size_t i = 0; i < 1008; i++)
            mr_exact_add_products(&sum, &a[i], &(double){-b[i]}, 1);
        CU_ASSERT_FATAL(is_zero(sum));
    }
}

static void test_mean(void)
{
    static double terms[TERMS];
    uint64_t state = 7;
    for (size_t round = 0; round < 60 * MAKERS; round++) {
        size_t count = 1 + random_below(&state, 30);
        uint32_t divisor = (uint32_t)(random_next(&state) >> 32 >> random_below(&state, 31)) | 1;
        oracle want = {{0}};
        mr_exact sum = nothing;
        make_terms(&state, makers[round % MAKERS], terms, count);
        for (size_t i = 0; i < count; i++)
            oracle_add(&want, terms[i]);
        mr_exact_add_all(&sum, terms, count);
        CU_ASSERT_FATAL(is_nearest(&want, divisor, mr_exact_mean(&sum, divisor)));
    }
    mr_exact sum = nothing;
    CU_ASSERT(isnan(mr_exact_mean(&sum, 0)));
    CU_ASSERT(same_bits(mr_exact_mean(&sum, UINT64_MAX), 0.0));
    for (int i = 0; i < 10; i++)
        mr_exact_add(&sum, DBL_MAX);
    CU_ASSERT(isinf(mr_exact_round(&sum)));
    CU_ASSERT_EQUAL(mr_exact_mean(&sum, 10), DBL_MAX);
}

/* count * squares - sum * sum, term by term. */
static oracle spread_of(const double *terms, size_t count)
{
    oracle spread = {{0}};
    for (size_t i = 0; i < count; i++) {
        oracle_add_product(&spread, terms[i], terms[i]);
    }
    oracle_multiply(&spread, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            oracle_add_product(&spread, terms[i], -terms[j]);
    return spread;
}

static double variance_of(const double *terms, size_t count, uint64_t less)
{
    mr_exact sum = nothing, squares = nothing;
    mr_exact_add_all(&sum, terms, count);
    mr_exact_add_products(&squares, terms, terms, count);
    return mr_exact_variance(&sum, &squares, count, less);
}

static void test_variance(void)
{
    static double terms[TERMS];
    uint64_t state = 8;
    for (size_t round = 0; round < 30 * MAKERS; round++) {
        size_t count = 1 + random_below(&state, 12);
        uint64_t less = random_below(&state, count);
        make_terms(&state, makers[round % MAKERS], terms, count);
        double offset = random_below(&state, 2) ? 1e9 : 0;
        for (size_t i = 0; i < count; i++)
            terms[i] += offset;
        oracle spread = spread_of(terms, count);
        double variance = variance_of(terms, count, less);
        CU_ASSERT_FATAL(is_nearest(&spread, (uint32_t)(count * (count - less)), variance));
    }
}

static void test_variance_known(void)
{
    CU_ASSERT_EQUAL(variance_of((double[]){1, 2, 3, 4}, 4, 1), 5.0 / 3);
    CU_ASSERT_EQUAL(variance_of((double[]){1, 2, 3, 4}, 4, 0), 1.25);
    CU_ASSERT_EQUAL(variance_of((double[]){1e16, 1e16 + 2}, 2, 1), 2);
    CU_ASSERT_EQUAL(variance_of((double[]){DBL_MAX, -DBL_MAX}, 2, 0), INFINITY);
    CU_ASSERT_EQUAL(variance_of((double[]){0x1p-537, -0x1p-537}, 2, 0), 0x1p-1074);
    CU_ASSERT(same_bits(variance_of((double[]){0.1, 0.1, 0.1}, 3, 1), 0.0));
    CU_ASSERT(isnan(variance_of((double[]){1}, 1, 1)));
    CU_ASSERT(isnan(variance_of(NULL, 0, 0)));
    CU_ASSERT(isnan(variance_of((double[]){1, INFINITY}, 2, 1)));
    mr_exact two = nothing, one = nothing;
    mr_exact_add(&two, 2);
    mr_exact_add(&one, 1);
    CU_ASSERT(same_bits(mr_exact_variance(&two, &one, 3, 1), 0.0)); /* no terms are like that */
    mr_exact_add(&one, -2);
    CU_ASSERT(same_bits(mr_exact_variance(&two, &one, 3, 1), 0.0));
}

static void expect_sum(const double *terms, size_t count, double expected)
{
    static double many[TERMS];
    CU_ASSERT(same(one_by_one(terms, count), expected));
    memset(many, 0, sizeof many);
    if (count > 0)
        memcpy(many + 7, terms, count * sizeof *terms);
    for (int cpu = 0; cpu <= (int)mr_strips_best(); cpu++) {
        mr_exact sum = nothing;
        mr_strips_add((mr_strips_cpu)cpu, &sum, many, 1500);
        CU_ASSERT(same(mr_exact_round(&sum), expected));
    }
}

static void test_known(void)
{
    expect_sum(NULL, 0, 0.0);
    expect_sum((double[]){-0.0, -0.0}, 2, 0.0);
    expect_sum((double[]){0.1, 0.2, 0.3}, 3, 0.6);
    expect_sum((double[]){1e308, -1e308, 1e-308}, 3, 1e-308);
    expect_sum((double[]){1e308, 1e308, -1e308, -1e308, 1e-320}, 5, 1e-320);
    expect_sum((double[]){1e16, 1, -1e16}, 3, 1);
    expect_sum((double[]){1, 1e100, 1, -1e100}, 4, 2);
    expect_sum((double[]){DBL_MAX, DBL_MAX, -DBL_MAX}, 3, DBL_MAX);
    expect_sum((double[]){DBL_MAX, DBL_MAX}, 2, INFINITY);
    expect_sum((double[]){-DBL_MAX, -DBL_MAX}, 2, -INFINITY);
    expect_sum((double[]){DBL_MAX, 0x1p969}, 2, DBL_MAX);
    expect_sum((double[]){DBL_MAX, 0x1p970}, 2, INFINITY); /* halfway: to even */
    expect_sum((double[]){DBL_MAX, 0x1p970, -DBL_TRUE_MIN}, 3, DBL_MAX);
    expect_sum((double[]){DBL_TRUE_MIN, DBL_TRUE_MIN}, 2, 2 * DBL_TRUE_MIN);
    expect_sum((double[]){DBL_MIN, -DBL_TRUE_MIN}, 2, DBL_MIN - DBL_TRUE_MIN);
    expect_sum((double[]){1, DBL_EPSILON / 2}, 2, 1);
    expect_sum((double[]){1 + DBL_EPSILON, DBL_EPSILON / 2}, 2, 1 + 2 * DBL_EPSILON);
    expect_sum((double[]){-1, -DBL_EPSILON / 2}, 2, -1);
    expect_sum((double[]){1, DBL_EPSILON / 2, DBL_TRUE_MIN}, 3, 1 + DBL_EPSILON);
    expect_sum((double[]){1, DBL_EPSILON / 2, -DBL_TRUE_MIN}, 3, 1);
    expect_sum((double[]){1, -DBL_MAX, INFINITY}, 3, INFINITY);
    expect_sum((double[]){-INFINITY, DBL_MAX}, 2, -INFINITY);
    expect_sum((double[]){-INFINITY, INFINITY}, 2, NAN);
    expect_sum((double[]){-(double)NAN, 1}, 2, NAN);
    expect_sum((double[]){NAN, INFINITY}, 2, NAN);
}

/* 10^8 terms and more: one block again and again. */
static void test_many(void)
{
    enum { BLOCK = 20160, TIMES = 5000 };
    double *terms = malloc(BLOCK * sizeof *terms);
    uint64_t state = 9;
    oracle want = {{0}};
    mr_exact sum = nothing;
    make_terms(&state, of_one_size, terms, BLOCK);
    for (size_t i = 0; i < BLOCK; i++)
        oracle_add(&want, terms[i]);
    oracle_multiply(&want, TIMES);
    for (int i = 0; i < TIMES; i++)
        mr_exact_add_all(&sum, terms, BLOCK);
    CU_ASSERT(is_nearest(&want, 1, mr_exact_round(&sum)));
    free(terms);
}

/* Sums of up to 2^62 terms, made by doubling; with the largest product that there is, of which in
 * the end nothing is left. */
static void test_doubled(void)
{
    const double most = DBL_MAX, least = -DBL_MAX, small = 1.0 - DBL_EPSILON / 2;
    mr_exact sum = nothing, other = nothing;
    mr_exact_add(&sum, small);
    mr_exact_add_products(&sum, &most, &least, 1);
    mr_exact_add_products(&other, &most, &most, 1);
    for (int i = 0; i <= 62; i++) {
        mr_exact both = sum;
        CU_ASSERT_EQUAL(mr_exact_round(&sum), -INFINITY);
        mr_exact_merge(&both, &other);
        CU_ASSERT_EQUAL(mr_exact_round(&both), ldexp(small, i));
        CU_ASSERT_EQUAL(mr_exact_mean(&both, UINT64_C(1) << i), small);
        mr_exact_merge(&sum, &(mr_exact){.words = {0}});
        both = sum;
        mr_exact_merge(&sum, &both);
        both = other;
        mr_exact_merge(&other, &both);
    }
}

/* Merging with nothing leaves no trace: dense results tell by that whether anything was folded. */
static void test_nothing(void)
{
    mr_exact sum = nothing, zero = nothing;
    mr_exact_merge(&sum, &nothing);
    CU_ASSERT_EQUAL(memcmp(&sum, &nothing, sizeof sum), 0);
    mr_exact_add_all(&sum, NULL, 0);
    mr_exact_add_products(&sum, NULL, NULL, 0);
    CU_ASSERT_EQUAL(memcmp(&sum, &nothing, sizeof sum), 0);
    mr_exact_add(&zero, 0);
    mr_exact_merge(&sum, &zero);
    CU_ASSERT_NOT_EQUAL(memcmp(&sum, &nothing, sizeof sum), 0);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("exact", NULL, NULL);
    CU_ADD_TEST(suite, test_known);
    CU_ADD_TEST(suite, test_nearest);
    CU_ADD_TEST(suite, test_any_order);
    CU_ADD_TEST(suite, test_lengths);
    CU_ADD_TEST(suite, test_full_strips);
    CU_ADD_TEST(suite, test_products);
    CU_ADD_TEST(suite, test_long_products);
    CU_ADD_TEST(suite, test_sizes_of_products);
    CU_ADD_TEST(suite, test_mean);
    CU_ADD_TEST(suite, test_variance);
    CU_ADD_TEST(suite, test_variance_known);
    CU_ADD_TEST(suite, test_many);
    CU_ADD_TEST(suite, test_doubled);
    CU_ADD_TEST(suite, test_nothing);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}
