/* sets/groups.c: where one key ends and the next begins. */
#include "sets/groups.h"

void mr_groups_start(mr_groups *groups, const mr_pair_order *order, size_t memory,
                     const char *scratch)
{
    *groups = (mr_groups){.done = true};
    mr_sorted_start(&groups->sorted, order, memory, scratch);
}

void mr_groups_free(mr_groups *groups)
{
    mr_sorted_free(&groups->sorted);
    mr_memory_free(groups->copy, groups->copy_capacity);
    groups->copy = NULL;
    groups->copy_capacity = 0;
}

void mr_groups_close(mr_groups *groups)
{
    mr_sorted_close(&groups->sorted);
    groups->done = true;
    groups->key = (mr_bytes){NULL, 0};
}

mr_status mr_groups_open(mr_groups *groups, mr_piles *piles, uint32_t pile, bool consume,
                         mr_error *error)
{
    mr_sorted *sorted = &groups->sorted;
    groups->error = error;
    groups->status = MR_OK;
    groups->key = (mr_bytes){NULL, 0};
    groups->done = groups->pending = groups->started = false;
    MR_TRY(mr_sorted_open(sorted, piles, pile, consume, error));
    groups->values = (mr_values){.layout = &sorted->order.layout, .self = groups};
    groups->values.at = groups->values.end = sorted->refs;
    return MR_OK;
}

/* Whether prefixes alone tell keys apart: see mr_pair_sort. */
static bool by_prefix(const mr_sorted *sorted)
{
    const mr_pair_order *order = &sorted->order;
    return order->layout.stride && order->layout.key_size == 8 && order->ties == MR_TIES_NONE &&
           !order->descending;
}

#define AHEAD 24 /* pairs that are asked for before they are looked at */

/* The pairs behind a group: their keys or values are looked at next. */
static void ask_ahead(const mr_pair_ref *from, const mr_pair_ref *to, const mr_pair_ref *end)
{
    if (end - from <= AHEAD)
        return;
    if (end - to < AHEAD)
        to = end - AHEAD;
    for (; from < to; from++)
        __builtin_prefetch(from[AHEAD].pair);
}

/* In memory: the group is from where the last one ended up to the first pair of another key. */
static void next_in_memory(mr_groups *groups)
{
    const mr_sorted *sorted = &groups->sorted;
    const mr_pair_layout *layout = &sorted->order.layout;
    const mr_pair_ref *end = sorted->refs + sorted->count;
    const mr_pair_ref *first = groups->started ? groups->values.end : sorted->refs, *last;
    groups->started = true;
    groups->one = first < end ? *first : (mr_pair_ref){0, NULL};
    if (first >= end) {
        groups->done = true;
        groups->key = (mr_bytes){NULL, 0};
        return;
    }
    groups->key = mr_pair_key(layout, first->pair);
    last = first + 1;
    if (by_prefix(sorted))
        while (last < end && last->prefix == first->prefix)
            last++;
    else
        while (last < end && mr_bytes_equal(mr_pair_key(layout, last->pair), groups->key))
            last++;
    ask_ahead(first, last, end);
    groups->values.at = first;
    groups->values.end = last;
}

static mr_status copy_key(mr_groups *groups, mr_bytes key)
{
    if (key.size + 1 > groups->copy_capacity) {
        size_t capacity = key.size * 2 + 64;
        char *copy = mr_memory_resize(groups->copy, groups->copy_capacity, capacity, "a long key",
                                      groups->error);
        if (!copy)
            return MR_NO_MEMORY;
        groups->copy = copy;
        groups->copy_capacity = capacity;
    }
    if (key.size)
        memcpy(groups->copy, key.data, key.size);
    groups->key = (mr_bytes){groups->copy, key.size};
    return MR_OK;
}

/* From disk: the next pair, into `one`. */
static mr_status fetch(mr_groups *groups)
{
    groups->one.pair = NULL;
    return mr_sorted_next(&groups->sorted, &groups->one.pair, groups->error);
}

static mr_status next_from_disk(mr_groups *groups)
{
    mr_bytes value;
    while (groups->started && mr_values_next(&groups->values, &value))
        ;
    MR_TRY(groups->status);
    if (!groups->started)
        MR_TRY(fetch(groups));
    groups->started = true;
    if (!groups->one.pair) {
        groups->done = true;
        groups->key = (mr_bytes){NULL, 0};
        return MR_OK;
    }
    groups->values.at = &groups->one;
    groups->values.end = &groups->one + 1;
    return copy_key(groups, mr_pair_key(&groups->sorted.order.layout, groups->one.pair));
}

bool mr_values_more(mr_values *values)
{
    mr_groups *groups = values->self;
    if (!groups) /* a side of a cogroup that has none */
        return false;
    if (mr_sorted_in_memory(&groups->sorted) || groups->done || groups->status != MR_OK)
        return false;
    if (!groups->one.pair)
        return false;
    if (values->end == &groups->one) /* the next key's first pair has been seen already */
        return false;
    groups->status = fetch(groups);
    if (groups->status != MR_OK || !groups->one.pair)
        return false;
    if (!mr_bytes_equal(mr_pair_key(values->layout, groups->one.pair), groups->key)) {
        values->at = values->end = &groups->one;
        return false;
    }
    values->at = &groups->one;
    values->end = &groups->one + 1;
    return true;
}

mr_status mr_groups_next(mr_groups *groups)
{
    if (groups->done)
        return MR_OK;
    if (mr_sorted_in_memory(&groups->sorted)) {
        next_in_memory(groups);
        return MR_OK;
    }
    return next_from_disk(groups);
}

uint64_t mr_groups_place(const mr_groups *groups)
{
    return groups->one.pair ? mr_pair_place(&groups->sorted.order.layout, groups->one.pair) : 0;
}
