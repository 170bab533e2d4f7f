/*
 * array/panels.h: the right side of a matrix product, a panel of rows after the other, on all
 * ranks: from memory of the ranks, or evaluated as it is needed. Main thread only.
 */
#ifndef MR_ARRAY_PANELS_H
#define MR_ARRAY_PANELS_H

#include "array/array.h"
#include "comm/broadcast.h"

typedef struct mr_panels {
    mr_array *array;
    mr_kept_array *kept;   /* NULL: each rank evaluates a panel of every round */
    uint64_t depth, count; /* rows of a panel, but of the last one; and panels */
    mr_broadcast *broadcast;
    unsigned char *arrived[2], *made;
    size_t bytes;   /* of each of these */
    uint64_t begun; /* panels that are here or on their way */
} mr_panels;

/* Collective. `array` has two axes and at least one row and column; it is kept or not, as there is
 * memory. Panels have no more than `most` rows, a divisor of MR_TILE_ROWS. */
mr_status mr_panels_open(mr_panels *panels, mr_array *array, uint64_t most);
void mr_panels_close(mr_panels *panels);

/* Collective, one after the other: waits for a panel, and begins to send the next one. What was got
 * before is gone. NULL: an error, on all ranks. */
const void *mr_panels_next(mr_panels *panels, uint64_t number);
/* Local. Rows of a panel. */
uint64_t mr_panels_rows(const mr_panels *panels, uint64_t number);

#endif
