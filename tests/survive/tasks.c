/*
 * survive/tasks.c: a plugin whose rank 0 has a pool do something in one of several ways, and writes
 * down the results in order. Each call of a kernel is written down, too: so a test can stop it
 * anywhere, go on, and see what came out and what was done twice.
 */
#include <mapred.h>

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LARGE 20000 /* bytes: more than travels with the news of a task's end */

typedef struct state {
    const char *what, *log;
    int64_t count, microseconds, slow;
    int file;
} state;

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static void nap(int64_t microseconds)
{
    const struct timespec time = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
    nanosleep(&time, NULL);
}

static void work_on(const mr_task *task, uint64_t number)
{
    const state *s = mr_task_context(task);
    if (s->microseconds > 0)
        nap(s->microseconds);
    if (s->file >= 0 && write(s->file, &number, sizeof number) < 0)
        perror("log");
}

static uint64_t number_at(mr_bytes bytes)
{
    uint64_t number = 0;
    memcpy(&number, bytes.data, sizeof number);
    return number;
}

/* ---- Kernels ---- */

static mr_status one(mr_task *task)
{
    const uint64_t number = number_at(mr_task_argument(task, 0)), result = mix(number);
    work_on(task, number);
    return mr_task_return(task, &result, sizeof result);
}

static mr_status other(mr_task *task)
{
    return one(task);
}

static mr_status large(mr_task *task)
{
    const uint64_t number = number_at(mr_task_argument(task, 0));
    char *bytes = mr_task_result(task, LARGE);
    if (!bytes)
        return MR_NO_MEMORY;
    work_on(task, number);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (char)mix(number + i / 8);
    return MR_OK;
}

/* Of all arguments, in their order. */
static mr_status both(mr_task *task)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < mr_task_argument_count(task); i++) {
        const mr_bytes bytes = mr_task_argument(task, i);
        for (size_t at = 0; at + 8 <= bytes.size; at += 8)
            sum = mix(sum * 31 + number_at(mr_bytes_at(bytes.data + at, 8)));
    }
    work_on(task, sum);
    return mr_task_return(task, &sum, sizeof sum);
}

static mr_status each(mr_task *task, const void *item, void *result)
{
    uint64_t number;
    memcpy(&number, item, sizeof number);
    work_on(task, number);
    number = mix(number);
    memcpy(result, &number, sizeof number);
    return MR_OK;
}

/* Takes longer than anybody will wait. */
static mr_status slow(mr_task *task)
{
    const state *s = mr_task_context(task);
    const uint64_t number = number_at(mr_task_argument(task, 0));
    work_on(task, number);
    nap(s->slow * 1000000);
    return mr_task_return(task, &number, sizeof number);
}

static const mr_task_kind kinds[] = {
    {.name = "one", .run = one},
    {.name = "other", .run = other},
    {.name = "large", .run = large},
    {.name = "both", .run = both},
    {.name = "each", .each = each},
    {.name = "slow", .run = slow},
    {0},
};

/* ---- What is done ---- */

static mr_status tell(mr_text_output *out, mr_bytes bytes)
{
    char line[32];
    uint64_t sum = 0;
    for (size_t at = 0; at + 8 <= bytes.size; at += 8)
        sum = mix(sum ^ number_at(mr_bytes_at(bytes.data + at, 8)));
    const int size = snprintf(line, sizeof line, "%016llx\n", (unsigned long long)sum);
    return mr_text_output_write(out, line, (size_t)size);
}

static mr_status tell_all(mr_future **futures, int64_t count, mr_text_output *out)
{
    mr_status status = MR_OK;
    for (int64_t i = 0; i < count; i++) {
        mr_bytes result;
        if (status == MR_OK)
            status = futures[i] ? mr_future_get(futures[i], MR_FOREVER, &result) : MR_FAILED;
        if (status == MR_OK)
            status = tell(out, result);
        mr_future_free(&futures[i]);
    }
    return status;
}

/* Every third one takes results of two before it. */
static mr_future *submit(mr_pool *pool, const state *s, mr_future **before, int64_t i)
{
    const uint64_t number = (uint64_t)i;
    const bool is_large = strcmp(s->what, "large") == 0, is_slow = strcmp(s->what, "slow") == 0;
    mr_task_run *run = is_slow && i == s->count - 1 ? slow : is_large ? large : one;
    if (strcmp(s->what, "changed") == 0 && getenv("CHANGED"))
        run = other;
    if (i % 3 == 2 && !is_slow) {
        const mr_argument two[] = {{.future = before[i - 1]}, {.future = before[i - 2]}};
        return mr_pool_call(pool, both, two, 2, NULL);
    }
    return mr_pool_submit(pool, run, &number, sizeof number);
}

