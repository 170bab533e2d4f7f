/*
 * tasks/map.h: one function for many items. A map hands out chunks of its items, to workers of this
 * rank without copying, to other ranks in letters; results go straight to their place, or, while
 * they are asked for one by one (imap.c), into one of a few slots.
 */
#ifndef MR_TASKS_MAP_H
#define MR_TASKS_MAP_H

#include "tasks/pool.h"

#define MAP_LETTER ((uint64_t)256 << 10) /* bytes of items, or of results, in a letter */

typedef enum mr_map_slot_state { SLOT_FREE = 0, SLOT_OUT, SLOT_FULL } mr_map_slot_state;

typedef struct mr_map_slot {
    mr_map_slot_state state;
    uint64_t from, count, given; /* items that are done; those that were asked for */
    bool has_failed;             /* the one after them */
    char *results;
} mr_map_slot;

/* Items that have to be done again, on another rank than the one where one of them failed. */
typedef struct mr_redo {
    struct mr_redo *next;
    uint64_t from, count;
    unsigned attempt, slot;
    int avoided;
} mr_redo;

typedef struct mr_map {
    mr_pool *pool;
    struct mr_map *next;
    unsigned kind;
    const char *items;
    char *results;
    size_t item_size, result_size;
    uint64_t count, chunk;

    /* With the pool's lock. */
    uint64_t handed, limit; /* up to this item handed out; the first one that is not wanted */
    uint64_t failed_item;
    unsigned out;         /* chunks under way */
    atomic_uint out_here; /* on this rank */
    mr_redo *redo;
    bool is_listed, is_open; /* open: workers of this rank can take a chunk */
    mr_status status;
    char text[MR_ERROR_TEXT];
    mr_map_slot *slots; /* NULL: results go to their place */
    unsigned slot_count;
    uint64_t slot_room;        /* items in a slot */
    uint64_t turn, given_turn; /* in order: slots that were handed out, and given to the caller */
    uint64_t mark;         /* of rank 0's main thread: what it is called in every run; 0: nothing */
    mr_saved_range *saved; /* items whose results were saved; workers of this rank bring them */
    size_t saved_count, saved_at;
    bool as_completed;
    atomic_bool is_stopped, is_done;
    atomic_uint_fast64_t full; /* slots; how often one has become so */
} mr_map;

mr_status mr_map_begin(mr_pool *pool, mr_task_each *each, const void *items, uint64_t count,
                       size_t item_size, size_t result_size, const mr_map_options *options,
                       mr_map *map);
/* With the lock, from now on workers take chunks. */
void mr_map_open(mr_map *map);
void mr_map_look(mr_map *map);
/* Ends it early; what runs is told. With the lock. */
void mr_map_stop(mr_map *map);
/* Says what went wrong to who called: the task that did, or the job. */
mr_status mr_map_tell(const mr_map *map);
bool mr_map_is_done(void *map);
/* Lets go of what `begin` has found. */
void mr_map_end(mr_map *map);
/* The job fails: what runs on this rank gets a moment to end. */
void mr_map_abandon(mr_map *map);

#endif
