/*
 * unit/test_folds.c: the built-in folds. Random values go in through random trees of merges, with
 * empty accumulators in between, and must show what a loop over all of them finds.
 */
#include "random.h"
#include "store/first.h"

#include <mapred/app.h>
#include <mapred/exact.h>

#include <CUnit/Basic.h>

#include <math.h>
#include <stdlib.h>

#define VALUES 200
#define LARGE  sizeof(mr_exact) /* no built-in accumulator is larger */

typedef union slot {
    unsigned char bytes[LARGE];
    int64_t aligned;
} slot;

static void make_empty(const mr_fold *fold, slot *to)
{
    memset(to, 0, sizeof *to);
    if (fold->init)
        fold->init(fold, to->bytes);
}

/* Either kind of values, by what the fold is given. */
typedef struct values {
    size_t count;
    bool integers;
    int64_t i64[VALUES];
    double f64[VALUES];
} values;

static void fold_tree(const mr_fold *fold, uint64_t *state, const values *all, size_t from,
                      size_t to, slot *result)
{
    make_empty(fold, result);
    if (to - from < 2 || random_below(state, 8) == 0) {
        for (size_t i = from; i < to; i++)
            if (all->integers)
                fold->add_i64(fold, result->bytes, all->i64[i]);
            else
                fold->add_f64(fold, result->bytes, all->f64[i]);
        return;
    }
    slot other;
    size_t middle = from + random_below(state, to - from + 1);
    bool swap = random_below(state, 2) == 1;
    fold_tree(fold, state, all, from, middle, swap ? &other : result);
    fold_tree(fold, state, all, middle, to, swap ? result : &other);
    fold->merge(fold, result->bytes, other.bytes);
}

static bool same_cells(const mr_row *a, const mr_row *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (a->cells[i].type != b->cells[i].type ||
            memcmp(&a->cells[i].as, &b->cells[i].as, sizeof a->cells[i].as.i64) != 0)
            return false;
    return true;
}

/* Makes the accumulator in a new tree, and looks at what is shown. */
static void expect_shown(const mr_fold *fold, uint64_t *state, const values *all,
                         const mr_row *expected, slot *result)
{
    mr_row row = {0};
    CU_ASSERT_FATAL(fold->size <= LARGE && fold->size % 8 == 0);
    fold_tree(fold, state, all, 0, all->count, result);
    fold->show(fold, result->bytes, &row);
    CU_ASSERT_FATAL(same_cells(&row, expected));
}

static void expect_fold(const mr_fold *fold, uint64_t *state, const values *all,
                        const mr_row *expected)
{
    slot first = {{0}}, result;
    for (int i = 0; i < 5; i++) {
        expect_shown(fold, state, all, expected, &result);
        if (i > 0) /* not only what is shown: what goes on in other ranks too */
            CU_ASSERT_EQUAL_FATAL(memcmp(&first, &result, sizeof first), 0);
        first = result;
    }
}

static mr_row row_i64(int64_t value)
{
    mr_row row = {0};
    mr_row_add_i64(&row, value);
    return row;
}

static mr_row row_f64(double value)
{
    mr_row row = {0};
    mr_row_add_f64(&row, value);
    return row;
}

static int descending(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left < right) - (left > right);
}

static void expect_top(const mr_fold *fold, uint64_t *state, const values *all)
{
    int64_t sorted[VALUES];
    mr_row row = {0};
    memcpy(sorted, all->i64, sizeof sorted);
    qsort(sorted, all->count, sizeof *sorted, descending);
    for (size_t i = 0; i < all->count && i < fold->parameter; i++)
        mr_row_add_i64(&row, sorted[i]);
    expect_fold(fold, state, all, &row);
}

/* The mean of integers is right when no double is nearer: when it lies between the points halfway
 * to its neighbours. Long doubles hold those exactly, and an fma has the right sign. */
static bool is_mean(int64_t sum, int64_t count, double mean)
{
    long double exactly = (long double)sum; /* 64 digits: exact */
    long double above = ((long double)mean + (long double)nextafter(mean, INFINITY)) / 2;
    long double below = ((long double)mean + (long double)nextafter(mean, -INFINITY)) / 2;
    return fmal(above, (long double)count, -exactly) >= 0 &&
           fmal(below, (long double)count, -exactly) <= 0;
}

