/*
 * mapred/fork.h: fork-join: a task that divides itself, leaves that run anywhere, results that are
 * joined back up the tree, in the order in which the task was divided.
 *
 * Tasks and results are plain bytes of any size. A thread works depth first; threads and ranks that
 * have nothing to do take half of the oldest, largest tasks of others. Where a task runs does not
 * change the result: joins need to be neither commutative nor associative.
 *
 * Kernels get tasks and results at addresses that are multiples of 16, to read until they return.
 * The first levels of the tree are divided on all ranks alike, and the last ones may be joined by
 * several: `split` and `join` come to the same whoever calls them, and have no effect besides.
 *
 * With --checkpoint a run saves what is to be done and what is done; a resumed job goes on from
 * there (see mr_fork_stopping, and docs/survival.md).
 */
#ifndef MAPRED_FORK_H
#define MAPRED_FORK_H

#include <mapred/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel has: of the thread that calls it. */
typedef struct mr_fork mr_fork;

typedef struct mr_fork_join {
    size_t size; /* sizeof(mr_fork_join) */
    const char *name;
    /* Divides a task by mr_fork_put, in order; without any, the task is small enough. NULL: all
     * are. */
    mr_status (*split)(mr_fork *fork, mr_bytes task);
    /* Solves one that is small enough: mr_fork_return. It may put tasks too, when somebody wants
     * some (mr_fork_wanted): they are joined behind what it returns, in order. */
    mr_status (*solve)(mr_fork *fork, mr_bytes task);
    /* What results of the parts are together: mr_fork_return. Called once for all parts of a task,
     * in order; with what solve returned first where solve has put tasks. NULL: results are empty,
     * as for a search. */
    mr_status (*join)(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count);
    void *context;     /* of this rank: mr_fork_context */
    size_t local_size; /* bytes of state of each thread, zeroed: mr_fork_local */
    /* For searches: whether smaller values are better (see mr_fork_improve). */
    bool smallest;
    bool everywhere; /* all ranks get the result, not only rank 0 */
} mr_fork_join;

/* Collective. Solves `task` (rank 0's counts). `result` is the caller's (mr_item_free); empty where
 * it was cancelled, and on other ranks than 0 unless `everywhere`. An error in one task ends all:
 * it names the task by its path, as "root.2.0.1". */
MR_API mr_status mr_fork_run(mr_job *job, const mr_fork_join *how, mr_bytes task, mr_item *result);

/* ---- Within a kernel ---- */

/* Both copy. The room that the second kind gives is to be filled in before the next call; NULL: no
 * memory (recorded). */
MR_API mr_status mr_fork_put(mr_fork *fork, mr_bytes task);
MR_API mr_status mr_fork_return(mr_fork *fork, const void *bytes, size_t size);
MR_API void *mr_fork_put_room(mr_fork *fork, size_t size);
MR_API void *mr_fork_return_room(mr_fork *fork, size_t size);
MR_API mr_status mr_fork_fail(mr_fork *fork, mr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
MR_API void *mr_fork_context(const mr_fork *fork);
MR_API void *mr_fork_local(const mr_fork *fork);
MR_API int mr_fork_rank(const mr_fork *fork);
MR_API unsigned mr_fork_thread(const mr_fork *fork);
MR_API unsigned mr_fork_workers(const mr_fork *fork); /* on all ranks together */
MR_API unsigned mr_fork_depth(const mr_fork *fork);   /* of the task in the tree; the root's is 0 */

/* Whether somebody wants work, or all is cancelled, or everything is to stop for a checkpoint: what
 * a kernel looks at in its loop, and costs one load. */
typedef struct mr_fork_signs {
    volatile int wanted, cancelled, stopping;
} mr_fork_signs;
MR_API const mr_fork_signs *mr_fork_look(const mr_fork *fork);
static inline bool mr_fork_wanted(const mr_fork_signs *signs)
{
    return signs->wanted != 0;
}
static inline bool mr_fork_cancelled(const mr_fork_signs *signs)
{
    return signs->cancelled != 0;
}
/* For a checkpoint (--checkpoint) all threads wait until each has finished its task. So a `solve`
 * that may take longer than some tenths of a second looks at this, and when it is true puts all
 * that it has left as tasks (mr_fork_put) and returns what it has so far: as with mr_fork_wanted,
 * but everything. What a thread keeps for itself (mr_fork_local) is not saved. */
static inline bool mr_fork_stopping(const mr_fork_signs *signs)
{
    return signs->stopping != 0;
}

/* ---- Searches ---- */

/* The best value that any rank has found so far, as this one knows it: INT64_MAX (smallest) or
 * INT64_MIN before there is one. */
MR_API int64_t mr_fork_best(const mr_fork *fork);
/* Found something: kept, and told to all ranks, if it is better; of equal ones that whose bytes are
 * smaller (as mr_bytes_compare has it), so that the end is the same however the search went, where
 * only what is worse than the best is left out. */
MR_API mr_status mr_fork_improve(mr_fork *fork, int64_t value, mr_bytes found);
/* Enough: tasks that have not begun are dropped, kernels that run are told (mr_fork_cancelled).
 * Nothing is joined. */
MR_API void mr_fork_cancel(mr_fork *fork);
/* Collective, after mr_fork_run with a search in it: what was found, on all ranks. false: nothing.
 */
typedef struct mr_fork_found {
    bool is_found;
    int64_t value;
    mr_item item;
} mr_fork_found;
MR_API mr_status mr_fork_search(mr_job *job, const mr_fork_join *how, mr_bytes task,
                                mr_fork_found *found);

#ifdef __cplusplus
}
#endif

#endif
