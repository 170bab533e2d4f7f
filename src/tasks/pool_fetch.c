/*
 * tasks/pool_fetch.c: bytes that another rank keeps come in pieces that are asked for, a few at a
 * time, so that no buffer has to hold more. What tasks of others need is shared by all that need
 * it, and stays for a while, since the next task often needs it again.
 */
#include "tasks/pool.h"

#include "base/memory.h"

#include <stdlib.h>

#define PIECE  ((size_t)256 * 1024)
#define WINDOW 4
#define KEPT   ((uint64_t)64 << 20) /* bytes that stay although no task needs them now */

typedef struct waiting {
    struct waiting *next;
    mr_future *record;
    mr_given_blob *given;
} waiting;

typedef struct mr_fetch {
    struct mr_fetch *next, *newer;
    mr_pool *pool;
    int holder;
    uint64_t cookie, serial, asked, have;
    mr_blob *blob;
    mr_future *result; /* it is this future's; NULL: an argument of foreign tasks */
    waiting *waits;
} mr_fetch;

typedef struct wire_fetch {
    uint64_t cookie, fetch, offset, size;
} wire_fetch;

/* ---- Pieces ---- */

static void ask(mr_fetch *fetch)
{
    uint64_t left = fetch->blob->size - fetch->asked;
    const wire_fetch head = {fetch->cookie, (uintptr_t)fetch, fetch->asked,
                             left < PIECE ? left : PIECE};
    fetch->asked += head.size;
    mr_pool_send(fetch->pool, fetch->holder, LETTER_FETCH, &head, sizeof head);
}

static void begin(mr_fetch *fetch)
{
    for (int i = 0; i < WINDOW && fetch->asked < fetch->blob->size; i++)
        ask(fetch);
}

void mr_fetch_handle(mr_pool *pool, int from, mr_bytes letter)
{
    wire_fetch head;
    memcpy(&head, letter.data, sizeof head);
    const mr_blob *blob = (const mr_blob *)(uintptr_t)head.cookie;
    mr_post_send(pool->post, from, pool->box, LETTER_PIECE,
                 (mr_bytes){(const char *)&head, sizeof head},
                 (mr_bytes){blob->data + head.offset, head.size});
}

static mr_fetch *make_fetch(mr_pool *pool, int holder, uint64_t cookie, uint64_t serial,
                            uint64_t size, mr_error *error)
{
    mr_fetch *fetch = calloc(1, sizeof *fetch);
    mr_blob *blob = fetch ? mr_blob_make(pool, size, error) : NULL;
    if (!fetch)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: fetching a result");
    if (!blob) {
        free(fetch);
        return NULL;
    }
    *fetch = (mr_fetch){
        .pool = pool, .holder = holder, .cookie = cookie, .serial = serial, .blob = blob};
    return fetch;
}

/* ---- Results of futures ---- */

bool mr_fetch_is_here(const mr_future *record)
{
    return record->result.size == 0 ||
           atomic_load((const _Atomic(const char *) *)(const void *)&record->result.data) != NULL;
}

static void finish_result(mr_fetch *fetch)
{
    mr_future *record = fetch->result;
    mr_pool *pool = fetch->pool;
    record->blob = fetch->blob;
    atomic_store((_Atomic(const char *) *)(void *)&record->result.data, fetch->blob->data);
    free(fetch);
    mr_record_tell_needy(record);
    atomic_fetch_add(&pool->events, 1);
    mr_pool_wake(pool, LEVEL_WAITER, true);
    mr_record_drop(record);
}

static void fail_result(mr_future *record, const mr_error *error)
{
    record->text = strdup(error->text);
    record->status = error->code;
    record->result.size = 0;
    mr_record_tell_needy(record);
}

void mr_fetch_result(mr_future *record)
{
    mr_error error = {.code = MR_OK};
    if (mr_fetch_is_here(record) ||
        (atomic_fetch_or(&record->state, FLAG_FETCHING) & FLAG_FETCHING))
        return;
    mr_fetch *fetch = make_fetch(record->pool, record->holder, record->kept, record->serial,
                                 record->result.size, &error);
    if (!fetch) {
        fail_result(record, &error);
        return;
    }
    fetch->result = record;
    atomic_fetch_add(&record->holds, 1);
    begin(fetch);
}

/* With the lock: what it needs and is elsewhere, into `list`; afterwards it waits for that. */
static uint32_t wait_for_bytes(mr_future *record, mr_future **list)
{
    const mr_pool *pool = record->pool;
    uint32_t count = 0;
    char *at = record->block;
    for (uint32_t i = 0; i < record->argument_count; i++) {
        mr_given *given = (mr_given *)(void *)at;
        at += mr_given_length(given);
        mr_given_future *need = (mr_given_future *)(void *)(given + 1);
        if (given->kind != GIVEN_FUTURE || mr_fetch_is_here(need->of))
            continue;
        atomic_fetch_add(&need->of->holds, 1);
        list[count++] = need->of;
        need->next = need->of->needed_by;
        need->of->needed_by = need;
    }
    if (count > 0) {
        record->missing = count;
        record->placed = pool->rank;
        atomic_fetch_sub(&record->state, PHASE_TAKEN);
    }
    return count;
}

