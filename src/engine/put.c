/*
 * engine/put.c: what kernels call to put pairs into a set, and the places that pairs of an ordered
 * set get: where in all the input their record begins, and the how-manyth of that record they are.
 */
#include "engine/emitter.h"
#include "engine/out.h"

static mr_out_self *self_of(const mr_out *out)
{
    return out->self;
}

void *mr_out_context(const mr_out *out)
{
    return self_of(out)->context;
}

void mr_out_at(mr_out *out, uint64_t place)
{
    self_of(out)->group_place = place;
}

/* Room for so many pairs a byte of a record; the last of more share a place. */
#define TURN_BITS 10

static uint64_t place_in_input(mr_out_self *self)
{
    const mr_block *block = self->out.block;
    if (block->record != self->last_record) {
        self->last_record = block->record;
        self->turn = 0;
    }
    uint64_t place = self->block_place + mr_block_offset_of(block, block->record);
    uint64_t most = (uint64_t)(block->at - block->record + 1) << TURN_BITS;
    uint64_t turn = self->turn < most ? self->turn++ : most - 1;
    return (place << TURN_BITS) + turn;
}

static uint64_t place_of(mr_out_self *self)
{
    if (!self->places)
        return 0;
    if (self->pairs)
        return mr_pair_place(self->pairs->layout, self->pairs->pair);
    if (self->plan && self->out.block)
        return place_in_input(self);
    /* What a kernel puts for a key stands in the order in which it was put. */
    return self->group.data ? self->group_place++ : self->group_place;
}

static mr_status wrong_size(mr_out *out, const char *what, size_t size, size_t right)
{
    return mr_out_fail(out, MR_BAD_PLUGIN, "wrong pair: a %s of %zu bytes in a set of %zu", what,
                       size, right);
}

static mr_status check(mr_out *out, mr_bytes key, mr_bytes value)
{
    const mr_out_self *self = self_of(out);
    if (!self->emitter)
        return mr_out_fail(out, MR_BAD_PLUGIN, "wrong call in kernel: no set is being made here");
    if (self->key_size && key.size != self->key_size)
        return wrong_size(out, "key", key.size, self->key_size);
    if (self->value_fixed && value.size != self->value_size)
        return wrong_size(out, "value", value.size, self->value_size);
    if (key.size >= MR_KEY_LONGEST || value.size >= MR_KEY_LONGEST - key.size)
        return mr_out_fail(out, MR_FAILED, "pair too long: %zu bytes, and 1 GiB is the most",
                           key.size + value.size);
    if (self->same_keys && !mr_bytes_equal(key, self->group))
        return mr_out_fail(out, MR_BAD_PLUGIN,
                           "wrong pair: another key than the kernel was called with, in a set "
                           "made with same_keys");
    return MR_OK;
}

mr_status mr_out_pair(mr_out *out, mr_bytes key, mr_bytes value)
{
    mr_out_self *self = self_of(out);
    MR_TRY(check(out, key, value));
    if (self->same_keys)
        return mr_emit_here(self->emitter, self->pile, key, value, place_of(self), &self->error);
    return mr_emit(self->emitter, key, value, place_of(self), &self->error);
}
