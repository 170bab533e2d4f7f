/*
 * tasks/pool.h: what the files of the pool share.
 *
 * A rank owns what it submits: a record for each task, which is the future as well. Ready records
 * lie in queues; workers of this rank take some, and others are sent to ranks that have room
 * (pool_send.c), where each is a foreign record until it is done. One lock guards the queues and
 * what is known of other ranks; a record's state is one atomic word, so that a task which ends
 * needs no lock unless somebody waits for it.
 *
 * Nothing is sent, and no record is let go of, while the lock is held: who sends may have to handle
 * letters, and handlers take the lock.
 */
#ifndef MR_TASKS_POOL_H
#define MR_TASKS_POOL_H

#include <mapred/pool.h>

#include "base/clock.h"
#include "comm/post.h"
#include "engine/job.h"
#include "tasks/crew.h"

#include <pthread.h>
#include <stdatomic.h>

#define POOL_SMALL_BLOCK  64                 /* arguments that lie in the record */
#define POOL_SMALL_RESULT 32                 /* a result that does */
#define POOL_TRAVELS      ((size_t)8 << 10)  /* results up to here travel with the news */
#define POOL_INLINE       ((size_t)64 << 10) /* arguments up to here travel with the task */
#define POOL_LETTER       ((size_t)48 << 10)
#define POOL_BATCH        16   /* tasks a worker takes at once, at most */
#define POOL_AHEAD        512  /* tasks sent ahead for each worker of another rank, at most */
#define POOL_AHEAD_TIME   2e-3 /* and for how many seconds of work */
#define POOL_BATCH_TIME   20e-6

/* Bytes that more than one may need: large results and arguments. */
typedef struct mr_blob {
    atomic_int holds;
    size_t size;
    uint64_t serial;              /* no other one of this rank has it */
    struct mr_blob *next, **link; /* of those kept for other ranks */
    uint64_t unused;
    char data[]; /* at a multiple of 16 */
} mr_blob;

/*
 * Arguments of a task lie in one block, each as an given at a multiple of 16. What goes to another
 * rank is the same block, where it has nothing but bytes in it.
 */
typedef enum mr_given_kind {
    GIVEN_BYTES = 0,  /* `size` bytes follow, padded */
    GIVEN_FUTURE = 1, /* mr_given_future follows; at the owner */
    GIVEN_BLOB = 2,   /* mr_given_blob follows: large bytes, at the owner */
    GIVEN_REMOTE = 3  /* mr_given_blob follows: kept on rank `holder` */
} mr_given_kind;

typedef struct mr_given {
    uint32_t kind;
    int32_t holder;
    uint64_t size;
} mr_given;

/* Room for bytes behind one. */
static inline uint64_t mr_given_padded(uint64_t size)
{
    return (size + 15) & ~(uint64_t)15;
}

typedef struct mr_given_future {
    mr_future *of, *needs; /* whose result; and who needs it */
    struct mr_given_future *next;
    uint64_t unused;
} mr_given_future;

typedef struct mr_given_blob {
    uint64_t cookie, serial; /* the holder's own address of it */
    mr_blob *blob;           /* here */
    uint64_t unused;
} mr_given_blob;

enum {
    PHASE_WAITING = 0, /* for arguments */
    PHASE_READY = 1,   /* may be claimed */
    PHASE_TAKEN = 2,   /* runs, or was sent away */
    PHASE_DONE = 3,
    PHASE = 3,
    FLAG_AWAITED = 4,    /* somebody waits for it */
    FLAG_THEN = 8,       /* somebody is to be called */
    FLAG_NEEDED = 16,    /* other tasks need its result */
    FLAG_CANCEL = 32,    /* it is not wanted any more */
    FLAG_SEEN = 64,      /* somebody has looked at how it ended */
    FLAG_FREED = 128,    /* its future is gone */
    FLAG_FETCHING = 256, /* its result is on its way here */
    FLAG_STRAY = 512,    /* a thread that was given up may still read its arguments */
    FLAG_ENDED = 1024    /* how it ended is decided */
};

