/*
 * tasks/fork.h: what the files of fork-join share: nodes of the tree, a thread's deque, the run.
 *
 * A task is a node, one block of memory: it has its bytes first, then, when it was divided, how
 * many of its parts are missing, and in the end its result. Whoever finishes the last part of a
 * node joins it and goes up. A task that went to another rank stays here as a node without work,
 * until a letter brings its result.
 *
 * fork.c: the way from the root to the result. fork_top.c: the top of the tree, divided on all
 * ranks alike. fork_work.c: what a thread does. fork_steal.c: letters. fork_last.c: the last
 * levels, joined across ranks. fork_kernel.c: what kernels call. fork_search.c: the best so far.
 * fork_deque.c, fork_memory.c, fork_node.c and fork_path.c: what all of these stand on.
 * fork_rest.c: how all stand still for a checkpoint. fork_save.c, fork_load.c: what is in it.
 */
#ifndef MR_TASKS_FORK_H
#define MR_TASKS_FORK_H

#include "comm/post.h"
#include "engine/job.h"
#include "resume/keep.h"
#include "tasks/crew.h"

#include <mapred/fork.h>

#include <stdatomic.h>

/* ---- A short lock, which gives way to whoever holds it (fork_deque.c) ---- */

typedef struct fork_lock {
    atomic_bool taken;
} fork_lock;

void mr_fork_lock_wait(fork_lock *lock);

static inline void fork_lock_take(fork_lock *lock)
{
    if (atomic_exchange_explicit(&lock->taken, true, memory_order_acquire))
        mr_fork_lock_wait(lock);
}

static inline void fork_lock_give(fork_lock *lock)
{
    atomic_store_explicit(&lock->taken, false, memory_order_release);
}

/* ---- Nodes ---- */

#define FORK_NEAR 16 /* bytes of a result that lie in the node itself */

typedef struct fork_result {
    size_t size;
    char *far; /* NULL: it lies in `near` */
    _Alignas(16) char near[FORK_NEAR];
} fork_result;

/* From the root to a task: what it is called. Of a deep one the first and the last steps. */
#define FORK_STEPS 32

typedef struct fork_path {
    uint32_t depth;
    uint32_t first[FORK_STEPS],
        last[FORK_STEPS]; /* `last` in a ring: step i is at i % FORK_STEPS */
} fork_path;

/* Where the result of a task from elsewhere goes. */
typedef struct fork_origin {
    int rank;
    uint64_t node; /* its address there */
    struct fork_node *here;
    struct fork_origin *next, **link; /* of this rank's, where there are checkpoints */
    fork_path path;
} fork_origin;

enum {
    FORK_SMALL = 1,    /* known not to be divided */
    FORK_JOINS = 2,    /* all parts are there: to be joined */
    FORK_PIECE = 4,    /* of the last levels: nothing goes up from here */
    FORK_FOREIGN = 8,  /* came from another rank: `origin` */
    FORK_BORROWS = 16, /* its result is somebody else's memory */
    FORK_AWAY = 32,    /* another rank has it, as a foreign one */
    FORK_QUEUED = 64   /* in a checkpoint: it lies in a deque */
};

typedef struct fork_node {
    struct fork_node *parent, *next; /* `next`: of the same parent, or of a free list */
    struct fork_node *first;         /* its parts */
    union {
        /* Of a node at a depth above FORK_STEPS: the one of that depth that is above it, or the
         * foreign one that is. */
        struct fork_node *anchor;
        fork_origin *origin;
    };
    size_t size; /* of the task */
    uint32_t index, depth, count;
    atomic_uint missing;
    unsigned flags;
    bool has_result; /* solve's own, before those of the parts */
    fork_result result;
    char bytes[];
} fork_node;

/* ---- Threads ---- */

/* The newest tasks are at the end, where the owner takes them; others take from the front. */
typedef struct fork_deque {
    fork_lock lock;
    fork_node **ring; /* of a power of two */
    size_t room, first;
    atomic_size_t count;
} fork_deque;

#define FORK_CLASSES 20

typedef struct fork_block {
    struct fork_block *next;
} fork_block;

/* Memory that is used again: a list of free blocks a size. */
typedef struct fork_pool {
    fork_block *free[FORK_CLASSES];
    uint32_t counts[FORK_CLASSES];
    char *chunk; /* what is left of it */
    size_t left;
    fork_block *chunks;
} fork_pool;

typedef enum fork_doing { FORK_IDLE, FORK_SPLIT, FORK_SOLVE, FORK_JOIN } fork_doing;

typedef struct fork_counts {
    uint64_t divided, solved, joined, from_threads, from_ranks;
} fork_counts;

typedef struct fork_run fork_run;

