/*
 * engine/folds_sums.c: more folds of doubles: variance and deviation, the exact sum, and sums that
 * are added up as they come. All but the last are the same for any order of the values.
 */
#include "base/binned.h"

#include <mapred/exact.h>

#include <math.h>

/* Variance. */

typedef struct spread {
    mr_binned sum, squares;
    int64_t count;
} spread;

static void spread_add(const mr_fold *self, void *accumulator, double value)
{
    (void)self;
    spread *to = accumulator;
    mr_binned_add(&to->sum, value);
    mr_binned_add_square(&to->squares, value);
    to->count++;
}

static void spread_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    spread_add(self, accumulator, (double)value);
}

static void spread_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    spread *to = accumulator;
    const spread *from = other;
    mr_binned_merge(&to->sum, &from->sum);
    mr_binned_merge(&to->squares, &from->squares);
    to->count += from->count;
}

static double variance_of(const spread *from)
{
    return mr_binned_variance(&from->sum, &from->squares, from->count, 1);
}

static void variance_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_f64(row, variance_of(accumulator));
}

static void deviation_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_f64(row, sqrt(variance_of(accumulator)));
}

/* The exact sum. */

static void exact_add(const mr_fold *self, void *accumulator, double value)
{
    (void)self;
    mr_exact_add(accumulator, value);
}

/* The upper and the lower half are doubles both: no integer is rounded. */
static void exact_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    (void)self;
    mr_exact_add(accumulator, (double)(value >> 32) * 0x1p32);
    mr_exact_add(accumulator, (double)(value & UINT32_MAX));
}

static void exact_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    mr_exact_merge(accumulator, other);
}

static void exact_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_f64(row, mr_exact_round(accumulator));
}

/* As they come. */

static void fast_sum_add(const mr_fold *self, void *accumulator, double value)
{
    (void)self;
    *(double *)accumulator += value;
}

static void fast_sum_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    fast_sum_add(self, accumulator, (double)value);
}

static void fast_sum_merge(const mr_fold *self, void *accumulator, const void *other)
{
    fast_sum_add(self, accumulator, *(const double *)other);
}

static void fast_sum_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_f64(row, *(const double *)accumulator);
}

typedef struct fast_mean {
    double sum;
    int64_t count;
} fast_mean;

static void fast_mean_add(const mr_fold *self, void *accumulator, double value)
{
    (void)self;
    fast_mean *to = accumulator;
    to->sum += value;
    to->count++;
}

static void fast_mean_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    fast_mean_add(self, accumulator, (double)value);
}

static void fast_mean_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    fast_mean *to = accumulator;
    const fast_mean *from = other;
    to->sum += from->sum;
    to->count += from->count;
}

static void fast_mean_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    const fast_mean *from = accumulator;
    mr_row_add_f64(row, from->count > 0 ? from->sum / (double)from->count : NAN);
}

const mr_fold mr_fold_variance_f64 = {
    .name = "variance",
    .columns = "variance",
    .size = sizeof(spread),
    .merge = spread_merge,
    .show = variance_show,
    .add_i64 = spread_add_i64,
    .add_f64 = spread_add,
};

const mr_fold mr_fold_deviation_f64 = {
    .name = "deviation",
    .columns = "deviation",
    .size = sizeof(spread),
    .merge = spread_merge,
    .show = deviation_show,
    .add_i64 = spread_add_i64,
    .add_f64 = spread_add,
};

const mr_fold mr_fold_exact_f64 = {
    .name = "sum",
    .columns = "sum",
    .size = sizeof(mr_exact),
    .merge = exact_merge,
    .show = exact_show,
    .add_i64 = exact_add_i64,
    .add_f64 = exact_add,
};

const mr_fold mr_fold_sum_f64_fast = {
    .name = "sum",
    .columns = "sum",
    .size = sizeof(double),
    .merge = fast_sum_merge,
    .show = fast_sum_show,
    .add_i64 = fast_sum_add_i64,
    .add_f64 = fast_sum_add,
};

const mr_fold mr_fold_mean_f64_fast = {
    .name = "mean",
    .columns = "mean",
    .size = sizeof(fast_mean),
    .merge = fast_mean_merge,
    .show = fast_mean_show,
    .add_i64 = fast_mean_add_i64,
    .add_f64 = fast_mean_add,
};
