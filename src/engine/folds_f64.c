/*
 * engine/folds_f64.c: the folds of doubles that come with mapred. All are the same bits for any
 * order of the values. An integer that is too long for a double is rounded to one before it goes
 * in.
 *
 * A NaN among the values makes the result NaN, also of min and max: bad data is not to be hidden.
 * All NaNs come out as the same one, and -0.0 counts as less than 0.0: otherwise the result would
 * depend on which came first.
 */
#include "base/binned.h"

#include <mapred/app.h>

#include <math.h>

static double lesser(double a, double b)
{
    if (isnan(a) || isnan(b))
        return NAN;
    if (a == b)
        return signbit(a) ? a : b;
    return a < b ? a : b;
}

static double greater(double a, double b)
{
    if (isnan(a) || isnan(b))
        return NAN;
    if (a == b)
        return signbit(a) ? b : a;
    return a > b ? a : b;
}

static void show_f64(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_f64(row, *(const double *)accumulator);
}

static void min_init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(double *)accumulator = INFINITY;
}

static void min_add(const mr_fold *self, void *accumulator, double value)
{
    (void)self;
    double *min = accumulator;
    *min = lesser(*min, value);
}

static void min_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    min_add(self, accumulator, (double)value);
}

static void min_merge(const mr_fold *self, void *accumulator, const void *other)
{
    min_add(self, accumulator, *(const double *)other);
}

static void max_init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(double *)accumulator = -INFINITY;
}

static void max_add(const mr_fold *self, void *accumulator, double value)
{
    (void)self;
    double *max = accumulator;
    *max = greater(*max, value);
}

static void max_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    max_add(self, accumulator, (double)value);
}

static void max_merge(const mr_fold *self, void *accumulator, const void *other)
{
    max_add(self, accumulator, *(const double *)other);
}

static void sum_add(const mr_fold *self, void *accumulator, double value)
{
    (void)self;
    mr_binned_add(accumulator, value);
}

static void sum_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    sum_add(self, accumulator, (double)value);
}

static void sum_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    mr_binned_merge(accumulator, other);
}

static void sum_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_f64(row, mr_binned_round(accumulator));
}

typedef struct mean {
    mr_binned sum;
    int64_t count;
} mean;

static void mean_add(const mr_fold *self, void *accumulator, double value)
{
    (void)self;
    mean *to = accumulator;
    mr_binned_add(&to->sum, value);
    to->count++;
}

static void mean_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    mean_add(self, accumulator, (double)value);
}

static void mean_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    mean *to = accumulator;
    const mean *from = other;
    mr_binned_merge(&to->sum, &from->sum);
    to->count += from->count;
}

static void mean_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    const mean *from = accumulator;
    mr_row_add_f64(row, mr_binned_mean(&from->sum, from->count));
}

typedef struct stats {
    mean mean;
    double min, max;
} stats;

static void stats_init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(stats *)accumulator = (stats){.min = INFINITY, .max = -INFINITY};
}

static void stats_add(const mr_fold *self, void *accumulator, double value)
{
    stats *to = accumulator;
    mean_add(self, &to->mean, value);
    min_add(self, &to->min, value);
    max_add(self, &to->max, value);
}

static void stats_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    stats_add(self, accumulator, (double)value);
}

static void stats_merge(const mr_fold *self, void *accumulator, const void *other)
{
    stats *to = accumulator;
    const stats *from = other;
    mean_merge(self, &to->mean, &from->mean);
    min_add(self, &to->min, from->min);
    max_add(self, &to->max, from->max);
}

static void stats_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    const stats *from = accumulator;
    mr_row_add_i64(row, from->mean.count);
    mr_row_add_f64(row, from->min);
    mean_show(self, &from->mean, row);
    mr_row_add_f64(row, from->max);
}

const mr_fold mr_fold_sum_f64 = {
    .name = "sum",
    .columns = "sum",
    .size = sizeof(mr_binned),
    .merge = sum_merge,
    .show = sum_show,
    .add_i64 = sum_add_i64,
    .add_f64 = sum_add,
};

const mr_fold mr_fold_min_f64 = {
    .name = "min",
    .columns = "min",
    .size = sizeof(double),
    .init = min_init,
    .merge = min_merge,
    .show = show_f64,
    .add_i64 = min_add_i64,
    .add_f64 = min_add,
};

const mr_fold mr_fold_max_f64 = {
    .name = "max",
    .columns = "max",
    .size = sizeof(double),
    .init = max_init,
    .merge = max_merge,
    .show = show_f64,
    .add_i64 = max_add_i64,
    .add_f64 = max_add,
};

const mr_fold mr_fold_mean_f64 = {
    .name = "mean",
    .columns = "mean",
    .size = sizeof(mean),
    .merge = mean_merge,
    .show = mean_show,
    .add_i64 = mean_add_i64,
    .add_f64 = mean_add,
};

const mr_fold mr_fold_stats_f64 = {
    .name = "stats",
    .columns = "count,min,mean,max",
    .size = sizeof(stats),
    .init = stats_init,
    .merge = stats_merge,
    .show = stats_show,
    .add_i64 = stats_add_i64,
    .add_f64 = stats_add,
};
