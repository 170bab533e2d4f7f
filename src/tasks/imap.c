/*
 * tasks/imap.c: results of a map one by one, while the rest is still being worked on: a few slots
 * of results, so that memory stays the same however slowly they are asked for.
 */
#include "tasks/map.h"

#include "base/memory.h"

#include <stdlib.h>

#define SLOT_BYTES ((uint64_t)64 << 10)
#define SLOT_ITEMS 1024

struct mr_imap {
    mr_map map;
    mr_map_slot *current; /* its results are being given */
    char *memory;
    size_t bytes;
    bool is_at_end;
    mr_status end;
};

/* ---- Slots ---- */

static mr_status make_slots(mr_imap *imap)
{
    mr_map *map = &imap->map;
    mr_error error = {.code = MR_OK};
    uint64_t most = map->result_size ? SLOT_BYTES / map->result_size : SLOT_ITEMS;
    map->slot_room = most < 1 ? 1 : most < SLOT_ITEMS ? most : SLOT_ITEMS;
    if (map->chunk > 0)
        map->slot_room = map->chunk;
    map->slot_count = 2 * map->pool->workers + 2;
    size_t room = (size_t)(map->slot_room * map->result_size + 63) & ~(size_t)63;
    imap->bytes = map->slot_count * room;
    map->slots = calloc(map->slot_count, sizeof *map->slots);
    imap->memory = mr_memory_allocate_aligned(imap->bytes + 64, 64, "results of a map", &error);
    if (!map->slots || !imap->memory)
        return mr_pool_complain(map->pool, MR_NO_MEMORY,
                                error.code ? error.text : "out of memory: a map");
    for (unsigned i = 0; i < map->slot_count; i++)
        map->slots[i].results = imap->memory + i * room;
    return MR_OK;
}

static void free_imap(mr_imap *imap)
{
    if (imap->memory)
        mr_memory_free(imap->memory, imap->bytes + 64);
    free(imap->map.slots);
    mr_map_end(&imap->map);
    free(imap);
}

mr_status mr_pool_imap(mr_pool *pool, mr_task_each *each, const void *items, uint64_t count,
                       size_t item_size, size_t result_size, const mr_map_options *options,
                       mr_imap **result)
{
    mr_imap *imap = calloc(1, sizeof *imap);
    *result = NULL;
    if (!imap)
        return mr_pool_complain(pool, MR_NO_MEMORY, "out of memory: a map");
    mr_status status =
        mr_map_begin(pool, each, items, count, item_size, result_size, options, &imap->map);
    if (status == MR_OK)
        status = make_slots(imap);
    if (status != MR_OK) {
        free_imap(imap);
        return status;
    }
    pthread_mutex_lock(&pool->lock);
    mr_map_open(&imap->map);
    pthread_mutex_unlock(&pool->lock);
    mr_pool_dispatch(pool);
    *result = imap;
    return MR_OK;
}

/* ---- Results ---- */

/* With the lock. */
static mr_map_slot *find_full(mr_map *map)
{
    if (!map->as_completed) {
        mr_map_slot *slot = &map->slots[map->given_turn % map->slot_count];
        return map->given_turn < map->turn && slot->state == SLOT_FULL ? slot : NULL;
    }
    for (unsigned i = 0; i < map->slot_count; i++)
        if (map->slots[i].state == SLOT_FULL)
            return &map->slots[i];
    return NULL;
}

static void give_back(mr_imap *imap)
{
    mr_map *map = &imap->map;
    pthread_mutex_lock(&map->pool->lock);
    imap->current->state = SLOT_FREE;
    imap->current->given = 0;
    imap->current = NULL;
    map->given_turn++;
    mr_map_look(map);
    pthread_mutex_unlock(&map->pool->lock);
    mr_pool_dispatch(map->pool);
}

typedef struct change {
    const mr_map *map;
    uint64_t seen;
} change;

static bool has_changed(void *context)
{
    const change *c = context;
    return atomic_load(&c->map->full) != c->seen || atomic_load(&c->map->is_done);
}

/* The next slot with results. MR_CLOSED: there will be none. */
static mr_status next_slot(mr_imap *imap, double deadline)
{
    mr_map *map = &imap->map;
    for (;;) {
        change c = {map, atomic_load(&map->full)};
        bool is_done = atomic_load(&map->is_done);
        pthread_mutex_lock(&map->pool->lock);
        imap->current = find_full(map);
        pthread_mutex_unlock(&map->pool->lock);
        if (imap->current)
            return MR_OK;
        if (is_done)
            return MR_CLOSED;
        MR_TRY(mr_pool_await_until(map->pool, has_changed, &c, deadline));
    }
}

static mr_status finish(mr_imap *imap, mr_status status)
{
    imap->is_at_end = true;
    imap->end = status;
    return status;
}

mr_status mr_imap_next(mr_imap *imap, double seconds, const void **result, uint64_t *number)
{
    mr_map *map = &imap->map;
    const double deadline = mr_pool_deadline(seconds);
    if (imap->is_at_end)
        return imap->end;
    for (;;) {
        mr_map_slot *slot = imap->current;
        if (slot && slot->given < slot->count) {
            *result = slot->results + slot->given * map->result_size;
            if (number)
                *number = slot->from + slot->given;
            slot->given++;
            return MR_OK;
        }
        if (slot && slot->has_failed && map->failed_item == slot->from + slot->count) {
            if (number)
                *number = map->failed_item;
            return finish(imap, mr_map_tell(map));
        }
        if (slot)
            give_back(imap);
        mr_status status = next_slot(imap, deadline);
        if (status == MR_CLOSED) {
            mr_status told = mr_map_tell(map);
            return finish(imap, told == MR_OK ? MR_CLOSED : told);
        }
        MR_TRY(status);
    }
}

void mr_imap_free(mr_imap **result)
{
    mr_imap *imap = *result;
    if (!imap)
        return;
    *result = NULL;
    mr_pool *pool = imap->map.pool;
    pthread_mutex_lock(&pool->lock);
    mr_map_stop(&imap->map);
    pthread_mutex_unlock(&pool->lock);
    if (mr_pool_await(pool, mr_map_is_done, &imap->map, MR_FOREVER) == MR_OK)
        free_imap(imap);
    else
        mr_map_abandon(&imap->map); /* letters may still name it */
}