static values integers(uint64_t *state, unsigned by)
{
    values all = {.count = 1 + random_below(state, VALUES), .integers = true};
    for (size_t i = 0; i < all.count; i++)
        all.i64[i] = (int64_t)random_next(state) >> by;
    return all;
}

static void test_i64(void)
{
    static const mr_fold top_1 = MR_FOLD_TOP_I64(1), top_3 = MR_FOLD_TOP_I64(3),
                         top_15 = MR_FOLD_TOP_I64(15);
    uint64_t state = 11;
    for (unsigned round = 0; round < 1000; round++) {
        values all = integers(&state, round % 64);
        int64_t sum = 0, min = all.i64[0], max = all.i64[0];
        for (size_t i = 0; i < all.count; i++) {
            sum = (int64_t)((uint64_t)sum + (uint64_t)all.i64[i]);
            min = all.i64[i] < min ? all.i64[i] : min;
            max = all.i64[i] > max ? all.i64[i] : max;
        }
        mr_row row = row_i64((int64_t)all.count);
        expect_fold(MR_COUNT, &state, &all, &row);
        row = row_i64(sum);
        expect_fold(MR_SUM_I64, &state, &all, &row);
        row = row_i64(min);
        expect_fold(MR_MIN_I64, &state, &all, &row);
        row = row_i64(max);
        expect_fold(MR_MAX_I64, &state, &all, &row);
        expect_top(&top_1, &state, &all);
        expect_top(&top_3, &state, &all);
        expect_top(&top_15, &state, &all);
    }
}

static double shown_mean(const mr_fold *fold, const slot *result)
{
    mr_row row = {0};
    fold->show(fold, result->bytes, &row);
    return row.cells[0].as.f64;
}

static void test_mean_i64(void)
{
    uint64_t state = 12;
    slot result;
    for (unsigned round = 0; round < 2000; round++) {
        values all = integers(&state, 8 + round % 56); /* so that the sum fits */
        int64_t sum = 0, count = (int64_t)all.count, min = all.i64[0], max = min;
        for (size_t i = 0; i < all.count; i++) {
            sum += all.i64[i];
            min = all.i64[i] < min ? all.i64[i] : min;
            max = all.i64[i] > max ? all.i64[i] : max;
        }
        fold_tree(MR_MEAN_I64, &state, &all, 0, all.count, &result);
        double mean = shown_mean(MR_MEAN_I64, &result);
        CU_ASSERT_FATAL(is_mean(sum, count, mean));
        mr_row row = row_f64(mean);
        expect_fold(MR_MEAN_I64, &state, &all, &row);
        row = row_i64(count);
        mr_row_add_i64(&row, min);
        mr_row_add_f64(&row, mean);
        mr_row_add_i64(&row, max);
        expect_fold(MR_STATS_I64, &state, &all, &row);
    }
}

/* Sums past 64 bits: as many of the largest and the smallest as fit, and a little. */
static void test_mean_i64_far(void)
{
    slot result, other;
    make_empty(MR_MEAN_I64, &result);
    MR_MEAN_I64->add_i64(MR_MEAN_I64, result.bytes, INT64_MIN);
    for (int i = 0; i < 62; i++) {
        other = result;
        MR_MEAN_I64->merge(MR_MEAN_I64, result.bytes, other.bytes);
        CU_ASSERT_EQUAL(shown_mean(MR_MEAN_I64, &result), (double)INT64_MIN);
    }
    make_empty(MR_MEAN_I64, &result);
    for (int i = 0; i < 5; i++) {
        MR_MEAN_I64->add_i64(MR_MEAN_I64, result.bytes, INT64_MAX);
        MR_MEAN_I64->add_i64(MR_MEAN_I64, result.bytes, -INT64_MAX);
    }
    MR_MEAN_I64->add_i64(MR_MEAN_I64, result.bytes, 11);
    CU_ASSERT_EQUAL(shown_mean(MR_MEAN_I64, &result), 1.0);
    /* Halfway between two doubles, but for one in 2^62 values that is larger by one. */
    make_empty(MR_MEAN_I64, &result);
    MR_MEAN_I64->add_i64(MR_MEAN_I64, result.bytes, (INT64_C(1) << 53) + 1);
    for (int i = 0; i < 62; i++) {
        other = result;
        MR_MEAN_I64->merge(MR_MEAN_I64, result.bytes, other.bytes);
    }
    CU_ASSERT_EQUAL(shown_mean(MR_MEAN_I64, &result), 9007199254740992.0);
    MR_MEAN_I64->add_i64(MR_MEAN_I64, result.bytes, (INT64_C(1) << 53) + 2);
    CU_ASSERT_EQUAL(shown_mean(MR_MEAN_I64, &result), 9007199254740994.0);
    make_empty(MR_MEAN_I64, &result);
    CU_ASSERT(isnan(shown_mean(MR_MEAN_I64, &result)));
}

