/*
 * engine/out.c: a thread's table, and how it empties into the rank's partitions. What kernels call
 * and what is not inline in mapred/out.h is in emit.c.
 */
#include "engine/out.h"

#include "base/memory.h"
#include "engine/table.h"
#include "store/many.h"

#include <stdlib.h>

const unsigned char mr_key_mask[2 * MR_KEY_INLINE] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                      255, 255, 255, 255, 255, 255, 255, 255};

void mr_fold_fill(const mr_fold *fold, unsigned char *accumulators, uint64_t count)
{
    memset(accumulators, 0, count * fold->size);
    for (uint64_t i = 0; fold->init && i < count; i++)
        fold->init(fold, accumulators + i * fold->size);
}

/* The largest power of two of slots that fits the cache; 64 at least. */
static uint64_t slots_for(uint64_t cache, uint64_t slot_size)
{
    uint64_t slots = 64;
    while (slots * 2 * slot_size <= cache)
        slots *= 2;
    return slots;
}

static mr_status create_table(mr_out_self *self, uint64_t cache, mr_error *error)
{
    mr_out *out = &self->out;
    out->slot_size = sizeof(mr_slot) + self->value;
    uint64_t slots = slots_for(cache, out->slot_size);
    out->mask = slots - 1;
    self->limit = slots / 8 * 5;
    self->keys_capacity = (size_t)cache / 2 + 4096;
    out->slots = mr_memory_allocate(slots * out->slot_size, "a thread's table", error);
    self->names = mr_memory_allocate(slots * sizeof *self->names, "a thread's table", error);
    self->order = mr_memory_allocate(slots * sizeof *self->order, "a thread's table", error);
    self->hashes = mr_memory_allocate(slots * sizeof *self->hashes, "a thread's table", error);
    self->keys = mr_memory_allocate(self->keys_capacity, "a thread's table", error);
    if (!out->slots || !self->names || !self->order || !self->hashes || !self->keys)
        return MR_NO_MEMORY;
    memset(out->slots, 0, slots * out->slot_size);
    return MR_OK;
}

static mr_status create_dense(mr_out_self *self, mr_error *error)
{
    const mr_fold *fold = self->app->fold;
    size_t size = self->app->dense_count * fold->size;
    self->out.dense = mr_memory_allocate(size, "dense results", error);
    if (!self->out.dense)
        return MR_NO_MEMORY;
    self->out.dense_count = self->app->dense_count;
    mr_fold_fill(fold, self->out.dense, self->app->dense_count);
    return MR_OK;
}

mr_status mr_out_create(mr_out_self **result, const mr_app *app, mr_store *store, uint64_t cache,
                        int thread, mr_error *error)
{
    mr_out_self *self = *result = calloc(1, sizeof *self);
    size_t value = mr_fold_room(app->fold);
    unsigned char *identity = calloc(1, value + 8);
    void *local = calloc(1, app->local_size + 1);
    if (!self || !identity || !local) {
        free(self);
        free(identity);
        free(local);
        *result = NULL;
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting a thread");
    }
    self->app = app;
    self->store = store;
    self->thread = thread;
    self->value = value;
    self->identity = identity;
    self->local = local;
    mr_fold_fill(app->fold, identity, 1);
    self->out.fold = app->fold;
    self->out.plain_sum = app->fold->flags & MR_FOLD_PLAIN_SUM;
    self->out.self = self;
    if (app->key == MR_KEY_DENSE)
        return create_dense(self, error);
    return create_table(self, cache, error);
}

static void free_table(mr_out_self *self)
{
    mr_out *out = &self->out;
    if (out->dense)
        mr_memory_free(out->dense, out->dense_count * self->app->fold->size);
    if (out->slots)
        mr_memory_free(out->slots, (out->mask + 1) * out->slot_size);
    mr_memory_free(self->names, (out->mask + 1) * sizeof *self->names);
    mr_memory_free(self->order, (out->mask + 1) * sizeof *self->order);
    mr_memory_free(self->hashes, (out->mask + 1) * sizeof *self->hashes);
    mr_memory_free(self->keys, self->keys_capacity);
    mr_memory_free(self->text, self->text_capacity);
}

void mr_out_destroy(mr_out_self **self)
{
    if (!*self)
        return;
    free_table(*self);
    mr_table_free_large(*self);
    free((*self)->identity);
    free((*self)->local);
    free(*self);
    *self = NULL;
}

static const mr_slot *slot_at(const mr_out *out, uint64_t at)
{
    return (const mr_slot *)(const void *)(out->slots + at * out->slot_size);
}

/* The slots that are taken, and the hashes of their keys. */
static size_t list_slots(mr_out_self *self)
{
    size_t count = 0;
    for (uint64_t at = 0; at <= self->out.mask; at++) {
        const mr_slot *slot = slot_at(&self->out, at);
        if (!slot->tag)
            continue;
        uint64_t hash = slot->high;
        if (slot->tag <= MR_KEY_INLINE + 1)
            hash = mr_key_hash((mr_words){slot->low, slot->high}, slot->tag);
        self->names[count] = (uint32_t)at;
        self->hashes[count++] = hash;
    }
    return count;
}

static void list_entries(void *context, const uint32_t *names, size_t count, mr_entry *entries)
{
    const mr_out_self *self = context;
    for (size_t i = 0; i < count; i++) {
        const mr_slot *slot = slot_at(&self->out, names[i]);
        bool is_inline = slot->tag <= MR_KEY_INLINE + 1;
        uint64_t hash = slot->high;
        if (is_inline)
            hash = mr_key_hash((mr_words){slot->low, slot->high}, slot->tag);
        entries[i] = (mr_entry){
            .key = is_inline ? (const void *)&slot->low : (const void *)(uintptr_t)slot->low,
            .value = slot + 1,
            .size = (uint32_t)(slot->tag - 1),
            .check = (uint32_t)hash,
        };
    }
}

mr_status mr_out_flush(mr_out_self *self)
{
    mr_out *out = &self->out;
    if (!out->slots || self->used == 0)
        return self->error.code;
    mr_many many = {
        .list = list_entries,
        .context = self,
        .names = self->names,
        .hashes = self->hashes,
        .order = self->order,
        .count = list_slots(self),
        .turn = (unsigned)self->thread * 7 + (unsigned)self->flushes++,
    };
    mr_status status = mr_store_fold_many(self->store, &many, &self->error);
    memset(out->slots, 0, (out->mask + 1) * out->slot_size);
    self->used = 0;
    self->keys_used = 0;
    mr_table_free_large(self);
    return status;
}
