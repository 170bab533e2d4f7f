/*
 * hdf5/unpack.h: from a raw chunk to its elements' bytes: deflate, shuffle and fletcher32 undone,
 * without the HDF5 library, so that all threads can at once.
 */
#ifndef MR_HDF5_UNPACK_H
#define MR_HDF5_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_H5_FILTERS 32 /* the most that the library has for one dataset */

typedef enum mr_h5_filter {
    MR_H5_DEFLATE = 1,
    MR_H5_SHUFFLE = 2,
    MR_H5_FLETCHER32 = 3
} mr_h5_filter;

/* In the order in which they were applied. */
typedef struct mr_h5_filters {
    unsigned count;
    mr_h5_filter filter[MR_H5_FILTERS];
    size_t element[MR_H5_FILTERS]; /* of shuffle: bytes that belong together */
    bool but_edges;                /* chunks that reach out of the dataset were left as they were */
} mr_h5_filters;

/* One a thread: what inflating needs, and a buffer of mr_h5_unpack_most bytes. Zeros at first. */
typedef struct mr_h5_unpacker {
    struct libdeflate_decompressor *inflater;
    unsigned char *scratch;
} mr_h5_unpacker;

void mr_h5_unpacker_free(mr_h5_unpacker *unpacker);

/* Room for what a chunk of `size` bytes is between two filters. */
size_t mr_h5_unpack_most(const mr_h5_filters *filters, size_t size);

/*
 * Unpacks `raw_size` bytes to exactly `size` ones; `to` has room for mr_h5_unpack_most. Filters in
 * `skipped` (a bit each) were not applied. Returns NULL, or what is wrong with the bytes.
 */
const char *mr_h5_unpack(mr_h5_unpacker *unpacker, const mr_h5_filters *filters, uint32_t skipped,
                         const unsigned char *raw, size_t raw_size, unsigned char *to, size_t size);

#endif
