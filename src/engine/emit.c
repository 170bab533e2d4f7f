/*
 * engine/emit.c: what kernels call and what mapred/out.h does not do inline: new keys, long keys,
 * values that are not plain sums, bytes, lines, counters, errors.
 */
#include "base/memory.h"
#include "engine/table.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static mr_out_self *self_of(const mr_out *out)
{
    return out->self;
}

/* A fresh slot, in a table that is there. */
static mr_slot *add_slot(mr_out *out, uint64_t hash)
{
    mr_out_self *self = self_of(out);
    if (mr_table_is_there(self))
        return mr_table_add(self, hash);
    const char *instead = out->fold ? "its keys are dense: use mr_out_dense_add_..."
                                    : "nothing is folded here: use mr_out_pair";
    mr_error_set(&self->error, MR_BAD_PLUGIN, "wrong call in kernel: %s: %s", self->app->name,
                 instead);
    return NULL;
}

void *mr_out_insert(mr_out *out, mr_words key)
{
    mr_slot *slot = add_slot(out, mr_key_hash(key));
    if (!slot)
        return NULL;
    slot->key = key;
    return slot + 1;
}

static bool is_key(const mr_slot *slot, mr_bytes key, uint64_t hash)
{
    if (slot->key.low != hash || !mr_slot_is_long(slot))
        return false;
    const mr_long_key *kept = mr_slot_long_key(slot);
    return kept->size == key.size && memcmp(kept->bytes, key.data, key.size) == 0;
}

/* Puts a long key into a fresh slot. */
static void *fill_long(mr_out_self *self, mr_slot *slot, mr_bytes key, uint64_t hash)
{
    mr_long_key *kept = (void *)mr_table_room(self, slot, sizeof *kept + key.size);
    if (!kept)
        return NULL;
    kept->size = key.size;
    memcpy(kept->bytes, key.data, key.size);
    slot->key.low = hash;
    slot->key.high = (uint64_t)MR_KEY_LONG << MR_KEY_SHIFT | (uint64_t)(uintptr_t)kept;
    return slot + 1;
}

void *mr_out_slot_long(mr_out *out, mr_bytes key)
{
    mr_out_self *self = self_of(out);
    if (key.size >= MR_KEY_LONGEST) {
        mr_out_fail(out, MR_FAILED, "key too long: %zu bytes, and 1 GiB is the most", key.size);
        return NULL;
    }
    uint64_t hash = mr_key_hash_bytes(key);
    for (uint64_t at = mr_out_place(out, hash);; at = mr_table_next(out, at)) {
        mr_slot *slot = mr_table_slot(out, at);
        if (slot->key.high == 0)
            break;
        if (is_key(slot, key, hash)) {
            return slot + 1;
        }
    }
    mr_slot *slot = add_slot(out, hash);
    return slot ? fill_long(self, slot, key, hash) : NULL;
}

mr_status mr_out_status(const mr_out *out)
{
    return self_of(out)->error.code;
}

static mr_status wrong_value(mr_out *out, const char *what)
{
    return mr_error_set(&self_of(out)->error, MR_BAD_PLUGIN,
                        "wrong call in kernel: %s: the fold '%s' takes no %s: declare another fold",
                        self_of(out)->app->name, out->fold ? out->fold->name : "none", what);
}

mr_status mr_out_fold_i64(mr_out *out, void *accumulator, int64_t value)
{
    if (!out->fold->add_i64)
        return wrong_value(out, "int64_t");
    out->fold->add_i64(out->fold, accumulator, value);
    return MR_OK;
}

mr_status mr_out_fold_f64(mr_out *out, void *accumulator, double value)
{
    if (!out->fold->add_f64)
        return wrong_value(out, "double");
    out->fold->add_f64(out->fold, accumulator, value);
    return MR_OK;
}

mr_status mr_out_dense_range(mr_out *out, uint64_t index)
{
    return mr_out_fail(out, MR_FAILED, "dense key out of range: %llu of %llu",
                       (unsigned long long)index, (unsigned long long)out->dense_count);
}

