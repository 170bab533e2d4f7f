/*
 * tasks/dag.h: a graph of tasks (mapred/delayed.h) as it lies in memory, and what its rooms do with
 * it: add (dag.c), find by key (dag_keys.c), sort and find circles (dag_sort.c), choose what comes
 * next (dag_order.c), run (dag_run.c), draw (dag_dot.c), tell (dag_path.c). None of these knows of
 * pools: who runs tasks is behind mr_dag_runner; of a pool, that is dag_pool.c.
 */
#ifndef MR_TASKS_DAG_H
#define MR_TASKS_DAG_H

#include "base/arena.h"
#include "output/format.h"

#include <mapred/delayed.h>

#include <pthread.h>
#include <stdatomic.h>

/* A kind of task of this graph, and what its tasks took so far. */
typedef struct mr_dag_kind {
    const char *name;
    mr_task_run *run;
    double seconds;
    uint64_t ran;
} mr_dag_kind;

/* One task after another. Each is in a list of both. */
typedef struct mr_dag_edge {
    mr_delayed *from, *to;
    struct mr_dag_edge *next_of_from, *next_of_to;
    bool reads;     /* `to` gets the result of `from`, */
    bool will_read; /* has yet to, */
    bool waits;     /* waits for it */
} mr_dag_edge;

typedef enum mr_dag_state {
    MR_DAG_IDLE = 0,  /* nobody needs it, or its result was freed */
    MR_DAG_WAITING,   /* for tasks before it */
    MR_DAG_READY,     /* to be run */
    MR_DAG_SUBMITTED, /* runs, or will soon */
    MR_DAG_DONE       /* its result is there */
} mr_dag_state;

struct mr_delayed {
    mr_dag *dag;
    uint64_t number;
    mr_dag_kind *kind;
    mr_bytes key;
    uint64_t hash; /* of the key */
    mr_delayed_argument *arguments;
    size_t count;
    mr_dag_edge *before, *last_before; /* in the order in which they were added */
    mr_dag_edge *after;
    mr_delayed *next, *next_kept;
    double cost; /* as given; 0: what its kind takes */
    mr_dag_state state;
    bool keep, is_listed, has_run, is_open; /* open: on the way of a search */
    bool was_sought;                        /* in what was saved */
    uint64_t pass;                          /* the search that has met it last */
    mr_delayed *up;                         /* where that search came from, */
    mr_dag_edge *at;                        /* and what it has not looked at yet */
    mr_delayed *heavy;                      /* before it: whose end comes latest */
    double reach;                           /* cost of the longest chain up to its end */
    double level;                           /* from its start to the end of everything */
    double weight;                          /* its own part of that */
    uint64_t place;                         /* in the order of the search */
    uint64_t waits;                         /* for so many edges */
    uint64_t readers;                       /* edges to tasks that are to read it and have not */
    void *handle;                           /* the runner's */
    mr_delayed *next_finished;              /* or unread */
    mr_status status;
    double seconds, path; /* path: of the longest chain that ran up to its end */
    mr_delayed *path_from;
    int rank;
};

/* Tasks by two keys, the smallest on top. There is room for all tasks of the graph. */
typedef struct mr_dag_entry {
    double first;
    uint64_t second;
    mr_delayed *task;
} mr_dag_entry;

typedef struct mr_dag_heap {
    mr_dag_entry *entries;
    uint64_t count;
    uint64_t stale; /* about so many are not ready any more: they were taken in another way */
} mr_dag_heap;

/* Who runs tasks. All but `wait` are called under the graph's lock, by whichever thread. */
typedef struct mr_dag_runner {
    /* Runs a task whose arguments are done: mr_dag_finish is called then, by any thread. False: it
     * can't; the error says why. */
    bool (*submit)(void *context, mr_delayed *task, double priority, mr_error *error);
    /* Its result is not needed any more. */
    void (*release)(void *context, mr_delayed *task);
    /* It need not run, if it has not begun; is finished all the same. */
    void (*cancel)(void *context, mr_delayed *task);
    /* What went wrong with one that has failed. */
    const char *(*error)(void *context, mr_delayed *task);
    /* Until `ready` says true. */
    mr_status (*wait)(void *context, bool (*ready)(void *), void *of);
    unsigned workers;
    /* Whether a run before this one has its result: then it is as if it had run. May be NULL. */
    bool (*restore)(void *context, mr_delayed *task);
} mr_dag_runner;

struct mr_dag {
    char *name;
    bool eager;
    const mr_dag_runner *runner;
    void *context;
    mr_dag *next_open; /* of the same runner */
    mr_error error;    /* of whoever builds and runs it */
    mr_arena arena;
    mr_dag_kind *kinds;
    size_t kind_count;
    mr_delayed *first, *last;
    uint64_t count, capacity;           /* capacity: of what has room for all tasks */
    mr_delayed *first_kept, *last_kept; /* kept, and not there yet when last looked at */
    mr_delayed **slots;                 /* by key */
    uint64_t slot_count, key_count;
    double given_seconds; /* costs as given */
    uint64_t given_count;
    mr_delayed *settled; /* eager: the last task that was there at the last run */

    mr_delayed **sorted; /* by the last search, tasks before those after them */
    uint64_t sorted_count, pass;
    /* Ready ones: those that were when it was planned are in the list, behind `next_sorted`. */
    mr_dag_heap by_place, by_level;
    uint64_t next_sorted;

