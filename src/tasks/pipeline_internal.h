/*
 * tasks/pipeline_internal.h: what the files of pipelines share.
 *
 * Items travel in batches: pages of items, at some stage of the way. Rank 0 has all batches in one
 * list in the order of the source (pipeline_order.c). A stage makes of a batch one batch at the
 * same place of the list; what is too much for one is cut off and put into the list just before it.
 * So the order of the list is the order of items, whoever works on what, and a stage in order takes
 * a batch when the one before it in the list has passed.
 *
 * A thread takes the batch that has come farthest and runs its stage (pipeline_stage.c). Batches go
 * to other ranks, and come back, by letter (pipeline_away.c).
 */
#ifndef MR_TASKS_PIPELINE_INTERNAL_H
#define MR_TASKS_PIPELINE_INTERNAL_H

#include "base/clock.h"
#include "base/memory.h"
#include "comm/post.h"
#include "tasks/crew.h"

#include <mapred/pipeline.h>

#include <pthread.h>
#include <stdatomic.h>

#define PIPE_STAGES 64                  /* at most */
#define PIPE_PAGE   ((size_t)64 * 1024) /* bytes of a page at most, but for a larger item */
#define PIPE_ITEMS  4096u               /* items of a page at most */
#define PIPE_NESTED 8u                  /* see run_below */

/* ---- Pages of items (pipeline_page.c) ---- */

/* Items lie one after the other: 8 bytes of size, then its bytes, up to a multiple of 8. */
typedef struct pipe_page {
    struct pipe_page *next;
    size_t capacity, size;
    uint64_t count;
    uint64_t digest; /* from the source: of all items before these */
    bool is_pause;   /* no items: commands in order end here, and begin anew */
    _Alignas(16) char bytes[];
} pipe_page;

typedef struct pipeline pipeline;

/* NULL: no memory, and the pipeline has failed. `capacity`: at least; 0: an ordinary one. */
pipe_page *mr_pipeline_page_get(pipeline *p, size_t capacity);
/* Takes NULL. */
void mr_pipeline_page_give(pipeline *p, pipe_page *page);
void mr_pipeline_pages_free(pipeline *p);

static inline size_t pipe_item_room(size_t size)
{
    return (size + 15) & ~(size_t)7;
}

static inline char *pipe_page_add(pipe_page *page, size_t size)
{
    char *at = page->bytes + page->size;
    memcpy(at, &(uint64_t){size}, sizeof(uint64_t));
    page->size += pipe_item_room(size);
    page->count++;
    return at + sizeof(uint64_t);
}

/* The item at `*at`, which becomes the place of the next one. False: there is none. */
static inline bool pipe_page_next(const pipe_page *page, size_t *at, mr_bytes *item)
{
    uint64_t size;
    if (*at >= page->size)
        return false;
    memcpy(&size, page->bytes + *at, sizeof size);
    *item = (mr_bytes){page->bytes + *at + sizeof size, size};
    *at += pipe_item_room(size);
    return true;
}

/* ---- Batches ---- */

/* Held: ready, and nobody may begin it now (pipeline_keep.c). */
typedef enum pipe_state { PIPE_READY, PIPE_RUNNING, PIPE_AWAY, PIPE_HELD } pipe_state;

typedef struct pipe_batch {
    struct pipe_batch *older, *newer; /* rank 0: in the order of the source */
    struct pipe_batch *next;          /* in a line of those that are ready */
    pipe_page *page;                  /* NULL: at another rank */
    uint64_t serial;                  /* no two have the same */
    uint64_t first;                   /* number of its first item in its stage */
    size_t bytes;                     /* that count as under way */
    unsigned stage;                   /* the next one, or the one that is at it */
    pipe_state state;
    bool is_end;           /* the last one */
    bool is_pause;         /* see pipe_page */
    uint64_t digest;       /* see pipe_page */
    bool is_parked;        /* away, and waits for leave to put more */
    bool was_told;         /* away, and that it was dropped */
    bool is_counted;       /* among those at work in its stage */
    int rank;              /* where it is, or on others than 0 always 0 */
    atomic_bool has_leave; /* others than 0: to put more */
    atomic_bool is_dropped;
    uint64_t origin;       /* others than 0: which it is there */
    unsigned origin_stage; /* and at which stage it came */
    pipe_page *incoming;   /* in pieces */
} pipe_batch;

/* ---- Stages ---- */

/* What there is to tell about a stage. */
typedef struct pipe_counts {
    int64_t in, out, bytes_in, bytes_out, batches;
    double busy, waited;
} pipe_counts;

struct pipe_process; /* of a command (pipeline_command.c) */
typedef struct pipe_seat pipe_seat;

