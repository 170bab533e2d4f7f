/*
 * hdf5/driver.h: how a file that is being written is reached by the HDF5 library: as any other,
 * but a chunk that consists of `nothing` is not written, only where it would have gone is kept. So
 * the library finds room for a chunk and writes down its place and size, and the bytes themselves
 * are written there by whoever has them.
 */
#ifndef MR_HDF5_DRIVER_H
#define MR_HDF5_DRIVER_H

#include <hdf5.h>

#include <stdbool.h>
#include <stdint.h>

/* What became of the writes to a file. */
typedef struct mr_h5_writes {
    const void *nothing; /* bytes at this address are not written but noted here: */
    bool placed;
    uint64_t address, size;
    /* The errno of the first call that failed, or 0. The library is not told: it would try to write
     * the same again and again until the process ends. What it writes later is dropped. */
    int failure;
} mr_h5_writes;

/* Under the lock. A list for H5Fcreate that names this driver; `writes` is borrowed by the file
 * until it is closed. The list is the caller's to close. Negative: there is no room. */
hid_t mr_h5_driver_list(mr_h5_writes *writes);

#endif