    /* While it runs, under the lock, but for what is atomic. */
    pthread_mutex_t lock;
    _Atomic(mr_delayed *) finished; /* and not taken in yet, last one first */
    atomic_uint_fast64_t busy;      /* tasks that are waiting, ready or submitted */
    atomic_uint_fast64_t visitors;  /* threads that tell of the end of a task */
    uint64_t submitted;
    bool is_planned;     /* places and levels are known */
    bool frees;          /* no more readers can come: results that nobody will read are freed */
    mr_delayed *unread;  /* done before that; may be freed then */
    bool is_stuck;       /* the job stops, and tasks of it may still run */
    mr_delayed *failed;  /* of those that failed the one that was added first */
    mr_error failure;    /* what it says; also without a task */
    double work;         /* cost of what is not done yet */
    uint64_t next_plan;  /* when so many tasks have run levels are worth another look */
    uint64_t ran, again; /* again: for the result was freed */
    uint64_t results, most_results; /* that are there at once */
    double started;                 /* the run that goes on */
    double seconds, busy_seconds;   /* of all runs; of all tasks */
    mr_delayed *longest;            /* the last task of the longest chain that ran */
};

/* ---- dag.c: building. Errors are in dag->error. ---- */

/* `kinds` as a pool has them, up to one without a name. */
mr_status mr_dag_create(const char *name, bool eager, const mr_task_kind *kinds,
                        const mr_dag_runner *runner, void *context, mr_dag **dag, mr_error *error);
void mr_dag_destroy(mr_dag *dag);
mr_delayed *mr_dag_add_task(mr_dag *dag, mr_task_run *run, const mr_delayed_argument *arguments,
                            size_t count, const mr_delayed_options *options);
void mr_dag_keep_task(mr_delayed *task);
mr_status mr_dag_add_order(mr_dag *dag, mr_delayed *earlier, mr_delayed *later);

/* ---- dag_keys.c ---- */

uint64_t mr_dag_key_hash(mr_bytes key);
mr_delayed *mr_dag_key_find(const mr_dag *dag, mr_bytes key, uint64_t hash);
/* Room for one key more. */
mr_status mr_dag_key_reserve(mr_dag *dag);
void mr_dag_key_add(mr_dag *dag, mr_delayed *task);

/* ---- dag_sort.c ---- */

/* Whether `edge` has something to wait for: a result that is not there, a task that never ran. */
static inline bool mr_dag_edge_is_open(const mr_dag_edge *edge)
{
    return edge->reads ? edge->from->state != MR_DAG_DONE : !edge->from->has_run;
}
/*
 * Lists what has to be done before tasks are done, and these, in an order in which it can be done:
 * one `begin`, and a search for each of them. `deep`: also what is on its way already. MR_USAGE:
 * there is a circle, which the error names.
 */
void mr_dag_search_begin(mr_dag *dag);
mr_status mr_dag_search(mr_delayed *task, bool deep, mr_error *error);
/* 'square "a"', 'square 17' */
#define MR_DAG_NAME 64
void mr_dag_name_task(const mr_delayed *task, char name[MR_DAG_NAME]);

/* ---- dag_order.c: which of the tasks that are ready comes next ---- */

/* Of what is listed and not done: chains before each task, and which one a search takes first;
 * chains behind each, and all work; the order of the list as the tasks' places. */
void mr_dag_measure_before(mr_dag *dag);
void mr_dag_measure_behind(mr_dag *dag);
void mr_dag_number_places(mr_dag *dag);
/* Takes in a task that has become ready; all that are, after levels and places have changed. */
void mr_dag_ready_push(mr_dag *dag, mr_delayed *task);
void mr_dag_ready_again(mr_dag *dag);
/* The next one to run, and how it compares with others; NULL: none is ready. */
mr_delayed *mr_dag_ready_pop(mr_dag *dag, double *priority);

/* ---- dag_run.c ---- */

/* `task` has ended, ran on `rank` for so long. Thread-safe, does not wait. True: nothing runs any
 * more, who waits for that may be woken. The graph may be gone already. */
bool mr_dag_finish(mr_delayed *task, mr_status status, int rank, double seconds);
/* Of an eager graph: a task was added. */
void mr_dag_begin(mr_delayed *task);
/* `wanted` NULL: all that is kept. `error` without a text: the job is stopping. */
mr_status mr_dag_run_tasks(mr_dag *dag, mr_delayed *const *wanted, size_t count, mr_error *error);
/* Of an eager graph: until a task is done, or won't be. */
mr_status mr_dag_wait_for(mr_delayed *task);
/* Around everything that changes the graph: threads that tell of the end of tasks change it, too.
 */
void mr_dag_enter(mr_dag *dag);
void mr_dag_leave(mr_dag *dag);

/* ---- dag_dot.c, dag_path.c ---- */

void mr_dag_draw(const mr_dag *dag, mr_text *text);
/* Takes a task that ran into account for the longest chain. */
void mr_dag_path_add(mr_dag *dag, mr_delayed *task);
void mr_dag_path_text(const mr_dag *dag, mr_text *text);
/* The same as JSON for the report: malloc'd; NULL: no memory. */
char *mr_dag_path_json(const mr_dag *dag);

#endif