mr_status mr_out_add_bytes(mr_out *out, mr_bytes key, mr_bytes value)
{
    mr_out_self *self = self_of(out);
    if (!out->fold || !(out->fold->flags & MR_FOLD_FIRST) || out->fold == MR_TEXT)
        return wrong_value(out, "bytes");
    mr_first *first = mr_out_slot(out, key);
    if (!first)
        return self->error.code;
    const mr_block *block = out->block;
    mr_first offer = {block->file_index, mr_block_offset_of(block, block->record), value.data,
                      value.size};
    const char *before = first->data;
    out->fold->merge(out->fold, first, &offer);
    if (first->data == before)
        return MR_OK;
    char *copy = mr_table_room(self, first, value.size);
    first->data = copy;
    if (copy && value.size)
        memcpy(copy, value.data, value.size);
    return copy ? MR_OK : self->error.code;
}

static mr_status reserve_text(mr_out_self *self, size_t size)
{
    if (size <= self->text_capacity)
        return MR_OK;
    size_t capacity = size + size / 2 + 4096;
    char *text = mr_memory_resize(self->text, self->text_capacity, capacity, "lines of a block",
                                  &self->error);
    if (!text)
        return MR_NO_MEMORY;
    self->text = text;
    self->text_capacity = capacity;
    return MR_OK;
}

mr_status mr_out_add_line(mr_out *out, mr_bytes line)
{
    mr_out_self *self = self_of(out);
    if (out->fold != MR_TEXT)
        return wrong_value(out, "line");
    MR_TRY(reserve_text(self, self->text_used + line.size + 1));
    if (line.size)
        memcpy(self->text + self->text_used, line.data, line.size);
    self->text_used += line.size;
    self->text[self->text_used++] = '\n';
    return MR_OK;
}

void mr_out_begin_block(mr_out_self *self, const mr_block *block)
{
    self->out.block = block;
    self->last_record = NULL;
    if (self->places && block && self->plan)
        self->block_place = mr_plan_place(self->plan, block->file_index);
}

/* A number as bytes in whose order numbers stand. */
static void put_ordered(unsigned char *bytes, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        bytes[i] = (unsigned char)number;
}

mr_status mr_out_end_block(mr_out_self *self)
{
    if (self->text_used == 0 || self->error.code != MR_OK)
        return self->error.code;
    const mr_block *block = self->out.block;
    unsigned char key[16];
    put_ordered(key, block->file_index);
    put_ordered(key + 8, block->offset);
    mr_first lines = {block->file_index, block->offset, self->text, self->text_used};
    mr_entry entry = {.key = key, .value = &lines, .size = sizeof key};
    mr_partition *partition =
        &self->store->partitions[(unsigned)self->thread & (self->store->count - 1)];
    while (!mr_partition_claim(partition))
        sched_yield();
    mr_status status = mr_store_append(self->store, partition, &entry, &self->error);
    mr_partition_release(partition);
    self->text_used = 0;
    return status;
}

void *mr_out_state(const mr_out *out)
{
    return self_of(out)->state;
}

void *mr_out_local(const mr_out *out)
{
    return self_of(out)->local;
}

void mr_counter_add(mr_out_counter *counters, int *count, const char *name, int64_t value)
{
    int at = 0;
    while (at < *count && strcmp(counters[at].name, name) != 0)
        at++;
    if (at == MR_OUT_COUNTERS)
        return;
    if (at == *count)
        counters[(*count)++] = (mr_out_counter){name, 0};
    counters[at].value += value;
}

void mr_out_count(mr_out *out, const char *counter, int64_t value)
{
    mr_out_self *self = self_of(out);
    mr_counter_add(self->counters, &self->counter_count, counter, value);
}

mr_status mr_out_bad(mr_out *out, const char *format, ...)
{
    mr_out_self *self = self_of(out);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->reason, sizeof self->reason, format, arguments);
    va_end(arguments);
    return MR_BAD_RECORD;
}

mr_status mr_out_fail(mr_out *out, mr_status status, const char *format, ...)
{
    mr_out_self *self = self_of(out);
    const mr_block *block = out->block;
    char text[MR_ERROR_TEXT / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!block || !block->data)
        return mr_error_set(&self->error, status, "%s", text);
    bool is_row = block->grid && !block->grid->places;
    return mr_error_set(&self->error, status, "%s: %s at %s %llu", text, block->file,
                        is_row ? "row" : "byte",
                        (unsigned long long)mr_block_offset_of(block, block->record));
}
