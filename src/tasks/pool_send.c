/*
 * tasks/pool_send.c: tasks go to other ranks in letters of many. How many are sent ahead depends on
 * how long they take: of long ones a rank has as many as it has workers, of short ones enough for
 * the time until it hears of us again.
 */
#include "tasks/pool.h"

#include <stdlib.h>

void mr_pool_send(mr_pool *pool, int to, uint32_t kind, const void *bytes, size_t size)
{
    mr_post_send(pool->post, to, pool->box, kind, (mr_bytes){bytes, size}, (mr_bytes){0});
}

static bool has_room(const mr_peer *peer)
{
    return peer->outstanding < peer->workers || (peer->outstanding < peer->workers * POOL_AHEAD &&
                                                 peer->expected < peer->workers * POOL_AHEAD_TIME);
}

/* Of this rank: whether its workers will come to more within that time. */
bool mr_pool_has_room(const mr_pool *pool, int rank)
{
    const mr_peer *peer = &pool->peers[rank];
    if (rank != pool->rank)
        return peer->workers > 0 && has_room(peer);
    return pool->here.row + pool->here.heap_count < 2 * (uint64_t)peer->workers;
}

static float expected_of(const mr_pool *pool, const mr_future *record)
{
    double mean = atomic_load_explicit(&pool->means[record->kind], memory_order_relaxed);
    return (float)(mean < 0 ? 1 : mean) + (float)record->block_size * 1e-9F;
}

/* The next task for a rank: one that has to run there, or any. */
static mr_future *next_for(mr_pool *pool, mr_peer *peer)
{
    for (;;) {
        mr_ready *from = &pool->anywhere;
        if (mr_ready_is_empty(from) || (!mr_ready_is_empty(&peer->bound) &&
                                        mr_ready_priority(&peer->bound) >= mr_ready_priority(from)))
            from = &peer->bound;
        mr_future *record = mr_ready_take(from);
        if (!record)
            return NULL;
        if (from == &pool->anywhere)
            atomic_fetch_sub(&pool->ready_count, 1);
        if (mr_record_claim(record))
            return record;
        record->next = pool->stale;
        pool->stale = record;
    }
}

/* ---- Arguments on their way ---- */

static size_t wire_given(mr_pool *pool, const mr_given *given, char *to)
{
    mr_given head = {GIVEN_REMOTE, pool->rank, given->size};
    mr_given_blob tail = {0};
    if (given->kind == GIVEN_BYTES) {
        if (to)
            memcpy(to, given, mr_given_length(given));
        return mr_given_length(given);
    }
    if (given->kind == GIVEN_BLOB)
        tail = *(const mr_given_blob *)(const void *)(given + 1);
    else {
        const mr_future *of = ((const mr_given_future *)(const void *)(given + 1))->of;
        head.size = of->result.size;
        if (of->result.size <= POOL_TRAVELS) {
            head.kind = GIVEN_BYTES;
            if (to) {
                memcpy(to, &head, sizeof head);
                if (of->result.size > 0)
                    memcpy(to + sizeof head, of->result.data, of->result.size);
            }
            return mr_given_length(&head);
        }
        const bool is_here = mr_fetch_is_here(of);
        head.holder = is_here ? pool->rank : of->holder;
        tail.cookie = is_here ? (uintptr_t)of->blob : of->kept;
        tail.serial = is_here ? of->blob->serial : of->serial;
    }
    tail.blob = NULL;
    if (to) {
        memcpy(to, &head, sizeof head);
        memcpy(to + sizeof head, &tail, sizeof tail);
    }
    return sizeof head + sizeof tail;
}

static size_t wire_block(mr_pool *pool, const mr_future *record, char *to)
{
    size_t size = 0;
    const char *at = record->block;
    for (uint32_t i = 0; i < record->argument_count; i++) {
        const mr_given *given = (const mr_given *)(const void *)at;
        size += wire_given(pool, given, to ? to + size : NULL);
        at += mr_given_length(given);
    }
    return size;
}

/* ---- Letters ---- */

typedef struct letter {
    size_t size, room;
    char *bytes, *own; /* `own` is memory for a letter larger than usual */
    char usual[POOL_LETTER];
} letter;

