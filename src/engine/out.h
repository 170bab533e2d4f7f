/*
 * engine/out.h: what is behind an mr_out: one thread's table in front of the rank's store, and the
 * rest of what a thread carries through the map.
 */
#ifndef MR_ENGINE_OUT_H
#define MR_ENGINE_OUT_H

#include "base/error.h"
#include "input/plan.h"
#include "store/store.h"

#include <mapred/app.h>

#define MR_OUT_COUNTERS 32
#define MR_BAD_REASON   256 /* bytes of what is said about a bad record */

typedef struct mr_out_counter {
    const char *name;
    int64_t value;
} mr_out_counter;

/* Adds to the counter of that name among MR_OUT_COUNTERS at most; one too many is not counted. */
void mr_counter_add(mr_out_counter *counters, int *count, const char *name, int64_t value);

typedef struct mr_out_self {
    mr_out out;
    const mr_app *app;
    mr_store *store;
    void *state, *local;
    int thread, threads;  /* of the rank */
    uint64_t used, limit; /* slots taken, and how many are too many */
    uint64_t slots_most;  /* the table grows up to this, and is emptied from then on */
    uint64_t cache;       /* bytes of a table that needs no deferring */
    unsigned char *log;   /* slots of new keys that the full table has no room for */
    uint64_t log_slots;   /* so many of them */
    size_t log_keys_most; /* and bytes of their long keys */
    uint64_t log_used,
        logged;         /* slots in it; and how many went through since the table was empty */
    uint64_t full_turn; /* out.turn when the first of those did */
    mr_arena log_keys;
    uint64_t flushes;
    unsigned char *identity; /* a fresh accumulator */
    size_t value;            /* its size in a slot */
    mr_arena keys;           /* long keys in the table, and values of MR_FIRST */
    size_t keys_most;        /* bytes of them that are too many */
    char *text;              /* MR_TEXT: the lines of the current block */
    size_t text_used, text_capacity;
    mr_out_counter counters[MR_OUT_COUNTERS];
    int counter_count;
    mr_error error;
    char reason[MR_BAD_REASON]; /* of the last bad record; empty: none was given */
    /* Pairs: see put.c. */
    void *context;
    struct mr_emitter *emitter;  /* NULL: no set is being made */
    size_t key_size, value_size; /* of the pairs, where they have one */
    bool value_fixed;
    bool places;    /* pairs have places */
    bool same_keys; /* pairs go to `pile`, of this rank, and have the key `group` */
    uint32_t pile;
    mr_bytes group;
    const mr_plan *plan;   /* of the input whose places are kept */
    const mr_pairs *pairs; /* the pairs that a kernel looks at */
    uint64_t group_place;  /* of the first value of a group */
    uint64_t block_place;  /* of the first byte of the block's file */
    const char *last_record;
    uint64_t turn; /* pairs put for that record */
} mr_out_self;

/* The table begins with about `cache` bytes and grows to about `most`. `self->out` is what kernels
 * get. */
mr_status mr_out_create(mr_out_self **self, const mr_app *app, mr_store *store, uint64_t cache,
                        uint64_t most, int thread, int threads, mr_error *error);
void mr_out_destroy(mr_out_self **self);
/* Where dense keys are folded: the app's `dense_count` accumulators, which stay the caller's. */
void mr_out_set_dense(mr_out_self *self, void *accumulators);

/* Around each block: where positions come from, and where its lines end. */
void mr_out_begin_block(mr_out_self *self, const mr_block *block);
mr_status mr_out_end_block(mr_out_self *self);

/* The end of the map: settles what is pending, folds all that the table holds into the store, and
 * frees it. */
mr_status mr_out_flush(mr_out_self *self);

/* Fills `count` accumulators with the fold's identity. */
void mr_fold_fill(const mr_fold *fold, unsigned char *accumulators, uint64_t count);

#endif
