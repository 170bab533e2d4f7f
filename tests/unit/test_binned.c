/*
 * unit/test_binned.c: the reproducible sum. Any order and any tree of merges must give the same
 * bits, and the result is held against an exact sum, which is one integer of 2200 binary digits.
 */
#include "base/binned.h"
#include "random.h"

#include <CUnit/Basic.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TERMS 400

/* The exact sum, in units of 2^-1074, in two's complement: every double fits without rounding. */
#define LIMBS 36
typedef struct exact {
    uint64_t limbs[LIMBS];
} exact;

static void exact_add(exact *sum, double value)
{
    int exponent;
    double fraction = frexp(fabs(value), &exponent);
    uint64_t digits = (uint64_t)ldexp(fraction, 53);
    int up = exponent - 53 + 1074;
    if (up < 0) {
        digits >>= -up; /* only zeros leave */
        up = 0;
    }
    uint64_t term[LIMBS] = {0};
    term[up / 64] = digits << up % 64;
    if (up % 64 > 0)
        term[up / 64 + 1] = digits >> (64 - up % 64);
    uint64_t carry = value < 0;
    for (int i = 0; i < LIMBS; i++) {
        uint64_t limb = value < 0 ? ~term[i] : term[i];
        uint64_t with_carry = limb + carry;
        carry = with_carry < carry;
        sum->limbs[i] += with_carry;
        carry += sum->limbs[i] < with_carry;
    }
}

static int exact_sign(const exact *sum)
{
    if (sum->limbs[LIMBS - 1] >> 63)
        return -1;
    for (int i = 0; i < LIMBS; i++)
        if (sum->limbs[i])
            return 1;
    return 0;
}

/* Whether `rounded` is the double next to the sum of the terms: the sum, twice, must lie between
 * what it makes with the doubles on either side of it; halfway, it must be the even one. */
static bool is_nearest(const double *terms, size_t count, double rounded)
{
    exact above = {{0}}, below = {{0}};
    for (size_t i = 0; i < 2 * count; i++) {
        exact_add(&above, terms[i % count]);
        exact_add(&below, terms[i % count]);
    }
    exact_add(&above, -rounded);
    exact_add(&above, -nextafter(rounded, INFINITY));
    exact_add(&below, -rounded);
    exact_add(&below, -nextafter(rounded, -INFINITY));
    uint64_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    int over = exact_sign(&above), under = exact_sign(&below);
    if (over == 0 || under == 0)
        return bits % 2 == 0;
    return over < 0 && under > 0;
}

