/*
 * engine/loop.h: what a loop of a driver carries, and how each kind of it is saved and loaded. In a
 * checkpoint a loop has the number of a piece of work: all its entries are "loop/NUMBER/...". What
 * is saved of it is one state, of the end of one round.
 */
#ifndef MR_ENGINE_LOOP_H
#define MR_ENGINE_LOOP_H

#include "engine/checkpoint.h"

#include <mapred/loop.h>

#define MR_LOOP_NAME 96

typedef struct mr_loop_item mr_loop_item;

/* A kind of thing that is carried. */
typedef struct mr_loop_kind {
    /* Collective; NULL: there is nothing to prepare. Whatever needs an agreement is done here: no
     * agreement may come between the puts of one state. */
    mr_status (*prepare)(mr_loop *loop, mr_loop_item *item);
    /* Local. */
    mr_status (*put)(mr_loop *loop, mr_loop_item *item);
    /* Collective, unless it says otherwise; a local failure is told by what is recorded. */
    mr_status (*load)(mr_loop *loop, mr_loop_item *item);
} mr_loop_kind;

/* Which items of an array lie here. */
typedef struct mr_loop_part {
    uint64_t begin, count, total, size; /* size: bytes an item */
} mr_loop_part;

struct mr_loop_item {
    mr_loop_item *next;
    const mr_loop_kind *kind;
    char name[MR_LOOP_NAME]; /* of its entries */
    void *object;
    mr_loop_part part;
    mr_set_options options; /* of a set */
    mr_keep_file *file;     /* that was prepared */
};

struct mr_loop {
    mr_job *job;
    mr_loop *outer; /* begun before and not ended yet */
    char name[MR_LOOP_NAME];
    uint64_t number;
    mr_loop_item *items, **last;
    mr_keep_file *file;                     /* of the state being put */
    uint64_t rounds;                        /* since the last one that was saved */
    uint64_t generation;                    /* the last one that has it, or when it was begun */
    uint64_t swept;                         /* pieces below belong to rounds before the last save */
    mr_out_counter before[MR_JOB_COUNTERS]; /* when it was begun */
    int before_count;
    double since;          /* the last save, or the beginning */
    double round, longest; /* when the last round ended; what one took */
    double held;           /* see mr_signals_hold: what it was before */
};

/* Local. The item of that name, a new one where there is none; NULL: no memory, recorded. */
mr_loop_item *mr_loop_item_get(mr_loop *loop, const char *name, const mr_loop_kind *kind,
                               void *object);

/* Local. Puts bytes under a name, from the file of the state, or a part of an array. */
mr_status mr_loop_put(mr_loop *loop, const char *name, const void *bytes, size_t size);
mr_status mr_loop_put_part(mr_loop *loop, const char *name, const mr_loop_part *part,
                           const void *bytes);
/* Local. The same again: exactly `size` bytes, or the part that is asked for. */
mr_status mr_loop_get(mr_loop *loop, const char *name, void *bytes, size_t size);
mr_status mr_loop_get_part(mr_loop *loop, const char *name, const mr_loop_part *part, void *bytes);
/* What a checkpoint has is not what the loop carries. */
mr_status mr_loop_misfit(const mr_loop *loop, const char *name);

/* Local. Ends loops that a driver has left. */
void mr_loops_abandon(mr_job *job);

#endif
