/*
 * engine/table.c: a thread's table. A key's slot is given by the top bits of its hash, as its
 * partition is: so a table is emptied from one end to the other, partition after partition.
 *
 * A table grows until it has its bound, and then keeps the keys it has: in most data those that
 * come first are those that come often. Other keys go to the log. When many times as many keys have
 * gone there as the table holds, the data may have changed: the table is emptied and learns anew.
 */
#include "engine/table.h"

#include "base/memory.h"
#include "base/span.h"
#include "store/many.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LINE          64
#define HUGE          ((size_t)2 << 20)
#define LOG_SLOTS     ((uint64_t)32 << 10) /* at most, and a quarter of the table's bytes */
#define LOG_LEAST     ((uint64_t)1 << 10)
#define LEARN_ANEW    8 /* times the table's keys */
#define LOG_KEYS_MOST ((size_t)1 << 20)

/* How many slots so many bytes hold; enough to be cut up, and not more than a hash can tell apart.
 */
static uint64_t slots_for(uint64_t bytes, uint64_t slot_size)
{
    uint64_t slots = bytes / slot_size & ~UINT64_C(1), least = UINT64_C(2) << MR_STORE_BITS_MOST;
    uint64_t most = UINT64_C(1) << 31;
    return slots < least ? least : slots < most ? slots : most;
}

static unsigned char *allocate_slots(size_t size, mr_error *error)
{
    size_t alignment = size < 2 * HUGE ? LINE : HUGE;
    unsigned char *slots = mr_memory_allocate_aligned(size, alignment, "a thread's table", error);
    if (!slots)
        return NULL;
#ifdef MADV_HUGEPAGE
    /* Every key would be a page of its own to look up. A hint: it may fail. */
    if (alignment == HUGE)
        madvise(slots, size & ~(HUGE - 1), MADV_HUGEPAGE);
#endif
    memset(slots, 0, size);
    return slots;
}

static void use_slots(mr_out_self *self, unsigned char *slots, uint64_t count)
{
    mr_out *out = &self->out;
    out->slots = slots;
    out->count = count;
    out->deferred = out->plain_sum && count * out->slot_size > self->cache;
    self->limit = count / 16 * 11;
}

/* What the inline look-ups of mapred/out.h see of a table that is not there. Never written. */
static const mr_slot no_slots[2];

void mr_table_none(mr_out_self *self)
{
    mr_out *out = &self->out;
    out->slots = (unsigned char *)(uintptr_t)no_slots;
    out->count = 2;
    out->slot_size = sizeof *no_slots;
    out->deferred = 0;
}

bool mr_table_is_there(const mr_out_self *self)
{
    return self->out.slots != (const unsigned char *)no_slots;
}

mr_status mr_table_create(mr_out_self *self, uint64_t cache, uint64_t most, mr_error *error)
{
    mr_out *out = &self->out;
    out->slot_size = sizeof(mr_slot) + self->value;
    uint64_t count = slots_for(cache, out->slot_size);
    unsigned char *slots = allocate_slots(count * out->slot_size, error);
    if (!slots) {
        mr_table_none(self);
        return MR_NO_MEMORY;
    }
    self->cache = cache;
    self->slots_most = slots_for(most, out->slot_size);
    self->keys_most = most;
    self->log_slots = most / 4 / out->slot_size;
    if (self->log_slots > LOG_SLOTS)
        self->log_slots = LOG_SLOTS;
    if (self->log_slots < LOG_LEAST)
        self->log_slots = LOG_LEAST;
    self->log_keys_most = most / 4 < LOG_KEYS_MOST ? most / 4 : LOG_KEYS_MOST;
    use_slots(self, slots, count);
    return MR_OK;
}

void mr_table_free(mr_out_self *self)
{
    mr_out *out = &self->out;
    if (self->log)
        mr_memory_free(self->log, self->log_slots * (sizeof(mr_slot) + self->value));
    self->log = NULL;
    if (mr_table_is_there(self))
        mr_memory_free(out->slots, out->count * out->slot_size);
    mr_table_none(self);
    mr_arena_free(&self->keys);
    mr_arena_free(&self->log_keys);
}

static mr_slot *free_slot(const mr_out *out, uint64_t hash)
{
    uint64_t at = mr_out_place(out, hash);
    while (mr_table_slot(out, at)->key.high)
        at = mr_table_next(out, at);
    return mr_table_slot(out, at);
}

/* Slots have changed: so have the places where to look for what is pending. */
static void place_pending(mr_out_self *self)
{
    mr_out *out = &self->out;
    for (int i = 0; i < MR_PENDING; i++)
        out->pending[i].at = mr_out_place(out, mr_key_hash(out->pending[i].key));
}

/* Four times as many slots, or as many as there may be; the same keys. Slots are in the order of
 * hashes: both tables are gone through from one end to the other. */
