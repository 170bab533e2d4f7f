/*
 * tasks/pool_worker.c: the threads that run tasks. Each takes a few short tasks at a time, or one
 * long one; others that have nothing may take from what it took.
 */
#include "tasks/pool.h"

#include "base/clock.h"
#include "observe/crash.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Batches: turn (32 bits), count, head (16 each) in one word ---- */

static mr_future *next_of_batch(mr_worker *worker)
{
    uint64_t place = atomic_load(&worker->place);
    for (;;) {
        unsigned head = place & 0xffff, count = place >> 16 & 0xffff;
        if (head >= count)
            return NULL;
        mr_future *record = atomic_load_explicit(&worker->batch[head], memory_order_relaxed);
        if (atomic_compare_exchange_weak(&worker->place, &place, place + 1))
            return record;
    }
}

/* How many of a kind make a batch. */
static unsigned batch_of(const mr_pool *pool, unsigned kind)
{
    double mean = atomic_load_explicit(&pool->means[kind], memory_order_relaxed);
    if (mean < 0 || mean * 2 > POOL_BATCH_TIME)
        return 1;
    return mean * POOL_BATCH <= POOL_BATCH_TIME ? POOL_BATCH : (unsigned)(POOL_BATCH_TIME / mean);
}

static mr_future *take_ready(mr_pool *pool)
{
    mr_ready *from = &pool->here;
    if (mr_ready_is_empty(from) || (!mr_ready_is_empty(&pool->anywhere) &&
                                    mr_ready_priority(&pool->anywhere) > mr_ready_priority(from)))
        from = &pool->anywhere;
    mr_future *record = mr_ready_take(from);
    if (record)
        atomic_fetch_sub(&pool->ready_count, 1);
    return record;
}

static bool refill(mr_worker *worker)
{
    mr_pool *pool = worker->pool;
    unsigned count = 0, most = 1;
    mr_future *record;
    if (atomic_load(&pool->ready_count) == 0)
        return false;
    pthread_mutex_lock(&pool->lock);
    while (count < most && (record = take_ready(pool))) {
        atomic_store_explicit(&worker->batch[count++], record, memory_order_relaxed);
        unsigned of = batch_of(pool, record->kind);
        most = count == 1 || of < most ? of : most;
    }
    pthread_mutex_unlock(&pool->lock);
    uint64_t turn = atomic_load(&worker->place) >> 32;
    atomic_store(&worker->place, (turn + 1) << 32 | (uint64_t)count << 16);
    return count > 0;
}

static mr_future *steal(const mr_worker *worker)
{
    for (mr_worker *other = worker->pool->crew; other; other = other->next) {
        mr_future *record = other == worker ? NULL : next_of_batch(other);
        if (record)
            return record;
    }
    return NULL;
}

/* ---- One task ---- */

static mr_task *begin_frame(mr_worker *worker, mr_future *record)
{
    mr_task *outer = worker->frame, *frame = outer ? outer->inner : worker->frames;
    if (!frame) {
        frame = calloc(1, sizeof *frame);
        if (!frame)
            return NULL;
        frame->pool = worker->pool;
        frame->worker = worker;
        frame->outer = outer;
        frame->arguments = frame->few;
        frame->room = sizeof frame->few / sizeof *frame->few;
        if (outer)
            outer->inner = frame;
        else
            worker->frames = frame;
    }
    frame->record = record;
    frame->number = record->number;
    frame->kind = record->kind;
    frame->count = 0;
    frame->result = (mr_bytes){0};
    frame->blob = NULL;
    frame->failed = MR_OK;
    worker->frame = frame;
    return frame;
}

static void end_frame(mr_worker *worker, mr_task *frame)
{
    worker->frame = frame->outer;
}

static mr_bytes bytes_of(const mr_given *entry)
{
    const void *behind = entry + 1;
    if (entry->kind == GIVEN_BYTES)
        return (mr_bytes){behind, entry->size};
    if (entry->kind == GIVEN_FUTURE)
        return ((const mr_given_future *)behind)->of->result;
    return (mr_bytes){((const mr_given_blob *)behind)->blob->data, entry->size};
}

static bool find_arguments(mr_task *frame)
{
    const mr_future *record = frame->record;
    if (record->argument_count > frame->room) {
        mr_bytes *grown = calloc(record->argument_count, sizeof *grown);
        if (!grown)
            return false;
        if (frame->arguments != frame->few)
            free(frame->arguments);
        frame->arguments = grown;
        frame->room = record->argument_count;
    }
    const char *at = record->block;
    for (uint32_t i = 0; i < record->argument_count; i++) {
        const mr_given *entry = (const mr_given *)(const void *)at;
        frame->arguments[i] = bytes_of(entry);
        at += mr_given_length(entry);
    }
    frame->count = record->argument_count;
    return true;
}

static mr_status open_local(mr_worker *worker, mr_task *frame)
{
    const mr_pool_options *options = &worker->pool->options;
    worker->has_local = true;
    if (options->local_size > 0 && !(worker->local = calloc(1, options->local_size)))
        worker->local_status =
            mr_task_fail(frame, MR_NO_MEMORY, "out of memory: state of a worker");
    else if (options->local_open)
        worker->local_status = options->local_open(frame, worker->local);
    return worker->local_status;
}

static mr_status call_kernel(mr_worker *worker, mr_task *frame)
{
    mr_pool *pool = worker->pool;
    if (!find_arguments(frame))
        return mr_task_fail(frame, MR_NO_MEMORY, "out of memory: its arguments");
    mr_status status = worker->has_local ? worker->local_status : open_local(worker, frame);
    if (status != MR_OK)
        return status;
    return pool->kinds[frame->kind].run(frame);
}

