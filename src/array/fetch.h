/*
 * array/fetch.h: rows of kept arrays that other ranks have. Who does which tile, and so what each
 * tile needs, follows from the expression and from where rows lie, which all ranks know: nobody has
 * to ask. Each works out what the others miss, and sends it.
 */
#ifndef MR_ARRAY_FETCH_H
#define MR_ARRAY_FETCH_H

#include "array/needs.h"

typedef struct mr_fetched mr_fetched;

/* The rows of a box that one rank has; false when there are none. */
bool mr_kept_band(const mr_kept_array *kept, const mr_box *box, int rank, mr_box *band);

/* Local. Empty, for a job. */
mr_status mr_fetched_create(mr_fetched **fetched, mr_job *job, mr_error *error);
void mr_fetched_destroy(mr_fetched **fetched);
/* Local. Forgets all of it. */
void mr_fetched_clear(mr_fetched *fetched);

/* Local. Rank `to` needs a box of a kept array: notes what others have to send. The same calls in
 * the same order on all ranks. */
mr_status mr_fetched_need(mr_fetched *fetched, int to, const mr_need *need, mr_error *error);
/* Collective. Sends and takes what was noted. */
mr_status mr_fetched_move(mr_fetched *fetched);

/* Thread-safe. Where a box lies, all of it rows of rank `rank`: its first element, and the
 * distances to the next one along each axis. */
const unsigned char *mr_fetched_find(const mr_fetched *fetched, const mr_array *array,
                                     const mr_box *box, int rank, int64_t *strides);

#endif
