/*
 * store/sorted.h: the pairs of a pile in order. A pile that fits in what memory a thread may use is
 * sorted there, by references into its pages; a larger one is sorted in pieces that go to the
 * scratch disk as runs, and is merged as it is read. One of these serves a thread for pile after
 * pile.
 */
#ifndef MR_STORE_SORTED_H
#define MR_STORE_SORTED_H

#include "store/pair_order.h"
#include "store/pile.h"
#include "store/runs.h"

typedef struct mr_sorted {
    mr_pair_order order;
    size_t memory; /* bytes it may use */
    const char *scratch;
    mr_pair_ref *refs, *spare; /* in memory: all pairs, in order */
    size_t count, capacity;
    mr_page *loaded; /* pages that were on disk, or that were the pile's */
    mr_runs *runs;   /* not in memory: NULL otherwise */
    mr_spill *spill;
    uint64_t rows; /* pairs of the open pile */
    size_t next;
    uint64_t external; /* piles that took runs, so far */
} mr_sorted;

/* `memory` 0: as much as there is. */
void mr_sorted_start(mr_sorted *sorted, const mr_pair_order *order, size_t memory,
                     const char *scratch);
void mr_sorted_free(mr_sorted *sorted);

/* With `consume` the pile is empty afterwards. Until mr_sorted_close the pile may not change. */
mr_status mr_sorted_open(mr_sorted *sorted, mr_piles *piles, uint32_t pile, bool consume,
                         mr_error *error);
void mr_sorted_close(mr_sorted *sorted);

/* Whether all pairs are in `refs`. */
static inline bool mr_sorted_in_memory(const mr_sorted *sorted)
{
    return sorted->runs == NULL;
}

/* One pair after the other: valid until the next call (in memory: until it is closed); NULL at the
 * end. And from the first one again. */
mr_status mr_sorted_next(mr_sorted *sorted, const unsigned char **pair, mr_error *error);
mr_status mr_sorted_rewind(mr_sorted *sorted, mr_error *error);

#endif