static mr_status grow(mr_out_self *self)
{
    mr_out *out = &self->out;
    uint64_t count = out->count, old_size = count * out->slot_size;
    uint64_t larger = count * 8 < self->slots_most ? count * 4 : self->slots_most;
    unsigned char *old = out->slots, *slots = allocate_slots(larger * out->slot_size, &self->error);
    if (!slots)
        return MR_NO_MEMORY;
    use_slots(self, slots, larger);
    for (uint64_t at = 0; at < count; at++) {
        const mr_slot *slot = (const mr_slot *)(const void *)(old + at * out->slot_size);
        if (slot->key.high)
            memcpy(free_slot(out, mr_table_hash(slot)), slot, out->slot_size);
    }
    place_pending(self);
    mr_memory_free(old, old_size);
    return MR_OK;
}

static mr_entry entry_of(const mr_out_self *self, const mr_slot *slot, uint64_t hash)
{
    mr_entry entry = {
        .key = &slot->key.low,
        .value = slot + 1,
        .check = mr_store_check_of(self->store, hash),
    };
    if (mr_slot_is_long(slot)) {
        entry.key = mr_slot_long_key(slot)->bytes;
        entry.size = (uint32_t)mr_slot_long_key(slot)->size;
    } else {
        entry.size = (uint32_t)(slot->key.high >> MR_KEY_SHIFT & 255) - 1;
    }
    return entry;
}

/* Where the keys of a partition begin; of the one behind the last: the table's end. */
static uint64_t stretch_of(const mr_out_self *self, unsigned p)
{
    if (p == self->store->count)
        return self->out.count;
    return mr_out_place(&self->out, (uint64_t)p << (64 - self->store->bits));
}

/* Folds the keys of partition `p`. They begin in its own stretch of the table; where that is full
 * they go on behind it, without a gap. */
static mr_status empty_stretch(mr_out_self *self, unsigned p)
{
    const mr_out *out = &self->out;
    mr_partition *partition = &self->store->partitions[p];
    uint64_t begin = stretch_of(self, p), end = stretch_of(self, p + 1);
    mr_entry batch[MR_STORE_BATCH];
    size_t count = 0;
    for (uint64_t at = begin, behind = 0;; at++) {
        const mr_slot *slot = mr_table_slot(out, at < out->count ? at : at - out->count);
        behind += at > end;
        if (behind && !slot->key.high)
            break;
        if (!slot->key.high)
            continue;
        uint64_t hash = mr_table_hash(slot);
        if (mr_store_partition_of(self->store, hash) != p)
            continue;
        batch[count++] = entry_of(self, slot, hash);
        if (count == MR_STORE_BATCH) {
            MR_TRY(mr_store_fold(self->store, partition, batch, count, &self->error));
            count = 0;
        }
    }
    return mr_store_fold(self->store, partition, batch, count, &self->error);
}

static mr_status empty_partition(mr_out_self *self, unsigned p)
{
    mr_partition *partition = &self->store->partitions[p];
    /* Threads begin at different partitions and go on at about the same pace: they seldom meet. */
    while (!mr_partition_claim(partition))
        sched_yield();
    mr_status status = empty_stretch(self, p);
    mr_partition_release(partition);
    return status;
}

