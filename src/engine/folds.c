/*
 * engine/folds.c: the folds that come with mapred: integers, positions in the input and the k
 * largest. Those of doubles are in folds_f64.c. Each touches nothing but its accumulators, and each
 * merges to the same in any order and grouping.
 */
#include "base/quotient.h"
#include "store/first.h"

#include <mapred/app.h>

#include <string.h>

static int64_t add_wrapping(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* Accumulators of a single int64_t. */

static void show_i64(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_i64(row, *(const int64_t *)accumulator);
}

static void sum_add(const mr_fold *self, void *accumulator, int64_t value)
{
    (void)self;
    int64_t *sum = accumulator;
    *sum = add_wrapping(*sum, value);
}

static void sum_merge(const mr_fold *self, void *accumulator, const void *other)
{
    sum_add(self, accumulator, *(const int64_t *)other);
}

static void count_add_i64(const mr_fold *self, void *accumulator, int64_t value)
{
    (void)value;
    sum_add(self, accumulator, 1);
}

static void count_add_f64(const mr_fold *self, void *accumulator, double value)
{
    (void)value;
    sum_add(self, accumulator, 1);
}

static void min_init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(int64_t *)accumulator = INT64_MAX;
}

static void min_add(const mr_fold *self, void *accumulator, int64_t value)
{
    (void)self;
    int64_t *min = accumulator;
    *min = value < *min ? value : *min;
}

static void min_merge(const mr_fold *self, void *accumulator, const void *other)
{
    min_add(self, accumulator, *(const int64_t *)other);
}

static void max_init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(int64_t *)accumulator = INT64_MIN;
}

static void max_add(const mr_fold *self, void *accumulator, int64_t value)
{
    (void)self;
    int64_t *max = accumulator;
    *max = value > *max ? value : *max;
}

static void max_merge(const mr_fold *self, void *accumulator, const void *other)
{
    max_add(self, accumulator, *(const int64_t *)other);
}

/* The mean: a sum in 128 bits, which 2^64 values cannot overflow, and how many they were. */

typedef struct mean {
    uint64_t low, high;
    int64_t count;
} mean;

static void mean_sum(mean *to, uint64_t low, uint64_t high, int64_t count)
{
    mr_wide sum = ((mr_wide)to->high << 64 | to->low) + ((mr_wide)high << 64 | low);
    to->low = (uint64_t)sum;
    to->high = (uint64_t)(sum >> 64);
    to->count = add_wrapping(to->count, count);
}

static void mean_add(const mr_fold *self, void *accumulator, int64_t value)
{
    (void)self;
    mean_sum(accumulator, (uint64_t)value, value < 0 ? UINT64_MAX : 0, 1);
}

static void mean_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    const mean *from = other;
    mean_sum(accumulator, from->low, from->high, from->count);
}

static int leading_zeros(mr_wide value)
{
    uint64_t high = (uint64_t)(value >> 64);
    return high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)value);
}

static double mean_value(const mean *from)
{
    mr_wide sum = (mr_wide)from->high << 64 | from->low;
    bool negative = from->high >> 63;
    if (from->count <= 0)
        return NAN;
    if (sum == 0)
        return 0;
    if (negative)
        sum = 0 - sum;
    int up = leading_zeros(sum);
    double value = mr_quotient(sum << up, false, (uint64_t)from->count, -up);
    return negative ? -value : value;
}

static void mean_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_f64(row, mean_value(accumulator));
}

typedef struct stats {
    mean mean;
    int64_t min, max;
} stats;

static void stats_init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(stats *)accumulator = (stats){.min = INT64_MAX, .max = INT64_MIN};
}

static void stats_add(const mr_fold *self, void *accumulator, int64_t value)
{
    stats *to = accumulator;
    mean_add(self, &to->mean, value);
    min_add(self, &to->min, value);
    max_add(self, &to->max, value);
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
    (void)self;
    const stats *from = accumulator;
    mr_row_add_i64(row, from->mean.count);
    mr_row_add_i64(row, from->min);
    mr_row_add_f64(row, mean_value(&from->mean));
    mr_row_add_i64(row, from->max);
}

/* The bytes that stand first. */

static void first_init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(mr_first *)accumulator = (mr_first){.file_index = UINT64_MAX, .offset = UINT64_MAX};
}

static void first_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    if (mr_first_before(other, accumulator))
        *(mr_first *)accumulator = *(const mr_first *)other;
}

static void first_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    const mr_first *first = accumulator;
    mr_row_add_bytes(row, (mr_bytes){first->data, first->size});
}

/* The k largest: how many there are, then those, largest first, then zeros. */

typedef struct top {
    uint64_t count;
    int64_t values[];
} top;

void mr_fold_top_init(const mr_fold *self, void *accumulator)
{
    memset(accumulator, 0, self->size);
}

void mr_fold_top_add(const mr_fold *self, void *accumulator, int64_t value)
{
    top *to = accumulator;
    uint64_t at = to->count;
    if (at < self->parameter)
        to->count++;
    else if (at == 0 || value <= to->values[--at])
        return;
    for (; at > 0 && to->values[at - 1] < value; at--)
        to->values[at] = to->values[at - 1];
    to->values[at] = value;
}

void mr_fold_top_merge(const mr_fold *self, void *accumulator, const void *other)
{
    const top *from = other;
    for (uint64_t i = 0; i < from->count; i++)
        mr_fold_top_add(self, accumulator, from->values[i]);
}

void mr_fold_top_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    const top *from = accumulator;
    for (uint64_t i = 0; i < from->count; i++)
        mr_row_add_i64(row, from->values[i]);
}

/* Each under its name. */

const mr_fold mr_fold_count = {
    .name = "count",
    .columns = "count",
    .size = sizeof(int64_t),
    .merge = sum_merge,
    .show = show_i64,
    .add_i64 = count_add_i64,
    .add_f64 = count_add_f64,
};

const mr_fold mr_fold_sum_i64 = {
    .name = "sum",
    .columns = "sum",
    .size = sizeof(int64_t),
    .merge = sum_merge,
    .show = show_i64,
    .add_i64 = sum_add,
    .flags = MR_FOLD_PLAIN_SUM,
};

const mr_fold mr_fold_min_i64 = {
    .name = "min",
    .columns = "min",
    .size = sizeof(int64_t),
    .init = min_init,
    .merge = min_merge,
    .show = show_i64,
    .add_i64 = min_add,
};

const mr_fold mr_fold_max_i64 = {
    .name = "max",
    .columns = "max",
    .size = sizeof(int64_t),
    .init = max_init,
    .merge = max_merge,
    .show = show_i64,
    .add_i64 = max_add,
};

const mr_fold mr_fold_mean_i64 = {
    .name = "mean",
    .columns = "mean",
    .size = sizeof(mean),
    .merge = mean_merge,
    .show = mean_show,
    .add_i64 = mean_add,
};

const mr_fold mr_fold_stats_i64 = {
    .name = "stats",
    .columns = "count,min,mean,max",
    .size = sizeof(stats),
    .init = stats_init,
    .merge = stats_merge,
    .show = stats_show,
    .add_i64 = stats_add,
};

const mr_fold mr_fold_first = {
    .name = "first",
    .columns = "first",
    .size = sizeof(mr_first),
    .init = first_init,
    .merge = first_merge,
    .show = first_show,
    .flags = MR_FOLD_FIRST,
};

const mr_fold mr_fold_text = {
    .name = "text",
    .columns = "text",
    .size = sizeof(mr_first),
    .init = first_init,
    .merge = first_merge,
    .show = first_show,
    .flags = MR_FOLD_FIRST,
};
