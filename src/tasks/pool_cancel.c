/*
 * tasks/pool_cancel.c: tasks that were sent to another rank and have not begun there can be called
 * off, or wanted back because somebody has nothing to do.
 */
#include "tasks/pool.h"

#include <stdlib.h>

typedef struct request {
    atomic_int answer; /* 0: none yet; 1: called off; 2: too late */
} request;

typedef struct wire_cancel {
    uint64_t cookie, number, request;
    int32_t answer, unused;
} wire_cancel;

/* ---- Where it was sent to ---- */

static bool is_it(const mr_future *record, int owner, const wire_cancel *head)
{
    return atomic_load(&record->holds) > 0 && record->owner == owner &&
           record->cookie == head->cookie && record->number == head->number && !record->is_chunk;
}

static void handle_cancel(mr_pool *pool, int from, mr_bytes letter)
{
    wire_cancel head;
    memcpy(&head, letter.data, sizeof head);
    head.answer = 2;
    mr_place place = {0};
    pthread_mutex_lock(&pool->lock);
    for (mr_future *record; (record = mr_shelf_next(&pool->foreign, &place));)
        if (is_it(record, from, &head)) {
            atomic_fetch_or(&record->state, FLAG_CANCEL);
            head.answer = mr_record_claim(record) ? 1 : 2;
            break;
        }
    pthread_mutex_unlock(&pool->lock);
    mr_pool_send(pool, from, LETTER_CANCELLED, &head, sizeof head);
}

/* Up to `most` tasks of that rank which have not begun here go back to it. */
static void handle_recall(mr_pool *pool, int from, mr_bytes letter)
{
    uint64_t most, count = 0, *cookies;
    memcpy(&most, letter.data, sizeof most);
    cookies = malloc((most + 1) * sizeof *cookies);
    mr_place place = {0};
    pthread_mutex_lock(&pool->lock);
    for (mr_future *record; cookies && count < most;) {
        if (!(record = mr_shelf_next(&pool->foreign, &place)))
            break;
        if (atomic_load(&record->holds) > 0 && record->owner == from && !record->is_bound &&
            !record->is_chunk && mr_record_claim(record))
            cookies[count++] = record->cookie;
    }
    pthread_mutex_unlock(&pool->lock);
    mr_pool_send(pool, from, LETTER_RETURNED, cookies, count * sizeof *cookies);
    free(cookies);
}

/* ---- Its owner ---- */

static void handle_cancelled(mr_pool *pool, mr_bytes letter)
{
    wire_cancel head;
    memcpy(&head, letter.data, sizeof head);
    request *r = (request *)(uintptr_t)head.request;
    if (head.answer == 1) {
        mr_future *record = (mr_future *)(uintptr_t)head.cookie;
        pthread_mutex_lock(&pool->lock);
        mr_peer_less(pool, &pool->peers[record->where], record);
        pthread_mutex_unlock(&pool->lock);
        mr_record_end(record, &(mr_outcome){.status = MR_CANCELLED,
                                            .text = "cancelled before it began",
                                            .rank = record->where});
    }
    if (r)
        atomic_store(&r->answer, head.answer);
    mr_pool_wake(pool, LEVEL_WAITER, true);
}

static void handle_returned(mr_pool *pool, int from, mr_bytes letter)
{
    mr_peer *peer = &pool->peers[from];
    pthread_mutex_lock(&pool->lock);
    peer->is_recalled = false;
    for (size_t at = 0; at < letter.size; at += sizeof(uint64_t)) {
        uint64_t cookie;
        memcpy(&cookie, letter.data + at, sizeof cookie);
        mr_future *record = (mr_future *)(uintptr_t)cookie;
        mr_peer_less(pool, peer, record);
        record->placed = -1;
        atomic_fetch_sub(&record->state, PHASE_TAKEN - PHASE_READY);
        mr_pool_enqueue(pool, record);
    }
    pthread_mutex_unlock(&pool->lock);
    mr_pool_dispatch(pool);
}

void mr_pool_recall(mr_pool *pool, int rank)
{
    mr_peer *peer = &pool->peers[rank];
    pthread_mutex_lock(&pool->lock);
    uint64_t most = peer->outstanding > peer->workers ? peer->outstanding - peer->workers : 0;
    bool asks = most > 0 && !peer->is_recalled;
    if (asks)
        peer->is_recalled = true;
    pthread_mutex_unlock(&pool->lock);
    if (asks)
        mr_pool_send(pool, rank, LETTER_RECALL, &most, sizeof most);
}

