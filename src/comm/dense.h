/*
 * comm/dense.h: the same array of accumulators on every rank, merged into one by an MPI collective
 * with an operation made from the fold.
 */
#ifndef MR_COMM_DENSE_H
#define MR_COMM_DENSE_H

#include "comm/comm.h"

#include <mapred/fold.h>

/* Collective. Merges `count` accumulators of every rank into those of rank 0, in pieces. */
void mr_dense_reduce(mr_comm *comm, const mr_fold *fold, void *accumulators, uint64_t count);

#endif
