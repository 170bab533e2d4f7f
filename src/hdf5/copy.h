/*
 * hdf5/copy.h: a region of elements from where they lie (a chunk, a span of a file) to their place
 * in the box that is being read, converted on the way.
 */
#ifndef MR_HDF5_COPY_H
#define MR_HDF5_COPY_H

#include "hdf5/set.h"

/* One box on its way into memory. */
typedef struct mr_h5_goal {
    const mr_h5_set *set;
    mr_box box;         /* of the dataset's own axes, before the hyperslab */
    mr_element as;      /* 0: bytes as they are */
    const size_t *part; /* which parts of each element, in order */
    size_t parts;
    size_t size;          /* of what becomes of a part */
    size_t step[MR_AXES]; /* bytes from one element to the next along each axis */
    unsigned char *into;
} mr_h5_goal;

/* Copies `region`, which lies within the box; its first element is at `from`, and from_step[i]
 * bytes behind each is the next along axis i. */
mr_status mr_h5_copy(const mr_h5_goal *goal, const mr_box *region, const unsigned char *from,
                     const size_t *from_step, mr_error *error);

/* Whether elements come to the goal as the bytes that they are. */
bool mr_h5_goal_is_plain(const mr_h5_goal *goal);

/* Where the first element of a region comes to. */
unsigned char *mr_h5_goal_at(const mr_h5_goal *goal, const mr_box *region);

#endif
