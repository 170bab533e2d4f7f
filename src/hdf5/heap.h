/*
 * hdf5/heap.h: strings of variable length where they lie in the file: in collections of the global
 * heap, to which elements refer by address and number. Read here and not by the library, which
 * believes every byte of a damaged collection, and reads one string after the other.
 */
#ifndef MR_HDF5_HEAP_H
#define MR_HDF5_HEAP_H

#include "hdf5/set.h"

#define MR_H5_COLLECTIONS 64

typedef struct mr_h5_collection {
    uint64_t address; /* in the file */
    unsigned char *bytes;
    size_t size;
    uint32_t *object; /* where in the bytes the head of each is; 0: there is no such one */
    size_t objects;
} mr_h5_collection;

/* For one thread; zeros at first. */
typedef struct mr_h5_heap {
    mr_h5_collection collection[MR_H5_COLLECTIONS];
    uint64_t bytes; /* read from disk */
} mr_h5_heap;

void mr_h5_heap_free(mr_h5_heap *heap);

/* The string that an element's bytes refer to. It stays until the next call. */
mr_status mr_h5_heap_get(mr_h5_heap *heap, const mr_h5_set *set, const unsigned char *element,
                         const char **string, size_t *size, mr_error *error);

#endif
