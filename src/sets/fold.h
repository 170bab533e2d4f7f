/*
 * sets/fold.h: folds and sets: accumulators as values, kernels that fold, and jobs whose folded
 * result does not fit in memory.
 */
#ifndef MR_SETS_FOLD_H
#define MR_SETS_FOLD_H

#include "sets/set.h"
#include "store/first.h"

/* An accumulator as a value: as it is, and behind it the bytes that it points to, where it does. */
bool mr_folded_has_tail(const mr_fold *fold);
size_t mr_folded_size(const mr_fold *fold, const void *accumulator);
void mr_folded_put(const mr_fold *fold, const void *accumulator, unsigned char *at);
/* And back: `accumulator` has room for mr_fold_room and may point into `value`. */
void mr_folded_get(const mr_fold *fold, mr_bytes value, void *accumulator);
void mr_folded_show(const mr_fold *fold, mr_bytes value, mr_row *row);
/* Orders by the first cell that the fold shows of a value; `fold` is a const mr_fold *. */
int mr_folded_compare(void *fold, const mr_pair *a, const mr_pair *b);
/* The shape of a set of folded values. */
mr_shape mr_folded_shape(const mr_fold *fold, mr_shape keys);

/*
 * Folding: a store that kernels fold into, and a set that takes what it has no room for. Begin it,
 * run its feed (making.feed, less what is the feeder's own), and end it: `*to` is the set. A
 * folding that was never relieved may be dropped instead, when its store was taken away.
 */
typedef struct mr_folding {
    mr_making making;
    mr_app app; /* what an mr_out is made after */
    mr_store *store;
    mr_set_options options;
    atomic_bool relieved;
    atomic_uint next; /* the partition to be emptied next */
} mr_folding;

mr_status mr_folding_begin(mr_folding *folding, mr_job *job, const mr_set_options *options);
mr_status mr_folding_end(mr_folding *folding, mr_status status, mr_set **to);
void mr_folding_drop(mr_folding *folding);
/* Collective. Whether any rank has emptied its store into the set. */
bool mr_folding_relieved(mr_folding *folding);

/* Collective. Accumulators of the same key become one. */
mr_status mr_set_merge_folded(mr_set *partial, mr_set **to);

/* Collective: mr_set_map, mr_set_from_input and mr_set_from_range with a fold in their options. */
mr_status mr_set_fold_map(mr_set *set, mr_pairs_kernel *kernel, const mr_set_options *options,
                          mr_set **to);
mr_status mr_set_fold_input(mr_job *job, const mr_plan *plan, mr_records records,
                            mr_map_kernel *kernel, const mr_set_options *options, mr_set **set);
mr_status mr_set_fold_range(mr_job *job, uint64_t begin, uint64_t end, mr_range_kernel *kernel,
                            const mr_set_options *options, mr_set **set);

#endif
