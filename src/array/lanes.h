/*
 * array/lanes.h: the values along one axis of a kept array that are this rank's: lane after lane,
 * each of them `size` values at equal distances. Not along the first axis, whose values other ranks
 * have too.
 */
#ifndef MR_ARRAY_LANES_H
#define MR_ARRAY_LANES_H

#include "array/array.h"

typedef struct mr_lanes {
    uint64_t count, size;
    uint64_t stride; /* from a value of a lane to the next, in elements */
} mr_lanes;

/* Local. Of rows `rows` of an array of these dims. */
mr_lanes mr_lanes_of(const mr_dims *dims, uint64_t rows, unsigned axis);
/* Local. Where lane number `lane` begins, in elements. */
uint64_t mr_lanes_begin(const mr_lanes *lanes, uint64_t lane);

/* Local. The rows of a kept array that this rank has. */
uint64_t mr_kept_rows(const mr_array *kept);

/* Collective. The array in memory that is nobody else's, to be written over. NULL: an error, which
 * the next agreement tells. */
mr_array *mr_array_own_copy(mr_array *a);

#endif
