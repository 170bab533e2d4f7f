/*
 * sets/set.h: what a set is, and how its operators make new ones: a making is a set that is being
 * filled, the shuffle that fills it, and what kernels need to know.
 */
#ifndef MR_SETS_SET_H
#define MR_SETS_SET_H

#include "engine/feed.h"
#include "engine/map.h"
#include "store/sorted.h"

#include <mapred/driver.h>

/* Ranges of keys; shared by sets that are spread alike. */
typedef struct mr_ranges {
    int users;
    uint32_t piles; /* of all ranks */
    mr_pair_order order;
    mr_pair_cuts cuts;
} mr_ranges;

struct mr_set {
    mr_job *job;
    char name[64];
    mr_shape shape;
    mr_pair_layout layout;
    bool ordered;
    const mr_fold *fold; /* values are its accumulators */
    mr_spread spread;
    mr_ranges *ranges;   /* MR_SPREAD_RANGE */
    bool sorted;         /* ranges are of this order, and may divide a key: */
    mr_pair_order order; /* the set's own order */
    uint32_t total;      /* piles of all ranks */
    mr_piles piles;      /* this rank's */
    mr_pair_sample sample;
    uint64_t count, bytes;       /* of all ranks */
    uint64_t told, told_spilled; /* what the report knows of this rank's pairs */
    double balance;
};

/* The order of a set by key, with its own ties. */
mr_pair_order mr_set_key_order(const mr_set *set);
/* What mr_sort_options mean for it. */
mr_pair_order mr_set_order_of(const mr_set *set, const mr_sort_options *options);

/* An empty set. Local. */
mr_status mr_set_new(mr_set **set, mr_job *job, const mr_set_options *options, const char *what);

typedef struct mr_making {
    mr_job *job;
    mr_set *set;
    mr_shuffle *shuffle;
    const mr_set_options *options;
    mr_app app; /* as far as an mr_out needs one */
    mr_feed feed;
    const mr_pair_cuts *cuts; /* those of the set's ranges, */
    mr_pair_cuts own;         /* made anew where pairs lie here in another way */
    bool same_keys;
} mr_making;

/*
 * Collective: begins a set; `source` is the one it is made from, if any. `alike` puts pairs into
 * the pile of the same number as that of the source they come from. The caller fills in what the
 * feed runs, calls mr_making_run, and is done: `*to` is the set, or NULL on failure.
 */
mr_status mr_making_begin(mr_making *making, mr_job *job, const mr_set_options *options,
                          const mr_set *source, bool alike, const char *what);
/* Collective. `run` runs the feed. */
mr_status mr_making_end(mr_making *making, mr_status status, mr_set **to);

/* Collective. The same for more pairs of a set that is done. */
mr_status mr_making_resume(mr_making *making, mr_set *set, const mr_set_options *options,
                           bool alike);
mr_status mr_making_rest(mr_making *making, mr_status status);

/* For the threads of a feed: what an mr_out has to know before its first kernel. */
void mr_making_open(const mr_making *making, mr_worker *worker);

/* Collective. On rank 0, one sample made of those of all ranks; empty elsewhere. */
mr_status mr_sample_gather(mr_job *job, const mr_pair_order *order, const mr_pair_sample *mine,
                           mr_pair_sample *sample);

/* Collective. Ranges cut by the samples that the ranks have of pairs of this layout. */
mr_status mr_ranges_create(mr_ranges **ranges, mr_job *job, const mr_pair_order *order,
                           const mr_pair_sample *mine, uint32_t piles, bool whole_keys);
void mr_ranges_release(mr_ranges **ranges);

/* Collective. The set itself, when all values of a key are on one rank and in one pile already;
 * otherwise a copy that is, which replaces it (`*made` is to be destroyed by the caller). */
mr_status mr_set_grouped(mr_set *set, bool consume, mr_set **made);
/* Whether two sets have the same keys in the same piles. */
bool mr_set_alike(const mr_set *left, const mr_set *right);

/* Collective. The pairs of piles that have more than `most`, page by page to all piles in turn. */
mr_status mr_set_deal(mr_set *set, uint64_t most, bool consume, mr_set **to);

/* Collective. More pairs for a set that is done: a kernel over another set puts them. */
mr_status mr_set_add(mr_set *set, mr_set *from, mr_pairs_kernel *kernel);

/* Numbers a call, for kernels over ranges. */
uint64_t mr_range_piece(const mr_job *job, uint64_t count);

/* Memory a thread may use to bring a pile into order. */
size_t mr_set_thread_memory(const mr_job *job, unsigned at_once);

/* A copy of where else pairs go: MR_SPREAD_... */
mr_status mr_set_move(mr_set *set, const mr_set_options *options, const mr_ranges *ranges,
                      const mr_pair_order *order, bool consume, mr_set **to);

/* Collective. Where somebody will read it (--report, -v): the keys that many pairs of a set have.
 */
mr_status mr_set_tell_hot(mr_set *set);

#endif
