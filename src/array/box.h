/* array/box.h: boxes, and copying elements that lie at any distance from each other. */
#ifndef MR_ARRAY_BOX_H
#define MR_ARRAY_BOX_H

#include "array/array.h"

bool mr_box_is(const mr_box *a, const mr_box *b);
/* All of an array. */
mr_box mr_box_of(const mr_dims *dims);
/* Bytes from an element to its neighbour along each axis, in C order. */
void mr_strides_of(unsigned axes, const uint64_t *size, size_t element, int64_t *strides);
/* Copies a box. Strides are in bytes; those of `from` may be 0. */
void mr_copy_strided(unsigned axes, const uint64_t *size, void *to, const int64_t *to_strides,
                     const void *from, const int64_t *from_strides, size_t element);

#endif
