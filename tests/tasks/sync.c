/*
 * tests/tasks/sync.c: random programs by several threads of every rank on what ranks share. Each
 * case opens its objects, lets threads loose on them, and looks whether what they promise holds.
 * What goes wrong is told by the first thread that sees it.
 */
#include <mapred.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 3 /* at most, of a rank */
#define MOST    16

typedef struct state {
    const char *what;
    int64_t cases, seed;
} state;

typedef struct play play;

/* A thread of a case. */
typedef struct actor {
    play *p;
    uint64_t random;
    int thread, id; /* of this rank; of all */
    pthread_t handle;
    int64_t seen[MOST * THREADS]; /* the last item of each producer */
} actor;

struct play {
    mr_job *job;
    int rank, ranks, threads, all; /* threads of a rank, and of all ranks */
    uint64_t random;               /* the same on all ranks */
    pthread_mutex_t lock;
    char wrong[256];
    mr_queue *queue;
    mr_pipe *pipe;
    mr_lock *mutex;
    mr_semaphore *semaphore;
    mr_event *event;
    mr_barrier *barrier;
    mr_value *value, *other;
    int64_t count, limit, *times;
    int ends[2];
    int64_t quits; /* consumers stop after so many items; 0: at the end */
    int producers; /* threads of a rank that put; the others get */
};

static void fail(play *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&p->lock);
    if (!p->wrong[0])
        vsnprintf(p->wrong, sizeof p->wrong, format, arguments);
    pthread_mutex_unlock(&p->lock);
    va_end(arguments);
}

#define HAS(p, condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail(p, "line %d: %s", __LINE__, #condition);                                          \
    } while (0)

