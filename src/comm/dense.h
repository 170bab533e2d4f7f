/*
 * comm/dense.h: the same array of accumulators on every rank, merged by an MPI collective with an
 * operation made from the fold. Arrays are of any size: what goes into one collective is a piece of
 * at most `piece` bytes (0: what is best), so that MPI's own copies stay small and its counts fit.
 * All are in place.
 */
#ifndef MR_COMM_DENSE_H
#define MR_COMM_DENSE_H

#include "comm/comm.h"

#include <mapred/fold.h>

/* What is merged. A fold's accumulators have less than 2 GiB each. */
typedef struct mr_merged {
    const mr_fold *fold;
    void *accumulators;
    uint64_t count;
    uint64_t piece;
} mr_merged;

/* Collective. Into those of rank `to`; the others keep what they have. */
void mr_merge_to_one(mr_comm *comm, const mr_merged *what, int to);
/* Collective. Into those of all ranks. */
void mr_merge_to_all(mr_comm *comm, const mr_merged *what);
/* Collective. Each rank's part of them is merged there; the rest keeps what it has. `room` has
 * mr_merge_room bytes, little more than a piece. */
void mr_merge_to_parts(mr_comm *comm, const mr_merged *what, void *room);
uint64_t mr_merge_room(const mr_comm *comm, const mr_merged *what);
/* Local. The accumulator that the part of a rank begins with; that of rank `size` is the end. */
uint64_t mr_merge_part(const mr_comm *comm, uint64_t count, int rank);

/*
 * As mr_merge_to_all, while the main thread does other things. `begin` and `finish` are collective;
 * messages move on in `poll`, which tells whether all have arrived, and in `finish`, which waits
 * for that and takes NULL, or one that was not begun. Only one merging may be going on, and no
 * other collective of this file meanwhile. `create` is local, and NULL on an error.
 */
typedef struct mr_merging mr_merging;

mr_merging *mr_merging_create(mr_error *error);
void mr_merging_begin(mr_merging *merging, mr_comm *comm, const mr_merged *what);
bool mr_merging_poll(mr_merging *merging);
void mr_merging_finish(mr_merging **merging);

#endif
