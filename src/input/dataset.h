/*
 * input/dataset.h: numbers with a shape in files: HDF5 datasets (through src/hdf5) and .npy. Any
 * box of one can be read by any thread of any process. Knows nothing of ranks.
 */
#ifndef MR_INPUT_DATASET_H
#define MR_INPUT_DATASET_H

#include "base/error.h"

#include <mapred/element.h>

#include <stdbool.h>

typedef struct mr_dataset mr_dataset;

/* Whether an input's name is one of these: by its ending, its first bytes, or the `:/` of HDF5. */
bool mr_dataset_is_name(const char *name);

/* As mr_h5_info, which says more. */
typedef struct mr_dataset_info {
    const char *name;
    mr_element element; /* 0: strings */
    mr_dims dims;
    const char *const *names; /* of the columns; NULL: none */
    uint64_t band, band_begin;
    uint64_t bytes;
} mr_dataset_info;

/* Owned by the caller; `name` is copied. */
mr_status mr_dataset_open(mr_dataset **dataset, const char *name, mr_error *error);
void mr_dataset_close(mr_dataset **dataset);
const mr_dataset_info *mr_dataset_info_of(const mr_dataset *dataset);

/* One a thread. */
typedef struct mr_dataset_reader mr_dataset_reader;
mr_status mr_dataset_reader_create(mr_dataset_reader **reader, mr_dataset *dataset,
                                   mr_error *error);
void mr_dataset_reader_destroy(mr_dataset_reader **reader);
mr_status mr_dataset_read(mr_dataset_reader *reader, const mr_box *box, mr_element as, void *into,
                          mr_error *error);
uint64_t mr_dataset_reader_bytes(const mr_dataset_reader *reader);

#endif
