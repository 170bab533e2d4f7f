/*
 * mapred/dense.h: results that are one array of accumulators, the same on all ranks: a histogram,
 * the sums of a regression, centroids. Each thread folds into an array of its own; threads are
 * merged in a tree, ranks by an MPI collective with an operation made from the fold. All ranks can
 * have the result, for the next iteration, and it may be of any size.
 */
#ifndef MAPRED_DENSE_H
#define MAPRED_DENSE_H

#include <mapred/driver.h>
#include <mapred/exact.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_dense mr_dense;

/* Collective. `count` accumulators of a fold for each thread, from the budget, each the fold's
 * identity. A thread's are made when it asks for them first. */
MR_API mr_status mr_dense_create(mr_job *job, const mr_fold *fold, uint64_t count,
                                 mr_dense **dense);
/* Local; waits for what was begun. Takes NULL. */
MR_API void mr_dense_destroy(mr_dense **dense);

/* Thread-safe, for threads with different numbers. The accumulators of thread `thread` of this rank
 * (0 to mr_job_threads - 1); the same ones each time, until they are merged. Then nothing can be
 * added before mr_dense_clear. NULL: no memory, which mr_job_agree tells. */
MR_API void *mr_dense_mine(mr_dense *dense, unsigned thread);

/* Collective. All of them merged, on all ranks: NULL on an error, which is told to all. Owned by
 * `dense`, until mr_dense_clear or the end. This and the next two may follow each other: nothing is
 * merged twice. */
MR_API const void *mr_dense_all(mr_dense *dense);
/* Collective. The same on rank `to` alone (NULL elsewhere; the status tells whether it went well).
 */
MR_API mr_status mr_dense_on(mr_dense *dense, int to, const void **merged);
/* Collective. Each rank gets a part: accumulators *first to *first + *count - 1. */
MR_API mr_status mr_dense_parts(mr_dense *dense, const void **part, uint64_t *first,
                                uint64_t *count);
/* Collective. Begins what mr_dense_all does and returns; mr_dense_all then waits for it. Nothing
 * else of the job may be called in between but local things. */
MR_API mr_status mr_dense_begin(mr_dense *dense);
/* Local, by the main thread alone. What was begun moves on, which it does only here and in
 * mr_dense_all: call it now and then in between. Whether all of it has arrived. */
MR_API bool mr_dense_poll(mr_dense *dense);
/* Local. All accumulators are the identity again; their memory is kept. */
MR_API void mr_dense_clear(mr_dense *dense);

#ifdef __cplusplus
}
#endif

#endif