/* A thread; one more stands for whoever handles letters. */
struct mr_fork {
    fork_run *run;
    unsigned thread;
    fork_doing doing;
    fork_node *node; /* of the kernel that runs */
    fork_node *last; /* the part that was put last */
    fork_node *held; /* put by solve, not filled in yet */
    bool has_returned;
    fork_result returned;
    void *local;
    mr_bytes *results; /* scratch for joins */
    size_t results_room;
    mr_status status;                /* of an error that the kernel may not have passed on */
    unsigned since_poll, poll_tasks; /* tasks since the last look for letters, and until the next */
    double polled;
    uint64_t random;
    double idle;   /* seconds */
    double served; /* when others, or this thread from others, got tasks last */
    fork_counts counts;
    _Alignas(64) fork_deque deque;
    _Alignas(64) fork_pool pool;
};

/* ---- The run, on one rank ---- */

/* A node of the top of the tree. Parts lie one after the other, behind their parent. */
typedef struct fork_top {
    fork_node *node;
    uint64_t parts, count; /* where they are; 0: it is a leaf of the top */
    uint64_t parent;
    uint64_t from, leaves; /* which leaves of the top are below it */
    int holder;            /* the rank that has (or will have) its result; -1: none alone */
} fork_top;

struct fork_run {
    mr_fork_join how; /* a copy: a job that fails ends after its driver */
    mr_job *job;
    mr_comm *comm;
    mr_post *post;
    uint32_t box;
    int rank, ranks;
    unsigned threads, workers;
    mr_fork **hands; /* the threads, and behind them the one for letters */
    mr_crew *crew;
    bool has_strays;

    mr_fork_signs signs;
    atomic_bool leave;     /* threads come out of their loops: it is over, or there is a rest */
    atomic_bool over;      /* threads end */
    atomic_bool cancelled; /* and nothing is joined */
    atomic_uint idle;
    atomic_long left; /* pieces of this rank that are not solved */
    int ranks_done;   /* rank 0 */

    fork_lock failing;
    mr_error error;

    fork_top *tops;
    uint64_t top_count, top_room;
    bool at_top; /* kernels run on all ranks alike */

    /* Asking others for work, and who has asked in vain. */
    fork_lock asking;
    bool *asked, *begs; /* a rank */
    int *beggars;       /* in their order */
    atomic_int beggar_count;
    int asked_count;
    double next_ask, gap;
    uint64_t letters;

    fork_lock sharing; /* free blocks that threads had too many of, large blocks */
    fork_block *spare[FORK_CLASSES];
    struct fork_large *large;

    fork_lock finding;
    _Atomic int64_t best;
    bool is_found;
    int64_t value;
    char *found;
    size_t found_size;

    char *taken; /* results that came in for the last levels */
    uint64_t taken_size;

    /* Checkpoints. */
    bool keeps;
    uint64_t piece, hash;     /* which run of the job it is, and of what */
    atomic_uint rests_called; /* rests that were asked for, */
    atomic_uint rests_had;    /* and that are over */
    atomic_bool is_called;    /* rank 0: the next one is */
    bool has_wished;          /* rank 0 knows that this rank is to stop */
    double called, next_rest; /* rank 0: when; and before when there is none but to stop */
    fork_lock listing;
    fork_origin *origins; /* of foreign nodes */
    fork_node **revived;  /* what is to be done first, from a checkpoint */
    uint64_t revived_count;
};

/* ---- fork_memory.c ---- */

/* Blocks at multiples of 16; who gives one back says how large it is. NULL: no memory (told). */
void *mr_fork_take(mr_fork *fork, size_t size);
void mr_fork_give(mr_fork *fork, void *block, size_t size);
void mr_fork_pool_free(mr_fork *fork);
void mr_fork_large_free(fork_run *run);

/* ---- fork_node.c ---- */

fork_node *mr_fork_node_new(mr_fork *fork, fork_node *parent, size_t size);
/* Where a node comes from, which is foreign from now on. False: no memory. */
bool mr_fork_node_origin(mr_fork *fork, fork_node *node, int rank, uint64_t there);
/* With its result, and where it comes from. */
void mr_fork_node_free(mr_fork *fork, fork_node *node);
/* Room for a result; what was there is gone. NULL: no memory. */
char *mr_fork_result_room(mr_fork *fork, fork_result *result, size_t size);
void mr_fork_result_free(mr_fork *fork, fork_result *result);
static inline mr_bytes fork_result_bytes(const fork_result *result)
{
    return (mr_bytes){result->far ? result->far : result->near, result->size};
}
static inline mr_bytes fork_task(const fork_node *node)
{
    return (mr_bytes){node->bytes, node->size};
}

/* ---- fork_path.c: only reads ---- */

void mr_fork_path(const fork_node *node, fork_path *path);
/* As "root.2.0.1": at most `room` bytes and no zero; returns how many. */
size_t mr_fork_path_text(const fork_path *path, char *text, size_t room);

/* ---- fork_deque.c ---- */

/* A node at the end; all parts of a node, so that the first is taken first. False: no memory. */
bool mr_fork_deque_put(mr_fork *fork, fork_deque *deque, fork_node *node);
bool mr_fork_deque_put_parts(mr_fork *fork, fork_deque *deque, fork_node *parts, size_t count);
fork_node *mr_fork_deque_take(fork_deque *deque);
/* Half of the oldest, `most` of them at most, whose tasks have no more than `bytes` together (but
 * one is taken in any case). For others than threads of this rank: `leaves`, only tasks. */
