/*
 * apps/delayed.c: a graph of tasks: i + (i + 1) for each i below --count, and the sum of all of
 * these. With --dry-run the graph is drawn and not run.
 */
#include <mapred.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct state {
    int64_t count;
} state;

static const mr_option options[] = {
    {"count", MR_OPTION_I64, offsetof(state, count), "10", "numbers that are added", false},
    {0},
};

static mr_status setup(mr_job *job, void *memory)
{
    const state *s = memory;
    if (mr_job_input_count(job) > 0)
        return mr_job_fail(job, MR_USAGE, "unexpected input: %s: delayed reads none",
                           mr_job_input(job, 0));
    if (s->count < 1 || s->count > 100000000)
        return mr_job_fail(job, MR_USAGE, "bad option: --count %" PRId64 ": 1 to 100000000",
                           s->count);
    return MR_OK;
}

/* ---- Tasks ---- */

static int64_t sum_of_arguments(mr_task *task)
{
    int64_t sum = 0;
    for (size_t i = 0; i < mr_task_argument_count(task); i++)
        sum += *(const int64_t *)(const void *)mr_task_argument(task, i).data;
    return sum;
}

static mr_status add(mr_task *task)
{
    int64_t result = sum_of_arguments(task);
    return mr_task_return(task, &result, sizeof result);
}

static mr_status sum(mr_task *task)
{
    int64_t result = sum_of_arguments(task);
    return mr_task_return(task, &result, sizeof result);
}

static const mr_task_kind kinds[] = {
    {.name = "add", .run = add},
    {.name = "sum", .run = sum},
    {0},
};

/* ---- The graph ---- */

static mr_delayed *add_neighbours(mr_dag *dag, int64_t i)
{
    const int64_t next = i + 1;
    const mr_delayed_argument two[] = {{&i, sizeof i, NULL}, {&next, sizeof next, NULL}};
    return mr_dag_add(dag, add, two, 2, NULL);
}

static mr_delayed *build(mr_job *job, mr_dag *dag, int64_t count)
{
    const mr_delayed_options wanted = {.size = sizeof wanted, .keep = true};
    const uint64_t size = (uint64_t)count * sizeof(mr_delayed_argument);
    mr_delayed_argument *sums = mr_job_allocate(job, size);
    bool is_whole = sums;
    if (!sums)
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: %" PRId64 " tasks", count);
    for (int64_t i = 0; i < count && is_whole; i++) {
        sums[i].from = add_neighbours(dag, i);
        is_whole = sums[i].from;
    }
    mr_delayed *total = is_whole ? mr_dag_add(dag, sum, sums, (size_t)count, &wanted) : NULL;
    mr_job_release(job, sums, size);
    return total;
}

static mr_status compute(mr_dag *dag, mr_delayed *total, char *line, size_t room)
{
    mr_bytes result;
    MR_TRY(mr_dag_run(dag, &total, 1));
    MR_TRY(mr_delayed_get(total, &result));
    snprintf(line, room, "%" PRId64 "\n", *(const int64_t *)(const void *)result.data);
    return MR_OK;
}

/* On rank 0: the result or, of a job that is only to tell what it would do, the picture. */
static mr_status work(mr_job *job, mr_dag *dag, char *line, size_t room, mr_item *picture)
{
    const state *s = mr_job_state(job);
    mr_delayed *total = build(job, dag, s->count);
    if (!total)
        return MR_FAILED;
    return mr_job_is_dry(job) ? mr_dag_dot(dag, picture) : compute(dag, total, line, room);
}

static mr_status run(mr_job *job)
{
    char line[32] = "";
    mr_item picture = {0};
    mr_dag *dag = NULL;
    mr_pool *pool;
    MR_TRY(mr_pool_open(job, &(mr_pool_options){.size = sizeof(mr_pool_options), .kinds = kinds},
                        &pool));
    mr_status status = MR_OK;
    if (mr_job_rank(job) == 0) {
        status = mr_dag_open(
            pool, &(mr_dag_options){.size = sizeof(mr_dag_options), .name = "delayed"}, &dag);
        if (status == MR_OK)
            status = work(job, dag, line, sizeof line, &picture);
        mr_dag_close(&dag);
    }
    MR_TRY(status);
    MR_TRY(mr_pool_close(&pool));
    const mr_bytes text = picture.owner ? picture.bytes : mr_bytes_of(line);
    status = mr_job_write_text(job, text.data, text.size);
    mr_item_free(&picture);
    return status;
}

MR_APP = {
    MR_APP_ABI,
    .name = "delayed",
    .summary = "add i and i + 1 for each i below a number, and all of that, as a graph of tasks",
    .usage = "",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
    .tells_plan = true,
};
