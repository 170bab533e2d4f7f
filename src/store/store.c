/* store/store.c: partitions, their logs and indexes. Memory comes from the rank's budget. */
#include "store/store.h"

#include "base/memory.h"

#include <stdlib.h>
#include <xxhash.h>

#define FIRST_RECORDS 4096
#define FIRST_INDEX   256

uint64_t mr_key_hash_bytes(mr_bytes key)
{
    if (key.size > MR_KEY_INLINE)
        return XXH3_64bits(key.data, key.size);
    return mr_key_hash(mr_key_words(key));
}

mr_status mr_store_create(mr_store **result, const mr_fold *fold, unsigned bits, mr_error *error)
{
    mr_store *store = calloc(1, sizeof *store);
    mr_partition *partitions = calloc((size_t)1 << bits, sizeof *partitions);
    if (!store || !partitions) {
        free(store);
        free(partitions);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: creating tables");
    }
    store->fold = fold;
    store->value = mr_fold_room(fold);
    store->bits = bits;
    store->count = 1u << bits;
    store->partitions = partitions;
    *result = store;
    return MR_OK;
}

void mr_partition_seal(mr_partition *partition)
{
    mr_memory_free(partition->index, partition->index_size * sizeof *partition->index);
    partition->index = NULL;
    partition->index_size = 0;
}

void mr_partition_clear(mr_partition *partition)
{
    mr_partition_seal(partition);
    mr_memory_free(partition->records, partition->capacity);
    partition->records = NULL;
    partition->used = partition->capacity = 0;
    partition->count = 0;
    mr_arena_free(&partition->tails);
}

void mr_partition_take(mr_partition *partition, mr_partition *to)
{
    mr_partition_seal(partition);
    *to = (mr_partition){.records = partition->records,
                         .used = partition->used,
                         .capacity = partition->capacity,
                         .count = partition->count,
                         .tails = partition->tails};
    partition->records = NULL;
    partition->used = partition->capacity = 0;
    partition->count = 0;
    partition->tails = (mr_arena){0};
}

void mr_store_destroy(mr_store **store)
{
    if (!*store)
        return;
    for (unsigned p = 0; p < (*store)->count; p++)
        mr_partition_clear(&(*store)->partitions[p]);
    free((*store)->partitions);
    free(*store);
    *store = NULL;
}

uint64_t mr_store_keys(const mr_store *store)
{
    uint64_t keys = 0;
    for (unsigned p = 0; p < store->count; p++)
        keys += store->partitions[p].count;
    return keys;
}

/* The place of a key in an index of a power of two of places: by the low bits of its check. Tables
 * are emptied in the order of the high bits, and keys that came in the order of their places would
 * pile up at one end of an index that is still to grow. */
static uint64_t index_of(uint32_t check, uint64_t size)
{
    return check & (size - 1);
}

static mr_record *record_at(const mr_partition *partition, uint32_t place)
{
    return (mr_record *)(void *)(partition->records + ((size_t)place - 1) * 8);
}

/* An index of `size` places over the records that are there. */
static mr_status rebuild_index(mr_store *store, mr_partition *partition, uint64_t size,
                               mr_error *error)
{
    mr_partition_seal(partition);
    size_t bytes = size * sizeof *partition->index;
    partition->index = mr_memory_allocate(bytes, "the index of a table", error);
    if (!partition->index)
        return MR_NO_MEMORY;
    partition->index_size = size;
    memset(partition->index, 0, bytes);
    for (size_t at = 0; at < partition->used;) {
        const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
        uint64_t slot = index_of(record->check, size);
        while (partition->index[slot])
            slot = (slot + 1) & (size - 1);
        partition->index[slot] = (uint32_t)(at / 8 + 1);
        at += mr_record_size(record, store->value);
    }
    return MR_OK;
}

static mr_status reserve_records(mr_partition *partition, size_t more, mr_error *error)
{
    size_t need = partition->used + more;
    if (need <= partition->capacity)
        return MR_OK;
    if (need / 8 >= UINT32_MAX)
        return mr_error_set(error, MR_NO_MEMORY,
                            "table too large: a partition of over 32 GiB: use more ranks");
    size_t capacity = partition->capacity ? partition->capacity : FIRST_RECORDS;
    while (capacity < need)
        capacity += capacity / 2 & ~(size_t)7;
    void *records = mr_memory_resize(partition->records, partition->capacity, capacity,
                                     "a table of keys", error);
    if (!records)
        return MR_NO_MEMORY;
    partition->records = records;
    partition->capacity = capacity;
    return MR_OK;
}

