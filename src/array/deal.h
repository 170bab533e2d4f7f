/*
 * array/deal.h: who does which tile of a sweep that kept arrays take part in, and how many of them
 * between two exchanges of what ranks lack. All ranks work this out for all ranks.
 */
#ifndef MR_ARRAY_DEAL_H
#define MR_ARRAY_DEAL_H

#include "array/fetch.h"
#include "array/grid.h"

typedef struct mr_deal {
    const mr_array *array;
    const mr_tiling *tilings; /* one for each rank, or one that is dealt out */
    bool mine;
    uint64_t *starts; /* ranks + 1: where a rank's tiles begin in the next */
    uint64_t *tiles;  /* their numbers, rank by rank; NULL with a tiling for each rank */
    uint64_t turn;    /* tiles that each rank has behind it */
    uint64_t most;    /* bytes that one rank may give, or take, at a time */
    uint64_t *give, *take;
    mr_needs needs;
    size_t bytes; /* of `tiles` */
} mr_deal;

/* Collective; agreed. */
mr_status mr_deal_begin(mr_deal *deal, const mr_array *array, const mr_tiling *tilings, bool mine);
void mr_deal_end(mr_deal *deal);
/* Collective. The next tiles of this rank, first to end - 1 as mr_deal_tile numbers them, with what
 * they need fetched; *more is false when no rank has any. */
mr_status mr_deal_wave(mr_deal *deal, mr_fetched *fetched, uint64_t *first, uint64_t *end,
                       bool *more);
mr_box mr_deal_tile(const mr_deal *deal, uint64_t number);

#endif
