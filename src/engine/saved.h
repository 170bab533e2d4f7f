/* engine/saved.h: what the files behind saving.h know of each other. Not for other rooms. */
#ifndef MR_ENGINE_SAVED_H
#define MR_ENGINE_SAVED_H

#include "engine/saving.h"
#include "store/spill.h"

#include <pthread.h>
#include <stdatomic.h>

/* A dataset. */
typedef struct mr_saved {
    mr_h5_plan plan;  /* without its name; chunks are no larger than the array */
    size_t element;   /* bytes */
    uint64_t chunks;  /* how many; 0: contiguous */
    uint64_t begin;   /* in the file, of a contiguous one */
    uint64_t *places; /* of chunks that are not compressed: a part of mr_saving.places */
} mr_saved;

/* A packed chunk without a place: in memory, or on the scratch disk where that is tight. */
typedef struct mr_held {
    uint64_t set, chunk, size;
    void *bytes; /* NULL: on disk */
    mr_extent extent;
} mr_held;

struct mr_saving {
    mr_job *job;
    mr_h5_file *file; /* rank 0, of HDF5 */
    mr_part part;
    mr_saved *sets;
    size_t count;
    uint64_t *places; /* first where contiguous datasets begin */
    size_t place_count;
    atomic_ullong written; /* bytes, by this rank */
    pthread_mutex_t lock;  /* around what is held: */
    mr_held *held;
    size_t held_count, held_capacity;
    mr_spill *spill;
};

/* Local. Packs a chunk that is as large as all are, and holds it. Any thread. */
mr_status mr_saving_hold(mr_saving *saving, unsigned number, uint64_t chunk, const void *values,
                         mr_error *error);
/* Local. Drops what is held. */
void mr_saving_drop(mr_saving *saving);

/* Local. Bytes of this rank to the file. Any thread. */
mr_status mr_saving_put(mr_saving *saving, const void *bytes, size_t size, uint64_t at,
                        mr_error *error);

/* Rank 0: what the file says about the job. */
mr_status mr_saving_tell(mr_saving *saving);
/* Collective. The same of the job's counters, which are whole at the end. */
mr_status mr_saving_tell_counters(mr_saving *saving);

#endif
