/*
 * bench/plugins/tasks.c: a tree of tasks that do nothing, as Fibonacci numbers have it: task n is
 * divided into n - 1 and n - 2. What a task costs, whole: made, taken, divided or solved, joined.
 */
#include <mapred.h>

#include <stddef.h>
#include <stdio.h>

typedef struct state {
    int64_t n;
} state;

static mr_status split(mr_fork *fork, mr_bytes task)
{
    int64_t n;
    memcpy(&n, task.data, sizeof n);
    if (n < 2)
        return MR_OK;
    const int64_t one = n - 1, two = n - 2;
    MR_TRY(mr_fork_put(fork, MR_BYTES(one)));
    return mr_fork_put(fork, MR_BYTES(two));
}

static mr_status solve(mr_fork *fork, mr_bytes task)
{
    return mr_fork_return(fork, task.data, task.size);
}

static mr_status join(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    int64_t sum = 0;
    (void)task;
    for (size_t i = 0; i < count; i++) {
        int64_t part;
        memcpy(&part, results[i].data, sizeof part);
        sum += part;
    }
    return mr_fork_return(fork, &sum, sizeof sum);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    const mr_fork_join how = {
        .size = sizeof how, .name = "tasks", .split = split, .solve = solve, .join = join};
    char text[MR_NUMBER_TEXT + 1];
    mr_item result;
    int64_t sum = 0;
    MR_TRY(mr_fork_run(job, &how, MR_BYTES(s->n), &result));
    if (result.bytes.size == sizeof sum)
        memcpy(&sum, result.bytes.data, sizeof sum);
    mr_item_free(&result);
    size_t size = mr_number_of_i64(sum, text);
    text[size++] = '\n';
    return mr_job_write_text(job, text, size);
}

static const mr_option options[] = {
    {"n", MR_OPTION_I64, offsetof(state, n), "30", "the number at the root", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "tasks",    .summary = "tasks that do nothing",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};
