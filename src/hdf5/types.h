/*
 * hdf5/types.h: what an element of a dataset is made of: a number, a complex one, the numeric
 * fields of a compound type, an array of numbers, or a string. And where in its bytes each is.
 */
#ifndef MR_HDF5_TYPES_H
#define MR_HDF5_TYPES_H

#include "base/error.h"
#include "hdf5/convert.h"

#include <hdf5.h>

typedef struct mr_h5_type {
    unsigned address_width; /* of the file: strings of variable length are references there */
    size_t size;            /* of an element's bytes */
    hid_t memory;           /* what the library is asked for; -1: bytes as they lie in the file */
    bool is_odd;            /* has numbers that only the library can convert */
    bool strings;
    bool variable;   /* strings: elements refer to them; the library's are pointers */
    bool has_spaces; /* strings: padded with spaces */
    mr_element element;
    mr_h5_part *parts; /* one an element of `inner` */
    size_t count;
    mr_dims inner; /* axes behind the dataset's own */
    char **names;  /* of a table's columns */
} mr_h5_type;

/* Describes `file_type`, or its field. Under the lock. `name` is for messages. *type is zeros but
 * for address_width; freed with mr_h5_type_free in any case. */
mr_status mr_h5_type_of(mr_h5_type *type, hid_t file_type, const char *field, const char *name,
                        mr_error *error);

/* From now on bytes are what the library converts to this machine's types. */
mr_status mr_h5_type_relay(mr_h5_type *type, hid_t file_type, const char *field, mr_error *error);
void mr_h5_type_free(mr_h5_type *type);

#endif
