/* array/needs.h: which boxes of kept arrays a box of an expression is made from. */
#ifndef MR_ARRAY_NEEDS_H
#define MR_ARRAY_NEEDS_H

#include "array/box.h"

typedef struct mr_need {
    const mr_array *array;
    mr_box box;
} mr_need;

/* Nodes and boxes that a box comes from, each once. All zeros is an empty list. */
typedef struct mr_needs {
    mr_need *list;
    size_t count, room;
} mr_needs;

void mr_needs_free(mr_needs *needs);
/* Lists all that `box` of `array` is made from, itself included, instead of what is there. */
mr_status mr_needs_of(mr_needs *needs, const mr_array *array, const mr_box *box, mr_error *error);
/* Whether an array is one of those whose rows lie on several ranks. */
bool mr_array_is_spread(const mr_array *array);

#endif
