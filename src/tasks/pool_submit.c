/*
 * tasks/pool_submit.c: from a call to a record: its arguments in one block, what it waits for, and
 * the queue in which it lies when it waits for nothing.
 */
#include "tasks/pool.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define DISPATCHED 64 /* so many tasks are worth a letter while others work */

int mr_pool_kind_of(const mr_pool *pool, mr_task_run *run, mr_task_each *each)
{
    for (unsigned i = 0; i < pool->kind_count; i++)
        if (run ? pool->kinds[i].run == run : pool->kinds[i].each == each)
            return (int)i;
    return -1;
}

void mr_pool_note(mr_pool *pool, mr_status status, const char *text, uint64_t number)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->error.code == MR_OK || number < pool->error_number) {
        pool->error = (mr_error){.code = MR_OK};
        mr_error_set(&pool->error, status, "%s", text);
        pool->error_number = number;
    }
    pthread_mutex_unlock(&pool->lock);
}

/* The job's own error is the main thread's. */
mr_status mr_pool_complain(mr_pool *pool, mr_status status, const char *text)
{
    if (pthread_equal(pthread_self(), pool->main))
        return mr_error_set(pool->job->error, status, "%s", text);
    mr_worker *worker = mr_worker_self(pool);
    if (worker && worker->frame)
        return mr_task_fail(worker->frame, status, "%s", text);
    mr_pool_note(pool, status, text, UINT64_MAX);
    return status;
}

/* ---- Arguments ---- */

static uint64_t given_bytes(const mr_argument *argument)
{
    if (argument->future)
        return sizeof(mr_given) + sizeof(mr_given_future);
    if (argument->size > POOL_INLINE)
        return sizeof(mr_given) + sizeof(mr_given_blob);
    return sizeof(mr_given) + mr_given_padded(argument->size);
}

static mr_status fill_given(mr_future *record, char *at, const mr_argument *argument,
                            mr_error *error)
{
    mr_given *given = (mr_given *)(void *)at;
    *given = (mr_given){GIVEN_BYTES, record->owner, argument->size};
    if (argument->future) {
        *given = (mr_given){GIVEN_FUTURE, record->owner, 0};
        *(mr_given_future *)(void *)(given + 1) =
            (mr_given_future){.of = argument->future, .needs = record};
        atomic_fetch_add(&argument->future->holds, 1);
        record->has_refs = true;
    } else if (argument->size > POOL_INLINE) {
        mr_blob *blob = mr_blob_make(record->pool, argument->size, error);
        given->kind = GIVEN_BLOB;
        *(mr_given_blob *)(void *)(given + 1) = (mr_given_blob){
            .cookie = (uintptr_t)blob, .serial = blob ? blob->serial : 0, .blob = blob};
        record->has_refs = true;
        if (!blob)
            return error->code;
        memcpy(blob->data, argument->data, argument->size);
    } else if (argument->size > 0)
        memcpy(given + 1, argument->data, argument->size);
    return MR_OK;
}

static mr_status fill_block(mr_future *record, const mr_argument *arguments, size_t count,
                            mr_error *error)
{
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += given_bytes(&arguments[i]);
    MR_TRY(mr_record_block(record, size, error));
    char *at = record->block;
    mr_status status = MR_OK;
    for (size_t i = 0; i < count; i++) {
        mr_status filled = fill_given(record, at, &arguments[i], error);
        status = status == MR_OK ? filled : status;
        at += given_bytes(&arguments[i]);
    }
    record->argument_count = (uint32_t)count;
    return status;
}

/* ---- Queues ---- */

/* The rank that has the largest of its arguments, when it is large and the rank not too busy. */
static int find_arguments(mr_pool *pool, const mr_future *record)
{
    uint64_t largest = POOL_TRAVELS;
    int rank = -1;
    const char *at = record->block;
    for (uint32_t i = 0; i < record->argument_count; i++) {
        const mr_given *given = (const mr_given *)(const void *)at;
        at += mr_given_length(given);
        if (given->kind != GIVEN_FUTURE)
            continue;
        const mr_future *of = ((const mr_given_future *)(const void *)(given + 1))->of;
        if (of->result.size <= largest)
            continue;
        largest = of->result.size;
        rank = mr_fetch_is_here(of) ? pool->rank : of->holder;
    }
    return rank >= 0 && mr_pool_has_room(pool, rank) ? rank : -1;
}