static uint64_t next(uint64_t *random)
{
    uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t below(uint64_t *random, uint64_t most)
{
    return next(random) % most;
}

static double patience(uint64_t *random)
{
    static const double some[] = {0, 1e-6, 1e-5, 1e-4, 1e-3, MR_FOREVER, MR_FOREVER, MR_FOREVER};
    return some[below(random, sizeof some / sizeof *some)];
}

static void dawdle(uint64_t *random)
{
    if (below(random, 64) == 0)
        usleep((useconds_t)below(random, 300));
}

/* Runs `act` in all threads of this rank, and waits for them. */
static void act(play *p, void *(*run)(void *actor))
{
    actor *actors = calloc((size_t)p->threads, sizeof *actors);
    for (int t = 0; t < p->threads; t++) {
        actors[t] = (actor){.p = p, .thread = t, .id = p->rank * p->threads + t};
        actors[t].random = p->random + (uint64_t)actors[t].id * 1000003;
        memset(actors[t].seen, 0xff, sizeof actors[t].seen);
        pthread_create(&actors[t].handle, NULL, run, &actors[t]);
    }
    for (int t = 0; t < p->threads; t++)
        pthread_join(actors[t].handle, NULL);
    free(actors);
}

/* ---- Queues ---- */

typedef struct label {
    uint32_t producer, number;
} label;

static size_t size_of(uint64_t *random)
{
    const uint64_t kind = below(random, 200);
    if (kind == 0)
        return 200000 + (size_t)below(random, 2000000);
    return kind < 4 ? 30000 + (size_t)below(random, 6000) : (size_t)below(random, 60);
}

static char byte_of(label l)
{
    return (char)(l.producer * 31 + l.number * 7);
}

static void produce(actor *a)
{
    play *p = a->p;
    char *bytes = malloc(sizeof(label) + 3000000);
    for (int64_t i = 0; i < p->count; i++) {
        const label l = {(uint32_t)a->id, (uint32_t)i};
        const size_t more = size_of(&a->random);
        mr_status status;
        memcpy(bytes, &l, sizeof l);
        memset(bytes + sizeof l, byte_of(l), more);
        do
            status =
                mr_queue_put(p->queue, (mr_bytes){bytes, sizeof l + more}, patience(&a->random));
        while (status == MR_TIMED_OUT);
        HAS(p, status == MR_OK);
        dawdle(&a->random);
    }
    free(bytes);
    HAS(p, mr_value_add(p->value, 1, NULL) == MR_OK);
}

static void check_item(actor *a, mr_bytes bytes)
{
    play *p = a->p;
    label l;
    HAS(p, bytes.size >= sizeof l);
    memcpy(&l, bytes.data, sizeof l);
    HAS(p, (uintptr_t)bytes.data % 8 == 0);
    HAS(p, (int)l.producer < p->all && l.number < p->count);
    if (a->seen[l.producer] >= (int64_t)l.number)
        fail(p, "item %u of %u after %lld", l.number, l.producer, (long long)a->seen[l.producer]);
    a->seen[l.producer] = l.number;
    for (size_t i = sizeof l; i < bytes.size; i++)
        if (bytes.data[i] != byte_of(l)) {
            fail(p, "byte %zu of item %u of %u", i, l.number, l.producer);
            break;
        }
    __atomic_fetch_add(&p->times[l.producer * (uint64_t)p->count + l.number], 1, __ATOMIC_RELAXED);
}

/* The last thread of rank 0 stays to the end, so that nobody waits for ever. */
static void consume(actor *a)
{
    play *p = a->p;
    const bool stays = p->quits == 0 || (p->rank == 0 && a->thread == p->threads - 1);
    for (int64_t got = 0; stays || got < p->quits;) {
        mr_item item;
        mr_status status = mr_queue_get(p->queue, &item, patience(&a->random));
        if (status == MR_TIMED_OUT)
            continue;
        if (status == MR_CLOSED)
            return;
        HAS(p, status == MR_OK);
        if (status != MR_OK)
            return;
        check_item(a, item.bytes);
        mr_item_free(&item);
        HAS(p, mr_queue_task_done(p->queue) == MR_OK);
        got++;
        dawdle(&a->random);
    }
}

/* One who waits until all is put and done with, and ends it. */
static void *end_queue(void *play_)
{
    play *p = play_;
    int64_t ended = 0;
    uint64_t length = 1;
    while (ended < p->ranks * p->producers) {
        HAS(p, mr_value_get(p->value, &ended) == MR_OK);
        usleep(200);
    }
    while (mr_queue_join(p->queue, p->count % 2 ? 1e-4 : MR_FOREVER) == MR_TIMED_OUT)
        ;
    HAS(p, mr_queue_length(p->queue, &length) == MR_OK);
    HAS(p, length == 0);
    HAS(p, mr_queue_end(p->queue) == MR_OK);
    HAS(p, mr_queue_put(p->queue, mr_bytes_of("late"), 0) == MR_CLOSED);
    return NULL;
}

static void *use_queue(void *context)
{
    actor *a = context;
    if (a->thread < a->p->producers)
        produce(a);
    else
        consume(a);
    return NULL;
}

static mr_status play_queue(play *p)
{
    static const uint64_t capacities[] = {1, 20, 100, 3000, 100000, 0};
    const mr_queue_options options = {.size = sizeof options,
                                      .capacity = capacities[below(&p->random, 6)],
                                      .home = (int)below(&p->random, (uint64_t)p->ranks)};
    pthread_t ender;
    p->threads = 2 + (int)below(&p->random, 2);
    p->all = p->ranks * p->threads;
    p->producers = p->threads == 2 ? 1 : 1 + (int)below(&p->random, 2);
    p->count = (int64_t)below(&p->random, below(&p->random, 4) ? 60 : 2000);
    p->quits = below(&p->random, 2) ? 1 + (int64_t)below(&p->random, 40) : 0;
    const size_t items = (size_t)(p->all * p->count);
    p->times = calloc(items + 1, sizeof *p->times);
    MR_TRY(mr_queue_open(p->job, "items", &options, &p->queue));
    MR_TRY(mr_value_open(p->job, "ended", 0, &p->value));
    if (p->rank == 0)
        pthread_create(&ender, NULL, end_queue, p);
    act(p, use_queue);
    if (p->rank == 0)
        pthread_join(ender, NULL);
    mr_all_sum_i64(p->job, p->times, items);
    for (size_t i = 0; i < items; i++) {
        const bool is_put = (int)(i / (size_t)p->count) % p->threads < p->producers;
        if (p->times[i] != is_put)
            fail(p, "item %zu came %lld times", i, (long long)p->times[i]);
    }
    free(p->times);
    MR_TRY(mr_value_close(&p->value));
    return mr_queue_close(&p->queue);
}

/* What is not ended but closed: who waits is told. */
static void *wait_for_all(void *context)
{
    actor *a = context;
    play *p = a->p;
    mr_item item;
    if (a->thread == 0)
        HAS(p, mr_queue_get(p->queue, &item, MR_FOREVER) == MR_CLOSED);
    else if (a->thread == 1)
        HAS(p, mr_event_wait(p->event, MR_FOREVER) == MR_CLOSED);
    else
        HAS(p, mr_lock_acquire(p->mutex, MR_FOREVER) == (p->rank == 0 ? MR_CLOSED : MR_CLOSED));
    return NULL;
}

static void *run_waiters(void *context)
{
    act(context, wait_for_all);
    return NULL;
}

static mr_status play_close(play *p)
{
    pthread_t waiters;
    p->threads = 3;
    MR_TRY(mr_queue_open(p->job, "never", NULL, &p->queue));
    MR_TRY(mr_event_open(p->job, "never", &p->event));
    MR_TRY(mr_lock_open(p->job, "never", &p->mutex));
    if (p->rank == 0)
        HAS(p, mr_lock_acquire(p->mutex, MR_FOREVER) == MR_OK);
    MR_TRY(mr_job_agree(p->job));
    pthread_create(&waiters, NULL, run_waiters, p);
    usleep(20000);
    MR_TRY(mr_queue_close(&p->queue));
    MR_TRY(mr_event_close(&p->event));
    mr_status status = mr_lock_close(&p->mutex);
    pthread_join(waiters, NULL);
    return status;
}

/* All that was put before an agreement is there after it, also for who only looks. */
static mr_status play_agree(play *p)
{
    const mr_queue_options options = {.size = sizeof options, .home = p->ranks - 1};
    uint64_t length = 0;
    bool is_set = false;
    mr_item item;
    MR_TRY(mr_queue_open(p->job, "looked at", &options, &p->queue));
    MR_TRY(mr_value_open(p->job, "sum", 7, &p->value));
    MR_TRY(mr_lock_open(p->job, "free", &p->mutex));
    MR_TRY(mr_event_open(p->job, "flag", &p->event));
    HAS(p, mr_queue_put(p->queue, mr_bytes_of("one"), MR_FOREVER) == MR_OK);
    HAS(p, mr_value_add(p->value, p->rank + 1, NULL) == MR_OK);
    HAS(p, mr_lock_acquire(p->mutex, MR_FOREVER) == MR_OK);
    HAS(p, mr_lock_acquire(p->mutex, MR_FOREVER) == MR_USAGE);
    HAS(p, mr_lock_release(p->mutex) == MR_OK);
    HAS(p, mr_lock_release(p->mutex) == MR_USAGE);
    if (p->rank == p->ranks / 2)
        HAS(p, mr_event_set(p->event) == MR_OK);
    MR_TRY(mr_job_agree(p->job));
    int64_t sum = 0;
    HAS(p, mr_value_get(p->value, &sum) == MR_OK);
    HAS(p, sum == 7 + p->ranks * (p->ranks + 1) / 2);
    HAS(p, mr_event_is_set(p->event, &is_set) == MR_OK && is_set);
    HAS(p, mr_event_wait(p->event, 0) == MR_OK);
    HAS(p, mr_queue_length(p->queue, &length) == MR_OK && length == (uint64_t)p->ranks);
    MR_TRY(mr_job_agree(p->job));
    HAS(p, mr_queue_get(p->queue, &item, 0) == MR_OK);
    mr_item_free(&item);
    MR_TRY(mr_job_agree(p->job));
    HAS(p, mr_queue_get(p->queue, &item, 0) == MR_TIMED_OUT);
    HAS(p, mr_queue_join(p->queue, 0) == MR_TIMED_OUT);
    HAS(p, mr_queue_task_done(p->queue) == MR_OK);
    HAS(p, mr_queue_join(p->queue, MR_FOREVER) == MR_OK);
    if (p->rank == 0)
        HAS(p, mr_event_clear(p->event) == MR_OK && mr_lock_acquire(p->mutex, 0) == MR_OK);
    MR_TRY(mr_job_agree(p->job));
    HAS(p, mr_event_wait(p->event, 1e-3) == MR_TIMED_OUT);
    if (p->rank != 0)
        HAS(p, mr_lock_acquire(p->mutex, 1e-3) == MR_TIMED_OUT);
    MR_TRY(mr_lock_close(&p->mutex));
    MR_TRY(mr_event_close(&p->event));
    MR_TRY(mr_value_close(&p->value));
    return mr_queue_close(&p->queue);
}

/* ---- Locks and semaphores ---- */

static void *use_lock(void *context)
{
    actor *a = context;
    play *p = a->p;
    for (int64_t i = 0; i < p->count;) {
        int64_t number = 0;
        mr_status status = mr_lock_acquire(p->mutex, patience(&a->random));
        if (status == MR_TIMED_OUT)
            continue;
        HAS(p, status == MR_OK);
        HAS(p, mr_value_get(p->value, &number) == MR_OK);
        dawdle(&a->random);
        HAS(p, mr_value_set(p->value, number + 1) == MR_OK);
        HAS(p, mr_lock_release(p->mutex) == MR_OK);
        i++;
    }
    return NULL;
}

static mr_status play_lock(play *p)
{
    int64_t number = 0;
    p->threads = 1 + (int)below(&p->random, THREADS);
    p->count = (int64_t)below(&p->random, 40);
    MR_TRY(mr_lock_open(p->job, "counter", &p->mutex));
    MR_TRY(mr_value_open(p->job, "number", 0, &p->value));
    act(p, use_lock);
    MR_TRY(mr_job_agree(p->job));
    HAS(p, mr_value_get(p->value, &number) == MR_OK);
    HAS(p, number == p->count * p->threads * p->ranks);
    MR_TRY(mr_value_close(&p->value));
    return mr_lock_close(&p->mutex);
}

/* Ranks come one after the other; they get it in that order. */
static void *come_later(void *context)
{
    play *p = context;
    usleep(60000);
    HAS(p, mr_value_set(p->value, p->rank + 1) == MR_OK);
    return NULL;
}

static mr_status play_fair(play *p)
{
    int64_t turn = 0;
    pthread_t later;
    if (p->ranks > 4)
        return MR_OK;
    MR_TRY(mr_lock_open(p->job, "fair", &p->mutex));
    MR_TRY(mr_value_open(p->job, "comes", 0, &p->value));
    MR_TRY(mr_value_open(p->job, "got", 0, &p->other));
    while (turn < p->rank)
        HAS(p, mr_value_get(p->value, &turn) == MR_OK);
    pthread_create(&later, NULL, come_later, p);
    HAS(p, mr_lock_acquire(p->mutex, MR_FOREVER) == MR_OK);
    HAS(p, mr_value_add(p->other, 1, &turn) == MR_OK);
    HAS(p, turn == p->rank);
    while (p->rank == 0 && turn < p->ranks)
        HAS(p, mr_value_get(p->value, &turn) == MR_OK);
    HAS(p, mr_lock_release(p->mutex) == MR_OK);
    pthread_join(later, NULL);
    MR_TRY(mr_value_close(&p->other));
    MR_TRY(mr_value_close(&p->value));
    return mr_lock_close(&p->mutex);
}

static void *use_semaphore(void *context)
{
    actor *a = context;
    play *p = a->p;
    for (int64_t i = 0; i < p->count;) {
        int64_t before = 0;
        mr_status status = mr_semaphore_acquire(p->semaphore, patience(&a->random));
        if (status == MR_TIMED_OUT)
            continue;
        HAS(p, status == MR_OK);
        HAS(p, mr_value_add(p->value, 1, &before) == MR_OK);
        HAS(p, before >= 0 && before < p->limit);
        dawdle(&a->random);
        HAS(p, mr_value_add(p->value, -1, NULL) == MR_OK);
        HAS(p, mr_semaphore_release(p->semaphore) == MR_OK);
        i++;
    }
    return NULL;
}

static mr_status play_semaphore(play *p)
{
    p->threads = 1 + (int)below(&p->random, THREADS);
    p->count = (int64_t)below(&p->random, 40);
    p->limit = 1 + (int64_t)below(&p->random, 4);
    MR_TRY(mr_semaphore_open(p->job, "places", (uint64_t)p->limit, &p->semaphore));
    MR_TRY(mr_value_open(p->job, "inside", 0, &p->value));
    act(p, use_semaphore);
    MR_TRY(mr_job_agree(p->job));
    if (p->rank == 0) {
        for (int64_t i = 0; i < p->limit; i++)
            HAS(p, mr_semaphore_acquire(p->semaphore, 0) == MR_OK);
        HAS(p, mr_semaphore_acquire(p->semaphore, 0) == MR_TIMED_OUT);
    }
    MR_TRY(mr_value_close(&p->value));
    return mr_semaphore_close(&p->semaphore);
}

/* ---- Barriers, events, values ---- */

static void *use_barrier(void *context)
{
    actor *a = context;
    play *p = a->p;
    for (int64_t i = 0; i < p->count; i++) {
        int64_t number = 0;
        uint64_t turn = 0;
        HAS(p, mr_value_add(p->value, 1, NULL) == MR_OK);
        dawdle(&a->random);
        HAS(p, mr_barrier_wait(p->barrier, MR_FOREVER, &turn) == MR_OK);
        HAS(p, mr_value_get(p->value, &number) == MR_OK);
        HAS(p, number >= p->all * (i + 1) && number <= p->all * (i + 2) - 1);
        HAS(p, mr_value_add(p->other, (int64_t)turn, NULL) == MR_OK);
    }
    return NULL;
}

/* One gives up before the others come: all know. */
static void break_barrier(play *p)
{
    if (p->rank == 0) {
        HAS(p, mr_barrier_wait(p->barrier, 1e-3, NULL) == MR_TIMED_OUT);
        HAS(p, mr_barrier_wait(p->barrier, MR_FOREVER, NULL) == MR_CANCELLED);
    }
    mr_job_agree(p->job);
    HAS(p, mr_barrier_wait(p->barrier, MR_FOREVER, NULL) == MR_CANCELLED);
    mr_job_agree(p->job);
    if (p->rank == 0)
        HAS(p, mr_barrier_reset(p->barrier) == MR_OK);
    mr_job_agree(p->job);
}

static mr_status play_barrier(play *p)
{
    int64_t turns = 0;
    p->threads = 1 + (int)below(&p->random, THREADS);
    p->all = p->ranks * p->threads;
    p->count = (int64_t)below(&p->random, 10);
    MR_TRY(mr_barrier_open(p->job, "all", (uint64_t)p->all, &p->barrier));
    MR_TRY(mr_value_open(p->job, "came", 0, &p->value));
    MR_TRY(mr_value_open(p->job, "turns", 0, &p->other));
    if (p->all > 1 && below(&p->random, 2))
        break_barrier(p);
    act(p, use_barrier);
    MR_TRY(mr_job_agree(p->job));
    HAS(p, mr_value_get(p->other, &turns) == MR_OK);
    HAS(p, turns == p->count * p->all * (p->all - 1) / 2);
    MR_TRY(mr_value_close(&p->other));
    MR_TRY(mr_value_close(&p->value));
    return mr_barrier_close(&p->barrier);
}

static void *use_event(void *context)
{
    actor *a = context;
    play *p = a->p;
    mr_status status = MR_TIMED_OUT;
    int64_t number = 0;
    while (status == MR_TIMED_OUT)
        status = mr_event_wait(p->event, patience(&a->random));
    HAS(p, status == MR_OK);
    HAS(p, mr_value_get(p->value, &number) == MR_OK && number == 1);
    return NULL;
}

static void *set_event(void *context)
{
    play *p = context;
    usleep(1000);
    HAS(p, mr_value_add(p->value, 1, NULL) == MR_OK);
    HAS(p, mr_event_set(p->event) == MR_OK);
    return NULL;
}

static mr_status play_event(play *p)
{
    pthread_t setter;
    p->threads = 1 + (int)below(&p->random, THREADS);
    MR_TRY(mr_event_open(p->job, "begin", &p->event));
    MR_TRY(mr_value_open(p->job, "begun", 0, &p->value));
    if (p->rank == 0)
        pthread_create(&setter, NULL, set_event, p);
    act(p, use_event);
    if (p->rank == 0)
        pthread_join(setter, NULL);
    MR_TRY(mr_value_close(&p->value));
    return mr_event_close(&p->event);
}

static void *use_value(void *context)
{
    actor *a = context;
    play *p = a->p;
    for (int64_t i = 0; i < p->count; i++) {
        int64_t number = 0;
        bool swapped = false;
        HAS(p, mr_value_add(p->value, i, below(&a->random, 2) ? &number : NULL) == MR_OK);
        if (i % 8)
            continue;
        HAS(p, mr_value_get(p->other, &number) == MR_OK);
        while (!swapped)
            HAS(p, mr_value_swap(p->other, &number, number + 3, &swapped) == MR_OK);
    }
    return NULL;
}

static mr_status play_value(play *p)
{
    int64_t sum = 0, swaps = 0;
    p->threads = 1 + (int)below(&p->random, THREADS);
    p->all = p->ranks * p->threads;
    p->count = (int64_t)below(&p->random, 100);
    MR_TRY(mr_value_open(p->job, "sum", -5, &p->value));
    MR_TRY(mr_value_open(p->job, "swaps", 0, &p->other));
    act(p, use_value);
    MR_TRY(mr_job_agree(p->job));
    HAS(p, mr_value_get(p->value, &sum) == MR_OK);
    HAS(p, mr_value_get(p->other, &swaps) == MR_OK);
    HAS(p, sum == -5 + p->all * (p->count * (p->count - 1) / 2));
    HAS(p, swaps == 3 * p->all * ((p->count + 7) / 8));
    MR_TRY(mr_value_close(&p->other));
    return mr_value_close(&p->value);
}

/* ---- Pipes ---- */

static size_t message_size(uint64_t *random)
{
    const uint64_t kind = below(random, 500);
    if (kind == 0)
        return (size_t)below(random, 3000000);
    return kind < 10 ? 32700 + (size_t)below(random, 100) : (size_t)below(random, 100);
}

static void write_pipe(actor *a, mr_pipe_end end, uint64_t random)
{
    play *p = a->p;
    char *bytes = malloc(3000000);
    for (int64_t i = 0; i < p->count; i++) {
        const size_t size = message_size(&random);
        mr_status status = MR_TIMED_OUT;
        memset(bytes, (char)i, size);
        while (status == MR_TIMED_OUT)
            status = mr_pipe_send(p->pipe, end, (mr_bytes){bytes, size}, patience(&a->random));
        HAS(p, status == MR_OK);
        if (below(&a->random, 50) == 0)
            HAS(p, mr_pipe_flush(p->pipe, end) == MR_OK);
        dawdle(&a->random);
    }
    HAS(p, mr_pipe_shut(p->pipe, end) == MR_OK);
    HAS(p, mr_pipe_send(p->pipe, end, mr_bytes_of("late"), MR_FOREVER) == MR_CLOSED);
    free(bytes);
}

static void read_pipe(actor *a, mr_pipe_end end, uint64_t random)
{
    play *p = a->p;
    int64_t i = 0;
    for (;;) {
        mr_bytes message;
        mr_status status = mr_pipe_receive(p->pipe, end, &message, patience(&a->random));
        if (status == MR_TIMED_OUT)
            continue;
        if (status == MR_CLOSED)
            break;
        HAS(p, status == MR_OK);
        HAS(p, message.size == message_size(&random));
        for (size_t k = 0; k < message.size; k += 1 + message.size / 100)
            HAS(p, message.data[k] == (char)i);
        i++;
        dawdle(&a->random);
        if (status != MR_OK)
            return;
    }
    HAS(p, i == p->count);
}

/* Of each end one thread writes and one reads; which sizes come is known on both sides. */
static void *use_pipe(void *context)
{
    actor *a = context;
    play *p = a->p;
    for (int side = 0; side < 2; side++) {
        const mr_pipe_end end = side == 0 ? MR_PIPE_A : MR_PIPE_B;
        if (p->ends[side] != p->rank || a->thread / 2 != (p->ends[0] == p->ends[1] ? side : 0))
            continue;
        if (a->thread % 2 == 0)
            write_pipe(a, end, p->random + (uint64_t)side);
        else
            read_pipe(a, end, p->random + (uint64_t)(1 - side));
    }
    return NULL;
}

static mr_status play_pipe(play *p)
{
    p->ends[0] = (int)below(&p->random, (uint64_t)p->ranks);
    p->ends[1] = (int)below(&p->random, (uint64_t)p->ranks);
    p->threads = 4;
    p->count = (int64_t)below(&p->random, below(&p->random, 3) ? 200 : 20000);
    MR_TRY(mr_pipe_open(p->job, "both ways", p->ends[0], p->ends[1], &p->pipe));
    if (p->rank != p->ends[0] && p->rank != p->ends[1])
        HAS(p, mr_pipe_flush(p->pipe, MR_PIPE_MINE) == MR_USAGE);
    act(p, use_pipe);
    return mr_pipe_close(&p->pipe);
}

/* ---- The plays ---- */

static const struct {
    const char *name;
    mr_status (*play)(play *p);
} plays[] = {
    {"queue", play_queue},         {"pipe", play_pipe},       {"lock", play_lock},
    {"semaphore", play_semaphore}, {"barrier", play_barrier}, {"event", play_event},
    {"value", play_value},         {"agree", play_agree},     {"close", play_close},
    {"fair", play_fair},
};

static mr_status play_one(mr_job *job, const char *name, mr_status (*run)(play *p), uint64_t number)
{
    play p = {.job = job,
              .rank = mr_job_rank(job),
              .ranks = mr_job_ranks(job),
              .threads = 1,
              .random = number};
    next(&p.random);
    pthread_mutex_init(&p.lock, NULL);
    mr_status status = run(&p);
    pthread_mutex_destroy(&p.lock);
    if (p.wrong[0])
        return mr_job_fail(job, MR_FAILED, "%s, case %llu, rank %d: %s", name,
                           (unsigned long long)number, p.rank, p.wrong);
    MR_TRY(status);
    return mr_job_agree(job);
}

/* Two locks taken crosswise by the last two ranks; what they are called is for the test to see. */
static mr_status deadlock(mr_job *job)
{
    const int rank = mr_job_rank(job), from_end = mr_job_ranks(job) - rank;
    mr_lock *a, *b;
    MR_TRY(mr_lock_open(job, "left", &a));
    MR_TRY(mr_lock_open(job, "right", &b));
    if (from_end <= 2)
        MR_TRY(mr_lock_acquire(from_end == 1 ? a : b, MR_FOREVER));
    MR_TRY(mr_job_agree(job));
    if (from_end <= 2)
        MR_TRY(mr_lock_acquire(from_end == 1 ? b : a, MR_FOREVER));
    MR_TRY(mr_lock_close(&a));
    return mr_lock_close(&b);
}

/* Rank 0 has a lock and does something else for a while, while others wait for it. */
static mr_status slow(mr_job *job)
{
    mr_lock *lock;
    MR_TRY(mr_lock_open(job, "busy", &lock));
    if (mr_job_rank(job) == 0)
        MR_TRY(mr_lock_acquire(lock, MR_FOREVER));
    MR_TRY(mr_job_agree(job));
    if (mr_job_rank(job) == 0)
        usleep(1500000);
    else
        MR_TRY(mr_lock_acquire(lock, MR_FOREVER));
    MR_TRY(mr_lock_release(lock));
    return mr_lock_close(&lock);
}

/* Rank 0 leaves; the others wait for items that nobody will put, until they are told to stop. */
static mr_status orphan(mr_job *job)
{
    mr_queue *queue;
    mr_item item;
    MR_TRY(mr_queue_open(job, "orphan", NULL, &queue));
    if (mr_job_rank(job) != 0)
        MR_TRY(mr_queue_get(queue, &item, MR_FOREVER));
    return MR_OK;
}

/* The last rank fails while the others wait on it. */
static mr_status broken(mr_job *job)
{
    mr_event *event;
    MR_TRY(mr_event_open(job, "never", &event));
    if (mr_job_rank(job) == mr_job_ranks(job) - 1)
        return mr_job_fail(job, MR_BAD_INPUT, "the last rank has had enough");
    return mr_event_wait(event, MR_FOREVER);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    if (strcmp(s->what, "deadlock") == 0)
        return deadlock(job);
    if (strcmp(s->what, "slow") == 0)
        return slow(job);
    if (strcmp(s->what, "orphan") == 0)
        return orphan(job);
    if (strcmp(s->what, "broken") == 0)
        return broken(job);
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++)
        for (int64_t k = 0; k < s->cases && (k < 1 || plays[i].play != play_fair); k++)
            if (strcmp(s->what, "all") == 0 || strcmp(s->what, plays[i].name) == 0)
                MR_TRY(play_one(job, plays[i].name, plays[i].play, (uint64_t)(s->seed + k)));
    return MR_OK;
}

static const mr_option options[] = {
    {"what", MR_OPTION_TEXT, offsetof(state, what), "all", "which play", false},
    {"cases", MR_OPTION_I64, offsetof(state, cases), "1", "of each play", false},
    {"first", MR_OPTION_I64, offsetof(state, seed), "1", "the first case", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "sync",     .summary = "random programs on what ranks share",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};
