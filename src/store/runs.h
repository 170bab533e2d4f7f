/*
 * store/runs.h: pairs in order that are more than memory holds: sorted runs on the scratch disk and
 * one merge of them all by a tree of losers.
 */
#ifndef MR_STORE_RUNS_H
#define MR_STORE_RUNS_H

#include "store/pair_order.h"
#include "store/spill.h"

typedef struct mr_runs mr_runs;

/* `memory`: bytes that the merge may use for its buffers. More runs than can be merged at once with
 * that are merged to fewer first. The order is borrowed. Frames on disk are about `frame` bytes of
 * whole pairs (one pair where it is longer). */
mr_status mr_runs_create(mr_runs **runs, const mr_pair_order *order, mr_spill *spill, size_t memory,
                         size_t frame, mr_error *error);
void mr_runs_destroy(mr_runs **runs);

/* Writes pairs that are in order (mr_pair_sort) as a run. */
mr_status mr_runs_add(mr_runs *runs, const mr_pair_ref *refs, size_t count, mr_error *error);

/* No more runs: begins the merge, at the start (may be called again to read it all once more). */
mr_status mr_runs_rewind(mr_runs *runs, mr_error *error);
/*
 * The next pair in order, valid until the next call; NULL at the end. Disk space is given back as
 * it is read when `mr_runs_last_time` was called before.
 */
mr_status mr_runs_next(mr_runs *runs, const unsigned char **pair, mr_error *error);
void mr_runs_last_time(mr_runs *runs);

#endif
