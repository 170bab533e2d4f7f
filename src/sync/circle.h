/* sync/circle.h: who waits for whom, and whether that goes round in a circle. No letters here. */
#ifndef MR_SYNC_CIRCLE_H
#define MR_SYNC_CIRCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_SYNC_WAITS, MR_SYNC_HOLDS, MR_SYNC_LEFT };

/* One thing that a rank knows. */
typedef struct mr_sync_fact {
    int32_t what; /* waits for `object`; holds it; or the rank's driver has ended */
    int32_t rank;
    uint32_t thread, object;
    double seconds;  /* it has waited for */
    uint32_t counts; /* it waits for ever, and has for long enough to be believed */
    uint32_t unused;
} mr_sync_fact;

/* Finds threads that wait for each other: the numbers of facts that are waits, each for what the
 * next one's thread holds, the last one's for what the first one's holds. How many, 0: none. */
size_t mr_sync_circle(const mr_sync_fact *facts, size_t count, size_t *circle, size_t most);

#endif
