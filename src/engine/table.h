/* engine/table.h: a thread's table: how it starts, grows, and empties into the rank's partitions.
 */
#ifndef MR_ENGINE_TABLE_H
#define MR_ENGINE_TABLE_H

#include "engine/out.h"

/* Sets up an `out` without a table: look-ups find an empty pair of slots, and nothing goes in. */
void mr_table_none(mr_out_self *self);
bool mr_table_is_there(const mr_out_self *self);

mr_status mr_table_create(mr_out_self *self, uint64_t cache, uint64_t most, mr_error *error);
void mr_table_free(mr_out_self *self);

/* A fresh slot for a key of this hash that is not in the table, with the identity behind it; the
 * caller fills in the key. NULL on failure. */
mr_slot *mr_table_add(mr_out_self *self, uint64_t hash);

/* Room that lives as long as a slot; `within` points into the slot. NULL when memory runs out. */
char *mr_table_room(mr_out_self *self, const void *within, size_t size);

static inline mr_slot *mr_table_slot(const mr_out *out, uint64_t at)
{
    return (mr_slot *)(void *)(out->slots + at * out->slot_size);
}

/* The slot behind one, the first one behind the last. */
static inline uint64_t mr_table_next(const mr_out *out, uint64_t at)
{
    return at + 1 < out->count ? at + 1 : 0;
}

static inline bool mr_slot_is_long(const mr_slot *slot)
{
    return slot->key.high >> MR_KEY_SHIFT == MR_KEY_LONG;
}

/* A long key, as it is kept: its size, then its bytes. */
typedef struct mr_long_key {
    size_t size;
    char bytes[];
} mr_long_key;

static inline const mr_long_key *mr_slot_long_key(const mr_slot *slot)
{
    uint64_t mark = (uint64_t)MR_KEY_LONG << MR_KEY_SHIFT;
    return (const mr_long_key *)(uintptr_t)(slot->key.high & ~mark);
}

/* The hash of the key in a slot that is taken. */
static inline uint64_t mr_table_hash(const mr_slot *slot)
{
    return mr_slot_is_long(slot) ? slot->key.low : mr_key_hash(slot->key);
}

#endif