static double sum_of(const double *terms, size_t count)
{
    mr_binned sum = {{0}, {0}, 0, 0};
    for (size_t i = 0; i < count; i++)
        mr_binned_add(&sum, terms[i]);
    return mr_binned_round(&sum);
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
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

/* Sums by halves of random sizes: some added one by one, some merged, from either side. */
static void sum_tree(uint64_t *state, const double *terms, size_t count, mr_binned *sum)
{
    *sum = (mr_binned){{0}, {0}, 0, 0};
    if (count < 2 || random_below(state, 8) == 0) {
        for (size_t i = 0; i < count; i++)
            mr_binned_add(sum, terms[i]);
        return;
    }
    mr_binned other;
    size_t half = random_below(state, count + 1);
    bool swap = random_below(state, 2);
    sum_tree(state, terms, half, swap ? &other : sum);
    sum_tree(state, terms + half, count - half, swap ? sum : &other);
    mr_binned_merge(sum, &other);
}

/* The kinds of terms. */
typedef double maker(uint64_t *state);

static double any_bits(uint64_t *state)
{
    double value;
    do {
        uint64_t bits = random_next(state);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static double with_exponent(uint64_t *state, int exponent)
{
    double value = (double)(random_next(state) >> 11 | UINT64_C(1) << 52);
    return ldexp(random_next(state) % 2 ? value : -value, exponent - 52);
}

static double of_one_size(uint64_t *state)
{
    return with_exponent(state, 3);
}

static double of_many_sizes(uint64_t *state)
{
    return with_exponent(state, (int)random_below(state, 200) - 100);
}

static double tiny(uint64_t *state)
{
    return with_exponent(state, -1070 + (int)random_below(state, 60));
}

static double huge(uint64_t *state)
{
    return with_exponent(state, 1023 - (int)random_below(state, 60));
}

static double from_one_end_to_the_other(uint64_t *state)
{
    switch (random_below(state, 4)) {
    case 0:
        return tiny(state);
    case 1:
        return huge(state);
    case 2:
        return 0 * with_exponent(state, 0);
    default:
        return any_bits(state);
    }
}

static double small_integer(uint64_t *state)
{
    return (double)random_below(state, 2001) - 1000;
}

static double with_specials(uint64_t *state)
{
    double specials[] = {INFINITY, -INFINITY, NAN, -(double)NAN};
    return random_below(state, TERMS) < 2 ? specials[random_below(state, 4)] : any_bits(state);
}

static maker *const makers[] = {any_bits,      of_one_size,  of_many_sizes,
                                tiny,          huge,         from_one_end_to_the_other,
                                small_integer, with_specials};
#define MAKERS (sizeof makers / sizeof *makers)

static size_t make_terms(uint64_t *state, maker *make, double *terms)
{
    size_t count = 1 + random_below(state, TERMS);
    for (size_t i = 0; i < count; i++)
        terms[i] = make(state);
    if (random_below(state, 3) == 0) /* cancel most of it */
        for (size_t i = 1; i + 1 < count; i += 2)
            terms[i] = -terms[i - 1];
    return count;
}

static void test_any_order(void)
{
    uint64_t state = 7;
    double terms[TERMS];
    for (size_t round = 0; round < 40 * MAKERS; round++) {
        size_t count = make_terms(&state, makers[round % MAKERS], terms);
        mr_binned whole, sum;
        sum_tree(&state, terms, count, &whole);
        double expected = sum_of(terms, count);
        CU_ASSERT_FATAL(same_bits(mr_binned_round(&whole), expected));
        for (int i = 0; i < 20; i++) {
            shuffle(&state, terms, count);
            CU_ASSERT_FATAL(same_bits(sum_of(terms, count), expected));
            sum_tree(&state, terms, count, &sum);
            CU_ASSERT_FATAL(same_bits(mr_binned_round(&sum), expected));
            CU_ASSERT_EQUAL_FATAL(memcmp(&sum, &whole, sizeof sum), 0);
        }
    }
}

/* A term as the sum keeps it: without the digits below three bins under the top one. */
static double cut(double term, double largest)
{
    int exponent;
    frexp(largest, &exponent);
    int top = (exponent - 1 + 1074) / 40;
    double unit = ldexp(1, 40 * (top - 3) - 1074);
    return top > 3 ? term - fmod(term, unit) : term;
}

static void test_nearest(void)
{
    uint64_t state = 8;
    double terms[TERMS];
    size_t cut_some = 0;
    for (size_t round = 0; round < 400 * MAKERS; round++) {
        size_t count = make_terms(&state, makers[round % MAKERS], terms);
        double sum = sum_of(terms, count), largest = 0;
        if (!isfinite(sum))
            continue;
        for (size_t i = 0; i < count; i++)
            largest = fmax(largest, fabs(terms[i]));
        bool whole = true;
        for (size_t i = 0; i < count; i++) {
            double kept = cut(terms[i], largest);
            whole = whole && kept == terms[i];
            terms[i] = kept;
        }
        cut_some += !whole;
        CU_ASSERT_FATAL(is_nearest(terms, count, sum));
    }
    CU_ASSERT(cut_some > 100 && cut_some < 300 * MAKERS); /* both kinds were seen */
}

/* The bound in the header: what is lost is less than n 2^-120 of the largest, and half a unit. */
static void test_bound(void)
{
    uint64_t state = 9;
    double terms[TERMS];
    for (int round = 0; round < 500; round++) {
        size_t count = make_terms(&state, of_many_sizes, terms);
        double sum = sum_of(terms, count), largest = 0;
        exact rest = {{0}};
        for (size_t i = 0; i < count; i++) {
            exact_add(&rest, terms[i]);
            largest = fmax(largest, fabs(terms[i]));
        }
        exact_add(&rest, -sum);
        double half = fabs(sum - nextafter(sum, INFINITY)) / 2;
        double bound = half + (double)count * ldexp(largest, -120);
        exact over = rest, under = rest;
        exact_add(&over, -nextafter(bound, INFINITY));
        exact_add(&under, nextafter(bound, INFINITY));
        CU_ASSERT_FATAL(exact_sign(&over) < 0 && exact_sign(&under) > 0);
    }
}

static void expect_sum(const double *terms, size_t count, double expected)
{
    CU_ASSERT(same_bits(sum_of(terms, count), expected));
}

static void test_known(void)
{
    expect_sum(NULL, 0, 0.0);
    expect_sum((double[]){-0.0, -0.0}, 2, 0.0);
    expect_sum((double[]){0.1, 0.2, 0.3}, 3, 0.6);
    expect_sum((double[]){1e16, 1, -1e16}, 3, 1);
    expect_sum((double[]){DBL_MAX, DBL_MAX, -DBL_MAX}, 3, DBL_MAX);
    expect_sum((double[]){DBL_MAX, DBL_MAX}, 2, INFINITY);
    expect_sum((double[]){-DBL_MAX, -DBL_MAX}, 2, -INFINITY);
    expect_sum((double[]){DBL_TRUE_MIN, DBL_TRUE_MIN}, 2, 2 * DBL_TRUE_MIN);
    expect_sum((double[]){DBL_MIN, -DBL_TRUE_MIN}, 2, DBL_MIN - DBL_TRUE_MIN);
    expect_sum((double[]){1, DBL_EPSILON / 2}, 2, 1);                      /* halfway: to even */
    expect_sum((double[]){1, DBL_EPSILON / 2, 1e-30}, 3, 1 + DBL_EPSILON); /* and just above it */
    double far[] = {ldexp(1, 45), ldexp(1, 45 - 53), ldexp(1, 45 - 150)};  /* the same, far below */
    expect_sum(far, 3, ldexp(1 + DBL_EPSILON, 45));
    expect_sum((double[]){1, -DBL_MAX, INFINITY}, 3, INFINITY);
    expect_sum((double[]){-INFINITY, DBL_MAX}, 2, -INFINITY);
    expect_sum((double[]){-INFINITY, INFINITY}, 2, NAN);
    expect_sum((double[]){-(double)NAN, 1}, 2, NAN);
}

/* Sums that need more than 64 bits in a bin. */
static void test_many(void)
{
    mr_binned sum = {{0}, {0}, 0, 0};
    mr_binned_add(&sum, 1.0 - DBL_EPSILON / 2);
    mr_binned_add(&sum, ldexp(-3, -70));
    for (int i = 0; i < 70; i++) {
        mr_binned twice = sum;
        mr_binned_merge(&sum, &twice);
        double exactly = ldexp(1.0 - DBL_EPSILON / 2, i + 1);
        CU_ASSERT(same_bits(mr_binned_round(&sum), exactly));
    }
}

static void test_mean(void)
{
    mr_binned sum = {{0}, {0}, 0, 0};
    CU_ASSERT(isnan(mr_binned_mean(&sum, 0)));
    for (int i = 0; i < 10; i++)
        mr_binned_add(&sum, DBL_MAX);
    CU_ASSERT_EQUAL(mr_binned_mean(&sum, 10), DBL_MAX);
    CU_ASSERT(isinf(mr_binned_round(&sum)));
    mr_binned_add(&sum, -INFINITY);
    CU_ASSERT_EQUAL(mr_binned_mean(&sum, 11), -INFINITY);
    sum = (mr_binned){{0}, {0}, 0, 0};
    mr_binned_add(&sum, -7);
    CU_ASSERT_EQUAL(mr_binned_mean(&sum, 2), -3.5);
    uint64_t state = 10;
    for (int i = 0; i < 20000; i++) { /* equal terms have themselves as mean */
        double term = any_bits(&state);
        int64_t count = 1 + (int64_t)random_below(&state, 9);
        sum = (mr_binned){{0}, {0}, 0, 0};
        for (int64_t n = 0; n < count; n++)
            mr_binned_add(&sum, term);
        CU_ASSERT_FATAL(mr_binned_mean(&sum, count) == term);
    }
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("binned", NULL, NULL);
    CU_ADD_TEST(suite, test_known);
    CU_ADD_TEST(suite, test_any_order);
    CU_ADD_TEST(suite, test_nearest);
    CU_ADD_TEST(suite, test_bound);
    CU_ADD_TEST(suite, test_many);
    CU_ADD_TEST(suite, test_mean);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}