/* Gives memory back to the system, as far as whole huge pages of [from, to) of the slots go. */
static void give_back(const mr_out *out, uint64_t from, uint64_t to)
{
    uintptr_t begin = (uintptr_t)(out->slots + from * out->slot_size) + HUGE - 1;
    uintptr_t end = (uintptr_t)(out->slots + to * out->slot_size);
    begin &= ~(uintptr_t)(HUGE - 1);
    end &= ~(uintptr_t)(HUGE - 1);
    if (from < to && begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* The first slot from the stretch of partition `p` on behind which no key of an earlier one lies.
 */
static uint64_t first_own(const mr_out_self *self, unsigned p)
{
    uint64_t at = stretch_of(self, p);
    while (at < self->out.count && mr_table_slot(&self->out, at)->key.high)
        at++;
    return at;
}

/* Folds all keys, partition after partition. The last time, memory goes back as the store takes
 * more: the keys of a rank need not be there twice. */
static mr_status empty_table(mr_out_self *self, bool last)
{
    unsigned count = self->store->count;
    unsigned first = count * (unsigned)self->thread / (unsigned)self->threads & (count - 1);
    uint64_t from = first_own(self, first);
    /* Without a gap up to the end, keys that are folded last might lie anywhere. */
    bool release = last && from < self->out.count;
    self->flushes++;
    for (unsigned turn = 0; turn < count; turn++) {
        unsigned p = (first + turn) & (count - 1);
        MR_TRY(empty_partition(self, p));
        if (release)
            give_back(&self->out, from, stretch_of(self, p + 1));
        if (p == count - 1)
            from = 0;
    }
    return MR_OK;
}

static const mr_slot *log_slot(const mr_out_self *self, uint64_t at)
{
    return (const mr_slot *)(const void *)(self->log + at * self->out.slot_size);
}

static void list_log(void *context, const uint32_t *names, size_t count, mr_entry *entries)
{
    const mr_out_self *self = context;
    for (size_t i = 0; i < count; i++) {
        const mr_slot *slot = log_slot(self, names[i]);
        entries[i] = entry_of(self, slot, mr_table_hash(slot));
    }
}

static mr_status empty_log(mr_out_self *self)
{
    size_t count = self->log_used;
    if (count == 0)
        return MR_OK;
    size_t size = count * (sizeof(uint64_t) + 2 * sizeof(uint32_t));
    uint64_t *hashes = mr_memory_allocate(size, "sorting new keys", &self->error);
    if (!hashes)
        return MR_NO_MEMORY;
    uint32_t *names = (uint32_t *)(hashes + count);
    for (size_t i = 0; i < count; i++) {
        names[i] = (uint32_t)i;
        hashes[i] = mr_table_hash(log_slot(self, i));
    }
    mr_many many = {list_log,
                    self,
                    names,
                    hashes,
                    names + count,
                    count,
                    (unsigned)self->thread * 7 + (unsigned)self->flushes++};
    const mr_span_kind before = mr_span_begin(MR_SPAN_FOLD);
    mr_status status = mr_store_fold_many(self->store, &many, &self->error);
    mr_span_end(before);
    mr_memory_free(hashes, size);
    self->log_used = 0;
    mr_arena_reset(&self->log_keys);
    return status;
}

static mr_status empty_all(mr_out_self *self, bool last)
{
    MR_TRY(empty_log(self));
    if (self->used == 0)
        return MR_OK;
    const mr_span_kind before = mr_span_begin(MR_SPAN_FOLD);
    mr_status status = empty_table(self, last);
    if (!last)
        memset(self->out.slots, 0, self->out.count * self->out.slot_size);
    mr_span_end(before);
    self->used = self->logged = 0;
    mr_arena_reset(&self->keys);
    return status;
}

static mr_slot *add_to_log(mr_out_self *self)
{
    uint64_t slot_size = self->out.slot_size;
    if (!self->log)
        self->log = mr_memory_allocate(self->log_slots * slot_size, "new keys", &self->error);
    if (!self->log)
        return NULL;
    bool full = self->log_used == self->log_slots || self->log_keys.kept >= self->log_keys_most;
    if (full && empty_log(self) != MR_OK)
        return NULL;
    if (self->logged++ == 0)
        self->full_turn = self->out.turn;
    mr_slot *slot = (mr_slot *)(void *)(self->log + self->log_used++ * slot_size);
    memcpy(slot + 1, self->identity, self->value);
    return slot;
}

/* Whether a large table does not earn its memory: since it is full, most keys were not in it. */
static bool is_idle(const mr_out_self *self)
{
    const mr_out *out = &self->out;
    return out->deferred && self->logged == self->used &&
           self->logged > (out->turn - self->full_turn) / 2;
}

/* Goes on with a table of the cache's size for good. */
static mr_status shrink(mr_out_self *self)
{
    mr_out *out = &self->out;
    uint64_t slot_size = out->slot_size, count = slots_for(self->cache, slot_size);
    MR_TRY(empty_all(self, true));
    mr_memory_free(out->slots, out->count * slot_size);
    mr_table_none(self);
    unsigned char *slots = allocate_slots(count * slot_size, &self->error);
    if (!slots)
        return MR_NO_MEMORY;
    self->slots_most = count;
    out->slot_size = slot_size;
    use_slots(self, slots, count);
    place_pending(self);
    return MR_OK;
}

/* Room in the table for another key; where there is none, `*log` says that the log is to take it.
 */
static mr_status make_room(mr_out_self *self, bool *log)
{
    bool keys_full = self->keys.kept >= self->keys_most;
    *log = false;
    if (self->used < self->limit && !keys_full)
        return MR_OK;
    if (self->out.count < self->slots_most && !keys_full)
        return grow(self);
    if (is_idle(self))
        return shrink(self);
    *log = self->logged < LEARN_ANEW * self->used;
    return *log ? MR_OK : empty_all(self, false);
}

mr_slot *mr_table_add(mr_out_self *self, uint64_t hash)
{
    bool log;
    if (make_room(self, &log) != MR_OK)
        return NULL;
    if (log)
        return add_to_log(self);
    mr_slot *slot = free_slot(&self->out, hash);
    memcpy(slot + 1, self->identity, self->value);
    self->used++;
    return slot;
}

char *mr_table_room(mr_out_self *self, const void *within, size_t size)
{
    const unsigned char *at = within, *log = self->log;
    bool in_log = log && at >= log && at < log + self->log_slots * self->out.slot_size;
    return mr_arena_take(in_log ? &self->log_keys : &self->keys, size, "long keys", &self->error);
}

/* Looks up what mr_out_add_i64 has put off. */
static mr_status settle(mr_out_self *self)
{
    mr_out *out = &self->out;
    for (int i = 0; i < MR_PENDING; i++) {
        mr_pending due = out->pending[i];
        out->pending[i].key.high = 0;
        if (due.key.high)
            MR_TRY(mr_out_put_i64(out, mr_out_slot_words(out, due.key), due.value));
    }
    return MR_OK;
}

mr_status mr_out_flush(mr_out_self *self)
{
    if (!mr_table_is_there(self) || self->error.code != MR_OK)
        return self->error.code;
    MR_TRY(settle(self));
    mr_status status = empty_all(self, true);
    mr_table_free(self);
    return status;
}
