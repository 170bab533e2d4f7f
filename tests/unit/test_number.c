/* unit/test_number.c: numbers as text, against printf for integers and strtod for doubles. */
#include "output/number.h"
#include "random.h"

#include <CUnit/Basic.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_i64(int64_t value)
{
    char expected[64], text[MR_NUMBER_TEXT];
    int size = snprintf(expected, sizeof expected, "%" PRId64, value);
    size_t written = mr_number_of_i64(value, text);
    CU_ASSERT_EQUAL_FATAL(written, (size_t)size);
    CU_ASSERT_EQUAL_FATAL(memcmp(text, expected, written), 0);
}

static void expect_u64(uint64_t value)
{
    char expected[64], text[MR_NUMBER_TEXT];
    int size = snprintf(expected, sizeof expected, "%" PRIu64, value);
    size_t written = mr_number_of_u64(value, text);
    CU_ASSERT_EQUAL_FATAL(written, (size_t)size);
    CU_ASSERT_EQUAL_FATAL(memcmp(text, expected, written), 0);
}

static void test_integers(void)
{
    uint64_t state = 1, power = 1;
    for (int digits = 1; digits <= 20; digits++, power *= 10)
        for (uint64_t around = 0; around < 3; around++) {
            expect_i64((int64_t)(power + around - 1));
            expect_i64((int64_t)(0 - (power + around - 1)));
            expect_u64(power + around - 1);
        }
    expect_i64(INT64_MAX);
    expect_i64(INT64_MIN);
    expect_u64(UINT64_MAX);
    for (int i = 0; i < 200000; i++) {
        expect_i64((int64_t)random_next(&state) >> (i % 64));
        expect_u64(random_next(&state) >> (i % 64));
    }
}

static void expect_f64(double value, const char *expected)
{
    char text[MR_NUMBER_TEXT + 1];
    size_t size = mr_number_of_f64(value, text);
    text[size] = '\0';
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void test_known_doubles(void)
{
    expect_f64(0.0, "0.0");
    expect_f64(-0.0, "-0.0");
    expect_f64(2, "2.0");
    expect_f64(-1234567, "-1234567.0");
    expect_f64(0.1, "0.1");
    expect_f64(-12.3, "-12.3");
    expect_f64(0.1 + 0.2, "0.30000000000000004");
    expect_f64(1.0 / 3, "0.3333333333333333");
    expect_f64(2.0 / 3, "0.6666666666666666");
    expect_f64(1e15, "1000000000000000.0");
    expect_f64(123456789012345.6, "123456789012345.6");
    expect_f64(1e16, "1e+16");
    expect_f64(12345678901234567.0, "1.2345678901234568e+16");
    expect_f64(10000000000001.0625, "10000000000001.062"); /* halfway at the last digit: to even */
    expect_f64(10000000000001.1875, "10000000000001.188");
    expect_f64(0.0001, "0.0001");
    expect_f64(0.00012345678901234567, "0.00012345678901234567");
    expect_f64(0.00001, "1e-05");
    expect_f64(1e300, "1e+300");
    expect_f64(1e22, "1e+22");
    expect_f64(1e23, "1e+23");
    expect_f64(9007199254740993.0, "9007199254740992.0");
    expect_f64(ldexp(1, -44),
               "5.684341886080802e-14"); /* the nearest of 16 digits reads otherwise */
    expect_f64(5e-324, "5e-324");
    expect_f64(2.5e-323, "2.5e-323");
    expect_f64(DBL_MIN, "2.2250738585072014e-308");
    expect_f64(DBL_MAX, "1.7976931348623157e+308");
    expect_f64(-DBL_MAX, "-1.7976931348623157e+308");
    expect_f64(INFINITY, "inf");
    expect_f64(-INFINITY, "-inf");
    expect_f64(NAN, "nan");
    expect_f64(-(double)NAN, "nan");
}

static int digits_in(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && digits == 0))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        digits++;
    }
    return digits - zeros;
}