/* Where it goes: here, bound to another rank, or anywhere. */
void mr_pool_enqueue(mr_pool *pool, mr_future *record)
{
    mr_ready *queue = &pool->anywhere;
    int rank = record->owner != pool->rank ? pool->rank : record->wanted;
    if (rank < 0 && record->has_refs && record->placed < 0 && record->attempt == 0)
        record->placed = find_arguments(pool, record);
    rank = rank >= 0 ? rank : record->placed;
    if (rank >= 0)
        queue = rank == pool->rank ? &pool->here : &pool->peers[rank].bound;
    mr_ready_put(queue, record);
    if (queue == &pool->here || queue == &pool->anywhere) {
        atomic_fetch_add(&pool->ready_count, 1);
        mr_pool_wake_locked(pool, LEVEL_WORKER, false);
    }
}

/* With the lock: looks which of its arguments are still to come. */
static void wait_for_arguments(mr_future *record)
{
    char *at = record->block;
    for (uint32_t i = 0; i < record->argument_count; i++) {
        mr_given *given = (mr_given *)(void *)at;
        at += mr_given_length(given);
        if (given->kind != GIVEN_FUTURE)
            continue;
        mr_given_future *need = (mr_given_future *)(void *)(given + 1);
        mr_future *of = need->of;
        need->next = of->needed_by;
        of->needed_by = need;
        record->missing++;
        if ((atomic_fetch_or(&of->state, FLAG_NEEDED) & PHASE) != PHASE_DONE)
            continue;
        of->needed_by = need->next;
        record->missing--;
        if (of->status != MR_OK && !record->failed_by) {
            record->failed_by = of;
            atomic_fetch_add(&of->holds, 1);
        }
    }
}

/* Whether a letter is due: somebody has nothing to do, or there is much to send. */
static bool is_due(mr_pool *pool, const mr_future *record)
{
    if (pool->ranks == 1)
        return false;
    if (record->wanted >= 0 || record->placed >= 0)
        return record->wanted != pool->rank && record->placed != pool->rank;
    return pool->idle_peers > 0 || pool->anywhere.row % DISPATCHED == 0;
}

static mr_future *take_record(mr_pool *pool, mr_error *error)
{
    mr_future *record = NULL;
    pthread_mutex_lock(&pool->lock);
    if (atomic_load(&pool->is_terminated) || atomic_load(&pool->is_over))
        mr_error_set(error, MR_CANCELLED, "cannot submit a task: the pool was terminated");
    else
        record = mr_record_take(pool, &pool->own, error);
    pthread_mutex_unlock(&pool->lock);
    return record;
}

/* ---- Results of runs before this one ---- */

/* False: an argument is nobody's, as far as other runs know. */
static bool describe(mr_saved_what *what, const char *kind, const mr_argument *arguments,
                     size_t count)
{
    mr_saved_begin(what, kind);
    for (size_t i = 0; i < count; i++) {
        const mr_future *of = arguments[i].future;
        const uint64_t head[2] = {of ? of->mark : 0, of ? 0 : arguments[i].size};
        if (of && !of->mark)
            return false;
        mr_saved_bytes(what, head, sizeof head);
        if (!of && arguments[i].size > 0)
            mr_saved_bytes(what, arguments[i].data, arguments[i].size);
    }
    return true;
}

static void end_at_once(mr_future *record, void *bytes, size_t size)
{
    mr_pool *pool = record->pool;
    atomic_fetch_add(&pool->pending, 1);
    pthread_mutex_lock(&pool->lock);
    record->number = pool->submitted++;
    pthread_mutex_unlock(&pool->lock);
    mr_record_end(record, &(mr_outcome){.result = {bytes, size}, .rank = pool->rank});
    free(bytes);
}

/* Gives it its number and its place. */
static void put(mr_pool *pool, mr_future *record)
{
    atomic_fetch_add(&pool->pending, 1);
    pthread_mutex_lock(&pool->lock);
    record->number = pool->submitted++;
    if (record->has_refs)
        wait_for_arguments(record);
    bool has_failed = record->missing == 0 && record->failed_by;
    if (record->missing == 0 && !has_failed) {
        atomic_fetch_add(&record->state, PHASE_READY);
        mr_pool_enqueue(pool, record);
    }
    bool due = is_due(pool, record);
    pthread_mutex_unlock(&pool->lock);
    if (has_failed)
        mr_record_fail_needy(record);
    else if (due)
        mr_pool_dispatch(pool);
}

