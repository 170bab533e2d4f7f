/*
 * apps/pingpong.c: a queue against a pipe: items from one rank to another, one way and both ways,
 * one item back and forth, and a lock that changes hands. Ranks 0 and 1 play; alone, two threads.
 */
#include <mapred.h>

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINE        128
#define BUNCH_BYTES (UINT64_C(128) * 1024)

typedef struct state {
    int64_t items;
    uint64_t size;
    int64_t rounds; /* of what goes back and forth */
    int64_t bunch;  /* items of each in turn, both ways */
    mr_job *job;
    mr_queue *queues[2];
    mr_pipe *pipe;
    mr_lock *lock;
    mr_barrier *barrier;
    char *item;
} state;

/* What one of the two does, and how many items that are. */
typedef struct game {
    const char *name;
    mr_status (*play)(state *s, int side);
    int64_t items;
} game;

static mr_bytes item_of(const state *s)
{
    return (mr_bytes){s->item, (size_t)s->size};
}

static mr_pipe_end end_of(int side)
{
    return side == 0 ? MR_PIPE_A : MR_PIPE_B;
}

static mr_status put(state *s, mr_queue *queue, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        MR_TRY(mr_queue_put(queue, item_of(s), MR_FOREVER));
    return MR_OK;
}

static mr_status get(const state *s, mr_queue *queue, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        mr_item item;
        MR_TRY(mr_queue_get(queue, &item, MR_FOREVER));
        const bool is_whole = item.bytes.size == s->size;
        mr_item_free(&item);
        if (!is_whole)
            return MR_FAILED;
    }
    return MR_OK;
}

static mr_status play_queue(state *s, int side)
{
    return side == 0 ? put(s, s->queues[0], s->items) : get(s, s->queues[0], s->items);
}

/* A bunch there, a bunch back, which has to fit into what a pipe holds. */
static int64_t bunch_at(const state *s, int64_t at)
{
    return s->items - at < s->bunch ? s->items - at : s->bunch;
}

static mr_status play_queue_both(state *s, int side)
{
    for (int64_t at = 0; at < s->items; at += s->bunch) {
        MR_TRY(put(s, s->queues[side], bunch_at(s, at)));
        MR_TRY(get(s, s->queues[1 - side], bunch_at(s, at)));
    }
    return MR_OK;
}

static mr_status play_queue_round(state *s, int side)
{
    for (int64_t i = 0; i < s->rounds; i++) {
        if (side == 0)
            MR_TRY(put(s, s->queues[0], 1));
        MR_TRY(get(s, s->queues[1 - side], 1));
        if (side == 1)
            MR_TRY(put(s, s->queues[1], 1));
    }
    return MR_OK;
}

static mr_status send(state *s, int side, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        MR_TRY(mr_pipe_send(s->pipe, end_of(side), item_of(s), MR_FOREVER));
    return MR_OK;
}

static mr_status receive(const state *s, int side, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        mr_bytes message;
        MR_TRY(mr_pipe_receive(s->pipe, end_of(side), &message, MR_FOREVER));
        if (message.size != s->size)
            return MR_FAILED;
    }
    return MR_OK;
}

static mr_status play_pipe(state *s, int side)
{
    if (side == 1)
        return receive(s, side, s->items);
    MR_TRY(send(s, side, s->items));
    return mr_pipe_flush(s->pipe, end_of(side));
}

static mr_status play_pipe_both(state *s, int side)
{
    for (int64_t at = 0; at < s->items; at += s->bunch) {
        MR_TRY(send(s, side, bunch_at(s, at)));
        MR_TRY(receive(s, side, bunch_at(s, at)));
    }
    return MR_OK;
}

static mr_status play_pipe_round(state *s, int side)
{
    for (int64_t i = 0; i < s->rounds; i++) {
        if (side == 0)
            MR_TRY(send(s, side, 1));
        MR_TRY(receive(s, side, 1));
        if (side == 1)
            MR_TRY(send(s, side, 1));
    }
    return mr_pipe_flush(s->pipe, end_of(side));
}

static mr_status play_lock(state *s, int side)
{
    (void)side;
    for (int64_t i = 0; i < s->rounds; i++) {
        MR_TRY(mr_lock_acquire(s->lock, MR_FOREVER));
        MR_TRY(mr_lock_release(s->lock));
    }
    return MR_OK;
}

static double now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec * 1e-9;
}