/* Reads back as the same bits, and none of fewer digits that printf has to offer does. */
static void expect_shortest(double value)
{
    char text[MR_NUMBER_TEXT + 1], shorter[64];
    size_t size = mr_number_of_f64(value, text);
    CU_ASSERT_FATAL(size <= MR_NUMBER_TEXT);
    text[size] = '\0';
    char *end;
    double back = strtod(text, &end);
    CU_ASSERT_EQUAL_FATAL(*end, '\0');
    CU_ASSERT_EQUAL_FATAL(memcmp(&back, &value, sizeof back), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strpbrk(text, ".e"));
    int digits = digits_in(text);
    if (digits > 1) {
        snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
        CU_ASSERT_NOT_EQUAL_FATAL(strtod(shorter, NULL), value);
    }
}

static void test_random_doubles(void)
{
    uint64_t state = 2;
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = random_next(&state);
        double value;
        if (i % 8 == 0)
            bits &= UINT64_C(0x800fffffffffffff) >> (i / 8 % 52); /* below the normal range */
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            expect_shortest(value);
    }
}

static void test_decimal_doubles(void)
{
    uint64_t state = 3;
    for (int i = 0; i < 100000; i++) {
        double m = (double)((int64_t)random_next(&state) >> (14 + i % 50));
        expect_shortest(m / pow(10, (double)random_below(&state, 18)));
    }
}

/* Of all numbers of so many digits that read back, the nearest: what printf rounds to. */
static void expect_nearest(double value)
{
    char text[MR_NUMBER_TEXT + 1], nearest[64];
    text[mr_number_of_f64(value, text)] = '\0';
    snprintf(nearest, sizeof nearest, "%.*e", digits_in(text) - 1, value);
    double wanted = strtod(nearest, NULL), got = strtod(text, NULL);
    CU_ASSERT_EQUAL_FATAL(memcmp(&got, &wanted, sizeof got), 0);
    long long digits = 0, others = 0;
    for (const char *at = text; *at && *at != 'e'; at++)
        if (*at != '.')
            digits = digits * 10 + (*at - '0');
    for (const char *at = nearest; *at != 'e'; at++)
        if (*at != '.')
            others = others * 10 + (*at - '0');
    while (digits % 10 == 0)
        digits /= 10;
    while (others % 10 == 0)
        others /= 10;
    CU_ASSERT_EQUAL_FATAL(digits, others);
}

/* All exponents of which digits are found in integers, and a few around them; decimals of few
 * digits, too. */
static void test_usual_doubles(void)
{
    uint64_t state = 4;
    for (int exponent = -125; exponent <= 53; exponent++)
        for (int i = 0; i < 500; i++) {
            double mantissa = 1 + (double)(random_next(&state) >> 12 | 1) / 4503599627370496.0;
            double value = ldexp(mantissa, exponent);
            expect_shortest(value);
            expect_nearest(value);
            char text[64];
            snprintf(text, sizeof text, "%.*e", i % 17, value);
            expect_shortest(strtod(text, NULL));
        }
    for (int exponent = -37; exponent <= 16; exponent++) {
        char text[64];
        snprintf(text, sizeof text, "1e%d", exponent);
        double value = strtod(text, NULL);
        expect_shortest(nextafter(value, 0));
        expect_shortest(value);
        expect_shortest(nextafter(value, 1e300));
    }
}

static void test_powers_of_two(void)
{
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        double value = ldexp(1, exponent);
        expect_shortest(value);
        expect_shortest(nextafter(value, 0));
        expect_shortest(nextafter(value, DBL_MAX));
    }
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("number", NULL, NULL);
    CU_ADD_TEST(suite, test_integers);
    CU_ADD_TEST(suite, test_known_doubles);
    CU_ADD_TEST(suite, test_random_doubles);
    CU_ADD_TEST(suite, test_decimal_doubles);
    CU_ADD_TEST(suite, test_usual_doubles);
    CU_ADD_TEST(suite, test_powers_of_two);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}
