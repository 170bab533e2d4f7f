/* tests/tasks/pool_failing.c: one thing that can go wrong in a pool, or end it early, a run. */
#include <mapred.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct state {
    const char *how;
    int64_t from, on; /* the rank that calls, and the one that runs it */
} state;

static mr_status fail(mr_task *task)
{
    return mr_task_fail(task, MR_BAD_INPUT, "what it got is bad");
}

static mr_status silent(mr_task *task)
{
    (void)task;
    return MR_BAD_OUTPUT;
}

static mr_status hang(mr_task *task)
{
    for (volatile bool goes_on = true; goes_on;)
        usleep(1000);
    return mr_task_return(task, "", 0);
}

static mr_status hang_silently(mr_task *task)
{
    return hang(task);
}

static mr_status crash(mr_task *task)
{
    volatile int *nowhere = (int *)(uintptr_t)mr_task_number(task);
    *(nowhere - mr_task_number(task)) = 1;
    return MR_OK;
}

static mr_status join(mr_task *task)
{
    return mr_pool_join(mr_task_pool(task), MR_FOREVER);
}

static mr_status nothing(mr_task *task)
{
    return mr_task_return(task, "yes", 4);
}

static mr_status until_cancelled(mr_task *task)
{
    while (!mr_task_is_cancelled(task))
        usleep(100);
    return mr_task_fail(task, MR_CANCELLED, "told to");
}

/* A million deep would not fit on a stack. */
static mr_status deep(mr_task *task)
{
    int64_t n;
    memcpy(&n, mr_task_argument(task, 0).data, sizeof n);
    if (n > 0) {
        const int64_t less = n - 1;
        mr_bytes got;
        mr_future *next = mr_pool_submit(mr_task_pool(task), deep, &less, sizeof less);
        mr_status status = mr_future_get(next, n % 2 ? MR_FOREVER : 1e6, &got);
        if (status == MR_OK)
            memcpy(&n, got.data, sizeof n);
        mr_future_free(&next);
        MR_TRY(status);
        n++;
    }
    return mr_task_return(task, &n, sizeof n);
}

static mr_status hang_at_17(mr_task *task, const void *item, void *result)
{
    if (*(const int64_t *)item == 17)
        return hang(task);
    memcpy(result, item, sizeof(int64_t));
    return MR_OK;
}

static mr_status fail_from_100(mr_task *task, const void *item, void *result)
{
    int64_t n = *(const int64_t *)item;
    if (n >= 100)
        return mr_task_fail(task, MR_BAD_INPUT, "%lld is too much", (long long)n);
    memcpy(result, item, sizeof n);
    return MR_OK;
}

static mr_status stranger(mr_task *task)
{
    (void)task;
    return MR_OK;
}

static const mr_task_kind kinds[] = {
    {.name = "fail", .run = fail},
    {.name = "silent", .run = silent},
    {.name = "hang", .run = hang, .timeout = 0.1},
    {.name = "hang for ever", .run = until_cancelled},
    {.name = "hang silently", .run = hang_silently},
    {.name = "crash", .run = crash},
    {.name = "join", .run = join},
    {.name = "nothing", .run = nothing},
    {.name = "deep", .run = deep},
    {.name = "hang at 17", .each = hang_at_17, .timeout = 0.1},
    {.name = "too much", .each = fail_from_100},
    {0},
};

static mr_future *call(mr_pool *pool, const state *s, mr_task_run *run)
{
    const mr_submit_options o = {.size = sizeof o, .rank = (int)s->on};
    return mr_pool_call(pool, run, NULL, 0, &o);
}

/* What the caller of one task sees, as lines. */
static void see(mr_pool *pool, const state *s, mr_task_run *run, double seconds)
{
    mr_bytes got;
    mr_future *future = call(pool, s, run);
    mr_status status = mr_future_get(future, seconds, &got);
    printf("%d %s\n", (int)status, mr_future_error(future));
    mr_future_free(&future);
}