/* A task and what becomes of it. */
struct mr_future {
    mr_future *next; /* in a queue, or on the shelf */
    mr_pool *pool;
    atomic_uint state;
    atomic_int holds;
    uint64_t number; /* of those its owner has submitted */
    uint64_t mark;   /* what it is called in every run of the job (pool_saved.c); 0: nothing */
    uint64_t cookie; /* of a foreign one: its owner's record */
    double priority;
    int32_t owner;
    int32_t wanted; /* the rank it has to run on; -1: any */
    int32_t where;  /* it was sent there, or ran there */
    int32_t placed; /* the rank it should run on; -1: any */
    uint16_t kind, attempt;
    uint32_t argument_count;
    uint32_t missing; /* arguments that are not there yet */
    float expected;   /* seconds, as long as it is with another rank */
    bool has_refs;    /* not all arguments are plain bytes */
    bool is_bound;    /* a foreign one, which its owner won't want back */
    bool is_chunk;    /* a foreign one: a part of a map */
    bool is_noted;    /* its result goes into the journal of the rank where it runs */
    float seconds;    /* it took */
    bool is_large;    /* `block` is memory of its own */
    uint64_t block_size;
    char *block;
    mr_status status;
    int32_t holder; /* of `kept` */
    mr_bytes result;
    mr_blob *blob;         /* behind `result` */
    uint64_t kept, serial; /* another rank keeps it: its address there */
    char *text;            /* what went wrong */
    mr_given_future *needed_by;
    mr_future *failed_by; /* an argument that failed */
    void (*then)(mr_future *future, void *context);
    void *context;
    double submitted;
    _Alignas(16) char small_block[POOL_SMALL_BLOCK];
    char small_result[POOL_SMALL_RESULT];
};

/* Records, taken and given back by any thread; never moved, all freed together. */
typedef struct mr_shelf {
    struct mr_record_slab *slabs;
    mr_future *free;               /* guarded by the pool's lock */
    _Atomic(mr_future *) returned; /* pushed without */
} mr_shelf;

/* Records that are ready: those of priority 0 in a row, the others in a heap. */
typedef struct mr_ready {
    mr_future *first, *last;
    uint64_t row;
    mr_future **heap;
    size_t heap_count, heap_room;
} mr_ready;

/* What this rank knows of another one, or of itself. */
typedef struct mr_peer {
    unsigned workers;
    mr_ready bound; /* tasks that have to run there */
    uint32_t outstanding, chunks;
    double expected;
    uint64_t heard, heard_before; /* letters with news */
    bool is_recalled;
} mr_peer;

/* How a task ended. */
typedef struct mr_outcome {
    mr_status status;
    const char *text;
    mr_bytes result;       /* borrowed, unless it lies in `blob` */
    mr_blob *blob;         /* its hold goes along; NULL: small */
    uint64_t kept, serial; /* another rank keeps `result.size` bytes */
    int rank;
    float seconds;
} mr_outcome;

typedef struct mr_worker mr_worker;
typedef struct mr_saved mr_saved;

/* Some items of a map that lie one after the other. */
typedef struct mr_chunk {
    struct mr_map *map;
    uint64_t from, count;
    unsigned attempt, slot;
    char *results;
    const struct mr_saved_range *saved; /* NULL: to be worked on */
} mr_chunk;

/* A chunk that is being worked on: one of this rank's maps, or what came in `record`. */
typedef struct mr_run {
    mr_chunk chunk;
    mr_future *record;
    mr_blob *blob; /* for its results */
    uint64_t from, count, done;
    size_t item_size, result_size;
    double seconds;
} mr_run;

