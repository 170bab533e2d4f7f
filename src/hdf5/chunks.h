/*
 * hdf5/chunks.h: chunks of one dataset, unpacked, for one thread: fetched under the lock, unpacked
 * outside of it, and the last few kept, so that small boxes do not unpack a chunk again and again.
 */
#ifndef MR_HDF5_CHUNKS_H
#define MR_HDF5_CHUNKS_H

#include "hdf5/set.h"

#define MR_H5_SLOTS 256

typedef struct mr_h5_slot {
    unsigned char *bytes;
    uint64_t chunk; /* its number in C order, or a special one */
    uint64_t used;  /* when; 0: nobody needs it any more */
} mr_h5_slot;

typedef struct mr_h5_chunks {
    mr_h5_set *set;
    mr_h5_slot slot[MR_H5_SLOTS];
    unsigned count;
    uint64_t clock;
    unsigned char *raw; /* as on disk */
    size_t raw_room;
    mr_h5_unpacker unpacker;
    uint64_t bytes; /* read from disk */
} mr_h5_chunks;

/* `chunks` is zeros but for `set`. */
void mr_h5_chunks_free(mr_h5_chunks *chunks);

/* The chunk whose place in the grid of chunks is `at`. Its bytes stay until the next call. */
mr_status mr_h5_chunks_get(mr_h5_chunks *chunks, const uint64_t *at, mr_h5_slot **slot,
                           mr_error *error);

#endif
