/*
 * store/runs.h: pairs in order that are more than memory holds: sorted runs on the scratch disk and
 * one merge of them all by a tree of losers. Pairs that compare equal come in the order in which
 * their runs were added.
 */
#ifndef MR_STORE_RUNS_H
#define MR_STORE_RUNS_H

#include "store/merge.h"
#include "store/run.h"

/* `memory`: bytes that the merge may use for its buffers. More runs than can be merged at once with
 * that are merged to fewer first, never less than two at a time. The order is borrowed. Frames on
 * disk are about `frame` bytes of whole pairs (one pair where it is longer). */
typedef struct mr_runs {
    const mr_pair_order *order;
    mr_spill *spill;
    size_t memory, frame;
    size_t longest; /* of all frames, now and after merging: `frame` or one pair */
    mr_run *runs;
    size_t count, capacity;
    mr_spill_buffer buffer; /* for writing; empty while the merge goes on */
    bool last_time;
    mr_merge merge;
    const unsigned char *const *at, *const *end; /* merged, and not handed out yet */
} mr_runs;

mr_status mr_runs_create(mr_runs **runs, const mr_pair_order *order, mr_spill *spill, size_t memory,
                         size_t frame, mr_error *error);
/* Gives the disk space back, too. */
void mr_runs_destroy(mr_runs **runs);

/* Writes pairs that are in order (mr_pair_sort) as a run. */
mr_status mr_runs_add(mr_runs *runs, const mr_pair_ref *refs, size_t count, mr_error *error);
/* Takes one that was written to the same file by mr_run_write, as threads do that sort at the same
 * time. */
mr_status mr_runs_take(mr_runs *runs, mr_run run, mr_error *error);

/* No more runs: begins the merge, at the start (may be called again to read it all once more). */
mr_status mr_runs_rewind(mr_runs *runs, mr_error *error);
/* From now on, disk space is given back as it is read: what is read cannot be rewound to. */
void mr_runs_last_time(mr_runs *runs);

/* The next pairs in order, valid until the next call of this or of mr_runs_next; none at the end.
 */
mr_status mr_runs_batch(mr_runs *runs, const unsigned char *const **pairs, size_t *count,
                        mr_error *error);

mr_status mr_runs_more(mr_runs *runs, mr_error *error);

/* The next pair in order, valid until the next call; NULL at the end. */
static inline mr_status mr_runs_next(mr_runs *runs, const unsigned char **pair, mr_error *error)
{
    if (__builtin_expect(runs->at == runs->end, 0)) {
        *pair = NULL;
        MR_TRY(mr_runs_more(runs, error));
        if (runs->at == runs->end)
            return MR_OK;
    }
    *pair = *runs->at++;
    return MR_OK;
}

#endif
