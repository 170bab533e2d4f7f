/*
 * bench/plugins/pool.c: a pool's speed: empty tasks by submit and get (tasks), the round trip of
 * one future to the last rank and back (future), a trivial function over an array (map). Rank 0
 * prints the seconds that took, by its own clock, to stderr, and the sum of squares to stdout.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include <mapred.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

enum { WINDOW = 20000 };

typedef struct state {
    const char *what;
    int64_t count;
} state;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static mr_status square(mr_task *task)
{
    uint64_t x;
    memcpy(&x, mr_task_argument(task, 0).data, sizeof x);
    x *= x;
    return mr_task_return(task, &x, sizeof x);
}

static mr_status square_each(mr_task *task, const void *item, void *result)
{
    const uint64_t x = *(const uint64_t *)item;
    (void)task;
    *(uint64_t *)result = x * x;
    return MR_OK;
}

static const mr_task_kind kinds[] = {
    {.name = "square", .run = square, .each = square_each},
    {0},
};

static uint64_t take(mr_future **future)
{
    uint64_t x = 0;
    mr_bytes got;
    if (*future && mr_future_get(*future, MR_FOREVER, &got) == MR_OK)
        memcpy(&x, got.data, sizeof x);
    mr_future_free(future);
    return x;
}

/* A window of tasks is under way. */
static uint64_t run_tasks(mr_pool *pool, uint64_t count)
{
    static mr_future *futures[WINDOW];
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count + WINDOW; i++) {
        sum += take(&futures[i % WINDOW]);
        if (i < count)
            futures[i % WINDOW] = mr_pool_submit(pool, square, &i, sizeof i);
    }
    return sum;
}

static uint64_t run_futures(mr_pool *pool, uint64_t count, int rank)
{
    const mr_submit_options options = {.size = sizeof options, .rank = rank};
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        const mr_argument argument = {.data = &i, .size = sizeof i};
        mr_future *future = mr_pool_call(pool, square, &argument, 1, &options);
        sum += take(&future);
    }
    return sum;
}

/* The arrays are there before the clock starts; adding up is not timed either. */
static double run_map(mr_job *job, mr_pool *pool, uint64_t count, uint64_t *sum)
{
    uint64_t *items = mr_job_allocate(job, 2 * count * sizeof *items), *squares = items + count;
    for (uint64_t i = 0; items && i < count; i++)
        items[i] = i;
    const double start = now();
    if (!items)
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: %" PRIu64 " items", count);
    else
        mr_pool_map(pool, square_each, items, count, sizeof *items, squares, sizeof *squares, NULL);
    const double seconds = now() - start;
    for (uint64_t i = 0; items && i < count; i++)
        *sum += squares[i];
    mr_job_release(job, items, 2 * count * sizeof *items);
    return seconds;
}

static void measure(mr_job *job, mr_pool *pool, const state *s)
{
    const uint64_t count = (uint64_t)s->count;
    uint64_t sum = 0;
    double start = now(), seconds;
    if (strcmp(s->what, "map") == 0) {
        seconds = run_map(job, pool, count, &sum);
    } else {
        sum = strcmp(s->what, "future") == 0 ? run_futures(pool, count, mr_job_ranks(job) - 1)
                                             : run_tasks(pool, count);
        seconds = now() - start;
    }
    fprintf(stderr, "seconds: %.9f\n", seconds);
    printf("%" PRIu64 "\n", sum);
}

static mr_status run(mr_job *job)
{
    const mr_pool_options options = {.size = sizeof options, .kinds = kinds};
    mr_pool *pool;
    MR_TRY(mr_pool_open(job, &options, &pool));
    if (mr_job_rank(job) == 0)
        measure(job, pool, mr_job_state(job));
    return mr_pool_close(&pool);
}

static const mr_option options[] = {
    {"what", MR_OPTION_TEXT, offsetof(state, what), "tasks", "tasks, future or map", false},
    {"count", MR_OPTION_I64, offsetof(state, count), "1000000", "how many", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "pool",     .summary = "how fast a pool is",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};
