/*
 * tasks/pool_worker.c: the threads that run tasks. Each takes a few short tasks at a time, or one
 * long one; others that have nothing may take from what it took.
 */
#include "tasks/pool.h"

#include "base/clock.h"
#include "base/flight.h"
#include "base/span.h"
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
        unsigned of = record->is_chunk ? 1 : batch_of(pool, record->kind);
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

mr_task *mr_worker_frame(mr_worker *worker, mr_future *record, unsigned kind)
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
    frame->number = record ? record->number : 0;
    frame->kind = (uint16_t)kind;
    frame->is_unwanted = NULL;
    frame->is_overdue = false;
    frame->chunk.record = NULL;
    frame->count = 0;
    frame->result = (mr_bytes){0};
    frame->blob = NULL;
    frame->failed = MR_OK;
    worker->frame = frame;
    mr_flight_task_begin("task", frame->pool->kinds[kind].name, frame->number);
    return frame;
}

void mr_worker_unframe(mr_worker *worker, mr_task *frame)
{
    mr_task *outer = worker->frame = frame->outer;
    mr_flight_task_end();
    if (outer)
        mr_flight_task_begin("task", outer->pool->kinds[outer->kind].name, outer->number);
}

static mr_bytes bytes_of(const mr_given *given)
{
    const void *behind = given + 1;
    if (given->kind == GIVEN_BYTES)
        return (mr_bytes){behind, given->size};
    if (given->kind == GIVEN_FUTURE)
        return ((const mr_given_future *)behind)->of->result;
    return (mr_bytes){((const mr_given_blob *)behind)->blob->data, given->size};
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
        const mr_given *given = (const mr_given *)(const void *)at;
        frame->arguments[i] = bytes_of(given);
        at += mr_given_length(given);
    }
    frame->count = record->argument_count;
    return true;
}

mr_status mr_worker_local(mr_worker *worker, mr_task *frame)
{
    const mr_pool_options *options = &worker->pool->options;
    if (worker->has_local)
        return worker->local_status;
    worker->has_local = true;
    if (options->local_size > 0 && !(worker->local = calloc(1, options->local_size)))
        worker->local_status =
            mr_task_fail(frame, MR_NO_MEMORY, "out of memory: state of a worker");
    else if (options->local_open)
        worker->local_status = options->local_open(frame, worker->local);
    return worker->local_status;
}

/* ---- Kinds with a time-out: the clerk looks at the list of those that run ---- */

void mr_timed_remove(mr_task *frame)
{
    *frame->timed_link = frame->timed_next;
    if (frame->timed_next)
        frame->timed_next->timed_link = frame->timed_link;
    frame->timed_link = NULL;
}

void mr_timed_add(mr_task *frame)
{
    mr_pool *pool = frame->pool;
    pthread_mutex_lock(&pool->lock);
    frame->is_overdue = false;
    frame->deadline = mr_clock_now() + pool->kinds[frame->kind].timeout;
    frame->timed_next = pool->timed;
    frame->timed_link = &pool->timed;
    if (pool->timed)
        pool->timed->timed_link = &frame->timed_next;
    pool->timed = frame;
    mr_clerk_call_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

bool mr_timed_end(mr_task *frame)
{
    pthread_mutex_lock(&frame->pool->lock);
    bool in_time = frame->timed_link != NULL;
    if (in_time)
        mr_timed_remove(frame);
    pthread_mutex_unlock(&frame->pool->lock);
    return in_time;
}

static mr_status call_kernel(mr_worker *worker, mr_task *frame)
{
    mr_pool *pool = worker->pool;
    if (!find_arguments(frame))
        return mr_task_fail(frame, MR_NO_MEMORY, "out of memory: its arguments");
    MR_TRY(mr_worker_local(worker, frame));
    return pool->kinds[frame->kind].run(frame);
}

void mr_task_explain(const mr_task *frame, mr_status status, char *text, size_t room)
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
    if (record->is_noted && outcome->status == MR_OK)
        mr_saved_note(pool, record->mark, 0, 1, outcome->result);
    if (record->owner == pool->rank) {
        outcome->blob = frame->blob;
        mr_pool_learn(pool, record->kind, outcome->seconds);
        mr_record_end(record, outcome);
        return;
    }
    if (frame->blob) {
        mr_blob_keep(pool, frame->blob);
        outcome->kept = (uintptr_t)frame->blob;
        outcome->serial = frame->blob->serial;
    }
    mr_record_forget(record);
    mr_news_add(worker, record, outcome);
    mr_record_drop(record);
}

/* It came back after all, and nobody wants it any more. */
static void forget_overdue(mr_worker *worker, mr_task *frame)
{
    mr_blob_drop(frame->blob);
    frame->blob = NULL;
    mr_worker_unframe(worker, frame);
    mr_record_drop(frame->record);
}

