/*
 * input/raw.h: numbers as files hold them (of any size, kind and byte order), made into elements.
 * Touches nothing but bytes.
 */
#ifndef MR_INPUT_RAW_H
#define MR_INPUT_RAW_H

#include <mapred/element.h>

typedef enum mr_raw_kind {
    MR_RAW_NONE = 0,
    MR_RAW_SIGNED,   /* of 1, 2, 4 or 8 bytes */
    MR_RAW_UNSIGNED, /* the same; bools are some of these */
    MR_RAW_FLOAT,    /* of 2, 4 or 8 bytes, IEEE 754 */
    MR_RAW_COMPLEX   /* two floats, 8 or 16 bytes in all */
} mr_raw_kind;

typedef struct mr_raw {
    mr_raw_kind kind;
    unsigned size; /* bytes of one */
    bool swapped;  /* bytes stand in the other order than in memory */
} mr_raw;

/* The nearest element; 0 where there is none: the size is none of the above. */
mr_element mr_raw_element(mr_raw raw);

/* Whether the bytes of one are those of the element. */
bool mr_raw_is(mr_raw raw, mr_element element);

/* `count` numbers into elements that lie `stride` elements apart. Returns how many were made: less
 * than `count` where the next one is no value of the element: an integer out of range, a fraction,
 * infinity or NaN as an integer, a finite number beyond the largest f32, an imaginary part in what
 * is not c128. */
size_t mr_raw_convert(mr_raw raw, const void *from, size_t count, mr_element as, void *into,
                      size_t stride);

#endif
