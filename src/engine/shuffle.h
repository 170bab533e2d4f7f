/*
 * engine/shuffle.h: pairs on their way into a set. Each thread fills one page for each pile of the
 * set; full pages go to the rank that owns the pile while kernels run, and are what the pile is
 * made of there: no pair is touched again before somebody reads it. Over budget, piles go to disk.
 */
#ifndef MR_ENGINE_SHUFFLE_H
#define MR_ENGINE_SHUFFLE_H

#include "comm/exchange.h"
#include "store/pair_cuts.h"
#include "store/pile.h"

#include <mapred/set.h>

typedef struct mr_job mr_job;
typedef struct mr_shuffle mr_shuffle;
typedef struct mr_emitter mr_emitter;

/* Where pairs go. */
typedef struct mr_shuffle_plan {
    mr_shape shape;
    mr_pair_layout layout;
    mr_spread spread;
    const mr_pair_cuts *cuts; /* MR_SPREAD_RANGE: ranges are piles, in order */
    uint64_t (*owner)(void *context, mr_bytes key, uint64_t owners);
    void *context;
    mr_pair_order sample_by; /* what is sampled has to be enough for this order */
    uint32_t piles;          /* of all ranks: a multiple of their number */
    mr_piles *into;          /* this rank's, piles / ranks of them */
    bool sample_only;        /* pairs are not kept, only sampled */
    bool deal;               /* pages to all ranks, for MR_SPREAD_LOCAL */
    bool one_pile;           /* of each rank, for MR_SPREAD_OWNER */
    bool here; /* pairs stay on this rank, each in the pile that mr_emit_here is told */
} mr_shuffle_plan;

/* Collective in effect: every rank has to create one and to end it. */
mr_status mr_shuffle_create(mr_shuffle **shuffle, mr_job *job, const mr_shuffle_plan *plan);
void mr_shuffle_destroy(mr_shuffle **shuffle);

/* The same plan again, after the first one has ended: more pairs for the same piles. */
mr_status mr_shuffle_again(mr_shuffle **again, const mr_shuffle *first);

/* With MR_SPREAD_LOCAL, before any pair is put: pages go to all piles of all ranks in turn. */
void mr_shuffle_deal(mr_shuffle *shuffle);
/* With MR_SPREAD_OWNER, before any pair is put: a rank's pairs go to its first pile. */
void mr_shuffle_one_pile(mr_shuffle *shuffle);

/* Before any pair is put: pairs are not to be kept, only sampled. */
void mr_shuffle_only_sample(mr_shuffle *shuffle);

/* One thread's side of it. The sample of what it put is added to the shuffle's when it is closed.
 */
mr_status mr_emitter_create(mr_emitter **emitter, mr_shuffle *shuffle, mr_error *error);
mr_status mr_emitter_close(mr_emitter *emitter, mr_error *error); /* sends what is half full */
void mr_emitter_destroy(mr_emitter **emitter);

mr_status mr_emit(mr_emitter *emitter, mr_bytes key, mr_bytes value, uint64_t place,
                  mr_error *error);
/* Into a pile of this rank's own, whatever its key is. */
mr_status mr_emit_here(mr_emitter *emitter, uint32_t pile, mr_bytes key, mr_bytes value,
                       uint64_t place, mr_error *error);

/* Main thread, between kernels: moves pages. An error is told by the next call that can. */
mr_status mr_shuffle_poll(mr_shuffle *shuffle, mr_error *error);
/* Main thread, after all emitters are closed: true once everything of all ranks has arrived. */
bool mr_shuffle_end(mr_shuffle *shuffle, mr_error *error);

/* The pile that a key belongs to in a set that is spread by hash. */
uint32_t mr_hash_pile(const mr_pair_layout *layout, mr_bytes key, uint32_t piles);

/* What this rank's threads have put, sampled. */
mr_pair_sample *mr_shuffle_sample(mr_shuffle *shuffle);

#endif