static double random_double(uint64_t *state, unsigned kind)
{
    double few[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, -(double)NAN, 1, -1};
    if (kind == 0)
        return few[random_below(state, 2)];
    if (kind == 1)
        return few[random_below(state, 8)];
    if (kind == 2)
        return few[random_below(state, 4)];
    return ldexp((double)((int64_t)random_next(state) >> 11), (int)random_below(state, 30));
}

/* What the f64 folds are held against: the smallest by value and then by sign, NaN before all. */
static bool is_smaller(double a, double b)
{
    return a < b || (a == b && signbit(a) && !signbit(b));
}

static mr_row stats_of(const values *all)
{
    bool is_nan = false;
    slot result;
    mr_row row = row_i64((int64_t)all->count);
    double min = all->f64[0], max = min;
    for (size_t i = 0; i < all->count; i++) {
        is_nan = is_nan || isnan(all->f64[i]);
        min = is_smaller(all->f64[i], min) ? all->f64[i] : min;
        max = is_smaller(max, all->f64[i]) ? all->f64[i] : max;
    }
    make_empty(MR_MEAN_F64, &result);
    for (size_t i = 0; i < all->count; i++)
        MR_MEAN_F64->add_f64(MR_MEAN_F64, result.bytes, all->f64[i]);
    mr_row_add_f64(&row, is_nan ? NAN : min);
    mr_row_add_f64(&row, shown_mean(MR_MEAN_F64, &result));
    mr_row_add_f64(&row, is_nan ? NAN : max);
    return row;
}

static void test_f64(void)
{
    uint64_t state = 13;
    for (unsigned round = 0; round < 2000; round++) {
        values all = {.count = 1 + random_below(&state, VALUES)};
        for (size_t i = 0; i < all.count; i++)
            all.f64[i] = random_double(&state, round % 5);
        mr_row stats = stats_of(&all);
        expect_fold(MR_STATS_F64, &state, &all, &stats);
        mr_row row = row_i64((int64_t)all.count);
        expect_fold(MR_COUNT, &state, &all, &row);
        row = row_f64(stats.cells[1].as.f64);
        expect_fold(MR_MIN_F64, &state, &all, &row);
        row = row_f64(stats.cells[2].as.f64);
        expect_fold(MR_MEAN_F64, &state, &all, &row);
        row = row_f64(stats.cells[3].as.f64);
        expect_fold(MR_MAX_F64, &state, &all, &row);
    }
}

/* Integers given to the folds of doubles: small ones, whose sums are exact. */
static void test_f64_of_integers(void)
{
    uint64_t state = 14;
    for (unsigned round = 0; round < 500; round++) {
        values all = integers(&state, 20);
        int64_t sum = 0, min = all.i64[0], max = min;
        for (size_t i = 0; i < all.count; i++) {
            sum += all.i64[i];
            min = all.i64[i] < min ? all.i64[i] : min;
            max = all.i64[i] > max ? all.i64[i] : max;
        }
        double mean = (double)sum / (double)all.count;
        mr_row row = row_f64((double)sum);
        expect_fold(MR_SUM_F64, &state, &all, &row);
        row = row_f64((double)min);
        expect_fold(MR_MIN_F64, &state, &all, &row);
        row = row_f64((double)max);
        expect_fold(MR_MAX_F64, &state, &all, &row);
        row = row_f64(mean);
        expect_fold(MR_MEAN_F64, &state, &all, &row);
        row = row_i64((int64_t)all.count);
        mr_row_add_f64(&row, (double)min);
        mr_row_add_f64(&row, mean);
        mr_row_add_f64(&row, (double)max);
        expect_fold(MR_STATS_F64, &state, &all, &row);
    }
}

