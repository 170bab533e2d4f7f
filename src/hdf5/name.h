/*
 * hdf5/name.h: the text of a name, FILE:/path.field[slab], taken apart; which of its parts means
 * what is decided by what the file has (find.h).
 */
#ifndef MR_HDF5_NAME_H
#define MR_HDF5_NAME_H

#include "base/error.h"

#include <mapred/element.h>

#include <stdbool.h>
#include <stddef.h>

/* Where the colon between FILE and /path is; NULL when there is none: the name is a FILE's. */
const char *mr_h5_name_colon(const char *name);

/* Bytes of `path` before the hyperslab that it ends in; all of them when it ends in none. */
size_t mr_h5_name_slab(const char *path);

/* Cuts `slab` ("[0:10,:]", "" for all) out of an array of `dims`. `name` is for the message. */
mr_status mr_h5_name_cut(const char *slab, const mr_dims *dims, mr_box *box, const char *name,
                         mr_error *error);

#endif