void mr_cancel_handle(mr_pool *pool, int from, uint32_t kind, mr_bytes letter)
{
    if (kind == LETTER_CANCEL)
        handle_cancel(pool, from, letter);
    else if (kind == LETTER_RECALL)
        handle_recall(pool, from, letter);
    else if (kind == LETTER_CANCELLED)
        handle_cancelled(pool, letter);
    else
        handle_returned(pool, from, letter);
}

/* ---- Futures ---- */

static bool is_answered(void *context)
{
    return atomic_load(&((request *)context)->answer) != 0;
}

static void send_cancel(mr_future *record, request *r)
{
    const wire_cancel head = {(uintptr_t)record, record->number, (uintptr_t)r, 0, 0};
    mr_pool_send(record->pool, record->where, LETTER_CANCEL, &head, sizeof head);
}

/* Asks the rank that has it; within a letter's handler nobody can wait for the answer. */
static bool cancel_there(mr_future *record, bool waits)
{
    mr_pool *pool = record->pool;
    bool can_wait = waits && atomic_load(&pool->handling) != (uintptr_t)pthread_self();
    request *r = can_wait ? calloc(1, sizeof *r) : NULL;
    send_cancel(record, r);
    if (!r || mr_pool_wait(pool, LEVEL_WAITER, is_answered, r, MR_POST_NEVER) != MR_OK)
        return false;
    bool is_off = atomic_load(&r->answer) == 1;
    free(r);
    return is_off;
}

static void end_cancelled(mr_future *record)
{
    mr_record_end(record, &(mr_outcome){.status = MR_CANCELLED,
                                        .text = "cancelled before it began",
                                        .rank = record->pool->rank});
}

/* It waits for arguments: those that it still waits for will find that it is done. */
static bool claim_waiting(mr_future *record)
{
    pthread_mutex_lock(&record->pool->lock);
    bool waits = mr_record_phase(record) == PHASE_WAITING && record->missing > 0;
    if (waits)
        atomic_fetch_add(&record->state, PHASE_TAKEN);
    pthread_mutex_unlock(&record->pool->lock);
    return waits;
}

static bool cancel(mr_future *future, bool waits)
{
    mr_pool *pool = future->pool;
    if ((atomic_fetch_or(&future->state, FLAG_CANCEL) & PHASE) == PHASE_DONE)
        return false;
    if (mr_record_claim(future) || claim_waiting(future)) {
        atomic_fetch_add(&future->holds, 1); /* a queue has the other one */
        end_cancelled(future);
        return true;
    }
    if (mr_record_phase(future) != PHASE_TAKEN || future->where < 0 || future->where == pool->rank)
        return false;
    return cancel_there(future, waits);
}

bool mr_future_cancel(mr_future *future)
{
    return cancel(future, true);
}

/* ---- All of them ---- */

static mr_future *hold_next(mr_pool *pool, mr_place *place)
{
    mr_future *record;
    pthread_mutex_lock(&pool->lock);
    while ((record = mr_shelf_next(&pool->own, place)))
        if (atomic_load(&record->holds) > 0 && mr_record_phase(record) != PHASE_DONE) {
            atomic_fetch_add(&record->holds, 1);
            break;
        }
    pthread_mutex_unlock(&pool->lock);
    return record;
}

void mr_pool_terminate(mr_pool *pool)
{
    mr_place place = {0};
    atomic_store(&pool->is_terminated, true);
    for (mr_future *record; (record = hold_next(pool, &place));) {
        cancel(record, false);
        mr_record_drop(record);
    }
    mr_map_stop_all(pool);
}

/* Those that run in spite of it. Whoever runs one may still read it, and bring an end that nobody
 * wants any more: so the hold on it is kept. */
void mr_pool_give_up_cancelled(mr_pool *pool)
{
    mr_place place = {0};
    for (mr_future *record; (record = hold_next(pool, &place));) {
        unsigned state = atomic_load(&record->state);
        if (!(state & FLAG_CANCEL) || (state & PHASE) != PHASE_TAKEN) {
            mr_record_drop(record);
            continue;
        }
        atomic_fetch_or(&record->state, FLAG_STRAY);
        mr_record_end(record,
                      &(mr_outcome){.status = MR_CANCELLED,
                                    .text = "given up: it was cancelled, and did not end",
                                    .rank = record->where < 0 ? pool->rank : record->where});
    }
}
