/*
 * array/histogram.c: how many values lie in each of equal parts of a range. Borders of parts are
 * doubles, low + i * width, and a value lies where comparing it with them says, whatever dividing
 * by the width has rounded to.
 */
#include "array/array.h"

#include <mapred/dense.h>

typedef struct counting {
    mr_dense *dense;
    uint64_t bins;
    double low, high, width;
} counting;

static double border(const counting *c, uint64_t bin)
{
    return bin == c->bins ? c->high : c->low + (double)bin * c->width;
}

static uint64_t bin_of(const counting *c, double value)
{
    const double guess = (value - c->low) / (c->high - c->low) * (double)c->bins;
    uint64_t bin = guess < (double)c->bins ? (uint64_t)guess : c->bins - 1;
    while (bin > 0 && value < border(c, bin))
        bin--;
    while (bin + 1 < c->bins && value >= border(c, bin + 1))
        bin++;
    return bin;
}

static mr_status take(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                      mr_error *error)
{
    const counting *c = sweep->self;
    const double *numbers = values;
    const uint64_t count = mr_box_count(box);
    int64_t *counts = mr_dense_mine(c->dense, thread);
    if (!counts)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a histogram of %llu parts",
                            (unsigned long long)c->bins);
    for (uint64_t i = 0; i < count; i++)
        if (numbers[i] >= c->low && numbers[i] <= c->high)
            counts[bin_of(c, numbers[i])]++;
    return MR_OK;
}

static mr_array *count_all(counting *c, mr_array *a)
{
    mr_job *job = a->job;
    mr_sweep sweep = {.array = a, .take = take, .self = c, .phase = "histogram"};
    if (mr_sweep_run(&sweep) != MR_OK)
        return NULL;
    const void *counts = mr_dense_all(c->dense);
    return counts ? mr_array_of(job, MR_I64, MR_DIMS1(c->bins), counts) : NULL;
}

mr_array *mr_array_histogram(mr_array *a, uint64_t bins, double low, double high)
{
    if (!a)
        return NULL;
    if (a->element == MR_C128)
        return mr_array_refuse("no histogram", "complex numbers have no order", a, NULL);
    if (!(low < high) || high - low > __DBL_MAX__ || bins == 0 || bins > (uint64_t)1 << 52) {
        mr_job_fail(a->job, MR_USAGE,
                    "no histogram: %llu parts of %.17g to %.17g: give at least one part, and two "
                    "finite numbers in ascending order",
                    (unsigned long long)bins, low, high);
        return NULL;
    }
    mr_job *job = a->job;
    counting c = {NULL, bins, low, high, (high - low) / (double)bins};
    mr_array *counts = NULL;
    const mr_arrays_mark mark = mr_arrays_begin(job);
    a = a->element == MR_F64 ? a : mr_array_cast(a, MR_F64);
    if (a && mr_dense_create(job, MR_SUM_I64, bins, &c.dense) == MR_OK)
        counts = count_all(&c, a);
    mr_dense_destroy(&c.dense);
    mr_arrays_end(job, mark, &counts, counts ? 1 : 0);
    return counts;
}