/* What a kernel is given: a task that runs. */
struct mr_task {
    mr_pool *pool;
    mr_worker *worker;
    mr_future *record;
    mr_task *outer, *inner; /* tasks that wait meanwhile; a frame that can be used again */
    uint64_t number;
    uint16_t kind;
    mr_bytes *arguments, few[4];
    size_t count, room;
    mr_bytes result;
    mr_blob *blob;
    mr_status failed; /* said by mr_task_fail */
    double deadline;  /* of a kind with a time-out */
    bool is_overdue;
    mr_task *timed_next, **timed_link;
    const atomic_bool *is_unwanted; /* of a part of a map */
    mr_run chunk;
    char *scratch; /* an item and its result, of a kind with a time-out */
    char text[512];
    _Alignas(16) char bytes[POOL_TRAVELS];
};

/* News for the owner of foreign tasks, until there are enough. */
typedef struct mr_news {
    pthread_mutex_t lock;
    int owner;
    atomic_size_t size;
    char bytes[POOL_LETTER];
} mr_news;

struct mr_worker {
    mr_worker *next;
    mr_pool *pool;
    mr_crew *crew;
    unsigned thread;
    atomic_bool is_given_up, has_self;
    pthread_t self;
    mr_task *frame, *frames; /* the innermost that runs; the outermost there is */
    unsigned depth;
    bool is_extra;
    void *local;
    bool has_local;
    mr_status local_status;
    _Atomic uint64_t place; /* in `batch`: turn, count, head */
    _Atomic(mr_future *) batch[POOL_BATCH];
    double clock;
    mr_news news;
};

enum { LEVEL_CLOSER = 0, LEVEL_WORKER = 1, LEVEL_WAITER = 2, LEVELS = 3 };

struct mr_pool {
    mr_job *job;
    mr_post *post;
    uint32_t box;
    int rank, ranks;
    pthread_t main;
    char host[64];
    mr_pool_options options;
    mr_task_kind *kinds;
    unsigned kind_count;
    _Atomic double *means, *item_means; /* seconds a task of a kind takes, or an item of a map;
                                           negative: not known */
    unsigned workers;                   /* on all ranks */
    bool is_told;
    double *told; /* numbers for the report, where it is wanted (pool_report.c) */

    pthread_mutex_t lock;
    pthread_cond_t wake[LEVELS];
    atomic_int sleeping[LEVELS], looking[LEVELS];
    atomic_bool has_deputy;
    mr_shelf own, foreign;
    mr_ready here, anywhere; /* to be run on this rank; wherever there is room */
    atomic_uint_fast64_t ready_count;
    mr_peer *peers;
    int turn;
    int idle_peers;   /* other ranks that have workers without a task */
    mr_future *stale; /* taken out of a queue, but claimed before */
    _Atomic(mr_worker *) crew;
    bool has_strays;
    mr_blob *kept; /* results for other ranks */
    atomic_uint_fast64_t serials;
    struct mr_fetch *fetches;
    struct mr_map *maps;
    _Atomic uintptr_t handling; /* the thread that handles a letter */
    atomic_int surplus;         /* of those, no longer needed */
    atomic_uint extras;         /* workers in place of some that wait too deep */
    mr_crew *clerk;
    mr_task *timed; /* tasks that have to end in time */
    pthread_cond_t call_clerk;
    atomic_bool clerk_sleeps;
    bool is_husk; /* closed, but futures of it are still held */
    atomic_uint_fast64_t alive;
    uint64_t submitted;
    atomic_uint_fast64_t pending, events;
    atomic_int joiners;
    atomic_bool is_ending, is_terminated;
    mr_error error; /* of tasks nobody looked at, and of threads that must not write the job's */
    uint64_t error_number;

    mr_saved *saved;       /* journals; NULL: there are no checkpoints */
    bool is_calling;       /* the main thread is in a `then` */
    struct mr_dag *graphs; /* that are open: freed with the pool at the latest (delayed.c) */
    void (*forget_graphs)(mr_pool *pool);

    /* The end (pool_close.c). */
    atomic_bool is_closing, is_over;
    atomic_uint_fast64_t come, answers, answered_submitted, answered_busy;
};

