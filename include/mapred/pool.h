/*
 * mapred/pool.h: a pool of workers on all ranks and threads of a job, tasks for it, and futures:
 * what a task's result will be.
 *
 *     static mr_status square(mr_task *task)
 *     {
 *         int64_t x = *(const int64_t *)mr_task_argument(task, 0).data;
 *         x *= x;
 *         return mr_task_return(task, &x, sizeof x);
 *     }
 *     static const mr_task_kind kinds[] = {{.name = "square", .run = square}, {0}};
 *
 *     mr_pool_open(job, &(mr_pool_options){.size = sizeof(mr_pool_options), .kinds = kinds},
 * &pool); if (mr_job_rank(job) == 0) { mr_future *f = mr_pool_submit(pool, square, &x, sizeof x);
 *         mr_future_get(f, MR_FOREVER, &result);
 *     }
 *     mr_pool_close(&pool);
 *
 * A pool is opened and closed by all ranks (collective). In between every rank may submit; a rank
 * that has nothing to say goes straight to mr_pool_close, and serves there. Workers are threads of
 * their own: the rank's main thread is none of them. Everything but open and close may be called by
 * any thread of any rank, tasks included; a task that waits for other tasks works on them
 * meanwhile.
 *
 * With --checkpoint results of tasks and maps that rank 0's main thread submits are saved as they
 * come. A resumed job does the same again and has those at once whose function and arguments are
 * what they were under the same number (see docs/survival.md).
 */
#ifndef MAPRED_POOL_H
#define MAPRED_POOL_H

#include <mapred/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_pool mr_pool;
typedef struct mr_future mr_future;
typedef struct mr_task mr_task;

/* What a task does: one function for single tasks, or one for maps over arrays. */
typedef mr_status mr_task_run(mr_task *task);
typedef mr_status mr_task_each(mr_task *task, const void *item, void *result);

typedef struct mr_task_kind {
    const char *name; /* for messages and reports */
    mr_task_run *run;
    mr_task_each *each;
    /* Seconds a task may take; 0: any. Its future fails when they are over; the worker is given up
     * and replaced if it does not come back. */
    double timeout;
    /* May be run again, elsewhere where possible, when it fails, takes too long: `retries` times
     * more. */
    bool idempotent;
    int retries;
} mr_task_kind;

typedef struct mr_pool_options {
    size_t size;               /* sizeof(mr_pool_options) */
    const mr_task_kind *kinds; /* all that will be submitted, up to one without a name */
    unsigned workers;          /* on all ranks together, spread evenly; 0: ranks x threads */
    size_t local_size;         /* bytes of state of each worker, zeroed, */
    mr_status (*local_open)(mr_task *task, void *local); /* made before its first task */
    void (*local_close)(mr_task *task, void *local);
    void *context; /* of this rank: mr_task_context */
} mr_pool_options;

MR_API mr_status mr_pool_open(mr_job *job, const mr_pool_options *options, mr_pool **pool);
/* Collective. Waits for the tasks of all ranks, serving. A task that failed and whose future nobody
 * looked at fails the job with its error. One that runs on though it was cancelled (or its pool
 * terminated) has a second to end; then it is given up, and its thread left behind until the
 * process ends. */
MR_API mr_status mr_pool_close(mr_pool **pool);
/* Local. Waits for what this rank has submitted. MR_USAGE within a task: it would wait for itself.
 */
MR_API mr_status mr_pool_join(mr_pool *pool, double seconds);
/* Local. Cancels what this rank has submitted and has not begun; tasks that run can ask
 * (mr_task_is_cancelled). More can't be submitted here. */
MR_API void mr_pool_terminate(mr_pool *pool);
MR_API unsigned mr_pool_workers(const mr_pool *pool);

/* ---- Within a task ---- */

MR_API size_t mr_task_argument_count(const mr_task *task);
/* Borrowed until the task ends, at an address that is a multiple of 16. */
MR_API mr_bytes mr_task_argument(const mr_task *task, size_t number);
/* Copies the result; called again it replaces it. Without it the result is empty. */
MR_API mr_status mr_task_return(mr_task *task, const void *bytes, size_t size);
/* Room for a result of `size` bytes, to be filled in: saves the copy. NULL: no memory (recorded).
 */
