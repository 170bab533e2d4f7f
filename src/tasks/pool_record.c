/*
 * tasks/pool_record.c: memory of records and of large bytes. Records lie in slabs and are used
 * again and again; whoever holds one may be any thread.
 */
#include "tasks/pool.h"

#include "base/memory.h"

#include <stdlib.h>

#define FIRST_SLAB 64
#define SLAB       2048

typedef struct mr_record_slab {
    struct mr_record_slab *next;
    size_t count;
    _Alignas(16) mr_future records[];
} mr_record_slab;

static size_t slab_bytes(size_t count)
{
    return sizeof(mr_record_slab) + count * sizeof(mr_future);
}

/* ---- Blobs ---- */

mr_blob *mr_blob_make(mr_pool *pool, size_t size, mr_error *error)
{
    mr_blob *blob = mr_memory_allocate(sizeof *blob + size, "a task's result", error);
    if (blob) {
        atomic_init(&blob->holds, 1);
        blob->size = size;
        blob->serial = atomic_fetch_add(&pool->serials, 1);
        blob->link = NULL;
    }
    return blob;
}

void mr_blob_drop(mr_blob *blob)
{
    if (blob && atomic_fetch_sub(&blob->holds, 1) == 1)
        mr_memory_free(blob, sizeof *blob + blob->size);
}

/* ---- Records ---- */

static bool add_slab(mr_shelf *shelf, mr_error *error)
{
    size_t count = shelf->slabs ? SLAB : FIRST_SLAB;
    mr_record_slab *slab =
        mr_memory_allocate_aligned(slab_bytes(count), 64, "tasks of a pool", error);
    if (!slab)
        return false;
    slab->next = shelf->slabs;
    slab->count = count;
    shelf->slabs = slab;
    for (size_t i = count; i-- > 0;) {
        atomic_init(&slab->records[i].holds, 0);
        slab->records[i].next = shelf->free;
        shelf->free = &slab->records[i];
    }
    return true;
}

mr_future *mr_record_take(mr_pool *pool, mr_shelf *shelf, mr_error *error)
{
    if (!shelf->free)
        shelf->free = atomic_exchange_explicit(&shelf->returned, NULL, memory_order_acquire);
    if (!shelf->free && !add_slab(shelf, error))
        return NULL;
    mr_future *record = shelf->free;
    shelf->free = record->next;
    memset(record, 0, offsetof(mr_future, small_block));
    record->pool = pool;
    record->where = record->placed = -1;
    record->block = record->small_block;
    return record;
}

mr_status mr_record_block(mr_future *record, uint64_t size, mr_error *error)
{
    record->block_size = size;
    if (size <= POOL_SMALL_BLOCK)
        return MR_OK;
    char *block = mr_memory_allocate_aligned(size, 16, "arguments of a task", error);
    if (!block)
        return error->code;
    record->block = block;
    record->is_large = true;
    return MR_OK;
}

bool mr_record_claim(mr_future *record)
{
    unsigned state = atomic_load_explicit(&record->state, memory_order_relaxed);
    while ((state & PHASE) == PHASE_READY)
        if (atomic_compare_exchange_weak_explicit(&record->state, &state, state + 1,
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

static void release_kept(mr_future *record)
{
    mr_pool *pool = record->pool;
    if (!atomic_load(&pool->is_over) && !mr_post_stopped(pool->post))
        mr_pool_send(pool, record->holder, LETTER_RELEASE, &record->kept, sizeof record->kept);
    record->kept = 0;
}

void mr_record_drop(mr_future *record)
{
    if (atomic_fetch_sub_explicit(&record->holds, 1, memory_order_acq_rel) != 1)
        return;
    mr_pool *pool = record->pool;
    mr_shelf *shelf = record->owner == pool->rank ? &pool->own : &pool->foreign;
    if (record->has_refs)
        mr_record_forget(record);
    if (record->kept)
        release_kept(record);
    if (record->blob)
        mr_blob_drop(record->blob);
    if (record->is_large)
        mr_memory_free(record->block, record->block_size);
    if (record->text)
        free(record->text);
    mr_future *first = atomic_load_explicit(&shelf->returned, memory_order_relaxed);
    do
        record->next = first;
    while (!atomic_compare_exchange_weak_explicit(&shelf->returned, &first, record,
                                                  memory_order_release, memory_order_relaxed));
    if (pool->is_husk && atomic_fetch_sub(&pool->alive, 1) == 1)
        mr_pool_free(pool);
}

mr_future *mr_shelf_next(const mr_shelf *shelf, mr_place *place)
{
    mr_record_slab *slab = place->slab ? place->slab : shelf->slabs;
    for (; slab; slab = slab->next, place->number = 0)
        if (place->number < slab->count) {
            place->slab = slab;
            return &slab->records[place->number++];
        }
    return NULL;
}

uint64_t mr_shelf_count(const mr_shelf *shelf)
{
    mr_place place = {0};
    uint64_t count = 0;
    for (const mr_future *record; (record = mr_shelf_next(shelf, &place));)
        count += atomic_load(&record->holds) > 0;
    return count;
}

void mr_shelf_blame(mr_shelf *shelf)
{
    const unsigned told = FLAG_SEEN | FLAG_FREED;
    mr_place place = {0};
    for (mr_future *record; (record = mr_shelf_next(shelf, &place));)
        if (atomic_load(&record->holds) > 0 && !(atomic_load(&record->state) & told))
            mr_record_blame(record);
}

void mr_shelf_free(mr_shelf *shelf)
{
    for (mr_record_slab *slab = shelf->slabs, *next; slab; slab = next) {
        next = slab->next;
        mr_memory_free(slab, slab_bytes(slab->count));
    }
    shelf->slabs = NULL;
}