/* pool_record.c */
mr_blob *mr_blob_make(mr_pool *pool, size_t size, mr_error *error);
void mr_blob_drop(mr_blob *blob);
void mr_blob_keep(mr_pool *pool, mr_blob *blob);                            /* pool_letters.c */
mr_future *mr_record_take(mr_pool *pool, mr_shelf *shelf, mr_error *error); /* with the lock */
/* Without the lock. */
void mr_record_drop(mr_future *record);
void mr_shelf_free(mr_shelf *shelf);
/* All records there are, free ones too; with the lock, or when nobody works any more. */
typedef struct mr_place {
    struct mr_record_slab *slab;
    size_t number;
} mr_place;
mr_future *mr_shelf_next(const mr_shelf *shelf, mr_place *place);
/* How many are held. */
uint64_t mr_shelf_count(const mr_shelf *shelf);
/* Failures of futures that are held, and nobody has looked at, are the pool's. */
void mr_shelf_blame(mr_shelf *shelf);
/* A block of `size` bytes for arguments. */
mr_status mr_record_block(mr_future *record, uint64_t size, mr_error *error);
/* Ready -> taken; false: somebody else has it, or it was cancelled. */
bool mr_record_claim(mr_future *record);
static inline unsigned mr_record_phase(const mr_future *record)
{
    return atomic_load_explicit(&record->state, memory_order_acquire) & PHASE;
}

/* pool_ready.c; all with the lock. */
mr_status mr_ready_put(mr_ready *ready, mr_future *record);
mr_future *mr_ready_take(mr_ready *ready);
bool mr_ready_is_empty(const mr_ready *ready);
/* Of the next one; there has to be one. */
double mr_ready_priority(const mr_ready *ready);
void mr_ready_free(mr_ready *ready);

/*
 * pool_saved.c: results that outlive the job. What rank 0's main thread submits has the same mark
 * in every run: a number of its own kind. Who runs such a task writes its result into his rank's
 * journal, and rank 0 what the task was; a resumed job reads all of them, and whoever submits the
 * same again has the result at once.
 */
typedef enum mr_mark { MARK_NONE = 0, MARK_TASK = 1, MARK_MAP = 2, MARK_GRAPH = 3 } mr_mark;
/* Collective, at the beginning of a pool. */
mr_status mr_saved_open(mr_pool *pool);
/* Local. All that was written is on the disk. */
mr_status mr_saved_end(mr_pool *pool, mr_error *error);
void mr_saved_free(mr_pool *pool);
/* The next mark for what this thread begins; 0: it gets none. */
uint64_t mr_saved_mark(mr_pool *pool, mr_mark what);
static inline uint64_t mr_saved_mark_of_graph(uint64_t graph, uint64_t number)
{
    return graph | (number & UINT32_MAX);
}
/* What a task is: a hash of its arguments, of which results of others go by their marks. False: one
 * of those has none. */
typedef struct mr_saved_what {
    uint64_t kind, low, high;
} mr_saved_what;
void mr_saved_begin(mr_saved_what *what, const char *kind);
void mr_saved_bytes(mr_saved_what *what, const void *bytes, size_t size);
/* A result that was saved (free); NULL: none was. Otherwise writes down what it is. */
void *mr_saved_find(mr_pool *pool, uint64_t mark, const mr_saved_what *what, size_t *size);
void *mr_saved_look(mr_pool *pool, uint64_t mark, const mr_saved_what *what, size_t *size);
/* The result of a task that ran here, or of some items of a map. */
void mr_saved_note(mr_pool *pool, uint64_t mark, uint64_t from, uint64_t count, mr_bytes result);
/* Items of a map whose results were saved, in their order, none twice (free). */
typedef struct mr_saved_range {
    uint64_t from, count;
    void *where;
} mr_saved_range;
size_t mr_saved_ranges(mr_pool *pool, uint64_t mark, const mr_saved_what *what,
                       mr_saved_range **ranges);
