/*
 * store/splitters.h: cutting what is to be ordered into ranges of about the same size, one a rank
 * or one a bucket of a rank, from a sample. A splitter is the lower end of a range.
 */
#ifndef MR_STORE_SPLITTERS_H
#define MR_STORE_SPLITTERS_H

#include "base/error.h"
#include "store/order.h"
#include "store/store.h"

/* Keys are cut to this in samples: a longer one is still a valid place to cut at. */
#define MR_SAMPLE_KEY 1024

/* A sample as bytes: u64 prefix, u32 size, the key's first bytes. One after the other. */
typedef struct mr_sample {
    unsigned char *bytes;
    size_t size, capacity;
    uint64_t count;
} mr_sample;

typedef struct mr_splitters {
    size_t count;
    uint64_t *prefixes;
    mr_bytes *keys;
    void *memory;
    const mr_order *order;
} mr_splitters;

/* Takes about `most` records of a store, evenly from all over it. */
mr_status mr_sample_take(mr_sample *sample, const mr_store *store, const mr_order *order,
                         size_t most, mr_error *error);
void mr_sample_free(mr_sample *sample);

/* Picks parts - 1 splitters from samples (as bytes) and writes them as bytes of the same form. */
mr_status mr_sample_pick(const mr_order *order, const unsigned char *samples, size_t size,
                         size_t parts, mr_sample *picked, mr_error *error);

/* Reads splitters from bytes. `order` is borrowed. */
mr_status mr_splitters_create(mr_splitters *splitters, const mr_order *order,
                              const unsigned char *bytes, size_t size, mr_error *error);
void mr_splitters_destroy(mr_splitters *splitters);

/* The range of a record: how many splitters are not behind it. */
size_t mr_splitters_find(const mr_splitters *splitters, mr_ref ref);

#endif
