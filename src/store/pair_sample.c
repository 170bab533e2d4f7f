/* store/pair_sample.c: samples of pairs that never grow beyond a bound. */
#include "store/pair_cuts.h"

#include "base/memory.h"

#include <stdlib.h>

/* Keys and values are cut to this: what differs only behind it cannot be divided. The user's own
 * function gets whole ones. */
#define LONGEST ((size_t)16 << 10)

/* Bytes a pair, on average, and for all of them at least: with longer ones, a sample has fewer. */
#define PAIR_BYTES  256
#define LEAST_BYTES ((size_t)256 << 10)

void mr_pair_sample_start(mr_pair_sample *sample, const mr_pair_order *order, size_t most)
{
    bool compare = order->by == MR_BY_COMPARE, ties = order->ties != MR_TIES_NONE;
    *sample = (mr_pair_sample){.layout = order->layout, .most = most, .stride = 1};
    sample->keys = compare || order->by == MR_BY_KEY || order->ties == MR_TIES_KEY_VALUE ||
                   order->ties == MR_TIES_KEY_PLACE;
    sample->values = compare || order->by == MR_BY_VALUE || ties;
    sample->longest = compare ? SIZE_MAX : LONGEST;
    sample->random = 1;
}

void mr_pair_sample_free(mr_pair_sample *sample)
{
    mr_memory_free(sample->bytes, sample->capacity);
    *sample = (mr_pair_sample){0};
}

void mr_pair_sample_trim(mr_pair_sample *sample)
{
    mr_error none = {0};
    void *bytes = sample->size ? mr_memory_resize(sample->bytes, sample->capacity, sample->size,
                                                  "a sample of pairs", &none)
                               : NULL;
    if (!bytes)
        return;
    sample->bytes = bytes;
    sample->capacity = sample->size;
}

/* A number below `limit`, a power of two: the high bits of a series that is the same in every
 * run. */
static uint64_t chance(mr_pair_sample *sample, uint64_t limit)
{
    sample->random = sample->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (sample->random >> 32) & (limit - 1);
}

static size_t stored_size(const unsigned char *pair)
{
    const mr_pair_layout layout = mr_pair_sample_layout();
    mr_pair read;
    return (size_t)(mr_pair_read(&layout, pair, &read) - pair);
}

static bool is_full(const mr_pair_sample *sample)
{
    size_t bytes = sample->most * PAIR_BYTES;
    if (bytes < LEAST_BYTES)
        bytes = LEAST_BYTES;
    return sample->count > sample->most || (sample->size > bytes && sample->count > 1);
}

/* Keeps one of each two. */
static void thin(mr_pair_sample *sample)
{
    size_t size = 0, count = 0, at = 0, keep = 0;
    for (size_t i = 0; i < sample->count; i++) {
        size_t here = stored_size(sample->bytes + at);
        if (i % 2 == 0)
            keep = i + chance(sample, 2);
        if (i == keep) {
            memmove(sample->bytes + size, sample->bytes + at, here);
            size += here;
            count++;
        }
        at += here;
    }
    sample->size = size;
    sample->count = count;
    sample->stride *= 2;
}

static mr_status make_room(mr_pair_sample *sample, size_t more, mr_error *error)
{
    size_t need = sample->size + more, capacity = 2 * need;
    if (need <= sample->capacity)
        return MR_OK;
    void *bytes =
        mr_memory_resize(sample->bytes, sample->capacity, capacity, "a sample of pairs", error);
    if (!bytes)
        return MR_NO_MEMORY;
    sample->bytes = bytes;
    sample->capacity = capacity;
    return MR_OK;
}

static mr_bytes beginning(const mr_pair_sample *sample, bool wanted, mr_bytes bytes)
{
    if (!wanted)
        return (mr_bytes){NULL, 0};
    return (mr_bytes){bytes.data, bytes.size < sample->longest ? bytes.size : sample->longest};
}

mr_status mr_pair_sample_take(mr_pair_sample *sample, const unsigned char *pair, mr_error *error)
{
    const mr_pair_layout layout = mr_pair_sample_layout();
    mr_placed placed = mr_placed_read(&sample->layout, pair);
    mr_bytes key = beginning(sample, sample->keys, placed.pair.key);
    mr_bytes value = beginning(sample, sample->values, placed.pair.value);
    size_t size = mr_pair_size(&layout, key, value);
    MR_TRY(make_room(sample, size, error));
    mr_pair_put(&layout, sample->bytes + sample->size, key, value, placed.place);
    sample->size += size;
    sample->count++;
    while (is_full(sample))
        thin(sample);
    sample->skip = chance(sample, sample->stride);
    uint64_t rest = sample->stride - 1 - sample->skip;
    sample->skip += sample->rest;
    sample->rest = rest;
    return MR_OK;
}

mr_status mr_pair_sample_merge(mr_pair_sample *sample, const mr_pair_sample *other, mr_error *error)
{
    MR_TRY(make_room(sample, other->size, error));
    while (sample->stride < other->stride)
        thin(sample);
    uint64_t ratio = sample->stride / other->stride, keep = 0;
    size_t at = 0;
    for (uint64_t i = 0; i < other->count; i++) {
        size_t here = stored_size(other->bytes + at);
        if (i % ratio == 0)
            keep = i + chance(sample, ratio);
        if (i == keep) {
            memcpy(sample->bytes + sample->size, other->bytes + at, here);
            sample->size += here;
            sample->count++;
        }
        at += here;
    }
    while (is_full(sample))
        thin(sample);
    return MR_OK;
}

/* What bytes for another rank begin with. */
typedef struct head {
    uint64_t size, count, most, stride;
} head;

mr_status mr_pair_sample_pack(const mr_pair_sample *sample, void **bytes, size_t *size,
                              mr_error *error)
{
    const head begin = {sample->size, sample->count, sample->most, sample->stride};
    unsigned char *packed = malloc(sizeof begin + sample->size);
    if (!packed)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a sample of %zu pairs",
                            sample->count);
    memcpy(packed, &begin, sizeof begin);
    if (sample->size)
        memcpy(packed + sizeof begin, sample->bytes, sample->size);
    *bytes = packed;
    *size = sizeof begin + sample->size;
    return MR_OK;
}

mr_status mr_pair_sample_unpack(mr_pair_sample *sample, const void *bytes, size_t size,
                                mr_error *error)
{
    head begin = {0};
    *sample = (mr_pair_sample){.stride = 1};
    if (size >= sizeof begin)
        memcpy(&begin, bytes, sizeof begin);
    if (size < sizeof begin || size - sizeof begin != begin.size)
        return mr_error_set(error, MR_FAILED, "a sample of pairs came in %zu bytes: it is cut off",
                            size);
    MR_TRY(make_room(sample, begin.size, error));
    if (begin.size)
        memcpy(sample->bytes, (const unsigned char *)bytes + sizeof begin, begin.size);
    sample->size = begin.size;
    sample->count = begin.count;
    sample->most = begin.most;
    sample->stride = begin.stride;
    return MR_OK;
}
