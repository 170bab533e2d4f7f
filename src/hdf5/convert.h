/*
 * hdf5/convert.h: numbers as they lie in files (any size and byte order, at any distance from each
 * other) to elements. Knows nothing of the HDF5 library.
 *
 * A number becomes the nearest of the kind asked for. What cannot be said in it at all stops the
 * conversion: an integer out of its range, a fraction, infinity or NaN as an integer, a finite
 * double beyond the largest float, an imaginary part where none can be.
 */
#ifndef MR_HDF5_CONVERT_H
#define MR_HDF5_CONVERT_H

#include <mapred/element.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mr_h5_sort {
    MR_H5_SIGNED = 1,   /* of 1, 2, 4 or 8 bytes */
    MR_H5_UNSIGNED = 2, /* of 1, 2, 4 or 8 bytes */
    MR_H5_FLOAT = 3,    /* of 2, 4 or 8 bytes */
    MR_H5_RAW = 4       /* copied as they are */
} mr_h5_sort;

typedef struct mr_h5_number {
    mr_h5_sort sort;
    size_t size;
    bool is_swapped; /* most significant byte first */
} mr_h5_number;

typedef struct mr_h5_part {
    mr_h5_number number;
    size_t offset; /* in the element's bytes */
    bool is_complex;
    size_t imaginary; /* the offset of that part */
} mr_h5_part;

/* Whether an element is the same bytes here and there. */
bool mr_h5_is_same(const mr_h5_part *part, mr_element as);

/*
 * Converts `count` parts: part i is in the element at from + i * from_step, and comes to
 * to + i * to_step. `as` is ignored for MR_H5_RAW. Returns how many could be: `count`, or the
 * place of the first that has no such value.
 */
size_t mr_h5_convert(const mr_h5_part *part, const void *from, size_t from_step, mr_element as,
                     void *to, size_t to_step, size_t count);

#endif
