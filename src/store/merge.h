/*
 * store/merge.h: one merge of sorted runs: a reader each, and a tree of losers over the
 * pairs that they stand at. Of equal pairs that of the earlier run comes first.
 */
#ifndef MR_STORE_MERGE_H
#define MR_STORE_MERGE_H

#include "store/losers.h"
#include "store/pair_order.h"
#include "store/run.h"

#define MR_MERGE_BATCH 256
#define MR_MERGE_AHEAD 32

/* Where a source is: at a ref; NULL after its last one. Refs are made some at a time. */
typedef struct mr_cursor {
    const mr_pair_ref *at, *end;
} mr_cursor;

/* Where its refs come from: the rest of a frame, and the frames behind that. */
typedef struct mr_source {
    const unsigned char *at, *end;
    mr_spill_reader reader;
    mr_pair_ref refs[MR_MERGE_AHEAD];
} mr_source;

/* All zeros is one that was not started, and may be ended. */
typedef struct mr_merge {
    const mr_pair_order *order;
    mr_cursor *cursors;
    mr_source *sources;
    mr_losers losers;
    mr_loser first;
    size_t count, live;    /* sources, and those that have pairs yet */
    mr_spill_room columns; /* all readers', in turn */
    bool used_up;          /* the frame of `first` is: its pairs are in the last batch */
    const unsigned char *pairs[MR_MERGE_BATCH];
} mr_merge;

/* `chunk` bytes are read at once; `consume` as mr_spill_reader has it. */
mr_status mr_merge_start(mr_merge *merge, const mr_pair_order *order, mr_spill *spill,
                         const mr_run *runs, size_t count, size_t chunk, bool consume,
                         mr_error *error);
/* The next pairs in order, valid until the next call; none at the end. */
mr_status mr_merge_more(mr_merge *merge, const unsigned char *const **pairs, size_t *count,
                        mr_error *error);
void mr_merge_end(mr_merge *merge);

/* What a merge takes for each source whose frames have at most `frame` bytes, at the least, beside
 * one room for columns as large. */
size_t mr_merge_least(size_t frame);

#endif
