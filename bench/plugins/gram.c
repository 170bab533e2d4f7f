/*
 * bench/plugins/gram.c: the pass over the data that linreg and pca are made of, by itself: the sums
 * of products of all pairs of columns, --passes times. Says how many seconds the passes took; the
 * means are found before that.
 */
#include "../../apps/gram.h"

#include <time.h>

typedef struct state {
    int64_t passes;
} state;

typedef struct pass {
    table t;
    gram g;
    const void *sums;
} pass;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void show(void *context, uint64_t number, mr_row *row)
{
    const pass *p = context;
    uint64_t a = 0;
    while (number >= p->t.columns - a)
        number -= p->t.columns - a++;
    mr_row_add_u64(row, a);
    mr_row_add_u64(row, a + number);
    mr_row_add_f64(row, sums_get(p->sums, gram_number(a, a + number)));
}

static mr_status run_passes(pass *p, int64_t passes)
{
    MR_TRY(gram_make(&p->g, &p->t, p->t.means));
    double since = now();
    for (int64_t i = 0; i < passes; i++)
        MR_TRY(gram_run(&p->g, &p->sums));
    if (mr_job_rank(p->t.job) == 0)
        fprintf(stderr, "seconds: %.6f\n", now() - since);
    return table_write(&p->t, NULL, "a", "b,sum", p->t.columns * (p->t.columns + 1) / 2, show, p);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    pass p = {.sums = NULL};
    mr_status status = table_load(job, &p.t);
    if (status == MR_OK)
        status = run_passes(&p, s->passes);
    gram_free(&p.g);
    table_free(&p.t);
    return status;
}

static const mr_option options[] = {
    {"passes", MR_OPTION_I64, offsetof(state, passes), "1", "how many", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "gram",
    .summary = "add up products of columns, and say how long it takes",
    .usage = "TABLE...",
    .options = options,
    .state_size = sizeof(state),
    .run = run,
};
