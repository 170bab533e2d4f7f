/* store/merge.c: merging sorted runs, a batch of pairs at a time. */
#include "store/merge.h"
#include "base/memory.h"

static bool comes_first(const void *context, mr_loser a, mr_loser b)
{
    const mr_merge *merge = context;
    const mr_pair_ref *x = merge->cursors[a.source].at, *y = merge->cursors[b.source].at;
    if (!x || !y)
        return x != NULL;
    int order = mr_pair_compare(merge->order, *x, *y);
    return order ? order < 0 : a.source < b.source;
}

/* How many pairs of the frame are left, as far as anybody asks. */
static size_t pairs_ahead(const mr_pair_layout *layout, const mr_source *source)
{
    size_t count = 0;
    mr_pair unused;
    if (layout->stride) {
        count = (size_t)(source->end - source->at) / layout->stride;
        return count < MR_MERGE_AHEAD ? count : MR_MERGE_AHEAD;
    }
    for (const unsigned char *at = source->at; at < source->end && count < MR_MERGE_AHEAD; count++)
        at = mr_pair_read(layout, at, &unused);
    return count;
}

/* Refs of the next pairs of a source's frame; false when there are no more. */
static bool look_ahead(mr_merge *merge, size_t which)
{
    mr_source *source = &merge->sources[which];
    size_t count = pairs_ahead(&merge->order->layout, source);
    source->at = mr_pair_refs(merge->order, source->at, count, source->refs);
    merge->cursors[which] = (mr_cursor){source->refs, source->refs + count};
    return count > 0;
}

/* The source's next frame. The prefix of one that has no more is the highest there is. */
static mr_status load(mr_merge *merge, size_t which, uint64_t *prefix, mr_error *error)
{
    mr_source *source = &merge->sources[which];
    size_t size = 0;
    MR_TRY(mr_spill_reader_next(&source->reader, &source->at, &size, error));
    if (source->at) {
        source->end = source->at + size;
        look_ahead(merge, which);
        *prefix = source->refs[0].prefix;
        return MR_OK;
    }
    mr_spill_reader_end(&source->reader);
    merge->cursors[which] = (mr_cursor){NULL, NULL};
    merge->live--;
    *prefix = UINT64_MAX;
    return MR_OK;
}

static size_t size_of(size_t count)
{
    return count * (sizeof(mr_source) + sizeof(mr_cursor) + sizeof(mr_loser));
}

size_t mr_merge_least(size_t frame)
{
    return size_of(1) + frame + mr_spill_reader_least(frame) + sizeof(uint64_t);
}

static mr_status take_memory(mr_merge *merge, size_t count, mr_error *error)
{
    merge->sources = mr_memory_allocate(size_of(count), "merging sorted runs", error);
    if (!merge->sources)
        return MR_NO_MEMORY;
    merge->cursors = (mr_cursor *)(merge->sources + count);
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
                         const mr_run *runs, size_t count, size_t chunk, bool consume,
                         mr_error *error)
{
    *merge = (mr_merge){.order = order};
    if (count == 0)
        return MR_OK;
    MR_TRY(take_memory(merge, count, error));
    for (size_t i = 0; i < count; i++) {
        mr_spill_reader *reader = &merge->sources[i].reader;
        mr_spill_reader_start(reader, spill, runs[i].extent);
        reader->chunk = chunk;
        reader->consume = consume;
        reader->columns = &merge->columns;
    }
    size_t size = count * sizeof(uint64_t);
    uint64_t *prefixes = mr_memory_allocate(size, "merging sorted runs", error);
    mr_status status = prefixes ? begin(merge, prefixes, error) : MR_NO_MEMORY;
    mr_memory_free(prefixes, size);
    return status;
}

/* Merges until the batch is full or a frame is used up: its pairs have to stay where they are. */
static size_t merge_batch(mr_merge *merge, mr_loser first)
{
    size_t n = 0;
    while (n < MR_MERGE_BATCH) {
        mr_cursor *cursor = &merge->cursors[first.source];
        merge->pairs[n++] = cursor->at++->pair;
        if (__builtin_expect(cursor->at == cursor->end, 0) && !look_ahead(merge, first.source)) {
            merge->used_up = true;
            break;
        }
        first.prefix = cursor->at->prefix;
        first = mr_losers_replay(&merge->losers, first, comes_first, merge);
    }
    merge->first = first;
    return n;
}

mr_status mr_merge_more(mr_merge *merge, const unsigned char *const **pairs, size_t *count,
                        mr_error *error)
{
    mr_loser first = merge->first;
    *pairs = merge->pairs;
    *count = 0;
    if (merge->used_up) {
        MR_TRY(load(merge, first.source, &first.prefix, error));
        first = mr_losers_replay(&merge->losers, first, comes_first, merge);
        merge->used_up = false;
    }
    if (merge->live)
        *count = merge_batch(merge, first);
    return MR_OK;
}

void mr_merge_end(mr_merge *merge)
{
    for (size_t i = 0; i < merge->count; i++)
        mr_spill_reader_end(&merge->sources[i].reader);
    mr_spill_room_free(&merge->columns);
    mr_memory_free(merge->sources, size_of(merge->count));
    *merge = (mr_merge){0};
}