/* Room for a batch in which every entry is new. */
static mr_status reserve(mr_store *store, mr_partition *partition, const mr_entry *entries,
                         size_t count, mr_error *error)
{
    size_t more = 0;
    for (size_t i = 0; i < count; i++)
        more += sizeof(mr_record) + mr_round8(entries[i].size) + store->value;
    MR_TRY(reserve_records(partition, more, error));
    uint64_t size = partition->index_size ? partition->index_size : FIRST_INDEX;
    while ((partition->count + count) * 4 > size * 3)
        size *= 2;
    return size == partition->index_size ? MR_OK : rebuild_index(store, partition, size, error);
}

/* Copies the bytes that a fresh or changed accumulator points to into the partition's own memory.
 */
static mr_status adopt_tail(mr_partition *partition, mr_first *first, mr_error *error)
{
    first->data =
        mr_arena_keep(&partition->tails, first->data, first->size, "values of keys", error);
    return first->data ? MR_OK : MR_NO_MEMORY;
}

/* Adds a record at the end of the log; the room for it is there. */
static mr_status push_record(mr_store *store, mr_partition *partition, const mr_entry *entry,
                             mr_error *error)
{
    mr_record *record = (mr_record *)(void *)(partition->records + partition->used);
    *record = (mr_record){entry->size, entry->check};
    size_t padded = mr_round8(entry->size);
    unsigned char *key = (unsigned char *)(record + 1);
    if (padded) {
        memset(key + padded - 8, 0, 8);
        memcpy(key, entry->key, entry->size);
    }
    memcpy(key + padded, entry->value, store->value);
    partition->used += sizeof *record + padded + store->value;
    partition->count++;
    if (store->fold->flags & MR_FOLD_FIRST)
        return adopt_tail(partition, mr_record_value(record), error);
    return MR_OK;
}

mr_status mr_store_append(mr_store *store, mr_partition *partition, const mr_entry *entry,
                          mr_error *error)
{
    size_t size = sizeof(mr_record) + mr_round8(entry->size) + store->value;
    MR_TRY(reserve_records(partition, size, error));
    return push_record(store, partition, entry, error);
}

static mr_status merge(mr_store *store, mr_partition *partition, mr_record *record,
                       const void *value, mr_error *error)
{
    const mr_fold *fold = store->fold;
    void *accumulator = mr_record_value(record);
    if (fold->flags & MR_FOLD_PLAIN_SUM) {
        uint64_t a, b;
        memcpy(&a, accumulator, 8);
        memcpy(&b, value, 8);
        a += b;
        memcpy(accumulator, &a, 8);
        return MR_OK;
    }
    if (!(fold->flags & MR_FOLD_FIRST)) {
        fold->merge(fold, accumulator, value);
        return MR_OK;
    }
    mr_first *first = accumulator;
    const char *before = first->data;
    fold->merge(fold, accumulator, value);
    return first->data == before ? MR_OK : adopt_tail(partition, first, error);
}

/* Whether a record is of the entry's key, given that size and check are the same. Most keys are
 * compared as two words, which overlap. */
static bool same_key(const mr_record *record, const mr_entry *entry)
{
    const char *key = (const char *)mr_record_key(record), *other = entry->key;
    size_t size = entry->size;
    if (size > 16)
        return memcmp(key, other, size) == 0;
    if (size == 0)
        return true;
    uint64_t a, b, c, d;
    size_t tail = size < 8 ? 0 : size - 8;
    memcpy(&a, key, 8);
    memcpy(&b, other, 8);
    memcpy(&c, key + tail, 8);
    memcpy(&d, other + tail, 8);
    return ((a ^ b) | (c ^ d)) == 0;
}

static mr_status fold_one(mr_store *store, mr_partition *partition, const mr_entry *entry,
                          mr_error *error)
{
    uint64_t mask = partition->index_size - 1;
    for (uint64_t slot = index_of(entry->check, partition->index_size);; slot = (slot + 1) & mask) {
        uint32_t place = partition->index[slot];
        if (!place) {
            partition->index[slot] = (uint32_t)(partition->used / 8 + 1);
            return push_record(store, partition, entry, error);
        }
        mr_record *record = record_at(partition, place);
        if (record->check == entry->check && record->size == entry->size && same_key(record, entry))
            return merge(store, partition, record, entry->value, error);
    }
}

mr_status mr_store_fold(mr_store *store, mr_partition *partition, const mr_entry *entries,
                        size_t count, mr_error *error)
{
    MR_TRY(reserve(store, partition, entries, count, error));
    uint64_t size = partition->index_size;
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&partition->index[index_of(entries[i].check, size)], 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t place = partition->index[index_of(entries[i].check, size)];
        if (place)
            __builtin_prefetch(record_at(partition, place), 1);
    }
    for (size_t i = 0; i < count; i++)
        MR_TRY(fold_one(store, partition, &entries[i], error));
    return MR_OK;
}