/* Results of some of these items. False: they can't be read any more. */
bool mr_saved_read(mr_pool *pool, const mr_saved_range *range, uint64_t from, uint64_t count,
                   size_t result_size, void *results);

/* pool_submit.c */
/* mr_pool_call whose error is the caller's; `mark`: 0, or what the task is called in every run. */
mr_future *mr_pool_try(mr_pool *pool, mr_task_run *run, const mr_argument *arguments, size_t count,
                       const mr_submit_options *options, uint64_t mark, mr_error *error);
/* One that was done by a run before this one; NULL: it was not (`options` as above). */
mr_future *mr_pool_restore(mr_pool *pool, unsigned kind, uint64_t mark, const mr_saved_what *what,
                           mr_error *error);
void mr_pool_note(mr_pool *pool, mr_status status, const char *text, uint64_t number);
/* Tells the caller of something that went wrong with its call: the task that it is, or the job. */
mr_status mr_pool_complain(mr_pool *pool, mr_status status, const char *text);
/* With the lock: a record whose arguments are all there goes into a queue. */
void mr_pool_enqueue(mr_pool *pool, mr_future *record);
int mr_pool_kind_of(const mr_pool *pool, mr_task_run *run, mr_task_each *each);

/* pool_send.c: tasks to ranks that have room. Without the lock, but for the first. */
bool mr_pool_has_room(const mr_pool *pool, int rank);
void mr_pool_dispatch(mr_pool *pool);
void mr_pool_send(mr_pool *pool, int to, uint32_t kind, const void *bytes, size_t size);

/* pool_letters.c */
enum {
    LETTER_TASKS = 1,
    LETTER_DONE,
    LETTER_COME,
    LETTER_ASK,
    LETTER_ANSWER,
    LETTER_END,
    LETTER_RELEASE,
    LETTER_FETCH,
    LETTER_PIECE,
    LETTER_CANCEL,
    LETTER_CANCELLED,
    LETTER_RECALL,
    LETTER_RETURNED,
    LETTER_CHUNK,
    LETTER_CHUNK_DONE
};

typedef struct mr_wire_task {
    uint64_t cookie, number, block_size;
    double priority;
    uint32_t argument_count, has_refs;
    uint64_t mark;
    uint16_t kind, attempt, is_bound, is_noted;
} mr_wire_task;

typedef struct mr_wire_done {
    uint64_t cookie, size, kept, serial;
    int32_t status;
    float seconds;
    uint64_t here; /* bytes that follow: the result, or a text */
} mr_wire_done;

mr_post_handler mr_pool_handle;
void mr_news_add(mr_worker *worker, const mr_future *record, const mr_outcome *outcome);
void mr_news_flush(mr_worker *worker);
/* The same at once, by any thread. */
void mr_news_send(mr_pool *pool, const mr_future *record, const mr_outcome *outcome);
/* With the lock: it is with that rank no longer. */
void mr_peer_less(mr_pool *pool, mr_peer *peer, const mr_future *record);

/* pool_fetch.c: bytes that other ranks keep. */
/* With the lock: true when all arguments of a foreign record are here; else it will be enqueued. */
bool mr_fetch_foreign(mr_pool *pool, mr_future *record, mr_error *error);
/* The same for a record of our own that was claimed to run here; without the lock. */
bool mr_fetch_own(mr_future *record);
/* Without the lock: begins to fetch the result of one that is done, unless it is here already. */
void mr_fetch_result(mr_future *record);
bool mr_fetch_is_here(const mr_future *record);
void mr_fetch_handle(mr_pool *pool, int from, mr_bytes letter);
void mr_fetch_handle_piece(mr_pool *pool, mr_bytes letter);
void mr_fetch_free_all(mr_pool *pool);

/* pool_cancel.c */
void mr_cancel_handle(mr_pool *pool, int from, uint32_t kind, mr_bytes letter);
void mr_pool_recall(mr_pool *pool, int rank);
/* Own tasks that run though they were cancelled have ended, as far as anybody here cares. */
void mr_pool_give_up_cancelled(mr_pool *pool);