static void explain(const mr_task *frame, mr_status status, char *text, size_t room)
{
    const mr_pool *pool = frame->pool;
    bool has_said = frame->failed != MR_OK;
    int size = snprintf(text, room,
                        "task failed: %s %llu on rank %d (%s): ", pool->kinds[frame->kind].name,
                        (unsigned long long)frame->number, pool->rank, pool->host);
    if (has_said)
        snprintf(text + size, room - (size_t)size, "%s", frame->text);
    else
        snprintf(text + size, room - (size_t)size, "it returned %d, and does not say why",
                 (int)status);
}

static void tell_owner(mr_worker *worker, mr_task *frame, mr_outcome *outcome)
{
    mr_future *record = frame->record;
    mr_pool *pool = worker->pool;
    if (record->owner == pool->rank) {
        outcome->blob = frame->blob;
        mr_pool_learn(pool, record->kind, outcome->seconds);
        mr_record_end(record, outcome);
        return;
    }
    outcome->kept = (uintptr_t)frame->blob;
    mr_record_forget(record);
    mr_news_add(worker, record, outcome);
    mr_record_drop(record);
}

void mr_worker_run(mr_worker *worker, mr_future *record)
{
    char text[MR_ERROR_TEXT];
    mr_task *frame = begin_frame(worker, record);
    if (!frame) {
        mr_pool_note(worker->pool, MR_NO_MEMORY, "out of memory: running a task", 0);
        mr_post_stop(worker->pool->post);
        return;
    }
    double start = worker->clock;
    mr_status status = call_kernel(worker, frame);
    worker->clock = mr_clock_now();
    if (frame->failed != MR_OK && status == MR_OK)
        status = frame->failed;
    mr_outcome outcome = {.status = status,
                          .result = frame->result,
                          .rank = worker->pool->rank,
                          .seconds = (float)(worker->clock - start)};
    if (status != MR_OK) {
        explain(frame, status, text, sizeof text);
        outcome.text = text;
        outcome.result = (mr_bytes){0};
        mr_blob_drop(frame->blob);
        frame->blob = NULL;
    }
    end_frame(worker, frame);
    tell_owner(worker, frame, &outcome);
    frame->blob = NULL;
}

bool mr_worker_step(mr_worker *worker)
{
    mr_future *record = next_of_batch(worker);
    if (!record) {
        mr_news_flush(worker);
        if (refill(worker))
            record = next_of_batch(worker);
        else
            record = steal(worker);
        worker->clock = mr_clock_now();
    }
    if (!record)
        return false;
    if (mr_record_claim(record))
        mr_worker_run(worker, record);
    else
        mr_record_drop(record);
    return true;
}

/* ---- The thread ---- */

static size_t describe(const void *context, char *text, size_t room)
{
    const mr_worker *worker = context;
    const mr_task *frame = worker->frame;
    if (!frame)
        return (size_t)snprintf(text, room, "no task");
    return (size_t)snprintf(text, room, "task %s %llu", frame->pool->kinds[frame->kind].name,
                            (unsigned long long)frame->number);
}

static bool has_work(void *context)
{
    const mr_worker *worker = context;
    return atomic_load(&worker->pool->ready_count) > 0 || atomic_load(&worker->pool->is_ending) ||
           atomic_load(&worker->is_given_up);
}

static void close_local(mr_worker *worker)
{
    const mr_pool_options *options = &worker->pool->options;
    mr_future none = {.pool = worker->pool};
    if (!worker->has_local || worker->local_status != MR_OK || !options->local_close)
        return;
    mr_task *frame = begin_frame(worker, &none);
    if (frame) {
        options->local_close(frame, worker->local);
        end_frame(worker, frame);
    }
}

static void work(void *context, unsigned thread)
{
    mr_worker *worker = context;
    mr_pool *pool = worker->pool;
    (void)thread;
    worker->self = pthread_self();
    atomic_store(&worker->has_self, true);
    mr_crash_thread_work(describe, worker);
    while (!atomic_load(&pool->is_ending) && !atomic_load(&worker->is_given_up)) {
        if (mr_worker_step(worker))
            continue;
        if (mr_pool_wait(pool, LEVEL_WORKER, has_work, worker, MR_POST_NEVER) != MR_OK)
            break;
    }
    close_local(worker);
    mr_crash_thread_work(NULL, NULL);
}

mr_worker *mr_worker_self(mr_pool *pool)
{
    for (mr_worker *worker = pool->crew; worker; worker = worker->next)
        if (atomic_load(&worker->has_self) && pthread_equal(worker->self, pthread_self()))
            return worker;
    return NULL;
}

mr_status mr_worker_start(mr_pool *pool, unsigned thread, mr_error *error)
{
    mr_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: workers of a pool");
    worker->pool = pool;
    worker->thread = thread;
    worker->clock = mr_clock_now();
    pthread_mutex_init(&worker->news.lock, NULL);
    worker->next = pool->crew;
    pool->crew = worker;
    return mr_crew_start(&worker->crew, thread, 1, work, worker, error);
}

void mr_worker_free(mr_worker *worker)
{
    for (mr_task *frame = worker->frames, *inner; frame; frame = inner) {
        inner = frame->inner;
        if (frame->arguments != frame->few)
            free(frame->arguments);
        free(frame);
    }
    pthread_mutex_destroy(&worker->news.lock);
    free(worker->local);
    free(worker);
}