/* What the exact sum makes of a few values. */
static mr_exact exact_sum(const values *all)
{
    mr_exact sum = {{0}};
    mr_exact_add_all(&sum, all->f64, all->count);
    return sum;
}

static double exact_variance(const values *all)
{
    mr_exact sum = exact_sum(all), squares = {{0}};
    mr_exact_add_products(&squares, all->f64, all->f64, all->count);
    return mr_exact_variance(&sum, &squares, all->count, 1);
}

/* Values of about one size lose nothing; their squares may be too large or too small. */
static void test_variance(void)
{
    uint64_t state = 16;
    for (unsigned round = 0; round < 2000; round++) {
        values all = {.count = 1 + random_below(&state, VALUES)};
        int exponent = (int)random_below(&state, 2000) - 1070;
        for (size_t i = 0; i < all.count; i++)
            all.f64[i] =
                ldexp((double)((int64_t)random_next(&state) >> (20 + round % 40)), exponent - 20);
        double variance = exact_variance(&all);
        mr_row row = row_f64(variance);
        expect_fold(MR_VARIANCE_F64, &state, &all, &row);
        row = row_f64(sqrt(variance));
        expect_fold(MR_DEVIATION_F64, &state, &all, &row);
    }
}

/* Of all sizes: in any order the same, and within the bound of the exact one. */
static void test_variance_bound(void)
{
    uint64_t state = 17;
    slot result;
    for (unsigned round = 0; round < 1000; round++) {
        values all = {.count = 2 + random_below(&state, VALUES - 1)};
        double largest = 0;
        for (size_t i = 0; i < all.count; i++) {
            int64_t digits = (int64_t)random_next(&state) >> 11;
            all.f64[i] = ldexp((double)digits, (int)random_below(&state, 1 + round % 200)) +
                         1e60 * (round % 2);
            largest = fmax(largest, fabs(all.f64[i]));
        }
        fold_tree(MR_VARIANCE_F64, &state, &all, 0, all.count, &result);
        double variance = shown_mean(MR_VARIANCE_F64, &result), exactly = exact_variance(&all);
        mr_row row = row_f64(variance);
        expect_fold(MR_VARIANCE_F64, &state, &all, &row);
        double bound = ldexp(largest * largest, -117) + nextafter(exactly, INFINITY) - exactly;
        CU_ASSERT_FATAL(fabs(variance - exactly) <= bound);
    }
}

static void test_variance_special(void)
{
    uint64_t state = 18;
    mr_row none = row_f64(NAN), zero = row_f64(0);
    values all = {.count = 1, .f64 = {5, 5, 5, INFINITY}};
    expect_fold(MR_VARIANCE_F64, &state, &all, &none);
    all.count = 3;
    expect_fold(MR_VARIANCE_F64, &state, &all, &zero);
    expect_fold(MR_DEVIATION_F64, &state, &all, &zero);
    all.count = 4;
    expect_fold(MR_DEVIATION_F64, &state, &all, &none);
}

static void test_exact(void)
{
    uint64_t state = 19;
    slot result;
    for (unsigned round = 0; round < 1000; round++) {
        values all = {.count = 1 + random_below(&state, VALUES)};
        for (size_t i = 0; i < all.count; i++)
            all.f64[i] = round % 2 ? random_double(&state, round % 5)
                                   : ldexp((double)(int64_t)random_next(&state),
                                           (int)random_below(&state, 1900) - 950);
        mr_exact sum = exact_sum(&all);
        mr_row row = row_f64(mr_exact_round(&sum));
        for (int i = 0; i < 5; i++)
            expect_shown(MR_EXACT_F64, &state, &all, &row, &result);
    }
    values all = {.count = 4, .integers = true, .i64 = {INT64_MAX, INT64_MIN, INT64_MAX, -7}};
    mr_row row = row_f64((double)(INT64_MAX - 8));
    expect_shown(MR_EXACT_F64, &state, &all, &row, &result);
}

/* Where no addition rounds, in any order the same. */
static void test_fast(void)
{
    uint64_t state = 20;
    for (unsigned round = 0; round < 500; round++) {
        values all = integers(&state, 20);
        int64_t sum = 0;
        for (size_t i = 0; i < all.count; i++)
            sum += all.i64[i];
        mr_row row = row_f64((double)sum);
        expect_fold(MR_SUM_F64_FAST, &state, &all, &row);
        row = row_f64((double)sum / (double)all.count);
        expect_fold(MR_MEAN_F64_FAST, &state, &all, &row);
    }
}