/* pool_clerk.c: a thread that sees to what may not wait until somebody comes by. */
mr_status mr_clerk_start(mr_pool *pool, mr_error *error);
void mr_clerk_call(mr_pool *pool);
void mr_clerk_call_locked(mr_pool *pool);

/* A task of the kind has taken so long. */
void mr_pool_learn(mr_pool *pool, unsigned kind, float seconds);

/* pool_done.c: how one of this rank's own tasks ended. Without the lock. */
void mr_record_end(mr_future *record, const mr_outcome *outcome);
/* An argument of it has failed. */
void mr_record_fail_needy(mr_future *record);
/* All who need it are told: it is done, or its bytes have come. */
void mr_record_tell_needy(mr_future *record);
/* A failure that nobody will look at is the pool's. */
void mr_record_blame(mr_future *record);
/* Lets go of its arguments. */
void mr_record_forget(mr_future *record);
size_t mr_given_length(const mr_given *given);

/* pool_report.c */
void mr_pool_count_begin(mr_pool *pool);
void mr_pool_count(mr_pool *pool, const mr_future *record, const mr_outcome *outcome);
/* With the lock. */
void mr_pool_count_items(mr_pool *pool, unsigned kind, uint64_t items, int rank, double seconds);
mr_status mr_pool_report(mr_pool *pool);

/* future.c: waits, on a worker by running other tasks. */
mr_status mr_pool_await(mr_pool *pool, bool (*ready)(void *context), void *context, double seconds);
mr_status mr_pool_await_until(mr_pool *pool, bool (*ready)(void *context), void *context,
                              double deadline);

/* pool_wait.c */
mr_status mr_pool_wait(mr_pool *pool, int level, bool (*ready)(void *context), void *context,
                       double deadline);
void mr_pool_wake(mr_pool *pool, int level, bool all);
void mr_pool_wake_locked(mr_pool *pool, int level, bool all);
static inline double mr_pool_deadline(double seconds)
{
    return seconds >= MR_FOREVER ? MR_POST_NEVER : mr_clock_now() + (seconds > 0 ? seconds : 0);
}

/* pool_worker.c */
mr_status mr_worker_start(mr_pool *pool, unsigned thread, bool is_extra, mr_error *error);
mr_worker *mr_worker_self(mr_pool *pool); /* NULL: the caller is none */
void mr_timed_add(mr_task *frame);
bool mr_timed_end(mr_task *frame);    /* false: it was given up */
void mr_timed_remove(mr_task *frame); /* with the lock */
/* Runs one task, if there is any. */
bool mr_worker_step(mr_worker *worker);
void mr_worker_free(mr_worker *worker);
void mr_worker_run(mr_worker *worker, mr_future *record);
mr_task *mr_worker_frame(mr_worker *worker, mr_future *record, unsigned kind);
void mr_worker_unframe(mr_worker *worker, mr_task *frame);
/* Its state is made before its first task. */
mr_status mr_worker_local(mr_worker *worker, mr_task *frame);
void mr_task_explain(const mr_task *frame, mr_status status, char *text, size_t room);

/* pool_map.c */
bool mr_map_step(mr_worker *worker); /* runs a chunk, if there is any */
void mr_map_send(mr_pool *pool, int rank);
void mr_map_run_foreign(mr_worker *worker, mr_future *record);
void mr_map_handle(mr_pool *pool, int from, uint32_t kind, mr_bytes letter);
void mr_map_end_late(mr_pool *pool, mr_run *run, mr_status status, const char *text);
void mr_map_stop_all(mr_pool *pool);

/* pool_close.c */
void mr_pool_halt(void *pool);
void mr_pool_destroy(void *pool);
void mr_pool_answer(mr_pool *pool);
void mr_pool_free(mr_pool *pool);

#endif