struct mr_stage {
    pipeline *pipe;
    pipe_seat *seat;
    const mr_stage_plan *plan; /* NULL: the source */
    unsigned number;           /* the source is 0 */
    bool is_open, has_enough;
    void *local;
    pipe_batch *batch;    /* NULL: of the source */
    pipe_page *page;      /* put since the last cut */
    uint64_t most;        /* items that may be in it */
    uint64_t item;        /* that is being worked on */
    uint64_t put;         /* the number of the first item of `page` in the next stage */
    uint64_t came;        /* in order: items so far */
    double since;         /* the source: of the last cut */
    double away;          /* seconds that were not spent in the kernel */
    uint64_t skip;        /* the source: items that are still to be dropped */
    uint64_t skip_digest; /* what they have to be */
    struct pipe_process *process;
    pipe_counts counts;
};

/* What a thread has to run kernels with. While a kernel waits in mr_stage_put its thread works on
 * other batches, from another seat: what a kernel keeps in its local state stays as it was. */
struct pipe_seat {
    pipe_seat *next;  /* of all */
    pipe_seat *above; /* for what is run while this one waits */
    pipeline *pipe;
    unsigned thread, depth;
    uint64_t items; /* of the stage that was run last, and how long it took */
    double seconds;
    mr_stage stages[PIPE_STAGES + 1];
};

/* How many items of a stage make a batch: as many as take half a millisecond. */
typedef struct pipe_pace {
    atomic_uint most;
    _Atomic double seconds; /* an item; 0: not known */
} pipe_pace;

/* On rank 0, of each stage. */
typedef struct pipe_line {
    pipe_batch *first, *last; /* parallel: ready */
    pipe_batch *turn;         /* in order: ready, and its turn */
    unsigned running, limit;  /* 0: none */
} pipe_line;

typedef struct pipe_rank {
    unsigned threads, away, parked;
} pipe_rank;

struct pipeline {
    mr_job *job;
    mr_post *post;
    uint32_t box;
    mr_pipeline plan;
    const mr_stage_plan *stages; /* the first has number 1 */
    unsigned stage_count;
    int rank, ranks;
    unsigned threads, all_threads;
    size_t page_size;
    uint64_t memory;

    pthread_mutex_t lock;
    atomic_ulong changes; /* something that a thread may be waiting for */
    atomic_bool is_over;  /* workers go home */
    mr_error error;       /* of this rank's threads */
    pipe_pace paces[PIPE_STAGES + 2];
    pipe_seat *seats;
    mr_crew *crew;
    bool is_left; /* a thread has not come back: all of this stays */

    pthread_mutex_t pages;
    pipe_page *spare;
    unsigned spares;

    /* rank 0 */
    mr_stage ordered[PIPE_STAGES + 1]; /* those in order, the source among them */
    pipe_line lines[PIPE_STAGES + 2];
    pipe_batch *oldest, *newest;
    uint64_t under_way, serial;
    unsigned waiting, parked, dropped_away;
    atomic_uint idle;
    bool source_ended;
    atomic_bool is_cut; /* a stage has had enough: the source is not asked any more */
    pipe_rank *others;
    int turn; /* of ranks */

    /* other ranks */
    pipe_batch *queue;    /* to be worked on */
    pipe_batch *incoming; /* in pieces */
    pipe_batch *working;
    unsigned blocked; /* threads that wait for leave */

    /* checkpoints */
    bool keeps, is_resumed;
    bool was_told;             /* others: rank 0 knows that the job is to stop */
    uint64_t number;           /* of this piece of work */
    uint64_t digest;           /* rank 0: of what the source has put */
    uint64_t saved;            /* rank 0: items that the last one has */
    atomic_int pause;          /* others: what rank 0 is about to do (mr_keep_wish) */
    struct mr_keep_file *file; /* rank 0: of what is being saved */
    double held;

    double start, seconds;
};

static inline bool pipe_in_order(const pipeline *p, unsigned stage)
{
    return stage == 0 || p->stages[stage - 1].kind == MR_STAGE_IN_ORDER;
}

/* Something changed that threads of this rank may be waiting for. */
static inline void pipe_changed(pipeline *p)
{
    atomic_fetch_add(&p->changes, 1);
    mr_post_wake(p->post);
}

/* ---- pipeline.c ---- */

