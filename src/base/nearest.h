/*
 * base/nearest.h: which of many names a mistyped one was perhaps meant to be.
 */
#ifndef MR_BASE_NEAREST_H
#define MR_BASE_NEAREST_H

#include <stddef.h>

/* All but `name` zero at first; `best` stays NULL while no candidate is near. */
typedef struct mr_nearest {
    const char *name;
    const char *best;
    size_t distance; /* edits from `name` to `best` */
} mr_nearest;

/* Edits (letters more, less or others) from one name to the other; names longer than
 * MR_NEAREST_LONGEST are that far from each other. */
#define MR_NEAREST_LONGEST 256
size_t mr_nearest_distance(const char *a, const char *b);

/* Near is one edit in three letters, and at most two. The first of equals stays. */
void mr_nearest_try(mr_nearest *nearest, const char *candidate);

#endif
