/*
 * mapred/delayed.h: graphs of tasks whose arguments are other tasks' results, built first and run
 * by a pool in the order in which the longest chains are finished earliest.
 *
 * A graph belongs to the rank that builds it: everything here is local to that rank and one of its
 * threads at a time. Results stay where they were made, go from task to task by reference, and are
 * freed when the last task that reads them is done, unless they are kept.
 *
 * With --checkpoint results of graphs that rank 0's main thread opens are saved as they come; a
 * resumed job builds the graph again and runs what is still needed.
 */
#ifndef MAPRED_DELAYED_H
#define MAPRED_DELAYED_H

#include <mapred/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_dag mr_dag;
typedef struct mr_delayed mr_delayed; /* a task of it; lives as long as the graph */

typedef struct mr_dag_options {
    size_t size;      /* sizeof(mr_dag_options) */
    const char *name; /* for the report and the picture */
    /* Run each task as soon as it was added and its arguments are there. Results are freed from
     * mr_dag_run on only: until then tasks may be added that read them. */
    bool eager;
} mr_dag_options;

MR_API mr_status mr_dag_open(mr_pool *pool, const mr_dag_options *options, mr_dag **dag);
/* Waits for what runs. Takes NULL. */
MR_API void mr_dag_close(mr_dag **dag);

/* Bytes (copied), or a task before this one. */
typedef struct mr_delayed_argument {
    const void *data;
    size_t size;
    mr_delayed *from;
} mr_delayed_argument;

typedef struct mr_delayed_options {
    size_t size;     /* sizeof(mr_delayed_options) */
    const char *key; /* the same key is the same task: added once, run once; NULL: none */
    double cost;     /* seconds it may take, relative to others; 0: what its kind took so far */
    bool keep;       /* its result can be asked for */
} mr_delayed_options;

/* `options` may be NULL. NULL: no memory, or the function is not among the pool's kinds (recorded
 * in the job). */
MR_API mr_delayed *mr_dag_add(mr_dag *dag, mr_task_run *run, const mr_delayed_argument *arguments,
                              size_t count, const mr_delayed_options *options);
/* `later` runs after `earlier`, whose result it does not get. MR_USAGE: it has begun already. */
MR_API mr_status mr_dag_order(mr_dag *dag, mr_delayed *earlier, mr_delayed *later);
/* Its result can be asked for. */
MR_API void mr_dag_keep(mr_delayed *delayed);

/* Runs all that `wanted` (NULL: all that is kept) needs and is not there: what has not run yet, or
 * has failed, or was freed. MR_USAGE: there is a circle, whose tasks the error names. Fails with
 * the first task that does; those that need it do not run. */
MR_API mr_status mr_dag_run(mr_dag *dag, mr_delayed *const *wanted, size_t count);
/* Of a task that was wanted or kept, and has run: borrowed until the graph is closed. */
MR_API mr_status mr_delayed_get(mr_delayed *delayed, mr_bytes *result);

/* The graph as DOT (mr_item_free). For --dry-run: see mr_job_is_dry and mr_job_write_text. */
MR_API mr_status mr_dag_dot(const mr_dag *dag, mr_item *text);
/* The longest chain that ran, in words: its tasks, their seconds, its share of the whole time. Is
 * in the report, too. */
MR_API mr_status mr_dag_critical_path(const mr_dag *dag, mr_item *text);

#ifdef __cplusplus
}
#endif

#endif
