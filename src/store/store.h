/*
 * store/store.h: the folded pairs of a rank: partitions by the top bits of the key's hash, each a
 * log of records and an index of 32-bit places into it. One copy of each key in a rank, whatever
 * the number of threads. Knows nothing of MPI.
 *
 * A partition is used by one thread at a time: who finds it busy goes on to another one and comes
 * back (mr_partition_claim). Batches are folded in three passes so that the misses of a batch
 * overlap.
 */
#ifndef MR_STORE_STORE_H
#define MR_STORE_STORE_H

#include "base/arena.h"
#include "store/record.h"

#include <stdatomic.h>

typedef struct mr_partition {
    atomic_bool busy;
    unsigned char *records;
    size_t used, capacity;
    uint64_t count;
    uint32_t *index; /* place / 8 + 1 in the log; 0 is empty */
    uint64_t index_size;
    mr_arena tails; /* bytes that accumulators point to */
} mr_partition;

typedef struct mr_store {
    const mr_fold *fold;
    size_t value; /* bytes of an accumulator in a record */
    unsigned bits;
    unsigned count; /* of partitions: 2^bits */
    mr_partition *partitions;
} mr_store;

/* One pair to be folded in: borrowed. Keys of fewer than 8 bytes have zeros behind them up to 8. */
typedef struct mr_entry {
    const void *key;
    const void *value;
    uint32_t size;
    uint32_t check;
} mr_entry;

#define MR_STORE_BATCH     64
#define MR_STORE_BITS_MOST 10 /* partitions are claimed, not split: more would serve nobody */

mr_status mr_store_create(mr_store **store, const mr_fold *fold, unsigned bits, mr_error *error);
void mr_store_destroy(mr_store **store);

static inline unsigned mr_store_partition_of(const mr_store *store, uint64_t hash)
{
    return (unsigned)(hash >> (64 - store->bits));
}

/* The 32 bits of the hash behind those that choose the partition. */
static inline uint32_t mr_store_check_of(const mr_store *store, uint64_t hash)
{
    return (uint32_t)(hash << store->bits >> 32);
}

static inline bool mr_partition_claim(mr_partition *partition)
{
    return !atomic_load_explicit(&partition->busy, memory_order_relaxed) &&
           !atomic_exchange_explicit(&partition->busy, true, memory_order_acquire);
}

static inline void mr_partition_release(mr_partition *partition)
{
    atomic_store_explicit(&partition->busy, false, memory_order_release);
}

/* Folds up to MR_STORE_BATCH entries into a claimed partition. */
mr_status mr_store_fold(mr_store *store, mr_partition *partition, const mr_entry *entries,
                        size_t count, mr_error *error);

/* Adds an entry to a claimed partition without looking for its key: for logs. */
mr_status mr_store_append(mr_store *store, mr_partition *partition, const mr_entry *entry,
                          mr_error *error);

/* Frees the index of a partition: it takes nothing more from now on. */
void mr_partition_seal(mr_partition *partition);
/* Frees all that a partition holds. */
void mr_partition_clear(mr_partition *partition);
/* Moves all that a claimed partition holds to `to`, which nobody else knows of. */
void mr_partition_take(mr_partition *partition, mr_partition *to);

/* Distinct keys in the store. */
uint64_t mr_store_keys(const mr_store *store);

#endif