static mr_status run_tasks(mr_pool *pool, const state *s, mr_text_output *out)
{
    mr_future **futures = calloc((size_t)s->count, sizeof *futures);
    if (!futures)
        return MR_NO_MEMORY;
    for (int64_t i = 0; i < s->count; i++)
        futures[i] = submit(pool, s, futures, i);
    mr_status status = tell_all(futures, s->count, out);
    free(futures);
    return status;
}

static mr_status run_map(mr_pool *pool, const state *s, mr_text_output *out)
{
    const size_t count = (size_t)s->count;
    uint64_t *items = calloc(2 * count, sizeof *items), *results = items + count;
    for (size_t i = 0; i < count; i++)
        items[i] = i;
    mr_status status = mr_pool_map(pool, each, items, count, 8, results, 8, NULL);
    for (size_t i = 0; i < count && status == MR_OK; i++)
        status = tell(out, mr_bytes_at((const char *)(results + i), 8));
    free(items);
    return status;
}

static mr_status run_imap(mr_pool *pool, const state *s, mr_text_output *out)
{
    const size_t count = (size_t)s->count;
    uint64_t *items = calloc(count, sizeof *items);
    mr_imap *imap;
    const void *result;
    for (size_t i = 0; i < count; i++)
        items[i] = i;
    mr_status status = mr_pool_imap(pool, each, items, count, 8, 8, NULL, &imap);
    while (status == MR_OK) {
        status = mr_imap_next(imap, MR_FOREVER, &result, NULL);
        if (status == MR_OK)
            status = tell(out, mr_bytes_at(result, 8));
    }
    mr_imap_free(&imap);
    free(items);
    return status == MR_CLOSED ? MR_OK : status;
}

/* A tree over all numbers, eight below each task. */
static mr_delayed *grow(mr_dag *dag, uint64_t from, uint64_t count, bool is_large)
{
    mr_delayed_argument parts[8];
    if (count == 1) {
        const mr_delayed_argument number = {&from, sizeof from, NULL};
        return mr_dag_add(dag, is_large ? large : one, &number, 1, NULL);
    }
    size_t used = 0;
    for (uint64_t i = 0; i < 8; i++) {
        const uint64_t at = count * i / 8, end = count * (i + 1) / 8;
        if (end > at)
            parts[used++] = (mr_delayed_argument){.from = grow(dag, from + at, end - at, is_large)};
    }
    return mr_dag_add(dag, both, parts, used, NULL);
}

static mr_status run_graph(mr_pool *pool, const state *s, mr_text_output *out)
{
    mr_dag *dag;
    mr_bytes result;
    const mr_dag_options options = {.size = sizeof options, .eager = strcmp(s->what, "eager") == 0};
    MR_TRY(mr_dag_open(pool, &options, &dag));
    mr_delayed *total = grow(dag, 0, (uint64_t)s->count, s->count % 2);
    mr_dag_keep(total);
    mr_status status = mr_dag_run(dag, &total, 1);
    if (status == MR_OK)
        status = mr_delayed_get(total, &result);
    if (status == MR_OK)
        status = tell(out, result);
    mr_dag_close(&dag);
    return status;
}

static mr_status do_it(mr_pool *pool, const state *s, mr_text_output *out)
{
    if (strcmp(s->what, "map") == 0)
        return run_map(pool, s, out);
    if (strcmp(s->what, "imap") == 0)
        return run_imap(pool, s, out);
    if (strcmp(s->what, "graph") == 0 || strcmp(s->what, "eager") == 0)
        return run_graph(pool, s, out);
    return run_tasks(pool, s, out);
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    mr_text_output *out;
    mr_pool *pool;
    s->file = s->log ? open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    MR_TRY(mr_text_output_begin(job, &out));
    MR_TRY(mr_pool_open(
        job, &(mr_pool_options){.size = sizeof(mr_pool_options), .kinds = kinds, .context = s},
        &pool));
    if (mr_job_rank(job) == 0)
        MR_TRY(do_it(pool, s, out));
    MR_TRY(mr_pool_close(&pool));
    return mr_text_output_end(&out);
}

static const mr_option options[] = {
    {"what", MR_OPTION_TEXT, offsetof(state, what), "tasks",
     "tasks, large, slow, changed, map, imap, graph or eager", false},
    {"log", MR_OPTION_TEXT, offsetof(state, log), NULL, "where calls are written down", false},
    {"count", MR_OPTION_I64, offsetof(state, count), "100", "tasks", false},
    {"us", MR_OPTION_I64, offsetof(state, microseconds), "0", "microseconds a task takes", false},
    {"slow", MR_OPTION_I64, offsetof(state, slow), "0", "seconds that a slow one takes", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "tasks",    .summary = "pools for tests of checkpoints",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};
