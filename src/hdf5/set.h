/*
 * hdf5/set.h: an open dataset, as all readers of it see it. Nothing of it changes while it is open.
 */
#ifndef MR_HDF5_SET_H
#define MR_HDF5_SET_H

#include "hdf5/hdf5.h"
#include "hdf5/types.h"
#include "hdf5/unpack.h"

#include <hdf5.h>

typedef enum mr_h5_way {
    MR_H5_BY_ADDRESS = 1, /* contiguous: bytes are read from the file at their place */
    MR_H5_BY_CHUNK = 2,   /* raw chunks from the library, unpacked here */
    MR_H5_BY_LIBRARY = 3  /* pieces of the size of a chunk, as the library reads them */
} mr_h5_way;

struct mr_h5_set {
    char *name, *file_name, *path;
    hid_t file, dataset; /* used under the lock */
    int fd;              /* the same file */
    mr_h5_way way;
    mr_h5_type type;
    mr_dims dims;     /* of the dataset itself, without the type's inner axes */
    mr_box cut;       /* the hyperslab, over dims and then the inner axes */
    uint64_t address; /* MR_H5_BY_ADDRESS */
    mr_dims chunk;    /* the others; no size is 0 */
    mr_h5_filters filters;
    unsigned char *fill; /* an element where no chunk is; type.size bytes */
    char *fill_string;   /* of variable length: elements of ones alone stand for it */
    uint64_t file_bytes; /* the file's size */
    uint64_t base;       /* where in it addresses count from */
    unsigned address_width, length_width; /* bytes of an address, and of a length, in the file */
    uint64_t stored;                      /* bytes that the dataset has there */
    bool is_absent;                       /* no bytes were ever written: all of it is fill */
    mr_h5_info info;
};

/* Bytes of a chunk when it is unpacked. */
static inline size_t mr_h5_chunk_bytes(const mr_h5_set *set)
{
    return (size_t)mr_dims_count(&set->chunk) * set->type.size;
}

#endif
