/*
 * apps/pca.c: principal components: the directions in which rows differ most from their mean, each
 * at right angles to those before it.
 *
 * One pass finds the means of columns, a second one their covariances (see gram.h, also for the
 * error), which are the same bits for any ranks and threads. Every rank then finds the eigenvectors
 * of that small matrix in the same way. Of the two directions of each the one is shown whose
 * largest part, the first of several, is positive.
 */
#include "gram.h"
#include "small_matrix.h"

#include <stdlib.h>

typedef struct state {
    int64_t components;
} state;

typedef struct finder {
    table t;
    gram g;
    uint64_t count; /* components that are wanted */
    double *memory; /* what follows is in it */
    uint64_t memory_size;
    double *covariances; /* n x n */
    double *vectors;     /* of rows: directions */
    double *components;  /* those that are wanted, in order */
    double *variances, *ratios;
} finder;

static mr_status fill_covariances(finder *f)
{
    const void *sums;
    uint64_t n = f->t.columns;
    MR_TRY(gram_run(&f->g, &sums));
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j < n; j++)
            f->covariances[i * n + j] = sums_get(sums, gram_number(i, j)) / (double)(f->t.rows - 1);
    return MR_OK;
}

/* The largest eigenvalue of those not taken yet; of several the first. Taken ones are NaN. */
static uint64_t next_largest(const finder *f)
{
    uint64_t n = f->t.columns, best = n;
    for (uint64_t i = 0; i < n; i++) {
        double value = f->covariances[i * n + i];
        if (!isnan(value) && (best == n || value > f->covariances[best * n + best]))
            best = i;
    }
    return best;
}

static void copy_direction(const double *from, double *to, uint64_t n)
{
    uint64_t largest = 0;
    for (uint64_t j = 1; j < n; j++)
        if (fabs(from[j]) > fabs(from[largest]))
            largest = j;
    double sign = from[largest] < 0 ? -1 : 1;
    for (uint64_t j = 0; j < n; j++)
        to[j] = sign * from[j] + 0.0; /* -0 becomes 0 */
}

static void pick(finder *f)
{
    uint64_t n = f->t.columns;
    double all = 0;
    for (uint64_t i = 0; i < n; i++)
        all += fmax(f->covariances[i * n + i], 0);
    for (uint64_t i = 0; i < f->count; i++) {
        uint64_t best = next_largest(f);
        f->variances[i] = fmax(f->covariances[best * n + best], 0);
        f->ratios[i] = f->variances[i] / all;
        f->covariances[best * n + best] = NAN;
        copy_direction(f->vectors + best * n, f->components + i * n, n);
    }
}

static void show_component(void *context, uint64_t number, mr_row *row)
{
    const finder *f = context;
    mr_row_add_u64(row, number + 1);
    mr_row_add_f64(row, f->variances[number]);
    mr_row_add_f64(row, f->ratios[number]);
    for (uint64_t j = 0; j < f->t.columns; j++)
        mr_row_add_f64(row, f->components[number * f->t.columns + j]);
}

static mr_status write_rows(finder *f)
{
    return table_write_wide(&f->t, "component", "variance,ratio", NULL, f->count, show_component,
                            f);
}

static mr_status write_datasets(finder *f)
{
    mr_job *job = f->t.job;
    uint64_t n = f->t.columns;
    mr_array *arrays[] = {
        mr_array_of(job, MR_F64, MR_DIMS2(f->count, n), f->components),
        mr_array_of(job, MR_F64, MR_DIMS1(f->count), f->variances),
        mr_array_of(job, MR_F64, MR_DIMS1(f->count), f->ratios),
        mr_array_of(job, MR_F64, MR_DIMS1(n), f->t.means),
    };
    const mr_array_file files[] = {{.dataset = "components"},
                                   {.dataset = "variance"},
                                   {.dataset = "ratio"},
                                   {.dataset = "mean"}};
    return mr_arrays_write(arrays, files, 4);
}

static mr_status find_in_room(finder *f)
{
    uint64_t n = f->t.columns;
    f->memory_size = (2 * n * n + f->count * (n + 2)) * sizeof *f->memory;
    f->memory = table_room(&f->t, f->memory_size, "covariances");
    MR_TRY(mr_job_agree(f->t.job));
    f->covariances = f->memory;
    f->vectors = f->covariances + n * n;
    f->components = f->vectors + n * n;
    f->variances = f->components + f->count * n;
    f->ratios = f->variances + f->count;
    MR_TRY(gram_make(&f->g, &f->t, f->t.means));
    MR_TRY(fill_covariances(f));
    matrix_eigen(f->covariances, f->vectors, n);
    pick(f);
    return mr_job_writes_arrays(f->t.job) ? write_datasets(f) : write_rows(f);
}

static mr_status find(finder *f, const state *options)
{
    uint64_t n = f->t.columns;
    f->count = options->components ? (uint64_t)options->components : n;
    if (f->count > n)
        return mr_job_fail(f->t.job, MR_BAD_INPUT,
                           "too few columns: %" PRIu64 " for --components %" PRIu64
                           ": give a smaller number",
                           n, f->count);
    if (f->t.rows < 2)
        return mr_job_fail(f->t.job, MR_BAD_INPUT, "too few rows: %" PRIu64 ": give 2 or more",
                           f->t.rows);
    MR_TRY(table_fits_rows(&f->t, 3));
    return find_in_room(f);
}

static mr_status run(mr_job *job)
{
    finder f = {.count = 0};
    mr_status status = table_load(job, &f.t);
    if (status == MR_OK)
        status = find(&f, mr_job_state(job));
    gram_free(&f.g);
    mr_job_release(job, f.memory, f.memory_size);
    table_free(&f.t);
    return status;
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (s->components < 0)
        return mr_job_fail(job, MR_USAGE, "wrong --components: %lld: give 1 or more",
                           (long long)s->components);
    return MR_OK;
}

static const mr_option options[] = {
    {"components", MR_OPTION_I64, offsetof(state, components), "0",
     "how many components; 0: as many as there are columns", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "pca",
    .summary = "find the directions in which rows differ most",
    .usage = "TABLE...",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};