/* It came back after its pool was closed. */
static bool is_nobody_there(const mr_worker *worker)
{
    return atomic_load(&worker->is_given_up) && atomic_load(&worker->pool->is_ending);
}

void mr_worker_run(mr_worker *worker, mr_future *record)
{
    char text[MR_ERROR_TEXT];
    mr_task *frame = mr_worker_frame(worker, record, record->kind);
    if (!frame) {
        mr_post_fail(worker->pool->post,
                     &(mr_error){MR_NO_MEMORY, "out of memory: running a task"});
        return;
    }
    const bool is_timed = worker->pool->kinds[record->kind].timeout > 0;
    double start = worker->clock;
    if (is_timed)
        mr_timed_add(frame);
    mr_status status = call_kernel(worker, frame);
    worker->clock = mr_clock_now();
    if (is_nobody_there(worker))
        return;
    if (is_timed && !mr_timed_end(frame)) {
        forget_overdue(worker, frame);
        return;
    }
    if (frame->failed != MR_OK && status == MR_OK)
        status = frame->failed;
    mr_outcome outcome = {.status = status,
                          .result = frame->result,
                          .rank = worker->pool->rank,
                          .seconds = (float)(worker->clock - start)};
    if (status != MR_OK) {
        mr_task_explain(frame, status, text, sizeof text);
        outcome.text = text;
        outcome.result = (mr_bytes){0};
        mr_blob_drop(frame->blob);
        frame->blob = NULL;
    }
    mr_worker_unframe(worker, frame);
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
        return mr_map_step(worker);
    if (!mr_record_claim(record))
        mr_record_drop(record);
    else if (record->is_chunk)
        mr_map_run_foreign(worker, record);
    else if (!record->has_refs || record->owner != worker->pool->rank || mr_fetch_own(record)) {
        if (atomic_load_explicit(&worker->news.size, memory_order_relaxed) > 0)
            mr_clerk_call(worker->pool);
        mr_worker_run(worker, record);
    }
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

static bool is_surplus(const mr_worker *worker)
{
    return worker->is_extra && atomic_load(&worker->pool->surplus) > 0;
}

static bool has_work(void *context)
{
    const mr_worker *worker = context;
    const mr_pool *pool = worker->pool;
    return atomic_load(&pool->ready_count) > 0 || atomic_load(&pool->is_ending) ||
           atomic_load(&worker->is_given_up) || is_surplus(worker);
}

/* One that worked in place of another, which works again. */
static bool retires(const mr_worker *worker)
{
    int surplus = atomic_load(&worker->pool->surplus);
    while (worker->is_extra && surplus > 0)
        if (atomic_compare_exchange_weak(&worker->pool->surplus, &surplus, surplus - 1))
            return true;
    return false;
}

static void close_local(mr_worker *worker)
{
    const mr_pool_options *options = &worker->pool->options;
    mr_future none = {.pool = worker->pool};
    if (!worker->has_local || worker->local_status != MR_OK || !options->local_close)
        return;
    mr_task *frame = mr_worker_frame(worker, &none, 0);
    if (frame) {
        options->local_close(frame, worker->local);
        mr_worker_unframe(worker, frame);
    }
}

static void work(void *context, unsigned thread)
{
    mr_worker *worker = context;
    mr_pool *pool = worker->pool;
    mr_span_thread(thread);
    mr_span_begin(MR_SPAN_TASK);
    worker->self = pthread_self();
    atomic_store(&worker->has_self, true);
    mr_crash_thread_work(describe, worker);
    while (!atomic_load(&pool->is_ending) && !atomic_load(&worker->is_given_up) &&
           !retires(worker)) {
        if (mr_worker_step(worker))
            continue;
        if (mr_pool_wait(pool, LEVEL_WORKER, has_work, worker, MR_POST_NEVER) != MR_OK)
            break;
    }
    if (!is_nobody_there(worker)) {
        mr_news_flush(worker);
        close_local(worker);
    }
    mr_crash_thread_work(NULL, NULL);
}

mr_worker *mr_worker_self(mr_pool *pool)
{
    for (mr_worker *worker = pool->crew; worker; worker = worker->next)
        if (atomic_load(&worker->has_self) && pthread_equal(worker->self, pthread_self()))
            return worker;
    return NULL;
}

mr_status mr_worker_start(mr_pool *pool, unsigned thread, bool is_extra, mr_error *error)
{
    mr_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: workers of a pool");
    worker->pool = pool;
    worker->thread = thread;
    worker->is_extra = is_extra;
    worker->clock = mr_clock_now();
    pthread_mutex_init(&worker->news.lock, NULL);
    pthread_mutex_lock(&pool->lock);
    worker->next = pool->crew;
    atomic_store(&pool->crew, worker);
    pthread_mutex_unlock(&pool->lock);
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
