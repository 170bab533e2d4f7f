/*
 * tasks/pool_done.c: how a task of this rank ended: run again, or its result put into the record,
 * and all told who wanted to know.
 */
#include "tasks/pool.h"

#include "base/clock.h"

#include <stdlib.h>

size_t mr_given_length(const mr_given *given)
{
    if (given->kind == GIVEN_BYTES)
        return sizeof *given + mr_given_padded(given->size);
    return sizeof *given +
           (given->kind == GIVEN_FUTURE ? sizeof(mr_given_future) : sizeof(mr_given_blob));
}

/* Lets go of what its arguments hold. */
void mr_record_forget(mr_future *record)
{
    char *at = record->block;
    for (uint32_t i = 0; record->has_refs && i < record->argument_count; i++) {
        const mr_given *given = (const mr_given *)(const void *)at;
        at += mr_given_length(given);
        if (given->kind == GIVEN_FUTURE)
            mr_record_drop(((const mr_given_future *)(const void *)(given + 1))->of);
        else if (given->kind != GIVEN_BYTES)
            mr_blob_drop(((const mr_given_blob *)(const void *)(given + 1))->blob);
    }
    record->has_refs = false;
    record->argument_count = 0;
}

/* The next rank that has workers. */
static int elsewhere(const mr_pool *pool, int rank)
{
    for (int i = 1; i < pool->ranks; i++)
        if (pool->peers[(rank + i) % pool->ranks].workers > 0)
            return (rank + i) % pool->ranks;
    return rank;
}

static bool runs_again(mr_future *record, const mr_outcome *outcome)
{
    mr_pool *pool = record->pool;
    const mr_task_kind *kind = &pool->kinds[record->kind];
    unsigned state = atomic_load(&record->state);
    if (outcome->status == MR_OK || outcome->status == MR_CANCELLED || !kind->idempotent ||
        record->attempt >= kind->retries || (state & FLAG_CANCEL) || mr_post_stopped(pool->post))
        return false;
    pthread_mutex_lock(&pool->lock);
    record->attempt++;
    atomic_fetch_sub(&record->state, PHASE_TAKEN - PHASE_READY);
    record->placed = elsewhere(pool, outcome->rank);
    mr_pool_enqueue(pool, record);
    pthread_mutex_unlock(&pool->lock);
    mr_pool_dispatch(pool);
    return true;
}

static mr_status keep_bytes(mr_future *record, mr_bytes bytes, mr_error *error)
{
    if (bytes.size <= POOL_SMALL_RESULT) {
        if (bytes.size > 0)
            memcpy(record->small_result, bytes.data, bytes.size);
        record->result = (mr_bytes){record->small_result, bytes.size};
        return MR_OK;
    }
    record->blob = mr_blob_make(record->pool, bytes.size, error);
    if (!record->blob)
        return error->code;
    memcpy(record->blob->data, bytes.data, bytes.size);
    record->result = (mr_bytes){record->blob->data, bytes.size};
    return MR_OK;
}

static void keep_result(mr_future *record, const mr_outcome *outcome)
{
    mr_error error = {.code = MR_OK};
    const char *text = outcome->text;
    record->status = outcome->status;
    record->where = outcome->rank;
    record->seconds = outcome->seconds;
    record->holder = outcome->rank;
    if (outcome->blob) {
        record->blob = outcome->blob;
        record->result = (mr_bytes){outcome->blob->data, outcome->result.size};
    } else if (outcome->kept) {
        record->kept = outcome->kept;
        record->serial = outcome->serial;
        record->result.size = outcome->result.size;
    } else if (outcome->status == MR_OK) {
        record->status = keep_bytes(record, outcome->result, &error);
        text = error.text;
    }
    if (record->status != MR_OK)
        record->text = strdup(text ? text : "");
}

/* Those that need it: with nothing missing any more they are ready, or fail as it did. */
void mr_record_tell_needy(mr_future *record)
{
    mr_pool *pool = record->pool;
    mr_future *failed = NULL;
    pthread_mutex_lock(&pool->lock);
    for (mr_given_future *need = record->needed_by, *next; need; need = next) {
        mr_future *task = need->needs;
        next = need->next;
        if (record->status != MR_OK && !task->failed_by) {
            task->failed_by = record;
            atomic_fetch_add(&record->holds, 1);
        }
        if (--task->missing > 0)
            continue;
        if (task->failed_by || mr_record_phase(task) != PHASE_WAITING) {
            task->next = failed;
            failed = task;
        } else {
            atomic_fetch_add(&task->state, PHASE_READY);
            mr_pool_enqueue(pool, task);
        }
    }
    record->needed_by = NULL;
    pthread_mutex_unlock(&pool->lock);
    for (mr_future *task = failed, *next; task; task = next) {
        next = task->next;
        mr_record_fail_needy(task);
    }
    mr_pool_dispatch(pool);
}

void mr_record_fail_needy(mr_future *task)
{
    mr_future *cause = task->failed_by;
    if (mr_record_phase(task) != PHASE_WAITING) { /* cancelled */
        mr_record_drop(task);
    } else {
        atomic_fetch_or(&cause->state, FLAG_SEEN);
        mr_record_end(
            task,
            &(mr_outcome){.status = cause->status, .text = cause->text, .rank = cause->where});
    }
    if (cause)
        mr_record_drop(cause);
}

/* What a `then` submits comes at a moment of its own in every run: it gets no mark. */
static void call_then(mr_future *record)
{
    mr_pool *pool = record->pool;
    const bool marks = pool->saved && pthread_equal(pthread_self(), pool->main);
    const bool before = marks && pool->is_calling;
    if (marks)
        pool->is_calling = true;
    record->then(record, record->context);
    if (marks)
        pool->is_calling = before;
}

static void finish(mr_future *record)
{
    mr_pool *pool = record->pool;
    if (!(atomic_load(&record->state) & FLAG_STRAY))
        mr_record_forget(record);
    unsigned before = atomic_fetch_or_explicit(&record->state, PHASE_DONE, memory_order_acq_rel);
    if (before & FLAG_NEEDED)
        mr_record_tell_needy(record);
    if (before & FLAG_THEN)
        call_then(record);
    if (before & FLAG_AWAITED) {
        atomic_fetch_add(&pool->events, 1);
        mr_pool_wake(pool, LEVEL_WAITER, true);
    }
    if ((before & FLAG_FREED) && !(before & FLAG_SEEN))
        mr_record_blame(record);
    mr_record_drop(record);
    if (atomic_fetch_sub(&pool->pending, 1) == 1 && atomic_load(&pool->joiners) > 0) {
        mr_pool_wake(pool, LEVEL_WAITER, true);
        mr_pool_wake(pool, LEVEL_CLOSER, true);
    }
}

void mr_record_blame(mr_future *record)
{
    if (record->status != MR_OK && record->status != MR_CANCELLED)
        mr_pool_note(record->pool, record->status, record->text, record->number);
}

void mr_record_end(mr_future *record, const mr_outcome *outcome)
{
    mr_pool *pool = record->pool;
    if (runs_again(record, outcome))
        return;
    if (atomic_fetch_or(&record->state, FLAG_ENDED) & FLAG_ENDED) { /* it was given up before */
        mr_blob_drop(outcome->blob);
        return;
    }
    keep_result(record, outcome);
    if (pool->is_told)
        mr_pool_count(pool, record, outcome);
    finish(record);
}
