/*
 * bench/plugins/product.c: the product of two square matrices of random doubles that are in memory
 * already, rows over the ranks. Rank 0 prints the median seconds that took, by its own clock, to
 * stderr.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include <mapred.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST 100

typedef struct product {
    int64_t size, times;
} product;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static mr_status multiply(mr_array *a, mr_array *b, mr_job *job, double *seconds)
{
    MR_TRY(mr_job_agree(job)); /* all begin together */
    double begin = now();
    mr_array *c = mr_array_matmul(a, b);
    *seconds = now() - begin;
    mr_array_free(&c);
    return mr_job_agree(job);
}

static mr_status run(mr_job *job)
{
    product *p = mr_job_state(job);
    double seconds[MOST];
    if (p->size < 1 || p->times < 1 || p->times > MOST)
        mr_job_fail(job, MR_USAGE, "no such product: --size from 1, --times from 1 to %d", MOST);
    MR_TRY(mr_job_agree(job));
    const mr_dims dims = MR_DIMS2((uint64_t)p->size, (uint64_t)p->size);
    mr_array *a = mr_array_keep(mr_array_uniform(job, dims, -0.5, 0.5, 0));
    mr_array *b = mr_array_keep(mr_array_uniform(job, dims, -0.5, 0.5, 1));
    for (int64_t i = 0; i < p->times; i++)
        MR_TRY(multiply(a, b, job, &seconds[i]));
    qsort(seconds, (size_t)p->times, sizeof *seconds, compare);
    if (mr_job_rank(job) == 0)
        fprintf(stderr, "seconds: %.6f\n", seconds[p->times / 2]);
    return MR_OK;
}

static const mr_option options[] = {
    {"size", MR_OPTION_I64, offsetof(product, size), "4096", "rows and columns of both", false},
    {"times", MR_OPTION_I64, offsetof(product, times), "5", "how often", false},
    {0}};

MR_APP = {
    MR_APP_ABI,  .name = "product",  .summary = "how fast matrices are multiplied",
    .usage = "", .options = options, .state_size = sizeof(product),
    .run = run,
};
