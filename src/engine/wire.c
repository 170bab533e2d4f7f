/* engine/wire.c: the wire form of records. Knows pages as bytes, and nothing of who sends them. */
#include "engine/wire.h"

#include "base/memory.h"
#include "store/many.h"

static bool has_tail(const mr_store *store)
{
    return store->fold->flags & MR_FOLD_FIRST;
}

size_t mr_wire_size(const mr_store *store, const mr_record *record)
{
    size_t size = mr_record_size(record, store->value);
    if (has_tail(store))
        size += mr_round8(((const mr_first *)mr_record_value(record))->size);
    return size;
}

size_t mr_wire_put(const mr_store *store, const mr_record *record, unsigned char *at)
{
    size_t size = mr_record_size(record, store->value);
    memcpy(at, record, size);
    if (!has_tail(store))
        return size;
    const mr_first *first = mr_record_value(record);
    size_t padded = mr_round8(first->size);
    memset(at + size, 0, padded);
    if (first->size)
        memcpy(at + size, first->data, first->size);
    return size + padded;
}

mr_record *mr_wire_get(const mr_store *store, unsigned char *at, size_t *size)
{
    mr_record *record = (mr_record *)(void *)at;
    *size = mr_record_size(record, store->value);
    if (has_tail(store)) {
        mr_first *first = mr_record_value(record);
        first->data = (const char *)at + *size;
        *size += mr_round8(first->size);
    }
    return record;
}

void mr_unpacker_free(mr_unpacker *unpacker)
{
    mr_memory_free(unpacker->names, unpacker->capacity * sizeof *unpacker->names);
    mr_memory_free(unpacker->order, unpacker->capacity * sizeof *unpacker->order);
    mr_memory_free(unpacker->hashes, unpacker->capacity * sizeof *unpacker->hashes);
    *unpacker = (mr_unpacker){0};
}

static mr_status reserve(mr_unpacker *unpacker, size_t count, mr_error *error)
{
    if (count <= unpacker->capacity)
        return MR_OK;
    mr_unpacker_free(unpacker);
    unpacker->names = mr_memory_allocate(count * sizeof *unpacker->names, "unpacking", error);
    unpacker->order = mr_memory_allocate(count * sizeof *unpacker->order, "unpacking", error);
    unpacker->hashes = mr_memory_allocate(count * sizeof *unpacker->hashes, "unpacking", error);
    unpacker->capacity = count;
    return unpacker->names && unpacker->order && unpacker->hashes ? MR_OK : MR_NO_MEMORY;
}

/* Where records lie in a piece of memory, counted in eighths. */
static void list_entries(void *context, const uint32_t *names, size_t count, mr_entry *entries)
{
    unsigned char *bytes = context;
    for (size_t i = 0; i < count; i++) {
        const mr_record *record = (const mr_record *)(const void *)(bytes + (size_t)names[i] * 8);
        entries[i] = (mr_entry){
            .key = mr_record_key(record),
            .value = mr_record_value(record),
            .size = record->size,
            .check = record->check,
        };
    }
}

static mr_status append_all(mr_store *store, unsigned char *bytes, size_t size, unsigned turn,
                            mr_error *error)
{
    mr_partition *partition = &store->partitions[turn & (store->count - 1)];
    mr_status status = MR_OK;
    while (!mr_partition_claim(partition))
        partition = &store->partitions[++turn & (store->count - 1)];
    for (size_t at = 0, step; at < size && status == MR_OK; at += step) {
        const mr_record *record = mr_wire_get(store, bytes + at, &step);
        mr_entry entry = {mr_record_key(record), mr_record_value(record), record->size,
                          record->check};
        status = mr_store_append(store, partition, &entry, error);
    }
    mr_partition_release(partition);
    return status;
}

mr_status mr_wire_fold(mr_store *store, unsigned char *bytes, size_t size, unsigned turn,
                       mr_unpacker *unpacker, mr_error *error)
{
    if (store->fold == MR_TEXT)
        return append_all(store, bytes, size, turn, error);
    size_t least = sizeof(mr_record) + store->value, count = 0;
    MR_TRY(reserve(unpacker, size / least + 1, error));
    for (size_t at = 0, step; at < size; at += step) {
        const mr_record *record = mr_wire_get(store, bytes + at, &step);
        unpacker->names[count] = (uint32_t)(at / 8);
        unpacker->hashes[count++] = mr_key_hash_bytes(mr_record_key_bytes(record));
    }
    mr_many many = {
        .list = list_entries,
        .context = bytes,
        .names = unpacker->names,
        .hashes = unpacker->hashes,
        .order = unpacker->order,
        .count = count,
        .turn = turn,
    };
    return mr_store_fold_many(store, &many, error);
}
