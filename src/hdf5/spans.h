/*
 * hdf5/spans.h: contiguous datasets, read from the file by address: straight into place where
 * nothing needs converting, else a span at a time that stays in the core's cache.
 */
#ifndef MR_HDF5_SPANS_H
#define MR_HDF5_SPANS_H

#include "hdf5/reader.h"

/* `size` bytes of the set's file from `address` on; fewer are an error. */
mr_status mr_h5_spans_bytes(const mr_h5_set *set, uint64_t address, void *to, uint64_t size,
                            mr_error *error);

mr_status mr_h5_spans_read(mr_h5_reader *reader, const mr_h5_goal *goal, mr_error *error);

#endif