static void test_first(void)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    uint64_t state = 15;
    for (int round = 0; round < 1000; round++) {
        slot result, empty;
        make_empty(MR_FIRST, &result);
        uint64_t best = UINT64_MAX;
        mr_row row = {0};
        for (int i = 0; i < 20; i++) {
            uint64_t place = random_below(&state, 26 * 26 * 26);
            mr_first offer = {place / 26 / 26, place / 26, letters + place % 26, 1};
            if (place / 26 < best / 26)
                best = place;
            MR_FIRST->merge(MR_FIRST, result.bytes, &offer);
        }
        make_empty(MR_FIRST, &empty);
        MR_FIRST->merge(MR_FIRST, result.bytes, empty.bytes);
        MR_FIRST->show(MR_FIRST, result.bytes, &row);
        CU_ASSERT_EQUAL_FATAL(row.count, 1);
        CU_ASSERT_FATAL(mr_bytes_equal(row.cells[0].as.bytes, (mr_bytes){letters + best % 26, 1}));
    }
}

static void expect_contract(const mr_fold *fold, bool i64, bool f64, uint32_t flags)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(fold->name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fold->columns);
    CU_ASSERT_EQUAL((fold->add_i64 != NULL), i64);
    CU_ASSERT_EQUAL((fold->add_f64 != NULL), f64);
    CU_ASSERT_EQUAL(fold->flags, flags);
    slot empty;
    mr_row row = {0};
    make_empty(fold, &empty);
    fold->show(fold, empty.bytes, &row); /* as many cells as columns */
    unsigned columns = 1;
    for (const char *at = fold->columns; *at; at++)
        columns += *at == ',';
    CU_ASSERT_EQUAL(row.count, columns);
}

static void test_contracts(void)
{
    static const mr_fold top_2 = MR_FOLD_TOP_I64(2), top_15 = MR_FOLD_TOP_I64(15);
    expect_contract(MR_COUNT, true, true, 0);
    expect_contract(MR_SUM_I64, true, false, MR_FOLD_PLAIN_SUM);
    expect_contract(MR_MIN_I64, true, false, 0);
    expect_contract(MR_MAX_I64, true, false, 0);
    expect_contract(MR_MEAN_I64, true, false, 0);
    expect_contract(MR_STATS_I64, true, false, 0);
    expect_contract(MR_SUM_F64, true, true, 0);
    expect_contract(MR_MIN_F64, true, true, 0);
    expect_contract(MR_MAX_F64, true, true, 0);
    expect_contract(MR_MEAN_F64, true, true, 0);
    expect_contract(MR_STATS_F64, true, true, 0);
    expect_contract(MR_VARIANCE_F64, true, true, 0);
    expect_contract(MR_DEVIATION_F64, true, true, 0);
    expect_contract(MR_EXACT_F64, true, true, 0);
    expect_contract(MR_SUM_F64_FAST, true, true, 0);
    expect_contract(MR_MEAN_F64_FAST, true, true, 0);
    expect_contract(MR_FIRST, false, false, MR_FOLD_FIRST);
    expect_contract(MR_TEXT, false, false, MR_FOLD_FIRST);
    CU_ASSERT_STRING_EQUAL(top_2.columns, "top,top");
    CU_ASSERT_EQUAL(strlen(top_15.columns), 15 * 4 - 1);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("folds", NULL, NULL);
    CU_ADD_TEST(suite, test_i64);
    CU_ADD_TEST(suite, test_mean_i64);
    CU_ADD_TEST(suite, test_mean_i64_far);
    CU_ADD_TEST(suite, test_f64);
    CU_ADD_TEST(suite, test_f64_of_integers);
    CU_ADD_TEST(suite, test_variance);
    CU_ADD_TEST(suite, test_variance_bound);
    CU_ADD_TEST(suite, test_variance_special);
    CU_ADD_TEST(suite, test_exact);
    CU_ADD_TEST(suite, test_fast);
    CU_ADD_TEST(suite, test_first);
    CU_ADD_TEST(suite, test_contracts);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}
