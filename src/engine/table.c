/*
 * engine/table.c: a thread's table. A key's slot is given by the top bits of its hash, as its
 * partition and its place in the partition's index are: so a table is emptied from one end to the
 * other, partition after partition, and goes through each index in order.
 */
#include "engine/table.h"

#include "base/memory.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The largest power of two of slots that fits in so many bytes, and is not too small to be cut up.
 */
static uint64_t slots_for(uint64_t bytes, uint64_t slot_size)
{
    uint64_t slots = UINT64_C(1) << (MR_STORE_BITS_MOST + 1);
    while (slots * 2 * slot_size <= bytes)
        slots *= 2;
    return slots;
}

static unsigned char *allocate_slots(size_t size, mr_error *error)
{
    unsigned char *slots = mr_memory_allocate(size, "a thread's table", error);
    if (!slots)
        return NULL;
#ifdef MADV_HUGEPAGE
    /* Every key is a page of its own to look up otherwise. A hint: it may fail. */
    uintptr_t page = (uintptr_t)2 << 20, from = ((uintptr_t)slots + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)slots + size) & ~(page - 1);
    if (from < to)
        madvise((void *)from, to - from, MADV_HUGEPAGE);
#endif
    memset(slots, 0, size);
    return slots;
}

static void use_slots(mr_out_self *self, unsigned char *slots, uint64_t count)
{
    mr_out *out = &self->out;
    out->slots = slots;
    out->mask = count - 1;
    out->shift = 64 - (uint64_t)__builtin_ctzll(count);
    out->deferred = count * out->slot_size > self->cache;
    self->limit = count / 8 * 5;
}

mr_status mr_table_create(mr_out_self *self, uint64_t cache, uint64_t most, mr_error *error)
{
    mr_out *out = &self->out;
    out->slot_size = sizeof(mr_slot) + self->value;
    uint64_t count = slots_for(cache, out->slot_size);
    unsigned char *slots = allocate_slots(count * out->slot_size, error);
    if (!slots)
        return MR_NO_MEMORY;
    self->cache = cache;
    self->slots_most = slots_for(most, out->slot_size);
    self->keys_most = most;
    use_slots(self, slots, count);
    return MR_OK;
}

void mr_table_free(mr_out_self *self)
{
    mr_out *out = &self->out;
    if (out->slots)
        mr_memory_free(out->slots, (out->mask + 1) * out->slot_size);
    mr_arena_free(&self->keys);
}

/* Twice as many slots, the same keys. Slots are in the order of hashes: both tables are gone
 * through from one end to the other. */
static mr_status grow(mr_out_self *self)
{
    mr_out *out = &self->out;
    uint64_t count = out->mask + 1, old_size = count * out->slot_size;
    unsigned char *old = out->slots, *slots = allocate_slots(2 * old_size, &self->error);
    if (!slots)
        return MR_NO_MEMORY;
    use_slots(self, slots, 2 * count);
    for (uint64_t at = 0; at < count; at++) {
        const mr_slot *slot = (const mr_slot *)(const void *)(old + at * out->slot_size);
        if (!slot->tag)
            continue;
        uint64_t to = mr_out_place(out, mr_table_hash(slot));
        while (mr_table_slot(out, to)->tag)
            to++;
        memcpy(mr_table_slot(out, to), slot, out->slot_size);
    }
    for (int i = 0; i < MR_PENDING; i++) {
        mr_pending *due = &out->pending[i];
        if (due->tag)
            due->at = mr_out_place(out, mr_key_hash((mr_words){due->low, due->high}, due->tag));
    }
    mr_memory_free(old, old_size);
    return MR_OK;
}

/* Entries of one partition on their way from the table. */
typedef struct batch {
    mr_entry entries[MR_STORE_BATCH];
    size_t count;
} batch;

static mr_status add_to_batch(mr_out_self *self, mr_partition *partition, batch *b,
                              const mr_slot *slot, uint64_t hash)
{
    bool is_inline = slot->tag <= MR_KEY_INLINE + 1;
    b->entries[b->count++] = (mr_entry){
        .key = is_inline ? (const void *)&slot->low : (const void *)(uintptr_t)slot->low,
        .value = slot + 1,
        .size = (uint32_t)(slot->tag - 1),
        .check = mr_store_check_of(self->store, hash),
    };
    if (b->count < MR_STORE_BATCH)
        return MR_OK;
    b->count = 0;
    return mr_store_fold(self->store, partition, b->entries, MR_STORE_BATCH, &self->error);
}

/* Folds the keys of partition `p`. They begin in its own stretch of the table; where that is full
 * they go on behind it, without a gap. */
static mr_status empty_stretch(mr_out_self *self, unsigned p)
{
    const mr_out *out = &self->out;
    mr_partition *partition = &self->store->partitions[p];
    uint64_t stretch = (out->mask + 1) >> self->store->bits;
    uint64_t begin = p * stretch, end = begin + stretch;
    batch b = {.count = 0};
    for (uint64_t at = begin; at < end || mr_table_slot(out, at)->tag; at++) {
        const mr_slot *slot = mr_table_slot(out, at);
        if (!slot->tag)
            continue;
        uint64_t hash = mr_table_hash(slot);
        if (mr_store_partition_of(self->store, hash) == p)
            MR_TRY(add_to_batch(self, partition, &b, slot, hash));
    }
    return mr_store_fold(self->store, partition, b.entries, b.count, &self->error);
}

/* Goes over the partitions until each has got its keys: those that another thread has in hand are
 * passed over and tried again, so nobody waits while there is something else to do. */
static mr_status empty_table(mr_out_self *self)
{
    unsigned count = self->store->count, left = count;
    unsigned first = (unsigned)self->thread * 7 + (unsigned)self->flushes++;
    uint64_t done[(1u << MR_STORE_BITS_MOST) / 64] = {0};
    for (unsigned turn = 0; left > 0; turn++) {
        unsigned p = (first + turn) & (count - 1);
        mr_partition *partition = &self->store->partitions[p];
        if (done[p / 64] >> p % 64 & 1)
            continue;
        if (!mr_partition_claim(partition)) {
            if (turn > count)
                sched_yield();
            continue;
        }
        mr_status status = empty_stretch(self, p);
        mr_partition_release(partition);
        MR_TRY(status);
        done[p / 64] |= UINT64_C(1) << p % 64;
        left--;
    }
    return MR_OK;
}

static mr_status flush(mr_out_self *self)
{
    mr_out *out = &self->out;
    if (self->used == 0)
        return MR_OK;
    mr_status status = empty_table(self);
    memset(out->slots, 0, (out->mask + 1) * out->slot_size);
    self->used = 0;
    mr_arena_reset(&self->keys);
    return status;
}

mr_status mr_table_make_room(mr_out_self *self)
{
    bool may_grow = self->out.mask + 1 < self->slots_most && self->keys.kept < self->keys_most;
    return may_grow ? grow(self) : flush(self);
}

/* Looks up what mr_out_add_i64 has put off. */
static mr_status settle(mr_out_self *self)
{
    mr_out *out = &self->out;
    bool is_new;
    for (int i = 0; i < MR_PENDING; i++) {
        mr_pending due = out->pending[i];
        out->pending[i].tag = 0;
        mr_words words = {due.low, due.high};
        if (due.tag)
            MR_TRY(mr_out_put_i64(out, mr_out_slot_words(out, words, due.tag, &is_new), due.value));
    }
    return MR_OK;
}

mr_status mr_out_flush(mr_out_self *self)
{
    if (!self->out.slots || self->error.code != MR_OK)
        return self->error.code;
    MR_TRY(settle(self));
    return flush(self);
}
