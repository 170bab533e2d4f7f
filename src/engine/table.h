/* engine/table.h: a thread's table: how it starts, grows, and empties into the rank's partitions.
 */
#ifndef MR_ENGINE_TABLE_H
#define MR_ENGINE_TABLE_H

#include "engine/out.h"

mr_status mr_table_create(mr_out_self *self, uint64_t cache, uint64_t most, mr_error *error);
void mr_table_free(mr_out_self *self);

/* Makes room for a new key: a larger table, or an empty one. */
mr_status mr_table_make_room(mr_out_self *self);

static inline bool mr_table_is_full(const mr_out_self *self)
{
    return self->used >= self->limit || self->keys.kept >= self->keys_most;
}

static inline mr_slot *mr_table_slot(const mr_out *out, uint64_t at)
{
    return (mr_slot *)(void *)(out->slots + (at & out->mask) * out->slot_size);
}

/* The hash of the key in a slot that is taken. */
static inline uint64_t mr_table_hash(const mr_slot *slot)
{
    if (slot->tag > MR_KEY_INLINE + 1)
        return slot->high;
    return mr_key_hash((mr_words){slot->low, slot->high}, slot->tag);
}

#endif