bool mr_fetch_own(mr_future *record)
{
    mr_pool *pool = record->pool;
    mr_future *few[16], **list = few;
    if (record->argument_count > 16 &&
        !(list = malloc(record->argument_count * sizeof(mr_future *)))) {
        mr_post_fail(pool->post, &(mr_error){MR_NO_MEMORY, "out of memory: fetching results"});
        return false;
    }
    pthread_mutex_lock(&pool->lock);
    uint32_t count = wait_for_bytes(record, list);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < count; i++) {
        mr_fetch_result(list[i]);
        mr_record_drop(list[i]);
    }
    if (list != few)
        free(list);
    return count == 0;
}

/* ---- Arguments of foreign tasks ---- */

static mr_fetch *find(mr_pool *pool, int holder, uint64_t serial)
{
    mr_fetch *fetch = pool->fetches;
    while (fetch && (fetch->holder != holder || fetch->serial != serial))
        fetch = fetch->next;
    return fetch;
}

static bool is_whole(const mr_fetch *fetch)
{
    return fetch->have == fetch->blob->size;
}

/* With the lock. What no task needs goes, the oldest first, but for the last few. */
static void forget_some(mr_pool *pool)
{
    uint64_t bytes = 0;
    for (mr_fetch **link = &pool->fetches, *fetch; (fetch = *link);) {
        bytes += fetch->blob->size;
        bool is_needed = !is_whole(fetch) || atomic_load(&fetch->blob->holds) > 1;
        if (is_needed || (bytes <= KEPT && !mr_memory_is_tight(0))) {
            link = &fetch->next;
            continue;
        }
        bytes -= fetch->blob->size;
        *link = fetch->next;
        mr_blob_drop(fetch->blob);
        free(fetch);
    }
}

static mr_status fetch_given(mr_pool *pool, mr_future *record, const mr_given *given,
                             mr_given_blob *where, mr_error *error)
{
    mr_fetch *fetch = find(pool, given->holder, where->serial);
    if (!fetch) {
        forget_some(pool);
        fetch = make_fetch(pool, given->holder, where->cookie, where->serial, given->size, error);
        if (!fetch)
            return error->code;
        fetch->next = pool->fetches;
        pool->fetches = fetch;
        begin(fetch);
    }
    if (is_whole(fetch)) {
        atomic_fetch_add(&fetch->blob->holds, 1);
        where->blob = fetch->blob;
        return MR_OK;
    }
    waiting *wait = malloc(sizeof *wait);
    if (!wait)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: fetching a result");
    *wait = (waiting){fetch->waits, record, where};
    fetch->waits = wait;
    record->missing++;
    return MR_OK;
}

bool mr_fetch_foreign(mr_pool *pool, mr_future *record, mr_error *error)
{
    char *at = record->block;
    for (uint32_t i = 0; i < record->argument_count && error->code == MR_OK; i++) {
        mr_given *given = (mr_given *)(void *)at;
        at += mr_given_length(given);
        if (given->kind == GIVEN_BYTES)
            continue;
        mr_given_blob *where = (mr_given_blob *)(void *)(given + 1);
        if (given->holder != pool->rank) {
            fetch_given(pool, record, given, where, error);
            continue;
        }
        where->blob = (mr_blob *)(uintptr_t)where->cookie;
        atomic_fetch_add(&where->blob->holds, 1);
    }
    return record->missing == 0;
}

static void finish_foreign(mr_fetch *fetch)
{
    mr_pool *pool = fetch->pool;
    pthread_mutex_lock(&pool->lock);
    for (waiting *wait = fetch->waits, *next; wait; wait = next) {
        next = wait->next;
        wait->given->blob = fetch->blob;
        atomic_fetch_add(&fetch->blob->holds, 1);
        if (--wait->record->missing == 0) {
            atomic_fetch_add(&wait->record->state, PHASE_READY);
            mr_pool_enqueue(pool, wait->record);
        }
        free(wait);
    }
    fetch->waits = NULL;
    pthread_mutex_unlock(&pool->lock);
}

void mr_fetch_handle_piece(mr_pool *pool, mr_bytes letter)
{
    wire_fetch head;
    (void)pool;
    memcpy(&head, letter.data, sizeof head);
    mr_fetch *fetch = (mr_fetch *)(uintptr_t)head.fetch;
    memcpy(fetch->blob->data + head.offset, letter.data + sizeof head, head.size);
    if (fetch->asked < fetch->blob->size)
        ask(fetch);
    fetch->have += head.size;
    if (!is_whole(fetch))
        return;
    if (fetch->result)
        finish_result(fetch);
    else
        finish_foreign(fetch);
}

void mr_fetch_free_all(mr_pool *pool)
{
    for (mr_fetch *fetch = pool->fetches, *next; fetch; fetch = next) {
        next = fetch->next;
        for (waiting *wait = fetch->waits, *after; wait; wait = after) {
            after = wait->next;
            free(wait);
        }
        mr_blob_drop(fetch->blob);
        free(fetch);
    }
    pool->fetches = NULL;
}
