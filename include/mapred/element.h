/*
 * mapred/element.h: numbers in blocks and arrays: what one is, and how many there are along each
 * axis. The last axis is the one whose neighbours lie side by side in memory (C order).
 */
#ifndef MAPRED_ELEMENT_H
#define MAPRED_ELEMENT_H

#include <mapred/bytes.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mr_element {
    MR_F64 = 1, /* double */
    MR_F32 = 2, /* float */
    MR_I64 = 3, /* int64_t */
    MR_I32 = 4, /* int32_t */
    MR_C128 = 5 /* two doubles, the real one first: C's double complex */
} mr_element;

/* Local. In bytes: 8, 4, 8, 4, 16; 0 for what is no element. */
static inline size_t mr_element_size(mr_element element)
{
    switch (element) {
    case MR_F64:
    case MR_I64:
        return 8;
    case MR_F32:
    case MR_I32:
        return 4;
    case MR_C128:
        return 16;
    }
    return 0;
}

/* Local. f64, f32, i64, i32, c128; "?" for what is no element. */
MR_API const char *mr_element_name(mr_element element);

#define MR_AXES 8

/* A shape: `axes` of them, 0 for a single number. */
typedef struct mr_dims {
    unsigned axes;
    uint64_t size[MR_AXES];
} mr_dims;

/* A part of an array: along axis i the elements from[i] to from[i] + size[i] - 1. */
typedef struct mr_box {
    unsigned axes;
    uint64_t from[MR_AXES], size[MR_AXES];
} mr_box;

#define MR_DIMS1(n)       ((mr_dims){1, {(n)}})
#define MR_DIMS2(m, n)    ((mr_dims){2, {(m), (n)}})
#define MR_DIMS3(l, m, n) ((mr_dims){3, {(l), (m), (n)}})

/* Local. How many elements; 1 for a single number. */
static inline uint64_t mr_dims_count(const mr_dims *dims)
{
    uint64_t count = 1;
    for (unsigned axis = 0; axis < dims->axes; axis++)
        count *= dims->size[axis];
    return count;
}

static inline uint64_t mr_box_count(const mr_box *box)
{
    uint64_t count = 1;
    for (unsigned axis = 0; axis < box->axes; axis++)
        count *= box->size[axis];
    return count;
}

#ifdef __cplusplus
}
#endif

#endif
