/*
 * array/fetch.h: rows of kept arrays that other ranks have. What each tile needs follows from the
 * expression and from where rows lie, which all ranks know: nobody has to ask.
 */
#ifndef MR_ARRAY_FETCH_H
#define MR_ARRAY_FETCH_H

#include "array/array.h"

typedef struct mr_fetched mr_fetched;

/* The rows of a box that one rank has; false when there are none. */
bool mr_kept_band(const mr_kept_array *kept, const mr_box *box, int rank, mr_box *band);

/* The values of a box of a kept array, rows of one other rank, in C order. */
const unsigned char *mr_fetched_find(const mr_fetched *fetched, const mr_array *array,
                                     const mr_box *box);

#endif
