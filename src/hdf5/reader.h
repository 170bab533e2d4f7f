/*
 * hdf5/reader.h: what one thread reads a dataset with.
 */
#ifndef MR_HDF5_READER_H
#define MR_HDF5_READER_H

#include "hdf5/chunks.h"
#include "hdf5/copy.h"
#include "hdf5/heap.h"

struct mr_h5_reader {
    mr_h5_set *set;
    mr_h5_chunks chunks;
    mr_h5_heap heap;
    unsigned char *span; /* MR_H5_BY_ADDRESS: bytes of the file on their way */
    size_t span_room;
    size_t *part; /* room for the numbers of all of an element's parts */
};

/* Reads a box within info->dims, as mr_h5_read does; `as` 0: bytes as they are. */
mr_status mr_h5_read_box(mr_h5_reader *reader, const mr_box *box, mr_element as, void *into,
                         mr_error *error);

#endif
