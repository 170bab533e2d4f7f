/*
 * bench/plugins/between.c: rank 0 sends the numbers from 0 to --items through a queue or a pipe,
 * rank 1 adds them up and sends the sum back; or both take a lock by turns. The clock runs from
 * when both are there until both are done.
 */
#include <mapred.h>

#include <stdio.h>
#include <time.h>

typedef struct state {
    const char *what;
    int64_t items;
    mr_queue *queue;
    mr_pipe *pipe;
    mr_lock *lock;
    mr_value *sum;
} state;

static mr_status use_queue(state *s, int rank)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < s->items && rank == 0; i++)
        MR_TRY(mr_queue_put(s->queue, (mr_bytes){(const char *)&i, sizeof i}, MR_FOREVER));
    for (int64_t i = 0, number; i < s->items && rank == 1; i++) {
        mr_item item;
        MR_TRY(mr_queue_get(s->queue, &item, MR_FOREVER));
        memcpy(&number, item.bytes.data, sizeof number);
        mr_item_free(&item);
        sum += number;
    }
    return mr_value_add(s->sum, sum, NULL);
}

static mr_status use_pipe(state *s, int rank)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < s->items && rank == 0; i++)
        MR_TRY(mr_pipe_send(s->pipe, MR_PIPE_MINE, (mr_bytes){(const char *)&i, sizeof i},
                            MR_FOREVER));
    for (int64_t i = 0, number; i < s->items && rank == 1; i++) {
        mr_bytes message;
        MR_TRY(mr_pipe_receive(s->pipe, MR_PIPE_MINE, &message, MR_FOREVER));
        memcpy(&number, message.data, sizeof number);
        sum += number;
    }
    return mr_value_add(s->sum, sum, NULL);
}

static mr_status use_lock(state *s, int rank)
{
    for (int64_t i = rank; i < s->items; i += 2) {
        MR_TRY(mr_lock_acquire(s->lock, MR_FOREVER));
        MR_TRY(mr_lock_release(s->lock));
    }
    return mr_value_add(s->sum, 1, NULL);
}

static double now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec * 1e-9;
}

static mr_status use(state *s, int rank)
{
    if (strcmp(s->what, "queue") == 0)
        return use_queue(s, rank);
    return strcmp(s->what, "pipe") == 0 ? use_pipe(s, rank) : use_lock(s, rank);
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const int rank = mr_job_rank(job);
    int64_t sum;
    char text[32];
    if (mr_job_ranks(job) != 2)
        mr_job_fail(job, MR_USAGE, "this is for two ranks");
    MR_TRY(mr_job_agree(job));
    MR_TRY(mr_queue_open(job, "queue", NULL, &s->queue));
    MR_TRY(mr_pipe_open(job, "pipe", 0, 1, &s->pipe));
    MR_TRY(mr_lock_open(job, "lock", &s->lock));
    MR_TRY(mr_value_open(job, "sum", 0, &s->sum));
    MR_TRY(mr_job_agree(job));
    const double start = now();
    MR_TRY(use(s, rank));
    MR_TRY(mr_job_agree(job));
    if (rank == 0)
        fprintf(stderr, "seconds: %.6f\n", now() - start);
    MR_TRY(mr_value_get(s->sum, &sum));
    const int size = snprintf(text, sizeof text, "%lld\n", (long long)sum);
    return mr_job_write_text(job, text, (size_t)size);
}

static const mr_option options[] = {
    {"what", MR_OPTION_TEXT, offsetof(state, what), NULL, "queue, pipe or lock", true},
    {"items", MR_OPTION_I64, offsetof(state, items), NULL, "how many", true},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "between",  .summary = "a queue, a pipe or a lock between two ranks",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};
