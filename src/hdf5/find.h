/*
 * hdf5/find.h: which datasets of a file a path means: exact names first, then fields of compound
 * types, then globs. And what to say when it means none.
 */
#ifndef MR_HDF5_FIND_H
#define MR_HDF5_FIND_H

#include "base/error.h"

#include <hdf5.h>

#include <stddef.h>

/* `path` is a dataset's; `field` "" for none, `slab` "" for all of it. */
typedef struct mr_h5_match {
    char *path;
    const char *field, *slab; /* into the text that was asked for */
} mr_h5_match;

typedef struct mr_h5_matches {
    mr_h5_match *match; /* in byte order of their paths */
    size_t count;
    char *text; /* what was asked for, cut into pieces */
} mr_h5_matches;

/* Opens a file for reading. Under the lock. */
mr_status mr_h5_find_file(hid_t *file, const char *path, mr_error *error);

/* `path` is what stands behind the colon; NULL: the only dataset. Under the lock. At least one
 * match, or an error; freed in both cases with mr_h5_matches_free. */
mr_status mr_h5_find(mr_h5_matches *matches, hid_t file, const char *file_name, const char *path,
                     mr_error *error);
void mr_h5_matches_free(mr_h5_matches *matches);

#endif