static void map_to(mr_pool *pool, mr_task_each *each)
{
    int64_t items[1000], results[1000];
    for (int64_t i = 0; i < 1000; i++)
        items[i] = i;
    mr_status status = mr_pool_map(pool, each, items, 1000, sizeof *items, results, sizeof *results,
                                   &(mr_map_options){.size = sizeof(mr_map_options), .chunk = 10});
    printf("%d\n", (int)status);
}

static void terminate(mr_pool *pool)
{
    mr_future *futures[100];
    int count = 0;
    for (int i = 0; i < 100; i++)
        futures[i] = mr_pool_submit(pool, until_cancelled, NULL, 0);
    usleep(20000);
    mr_pool_terminate(pool);
    for (int i = 0; i < 100; i++) {
        count += mr_future_get(futures[i], MR_FOREVER, NULL) == MR_CANCELLED;
        mr_future_free(&futures[i]);
    }
    printf("%d\n", count);
}

/* A task that never looks whether it is wanted. */
static void give_up(mr_pool *pool, const state *s, bool all)
{
    mr_future *future = call(pool, s, hang_silently);
    printf("%d ", (int)mr_future_get(future, 0.05, NULL));
    if (all)
        mr_pool_terminate(pool);
    else
        printf("%d ", mr_future_cancel(future));
    printf("%d\n", mr_future_is_done(future));
    mr_future_free(&future);
}

static void go_deep(mr_pool *pool)
{
    int64_t n = 3000;
    mr_bytes got;
    mr_future *future = mr_pool_submit(pool, deep, &n, sizeof n);
    mr_status status = mr_future_get(future, MR_FOREVER, &got);
    if (status == MR_OK)
        memcpy(&n, got.data, sizeof n);
    printf("%d %lld\n", (int)status, (long long)n);
    mr_future_free(&future);
}

static void act(mr_pool *pool, const state *s)
{
    const char *how = s->how;
    mr_future *future = NULL;
    if (strcmp(how, "fail") == 0) {
        see(pool, s, fail, MR_FOREVER);
        see(pool, s, silent, MR_FOREVER);
    } else if (strcmp(how, "hang") == 0) {
        for (int i = 0; i < 3; i++)
            see(pool, s, hang, MR_FOREVER);
    } else if (strcmp(how, "wait") == 0)
        see(pool, s, until_cancelled, 0.05);
    else if (strcmp(how, "crash") == 0)
        see(pool, s, crash, MR_FOREVER);
    else if (strcmp(how, "join") == 0)
        see(pool, s, join, MR_FOREVER);
    else if (strcmp(how, "unseen") == 0)
        future = call(pool, s, fail);
    else if (strcmp(how, "stranger") == 0)
        future = call(pool, s, stranger);
    else if (strcmp(how, "map hang") == 0)
        map_to(pool, hang_at_17);
    else if (strcmp(how, "map fail") == 0)
        map_to(pool, fail_from_100);
    else if (strcmp(how, "terminate") == 0)
        terminate(pool);
    else if (strcmp(how, "give up") == 0)
        give_up(pool, s, false);
    else if (strcmp(how, "give up all") == 0)
        give_up(pool, s, true);
    else if (strcmp(how, "deep") == 0)
        go_deep(pool);
    if (strcmp(how, "hang") == 0)
        see(pool, s, nothing, MR_FOREVER);
    mr_future_free(&future);
    fflush(stdout);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    const mr_pool_options options = {.size = sizeof options, .kinds = kinds};
    mr_pool *pool;
    MR_TRY(mr_pool_open(job, &options, &pool));
    if (mr_job_rank(job) == s->from)
        act(pool, s);
    return mr_pool_close(&pool);
}

static const mr_option options[] = {
    {"how", MR_OPTION_TEXT, offsetof(state, how), "fail", "what happens", false},
    {"from", MR_OPTION_I64, offsetof(state, from), "0", "who calls", false},
    {"on", MR_OPTION_I64, offsetof(state, on), "-1", "where it runs", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "failing",  .summary = "what goes wrong in a pool",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};
