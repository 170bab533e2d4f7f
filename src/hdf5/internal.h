/*
 * hdf5/internal.h: what reading and writing share: the one lock around the HDF5 library, and what
 * its error stack says, in one line.
 */
#ifndef MR_HDF5_INTERNAL_H
#define MR_HDF5_INTERNAL_H

#include "base/error.h"

#include <stdbool.h>

/* The library is not thread-safe: every call of it is made between these two. The first one starts
 * it and silences its own printing of errors. Not recursive. */
void mr_h5_lock(void);
void mr_h5_unlock(void);

/*
 * Records an error as mr_error_set does, with the library's own reason for its last failure behind
 * it: "FORMAT: (the innermost message)". Forgets the reason. Under the lock. Returns `code`.
 */
mr_status mr_h5_fail(mr_error *error, mr_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether the innermost message of the library's last failure is `text`; forgets it if so. Under
 * the lock. */
bool mr_h5_failed_because(const char *text);

#endif
