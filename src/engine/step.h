/*
 * engine/step.h: a piece of work that saves itself: a feed over an input or over numbers, which
 * stands still between two units when somebody wishes a checkpoint, puts what it has, and goes on.
 *
 * Work is counted in positions: bytes of all input, or numbers. A unit is so many of them. What is
 * *left* is what no rank has done, so it is known when all stand still: what lies in the ranks'
 * work lists. A resumed job may cut it into other units.
 */
#ifndef MR_ENGINE_STEP_H
#define MR_ENGINE_STEP_H

#include "comm/steal.h"
#include "engine/checkpoint.h"

typedef struct mr_feed mr_feed;
typedef struct mr_step mr_step;

/* What is saved beside the work that is left; each may be NULL. */
typedef struct mr_step_calls {
    mr_status (*save)(mr_step *step);  /* local: puts what this rank has, under mr_step_name */
    mr_status (*again)(mr_step *step); /* before the feed goes on: collective in effect */
} mr_step_calls;

struct mr_step {
    mr_job *job; /* NULL: nothing is saved */
    mr_step_calls calls;
    void *self;               /* of the calls */
    char prefix[48];          /* "step/3/" */
    uint64_t unit;            /* positions */
    bool resumed;             /* a run before this one has saved it; then */
    mr_range *left;           /* is what it left, in order, */
    size_t left_count;        /* and none of it where it was done */
    struct mr_map_state *map; /* of a map over files: its streams are saved, too */
    mr_keep_file *pairs;      /* what joins the piles of a set */
    double start;
    mr_out_counter before[MR_JOB_COUNTERS]; /* when it began */
    int before_count;
};

/* Collective. Begins a step whose units have so many positions; finds what was saved of it. */
mr_status mr_step_begin(mr_step *step, mr_job *job, uint64_t unit);
/* Collective. Its end, whether or not it went well. Saves what there is where that is worth it. */
mr_status mr_step_end(mr_step *step, mr_status status);

/* Local. What was saved under a name, each entry on one rank: `take` gets its bytes. */
typedef mr_status mr_step_take(void *context, char *bytes, size_t size);
mr_status mr_step_load(const mr_step *step, const char *what, mr_step_take *take, void *context);

/* Whether somebody wishes a checkpoint now. Cheap. */
bool mr_step_is_wanted(const mr_step *step);
/* Collective, when no thread of any rank works: saves, and leaves with MR_STOPPED where that was
 * asked for. */
mr_status mr_step_save(mr_step *step, mr_feed *feed);

/* The first part of [begin, end) that is left; false: none. */
bool mr_step_next(const mr_step *step, uint64_t begin, uint64_t end, mr_range *part);

/* The names of what is saved: "step/3/state/NAME" for what is put anew each time, and
 * "step/3/pairs" for what only grows. */
#define MR_STEP_NAME 96
void mr_step_name(const mr_step *step, const char *name, char text[MR_STEP_NAME]);
#define MR_STEP_PAIRS "pairs"
void mr_step_pairs_name(const mr_step *step, char text[MR_STEP_NAME]);

#endif