size_t mr_fork_deque_steal(fork_deque *deque, fork_node **nodes, size_t most, size_t bytes,
                           bool leaves);
void mr_fork_deque_free(fork_deque *deque);

/* ---- fork_work.c ---- */

/* What a thread does until the run is over. */
void mr_fork_work(void *run, unsigned thread);
/* Calls split. False: an error, told. The parts, if any, hang on the node. */
bool mr_fork_divide(mr_fork *fork, fork_node *node);
/* Calls join, and gives the parts up. False: an error, told. */
bool mr_fork_join_parts(mr_fork *fork, fork_node *node);
/* A task that `solve` has put is there for others. */
void mr_fork_offer(mr_fork *fork, fork_node *node);
/* A piece has its result. */
void mr_fork_piece_done(fork_run *run);
void mr_fork_halt(fork_run *run);

/* ---- fork_steal.c ---- */

void mr_fork_handle(void *run, int from, uint32_t kind, mr_bytes letter);
/* Asks another rank for tasks, if it is time to; returns when the next time is. */
double mr_fork_ask(mr_fork *fork);
/* Gives tasks to ranks that have asked before; unless `at_once`, not too often. */
void mr_fork_serve(mr_fork *fork, bool at_once);
/* About once in a millisecond, as a handler: the same for tasks that lie there. */
void mr_fork_tick(fork_run *run);
void mr_fork_send_result(mr_fork *fork, fork_node *node);
void mr_fork_send_done(fork_run *run);
void mr_fork_send_cancel(fork_run *run);
void mr_fork_send_best(fork_run *run, int64_t value);
void mr_fork_send_wish(fork_run *run);
void mr_fork_send_rest(fork_run *run);

/* ---- fork_top.c ---- */

/* Divides the root (rank 0's) on all ranks alike, and says whose piece is whose. */
mr_status mr_fork_top_divide(fork_run *run, mr_bytes task);
/* Whether one rank has (or will have) the result of this node, and none has that of its parent. */
bool mr_fork_top_is_held(const fork_run *run, uint64_t i);
/* Numbers the leaves, and says whose piece is whose; flags pieces, and counts this rank's. */
void mr_fork_top_assign(fork_run *run);
void mr_fork_top_mark(fork_run *run);
/* The rank whose a leaf of the top is. */
int mr_fork_top_owner(const fork_run *run, uint64_t leaf);
/* This rank's leaves of the top, to its threads. */
void mr_fork_top_deal(fork_run *run);
/* Tasks, of which the first ones are to be done first. */
void mr_fork_deal(fork_run *run, fork_node *const *nodes, uint64_t count);

/* ---- fork_rest.c ---- */

/* As a handler: whether it is time for a checkpoint. */
void mr_fork_rest_tick(fork_run *run);
/* Letters: rank 0 is told that somebody is to stop; it tells all to rest. */
void mr_fork_take_wish(void);
void mr_fork_take_rest(fork_run *run);
static inline bool fork_is_resting(fork_run *run)
{
    return atomic_load(&run->rests_called) != atomic_load(&run->rests_had);
}
/* Collective, when no thread is at work: saves all. MR_STOPPED: that was the end. */
mr_status mr_fork_rest(fork_run *run);

/* ---- fork_save.c, fork_load.c ---- */

/* Puts what this rank has into the next checkpoint. `*file` is to be destroyed after it was made.
 */
mr_status mr_fork_save(fork_run *run, mr_keep_file **file);
/* Collective. The run is done: its result is saved in place of the rest, if it is small. */
mr_status mr_fork_save_result(fork_run *run, const mr_item *result, const mr_fork_found *found);
/* Collective. A run that was done before: true, and its result. */
mr_status mr_fork_load_result(mr_job *job, const mr_fork_join *how, uint64_t piece, uint64_t hash,
                              mr_item *result, mr_fork_found *found, bool *done);
/* Collective. Whether there is something to go on from. */
bool mr_fork_is_saved(const fork_run *run);
/* Collective. The tree as it was, in place of mr_fork_top_divide. */
mr_status mr_fork_load(fork_run *run);

/* ---- fork_last.c ---- */

/* Collective. Afterwards the root's node has its result, on rank 0 and where all get it. */
mr_status mr_fork_last_join(fork_run *run);

/* ---- fork_kernel.c ---- */

/* Records an error of a task and ends the run. */
void mr_fork_error(mr_fork *fork, mr_status status, const char *text);
void mr_fork_no_memory(mr_fork *fork, const mr_error *error);

/* ---- fork_search.c ---- */

void mr_fork_search_begin(fork_run *run);
/* What was found before. False: no memory. */
bool mr_fork_search_restore(fork_run *run, int64_t value, mr_bytes found, mr_error *error);
/* News of another rank. */
void mr_fork_best_came(fork_run *run, int64_t value);
mr_status mr_fork_search_end(fork_run *run, mr_fork_found *found);

/* ---- fork_tell.c ---- */

mr_status mr_fork_tell(fork_run *run, double seconds);

#endif
