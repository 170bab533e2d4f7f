/*
 * hdf5/spans.h: contiguous datasets, read from the file by address: straight into place where
 * nothing needs converting, else a span at a time that stays in the core's cache.
 */
#ifndef MR_HDF5_SPANS_H
#define MR_HDF5_SPANS_H

#include "hdf5/reader.h"

mr_status mr_h5_spans_read(mr_h5_reader *reader, const mr_h5_goal *goal, mr_error *error);

#endif