static bool make_room(letter *l, size_t more)
{
    if (l->size + more <= l->room)
        return true;
    char *grown = malloc(l->size + more);
    if (!grown)
        return false;
    memcpy(grown, l->bytes, l->size);
    free(l->own);
    l->own = l->bytes = grown;
    l->room = l->size + more;
    return true;
}

static bool pack(mr_pool *pool, mr_future *record, letter *l)
{
    size_t size = record->has_refs ? wire_block(pool, record, NULL) : record->block_size;
    const mr_wire_task head = {.cookie = (uintptr_t)record,
                               .number = record->number,
                               .block_size = size,
                               .priority = record->priority,
                               .argument_count = record->argument_count,
                               .has_refs = record->has_refs,
                               .kind = record->kind,
                               .attempt = record->attempt,
                               .mark = record->mark,
                               .is_bound = record->wanted >= 0,
                               .is_noted = record->is_noted};
    if (!make_room(l, sizeof head + size))
        return false;
    char *at = l->bytes + l->size;
    memcpy(at, &head, sizeof head);
    if (record->has_refs)
        wire_block(pool, record, at + sizeof head);
    else if (size > 0)
        memcpy(at + sizeof head, record->block, size);
    l->size += sizeof head + size;
    return true;
}

/* Its share of what is ready, so that the last tasks are spread over all. */
static uint64_t share_of(const mr_pool *pool, const mr_peer *peer)
{
    uint64_t ready = pool->anywhere.row + pool->anywhere.heap_count;
    uint64_t share = (ready * peer->workers + pool->workers - 1) / pool->workers;
    return share + peer->bound.row + peer->bound.heap_count;
}

static void fill_letter(mr_pool *pool, int rank, letter *l)
{
    mr_peer *peer = &pool->peers[rank];
    mr_future *record;
    for (uint64_t left = share_of(pool, peer); left > 0 && has_room(peer); left--) {
        if (l->size > POOL_LETTER / 2 || !(record = next_for(pool, peer)))
            break;
        record->expected = expected_of(pool, record);
        record->where = rank;
        if (!pack(pool, record, l)) {
            atomic_fetch_sub(&record->state, PHASE_TAKEN - PHASE_READY);
            mr_pool_enqueue(pool, record);
            break;
        }
        pool->idle_peers -= ++peer->outstanding == peer->workers;
        peer->expected += (double)record->expected;
    }
    if (peer->outstanding > peer->workers)
        mr_clerk_call_locked(pool);
}

static bool is_wanted(const mr_pool *pool, const mr_peer *peer)
{
    return peer->workers > 0 && has_room(peer) &&
           !(mr_ready_is_empty(&pool->anywhere) && mr_ready_is_empty(&peer->bound));
}

static void drop_stale(mr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    mr_future *stale = pool->stale;
    pool->stale = NULL;
    pthread_mutex_unlock(&pool->lock);
    for (mr_future *next; stale; stale = next) {
        next = stale->next;
        mr_record_drop(stale);
    }
}

/* True: a letter went to the rank. */
static bool send_tasks(mr_pool *pool, int rank)
{
    letter l;
    l.size = 0;
    l.room = sizeof l.usual;
    l.bytes = l.usual;
    l.own = NULL;
    pthread_mutex_lock(&pool->lock);
    if (is_wanted(pool, &pool->peers[rank]))
        fill_letter(pool, rank, &l);
    bool has_stale = pool->stale != NULL;
    pthread_mutex_unlock(&pool->lock);
    if (has_stale)
        drop_stale(pool);
    if (l.size > 0)
        mr_pool_send(pool, rank, LETTER_TASKS, l.bytes, l.size);
    free(l.own);
    return l.size > 0;
}

void mr_pool_dispatch(mr_pool *pool)
{
    if (pool->ranks == 1 || mr_post_stopped(pool->post))
        return;
    int first = pool->turn;
    for (int i = 0; i < pool->ranks; i++) {
        int rank = (first + i) % pool->ranks;
        if (rank == pool->rank || pool->peers[rank].workers == 0)
            continue;
        if (send_tasks(pool, rank))
            pool->turn = (rank + 1) % pool->ranks;
        mr_map_send(pool, rank);
    }
}