/* From when both are there until both have done it. */
static mr_status play(state *s, const game *g, int side, double *seconds)
{
    MR_TRY(mr_barrier_wait(s->barrier, MR_FOREVER, NULL));
    const double start = now();
    MR_TRY(g->play(s, side));
    MR_TRY(mr_barrier_wait(s->barrier, MR_FOREVER, NULL));
    *seconds = now() - start;
    return MR_OK;
}

static mr_status play_alone(state *s, const game *g, double *seconds)
{
    mr_status statuses[2] = {MR_FAILED, MR_FAILED};
    double both[2] = {0, 0};
#pragma omp parallel for num_threads(2) schedule(static, 1)
    for (int side = 0; side < 2; side++)
        statuses[side] = play(s, g, side, &both[side]);
    *seconds = both[0];
    return statuses[0] != MR_OK ? statuses[0] : statuses[1];
}

static mr_status run_game(state *s, const game *g, char *line)
{
    const int rank = mr_job_rank(s->job);
    double seconds = 0;
    mr_status status = MR_OK;
    if (mr_job_ranks(s->job) == 1)
        status = play_alone(s, g, &seconds);
    else if (rank < 2)
        status = play(s, g, rank, &seconds);
    snprintf(line, LINE, "%s\t%lld\t%.6f\t%.0f\n", g->name, (long long)g->items, seconds,
             seconds > 0 ? (double)g->items / seconds : 0.0);
    return status;
}

static mr_status open_all(state *s)
{
    const int other = mr_job_ranks(s->job) > 1;
    mr_queue_options options = {.size = sizeof options};
    MR_TRY(mr_queue_open(s->job, "there", &options, &s->queues[0]));
    options.home = other;
    MR_TRY(mr_queue_open(s->job, "back", &options, &s->queues[1]));
    MR_TRY(mr_pipe_open(s->job, "pipe", 0, other, &s->pipe));
    MR_TRY(mr_lock_open(s->job, "lock", &s->lock));
    return mr_barrier_open(s->job, "both", 2, &s->barrier);
}

static mr_status close_all(state *s)
{
    MR_TRY(mr_queue_close(&s->queues[0]));
    MR_TRY(mr_queue_close(&s->queues[1]));
    MR_TRY(mr_pipe_close(&s->pipe));
    MR_TRY(mr_lock_close(&s->lock));
    return mr_barrier_close(&s->barrier);
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const game games[] = {
        {"queue", play_queue, s->items},
        {"queue, both ways", play_queue_both, 2 * s->items},
        {"queue, round trips", play_queue_round, s->rounds},
        {"pipe", play_pipe, s->items},
        {"pipe, both ways", play_pipe_both, 2 * s->items},
        {"pipe, round trips", play_pipe_round, s->rounds},
        {"lock, hand-overs", play_lock, 2 * s->rounds},
    };
    char text[(sizeof games / sizeof *games + 1) * LINE];
    size_t size = (size_t)snprintf(text, LINE, "name\titems\tseconds\tper second\n");
    s->job = job;
    s->item = calloc(1, s->size ? (size_t)s->size : 1);
    if (!s->item)
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: an item of --size %llu",
                    (unsigned long long)s->size);
    MR_TRY(mr_job_agree(job));
    MR_TRY(open_all(s));
    for (size_t i = 0; i < sizeof games / sizeof *games; i++) {
        MR_TRY(run_game(s, &games[i], text + size));
        size += strlen(text + size);
    }
    MR_TRY(close_all(s));
    return mr_job_write_text(job, text, size);
}

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    if (s->items < 0)
        return mr_job_fail(job, MR_USAGE, "wrong --items: below 0");
    s->rounds = s->items < 10000 ? s->items : 10000;
    s->bunch = s->size < BUNCH_BYTES / 64 ? 64 : (int64_t)(BUNCH_BYTES / s->size);
    if (s->bunch == 0)
        s->bunch = 1;
    return MR_OK;
}

static void teardown(mr_job *job, void *data)
{
    (void)job;
    free(((state *)data)->item);
}

static const mr_option options[] = {
    {"items", MR_OPTION_I64, offsetof(state, items), "1000000", "how many go each way", false},
    {"size", MR_OPTION_SIZE, offsetof(state, size), "8", "bytes of an item", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,     .name = "pingpong",   .summary = "a queue against a pipe between two ranks",
    .usage = "",    .options = options,   .state_size = sizeof(state),
    .setup = setup, .teardown = teardown, .run = run,
};