/* It was done before, or what it is gets written down. */
static void *find_saved(mr_future *record, const mr_argument *arguments, size_t count,
                        uint64_t mark, size_t *size)
{
    mr_pool *pool = record->pool;
    mr_saved_what what;
    if (!mark || !describe(&what, pool->kinds[record->kind].name, arguments, count))
        return NULL;
    void *bytes = mr_saved_find(pool, mark, &what, size);
    record->mark = mark;
    record->is_noted = !bytes;
    return bytes;
}

mr_future *mr_pool_restore(mr_pool *pool, unsigned kind, uint64_t mark, const mr_saved_what *what,
                           mr_error *error)
{
    size_t size;
    void *bytes = mr_saved_look(pool, mark, what, &size);
    mr_future *record = bytes ? take_record(pool, error) : NULL;
    if (!record) {
        free(bytes);
        return NULL;
    }
    record->kind = (uint16_t)kind;
    record->owner = pool->rank;
    record->wanted = -1;
    record->mark = mark;
    atomic_init(&record->holds, 2);
    atomic_init(&record->state, 0);
    end_at_once(record, bytes, size);
    return record;
}

mr_future *mr_pool_try(mr_pool *pool, mr_task_run *run, const mr_argument *arguments, size_t count,
                       const mr_submit_options *options, uint64_t mark, mr_error *error)
{
    int kind = run ? mr_pool_kind_of(pool, run, NULL) : -1;
    int rank = options ? options->rank : -1;
    if (kind < 0)
        mr_error_set(error, MR_USAGE,
                     "cannot submit a task: its function is not among the pool's kinds: add it");
    else if (rank >= pool->ranks || (rank >= 0 && pool->peers[rank].workers == 0))
        mr_error_set(error, MR_USAGE, "cannot submit a task: %s: there is no worker on rank %d",
                     pool->kinds[kind].name, rank);
    mr_future *record = error->code == MR_OK ? take_record(pool, error) : NULL;
    if (!record)
        return NULL;
    record->kind = (uint16_t)kind;
    record->owner = pool->rank;
    record->wanted = rank;
    atomic_init(&record->holds, 2); /* the caller's, and the queue's */
    atomic_init(&record->state, 0);
    if (options) {
        record->priority = options->priority;
        record->then = options->then;
        record->context = options->context;
        if (options->then)
            atomic_init(&record->state, FLAG_THEN);
    }
    if (pool->is_told)
        record->submitted = mr_clock_now();
    if (fill_block(record, arguments, count, error) != MR_OK) {
        mr_record_forget(record);
        mr_record_drop(record);
        mr_record_drop(record);
        return NULL;
    }
    size_t size = 0;
    void *saved = find_saved(record, arguments, count, mark, &size);
    if (saved)
        end_at_once(record, saved, size);
    else
        put(pool, record);
    return record;
}

mr_future *mr_pool_call(mr_pool *pool, mr_task_run *run, const mr_argument *arguments, size_t count,
                        const mr_submit_options *options)
{
    mr_error error = {.code = MR_OK};
    const uint64_t mark = mr_saved_mark(pool, MARK_TASK);
    mr_future *future = mr_pool_try(pool, run, arguments, count, options, mark, &error);
    if (!future)
        mr_pool_complain(pool, error.code, error.text);
    return future;
}

mr_future *mr_pool_submit(mr_pool *pool, mr_task_run *run, const void *data, size_t size)
{
    return mr_pool_call(pool, run, &(mr_argument){.data = data, .size = size}, 1, NULL);
}

mr_status mr_pool_starmap(mr_pool *pool, mr_task_run *run, const mr_argument *arguments,
                          size_t each, size_t calls, mr_future **futures)
{
    for (size_t i = 0; i < calls; i++) {
        futures[i] = mr_pool_call(pool, run, arguments + i * each, each, NULL);
        if (futures[i])
            continue;
        while (i-- > 0) {
            mr_future_cancel(futures[i]);
            mr_future_free(&futures[i]);
        }
        return MR_FAILED;
    }
    return MR_OK;
}