/* The first error of this rank; ends the pipeline everywhere. Returns `status`. */
mr_status mr_pipeline_fail(pipeline *p, mr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether it was ended, here or elsewhere. Looks for signals too. */
bool mr_pipeline_is_stopped(pipeline *p);
/* Waits until pipe_changed was called after `changes` was read. */
void mr_pipeline_await(pipeline *p, unsigned long changes);

/* ---- pipeline_order.c: rank 0 ---- */

/* A batch that has come farthest, now running; NULL: none. `*changes` is for mr_pipeline_await
 * then. With `before` only one that is older than it, and the oldest of those; with `head` only the
 * first of all. */
pipe_batch *mr_pipeline_take(pipeline *p, unsigned long *changes);
pipe_batch *mr_pipeline_take_older(pipeline *p, const pipe_batch *before, bool head);
/* Puts a page into the list before `place`, NULL: at the end; it is ready for `stage`. */
mr_status mr_pipeline_insert(pipeline *p, pipe_batch *place, pipe_page *page, unsigned stage,
                             uint64_t first, bool is_end);
/* Its stage is done, and `page` what came of it. */
void mr_pipeline_done(pipeline *p, pipe_batch *batch, unsigned stage, pipe_page *page,
                      bool has_enough);
/* Gives back what was taken, as it was; with the lock. */
void mr_pipeline_ready(pipeline *p, pipe_batch *batch);
void mr_pipeline_free(pipeline *p, pipe_batch *batch);
/* With the lock: no longer, or again, among those at work in its stage. */
void mr_pipeline_uncount(pipeline *p, pipe_batch *batch);
bool mr_pipeline_count(pipeline *p, pipe_batch *batch);
/* Whether there may be `bytes` more, put by `batch` (NULL: by the source). */
bool mr_pipeline_has_room(const pipeline *p, const pipe_batch *batch, size_t bytes);
bool mr_pipeline_all_done(pipeline *p);
/* The newest batches, which nobody has begun, wait until they are let go; `pause` (NULL: none)
 * passes before them. `next`: the number of the source's next item. MR_CANCELLED: the last item has
 * been begun. */
mr_status mr_pipeline_hold(pipeline *p, pipe_page *pause, uint64_t next);
void mr_pipeline_let_go(pipeline *p);
void mr_pipeline_take_from_line(pipeline *p, pipe_batch *batch);

/* ---- pipeline_stage.c ---- */

pipe_seat *mr_pipeline_seat_new(pipeline *p, unsigned thread, unsigned depth);
/* Runs the batch's stage. True: *page is what came of it; false: it failed or was dropped. */
bool mr_pipeline_run_stage(pipe_seat *seat, pipe_batch *batch, pipe_page **page, bool *has_enough);
void mr_pipeline_run_source(pipe_seat *seat);
/* Rank 0: takes and runs one batch. False: there was none. */
bool mr_pipeline_run_one(pipe_seat *seat, unsigned long *changes);
/* `count` items took `seconds`. */
void mr_pipeline_measure(pipeline *p, unsigned stage, uint64_t count, double seconds);
void mr_pipeline_close_stages(pipeline *p);
/* Rank 0: works on some batch while the kernel of this stage waits. False: there is none. */
bool mr_pipeline_run_below(mr_stage *stage);
/* A stage that is ready for its kernel; NULL: the pipeline has failed. */
mr_stage *mr_pipeline_stage_open(pipe_seat *seat, unsigned number);

/* ---- pipeline_away.c ---- */

void mr_pipeline_letter(void *context, int from, uint32_t kind, mr_bytes letter);
/* Rank 0: sends what other ranks could do, without the lock. */
void mr_pipeline_send_errands(pipeline *p);
void mr_pipeline_tell_end(pipeline *p);
/* And that a checkpoint is to be saved (mr_keep_wish). */
void mr_pipeline_tell_pause(pipeline *p, int wish);
/* Others: works until the end; the part that a stage has put so far goes to rank 0. */
void mr_pipeline_work_away(pipe_seat *seat);
mr_status mr_pipeline_part_away(mr_stage *stage, pipe_page *page);
void mr_pipeline_away_free(pipeline *p);

/* ---- pipeline_command.c ---- */

mr_status mr_pipeline_command_item(mr_stage *stage, mr_bytes item);
/* In order: of one process. `settle`: what was fed leaves. `end`: and all that comes is taken. */
mr_status mr_pipeline_command_feed(mr_stage *stage, mr_bytes item);
mr_status mr_pipeline_command_settle(mr_stage *stage);
mr_status mr_pipeline_command_end(mr_stage *stage);
/* Ends a process that is still there. Takes NULL. */
void mr_pipeline_command_kill(struct pipe_process **process);

/* ---- pipeline_keep.c ---- */

/* Local, on all ranks: whether there are checkpoints; before and after the work. */
void mr_pipeline_keep_begin(pipeline *p);
void mr_pipeline_keep_end(pipeline *p);
/* Rank 0. Before the source begins: what a checkpoint has. False: it can't be had. */
bool mr_pipeline_keep_load(pipe_seat *seat, mr_stage *source);
/* What the source has put is about to go on. */
void mr_pipeline_keep_count(pipeline *p, pipe_page *page);
/* The item in the source's page is one that a checkpoint has. */
void mr_pipeline_keep_drop(mr_stage *stage);
/* Main thread: the source waits, or has ended, and there may be a checkpoint now. */
mr_status mr_pipeline_keep_pause(mr_stage *source);
/* Others, main thread: takes part where rank 0 waits for it. */
void mr_pipeline_keep_join(pipeline *p);

/* ---- pipeline_report.c ---- */

/* Collective, after the work. */
mr_status mr_pipeline_report(pipeline *p);

#endif
