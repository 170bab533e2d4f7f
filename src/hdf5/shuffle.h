/*
 * hdf5/shuffle.h: the bytes of elements, sorted by their place in the element, put together again.
 */
#ifndef MR_HDF5_SHUFFLE_H
#define MR_HDF5_SHUFFLE_H

#include <stddef.h>

/* `size` bytes of elements of `element` ones each; a rest of less than one stands at the end. */
void mr_h5_unshuffle(const unsigned char *from, size_t size, size_t element, unsigned char *to);

#endif
