/* store/merge.c: merging sorted extents, a batch of pairs at a time. */
#include "store/merge.h"
#include "base/memory.h"

static bool comes_first(const void *context, mr_loser a, mr_loser b)
{
    const mr_merge *merge = context;
    const unsigned char *x = merge->cursors[a.source].pair, *y = merge->cursors[b.source].pair;
    if (!x || !y)
        return x != NULL;
    int order =
        mr_pair_compare(merge->order, (mr_pair_ref){a.prefix, x}, (mr_pair_ref){b.prefix, y});
    return order ? order < 0 : a.source < b.source;
}

/* The source's next frame. The prefix of one that has no more is the highest there is. */
static mr_status load(mr_merge *merge, size_t source, uint64_t *prefix, mr_error *error)
{
    mr_cursor *cursor = &merge->cursors[source];
    size_t size = 0;
    MR_TRY(mr_spill_reader_next(&merge->readers[source], &cursor->pair, &size, error));
    *prefix = UINT64_MAX;
    if (cursor->pair) {
        cursor->end = cursor->pair + size;
        *prefix = mr_pair_prefix(merge->order, cursor->pair);
    } else {
        mr_spill_reader_end(&merge->readers[source]);
        merge->live--;
    }
    return MR_OK;
}

static size_t size_of(size_t count)
{
    return count * (sizeof(mr_cursor) + sizeof(mr_spill_reader) + sizeof(mr_loser));
}

size_t mr_merge_least(size_t frame)
{
    return size_of(1) + frame + mr_spill_reader_least(frame) + sizeof(uint64_t);
}

static mr_status take_memory(mr_merge *merge, size_t count, mr_error *error)
{
    merge->readers = mr_memory_allocate(size_of(count), "merging sorted runs", error);
    if (!merge->readers)
        return MR_NO_MEMORY;
    merge->cursors = (mr_cursor *)(merge->readers + count);
    merge->losers = (mr_losers){(mr_loser *)(merge->cursors + count), count};
    merge->count = merge->live = count;
    return MR_OK;
}

static mr_status begin(mr_merge *merge, uint64_t *prefixes, mr_error *error)
{
    for (size_t i = 0; i < merge->count; i++)
        MR_TRY(load(merge, i, &prefixes[i], error));
    merge->first = mr_losers_play(&merge->losers, 1, prefixes, comes_first, merge);
    return MR_OK;
}

mr_status mr_merge_start(mr_merge *merge, const mr_pair_order *order, mr_spill *spill,
                         const mr_extent *extents, size_t count, size_t chunk, bool consume,
                         mr_error *error)
{
    *merge = (mr_merge){.order = order};
    if (count == 0)
        return MR_OK;
    MR_TRY(take_memory(merge, count, error));
    for (size_t i = 0; i < count; i++) {
        mr_spill_reader_start(&merge->readers[i], spill, extents[i]);
        merge->readers[i].chunk = chunk;
        merge->readers[i].consume = consume;
    }
    size_t size = count * sizeof(uint64_t);
    uint64_t *prefixes = mr_memory_allocate(size, "merging sorted runs", error);
    mr_status status = prefixes ? begin(merge, prefixes, error) : MR_NO_MEMORY;
    mr_memory_free(prefixes, size);
    return status;
}

static const unsigned char *pair_behind(const mr_pair_layout *layout, const unsigned char *pair)
{
    mr_pair unused;
    return layout->stride ? pair + layout->stride : mr_pair_read(layout, pair, &unused);
}

mr_status mr_merge_more(mr_merge *merge, const unsigned char *const **pairs, size_t *count,
                        mr_error *error)
{
    size_t n = 0;
    mr_loser first = merge->first;
    *pairs = merge->pairs;
    *count = 0;
    if (merge->used_up) {
        MR_TRY(load(merge, first.source, &first.prefix, error));
        first = mr_losers_replay(&merge->losers, first, comes_first, merge);
        merge->used_up = false;
    }
    while (merge->live && n < MR_MERGE_BATCH) {
        mr_cursor *cursor = &merge->cursors[first.source];
        merge->pairs[n++] = cursor->pair;
        cursor->pair = pair_behind(&merge->order->layout, cursor->pair);
        merge->used_up = cursor->pair == cursor->end;
        if (merge->used_up)
            break;
        first.prefix = mr_pair_prefix(merge->order, cursor->pair);
        first = mr_losers_replay(&merge->losers, first, comes_first, merge);
    }
    merge->first = first;
    *count = n;
    return MR_OK;
}

void mr_merge_end(mr_merge *merge)
{
    for (size_t i = 0; i < merge->count; i++)
        mr_spill_reader_end(&merge->readers[i]);
    mr_memory_free(merge->readers, size_of(merge->count));
    *merge = (mr_merge){0};
}
