/*
 * bench/plugins/tree.c: a graph of tasks that add two numbers: a binary tree over --leaves numbers.
 * Building it and running it are what is measured; rank 0 prints the seconds of both, by its own
 * clock, to stderr, and writes the sum.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include <mapred.h>

#include <stddef.h>
#include <stdio.h>
#include <time.h>

typedef struct tree {
    int64_t leaves;
    bool eager, verbose;
} tree;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static mr_status add(mr_task *task)
{
    int64_t sum = 0;
    for (size_t i = 0; i < mr_task_argument_count(task); i++)
        sum += *(const int64_t *)(const void *)mr_task_argument(task, i).data;
    return mr_task_return(task, &sum, sizeof sum);
}

static const mr_task_kind kinds[] = {{.name = "add", .run = add}, {0}};

/* The sum of numbers `first` to `end` - 1. */
static mr_delayed *build(mr_dag *dag, int64_t first, int64_t end)
{
    if (end - first == 1)
        return mr_dag_add(dag, add, &(mr_delayed_argument){&first, sizeof first, NULL}, 1, NULL);
    const int64_t middle = first + (end - first) / 2;
    const mr_delayed_argument halves[] = {{.from = build(dag, first, middle)},
                                          {.from = build(dag, middle, end)}};
    if (!halves[0].from || !halves[1].from)
        return NULL;
    return mr_dag_add(dag, add, halves, 2, NULL);
}

static mr_status measure(mr_pool *pool, const tree *t, int64_t *sum)
{
    mr_dag *dag;
    mr_bytes result;
    double begin = now();
    MR_TRY(mr_dag_open(pool, &(mr_dag_options){.size = sizeof(mr_dag_options), .eager = t->eager},
                       &dag));
    mr_delayed *total = build(dag, 0, t->leaves);
    double built = now();
    if (!total)
        return MR_FAILED;
    MR_TRY(mr_dag_run(dag, &total, 1));
    double end = now();
    if (t->verbose)
        fprintf(stderr, "built: %.6f\nran: %.6f\n", built - begin, end - built);
    fprintf(stderr, "seconds: %.6f\n", end - begin);
    MR_TRY(mr_delayed_get(total, &result));
    memcpy(sum, result.data, sizeof *sum);
    mr_dag_close(&dag);
    return MR_OK;
}

static mr_status run(mr_job *job)
{
    const tree *t = mr_job_state(job);
    mr_pool *pool;
    int64_t sum = 0;
    char line[32];
    if (t->leaves < 1)
        mr_job_fail(job, MR_USAGE, "no such tree: --leaves from 1");
    MR_TRY(mr_job_agree(job));
    MR_TRY(mr_pool_open(job, &(mr_pool_options){.size = sizeof(mr_pool_options), .kinds = kinds},
                        &pool));
    if (mr_job_rank(job) == 0)
        MR_TRY(measure(pool, t, &sum));
    MR_TRY(mr_pool_close(&pool));
    return mr_job_write_text(job, line,
                             (size_t)snprintf(line, sizeof line, "%lld\n", (long long)sum));
}

static const mr_option options[] = {
    {"leaves", MR_OPTION_I64, offsetof(tree, leaves), "50000", "numbers that are added", false},
    {"eager", MR_OPTION_FLAG, offsetof(tree, eager), NULL, "tasks are run while others are added",
     false},
    {"parts", MR_OPTION_FLAG, offsetof(tree, verbose), NULL, "says how long each part took", false},
    {0}};

MR_APP = {
    MR_APP_ABI,  .name = "tree",     .summary = "how fast a graph of tasks is run",
    .usage = "", .options = options, .state_size = sizeof(tree),
    .run = run,
};
