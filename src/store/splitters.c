/* store/splitters.c: samples, and the ranges made from them. */
#include "store/splitters.h"

#include "base/memory.h"

#include <stdlib.h>

typedef struct cut {
    uint64_t prefix;
    mr_bytes key;
} cut;

static mr_status put(mr_sample *sample, uint64_t prefix, mr_bytes key, mr_error *error)
{
    uint32_t size = key.size < MR_SAMPLE_KEY ? (uint32_t)key.size : MR_SAMPLE_KEY;
    size_t need = sample->size + sizeof prefix + sizeof size + size;
    if (need > sample->capacity) {
        size_t capacity = need * 2;
        void *bytes =
            mr_memory_resize(sample->bytes, sample->capacity, capacity, "a sample of keys", error);
        if (!bytes)
            return MR_NO_MEMORY;
        sample->bytes = bytes;
        sample->capacity = capacity;
    }
    unsigned char *at = sample->bytes + sample->size;
    memcpy(at, &prefix, sizeof prefix);
    memcpy(at + sizeof prefix, &size, sizeof size);
    if (size)
        memcpy(at + sizeof prefix + sizeof size, key.data, size);
    sample->size = need;
    sample->count++;
    return MR_OK;
}

void mr_sample_free(mr_sample *sample)
{
    mr_memory_free(sample->bytes, sample->capacity);
    *sample = (mr_sample){0};
}

mr_status mr_sample_take(mr_sample *sample, const mr_store *store, const mr_order *order,
                         size_t most, mr_error *error)
{
    uint64_t keys = mr_store_keys(store), step = keys / most + 1, turn = step / 2;
    for (unsigned p = 0; p < store->count; p++) {
        const mr_partition *partition = &store->partitions[p];
        for (size_t at = 0; at < partition->used;) {
            const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
            if (turn++ % step == 0)
                MR_TRY(put(sample, mr_order_prefix(order, record), mr_record_key_bytes(record),
                           error));
            at += mr_record_size(record, store->value);
        }
    }
    return MR_OK;
}

/* The next of samples written one after the other; false at the end or where they are cut off. */
static bool next_cut(const unsigned char **at, const unsigned char *end, cut *out)
{
    uint32_t size;
    if ((size_t)(end - *at) < sizeof out->prefix + sizeof size)
        return false;
    memcpy(&out->prefix, *at, sizeof out->prefix);
    memcpy(&size, *at + sizeof out->prefix, sizeof size);
    *at += sizeof out->prefix + sizeof size;
    if ((size_t)(end - *at) < size)
        return false;
    out->key = (mr_bytes){(const char *)*at, size};
    *at += size;
    return true;
}

static mr_status read_cuts(const unsigned char *bytes, size_t size, cut **cuts, size_t *count,
                           mr_error *error)
{
    const unsigned char *at = bytes, *end = size ? bytes + size : bytes;
    cut one;
    *count = 0;
    while (next_cut(&at, end, &one))
        ++*count;
    *cuts = malloc((*count + 1) * sizeof **cuts);
    if (!*cuts)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: reading %zu samples", *count);
    at = bytes;
    for (size_t i = 0; i < *count; i++)
        next_cut(&at, end, &(*cuts)[i]);
    return MR_OK;
}

/* Ranges are cut by prefix, then by key; where the order has more between those two (values that
 * are bytes) or nothing after them, by prefix alone: a cut must never contradict the order. */
static int compare_cut(const mr_order *order, uint64_t prefix, mr_bytes key, const cut *other)
{
    if (prefix != other->prefix)
        return prefix < other->prefix ? -1 : 1;
    if (order->sort == MR_SORT_VALUE && (order->fold->flags & MR_FOLD_FIRST))
        return 0;
    int by_key = mr_bytes_compare(key, other->key);
    return order->reverse && order->sort != MR_SORT_VALUE ? -by_key : by_key;
}

static int compare_cuts(const void *a, const void *b, void *order)
{
    const cut *x = a;
    return compare_cut(order, x->prefix, x->key, b);
}

mr_status mr_sample_pick(const mr_order *order, const unsigned char *samples, size_t size,
                         size_t parts, mr_sample *picked, mr_error *error)
{
    cut *cuts;
    size_t count;
    MR_TRY(read_cuts(samples, size, &cuts, &count, error));
    qsort_r(cuts, count, sizeof *cuts, compare_cuts, (void *)(uintptr_t)order);
    mr_status status = MR_OK;
    for (size_t part = 1; part < parts && count > 0 && status == MR_OK; part++) {
        const cut *at = &cuts[(size_t)((double)count * (double)part / (double)parts)];
        status = put(picked, at->prefix, at->key, error);
    }
    free(cuts);
    return status;
}

mr_status mr_splitters_create(mr_splitters *splitters, const mr_order *order,
                              const unsigned char *bytes, size_t size, mr_error *error)
{
    cut *cuts;
    size_t count;
    *splitters = (mr_splitters){.order = order};
    MR_TRY(read_cuts(bytes, size, &cuts, &count, error));
    splitters->count = count;
    splitters->memory = malloc(size + 1);
    splitters->prefixes = malloc((count + 1) * sizeof *splitters->prefixes);
    splitters->keys = malloc((count + 1) * sizeof *splitters->keys);
    mr_status status = MR_OK;
    if (!splitters->memory || !splitters->prefixes || !splitters->keys) {
        status = mr_error_set(error, MR_NO_MEMORY, "out of memory: %zu splitters", count);
        mr_splitters_destroy(splitters);
        goto out;
    }
    if (size)
        memcpy(splitters->memory, bytes, size);
    for (size_t i = 0; i < count; i++) {
        const char *copy =
            (const char *)splitters->memory + (cuts[i].key.data - (const char *)bytes);
        splitters->prefixes[i] = cuts[i].prefix;
        splitters->keys[i] = (mr_bytes){copy, cuts[i].key.size};
    }
out:
    free(cuts);
    return status;
}

void mr_splitters_destroy(mr_splitters *splitters)
{
    free(splitters->memory);
    free(splitters->prefixes);
    free(splitters->keys);
    *splitters = (mr_splitters){0};
}

size_t mr_splitters_find(const mr_splitters *splitters, mr_ref ref)
{
    size_t low = 0, high = splitters->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order;
        if (ref.prefix != splitters->prefixes[middle]) {
            order = ref.prefix < splitters->prefixes[middle] ? -1 : 1;
        } else {
            cut at = {splitters->prefixes[middle], splitters->keys[middle]};
            order = compare_cut(splitters->order, ref.prefix, mr_record_key_bytes(ref.record), &at);
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