MR_API void *mr_task_result(mr_task *task, size_t size);
/* Says why it fails; returns `status`. */
MR_API mr_status mr_task_fail(mr_task *task, mr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
MR_API bool mr_task_is_cancelled(const mr_task *task);
MR_API void *mr_task_local(const mr_task *task);
MR_API void *mr_task_context(const mr_task *task);
MR_API mr_pool *mr_task_pool(const mr_task *task);
/* Of those its rank submitted, from 0; of a map: which item. */
MR_API uint64_t mr_task_number(const mr_task *task);
MR_API int mr_task_rank(const mr_task *task); /* where it runs */
/* Of that rank's workers, from 0. A thread that stands in for one which waits too deep has a number
 * beyond those. */
MR_API unsigned mr_task_thread(const mr_task *task);

/* ---- Submitting ---- */

/* An argument: bytes, which are copied, or what a future will be, which is passed by reference: the
 * task waits for it, runs where it is if it can, and gets it fetched otherwise. */
typedef struct mr_argument {
    const void *data;
    size_t size;
    mr_future *future;
} mr_argument;

/* Owned by the caller: mr_future_free. NULL: it could not be submitted (no memory; a function that
 * is not among the kinds; a pool that was terminated); the error is recorded in the job. */
MR_API mr_future *mr_pool_submit(mr_pool *pool, mr_task_run *run, const void *data, size_t size);
typedef struct mr_submit_options {
    size_t size;     /* sizeof(mr_submit_options) */
    int rank;        /* run it there; -1: anywhere (what mr_pool_submit does) */
    double priority; /* higher goes first */
    void (*then)(mr_future *future, void *context); /* apply_async: called when it is done, on */
    void *context;                                  /* this rank; must not wait */
} mr_submit_options;
/* `options` may be NULL. */
MR_API mr_future *mr_pool_call(mr_pool *pool, mr_task_run *run, const mr_argument *arguments,
                               size_t count, const mr_submit_options *options);
/* Many calls of one function at once: call i has arguments[i * each] to [(i + 1) * each - 1].
 * `futures` gets `calls` of them. */
MR_API mr_status mr_pool_starmap(mr_pool *pool, mr_task_run *run, const mr_argument *arguments,
                                 size_t each, size_t calls, mr_future **futures);

typedef struct mr_map_options {
    size_t size;       /* sizeof(mr_map_options) */
    uint64_t chunk;    /* items a worker takes at once; 0: as many as make sense */
    bool as_completed; /* imap: in whatever order they are done */
} mr_map_options;
/* Applies `each` to `count` items that lie one after the other, results likewise. Waits. The first
 * item (lowest number) that fails is the error: the job's, or that of the task that calls it.
 * `options` may be NULL. */
MR_API mr_status mr_pool_map(mr_pool *pool, mr_task_each *each, const void *items, uint64_t count,
                             size_t item_size, void *results, size_t result_size,
                             const mr_map_options *options);

/* The same one by one, while the rest is still being worked on. Items are borrowed until the end.
 */
typedef struct mr_imap mr_imap;
MR_API mr_status mr_pool_imap(mr_pool *pool, mr_task_each *each, const void *items, uint64_t count,
                              size_t item_size, size_t result_size, const mr_map_options *options,
                              mr_imap **imap);
/* The next result, borrowed until the next call, and which item's. MR_CLOSED: that was all. */
MR_API mr_status mr_imap_next(mr_imap *imap, double seconds, const void **result, uint64_t *number);
MR_API void mr_imap_free(mr_imap **imap);

/* ---- Futures ---- */

/* Waits for the result and fetches it: borrowed until the future is freed, at a multiple of 16. A
 * failed task's own status (MR_TIMED_OUT too when the task took too long: mr_future_error tells
 * them apart from a wait that did); MR_CANCELLED. `result` may be NULL: nothing is fetched. */
MR_API mr_status mr_future_get(mr_future *future, double seconds, mr_bytes *result);
MR_API bool mr_future_is_done(const mr_future *future);
/* What went wrong: "task failed: square 17 on rank 1 (host): text"; "" when nothing did (yet). */
MR_API const char *mr_future_error(const mr_future *future);
/* False: it has begun, or is done. One that runs can ask whether it is wanted, and is not tried
 * again. Where it lies at another rank that is asked, and its answer waited for (not within `then`:
 * false). */
MR_API bool mr_future_cancel(mr_future *future);
/* Where it ran, and where its result is; -1 before. */
MR_API int mr_future_rank(const mr_future *future);
/* Waits for all of them, or one that is done; NULLs are passed over. Fetches nothing, and is MR_OK
 * also when tasks have failed. No future left to wait for: MR_CLOSED. */
MR_API mr_status mr_wait_all(mr_future *const *futures, size_t count, double seconds);
MR_API mr_status mr_wait_any(mr_future *const *futures, size_t count, double seconds,
                             size_t *which);
/* Lets go of it; the task runs all the same. Takes NULL. */
MR_API void mr_future_free(mr_future **future);

#ifdef __cplusplus
}
#endif

#endif
