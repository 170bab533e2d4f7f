/*
 * engine/wire.h: records in pages: from a store into pages for other ranks, and from pages into a
 * store.
 */
#ifndef MR_ENGINE_WIRE_H
#define MR_ENGINE_WIRE_H

#include "comm/exchange.h"
#include "store/store.h"

/* Bytes of a record on the wire. */
size_t mr_wire_size(const mr_store *store, const mr_record *record);
/* Writes it there; returns the bytes written. */
size_t mr_wire_put(const mr_store *store, const mr_record *record, unsigned char *at);
/* The record at `at` and the bytes it takes; its accumulator points to its tail, in place. */
mr_record *mr_wire_get(const mr_store *store, unsigned char *at, size_t *size);

/* Room to sort the records of a page in. */
typedef struct mr_unpacker {
    uint32_t *names, *order;
    uint64_t *hashes;
    size_t capacity;
} mr_unpacker;
void mr_unpacker_free(mr_unpacker *unpacker);

/* Folds `size` bytes of records into a store (or appends them, for logs). Thread-safe towards other
 * threads that do the same with the same store. `turn` differs from thread to thread. */
mr_status mr_wire_fold(mr_store *store, unsigned char *bytes, size_t size, unsigned turn,
                       mr_unpacker *unpacker, mr_error *error);

#endif
