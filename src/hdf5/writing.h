/* hdf5/writing.h: what the files that write know of each other. Not for other rooms. */
#ifndef MR_HDF5_WRITING_H
#define MR_HDF5_WRITING_H

#include "hdf5/driver.h"
#include "hdf5/hdf5.h"
#include "hdf5/internal.h"

#define MR_H5_PATH 4200

typedef struct mr_h5_made {
    hid_t set;
    mr_h5_plan plan; /* without its name */
} mr_h5_made;

struct mr_h5_file {
    char path[MR_H5_PATH];
    hid_t file;
    mr_h5_writes writes;
    mr_h5_made *made;
    unsigned count;
    size_t nothing; /* bytes at writes.nothing: they can be read, and take no memory */
};

/* Gives back what mr_h5_place needs. */
void mr_h5_nothing_free(mr_h5_file *file);

/* Under the lock. Records what went wrong: what the disk said, where it did, or the library. */
mr_status mr_h5_cannot(mr_h5_file *file, mr_error *error);

#endif
