/*
 * store/pair_cuts.h: samples of pairs, and where ranges of an order are cut by them. A cut is a
 * pair itself (of long ones, its beginning: still a point of the order), so that even the values of
 * one single key can be divided.
 */
#ifndef MR_STORE_PAIR_CUTS_H
#define MR_STORE_PAIR_CUTS_H

#include "store/pair_order.h"

/* A sample that never holds more than about `most` pairs: when it is full, every other one goes,
 * and from then on only every second one of those offered is taken, and so on. */
typedef struct mr_pair_sample {
    mr_pair_layout layout;
    unsigned char
        *bytes; /* pairs in the variable layout, with a place: see mr_pair_sample_layout */
    size_t size, capacity, count, most;
    uint64_t stride, turn;
} mr_pair_sample;

void mr_pair_sample_start(mr_pair_sample *sample, const mr_pair_layout *layout, size_t most);
mr_status mr_pair_sample_offer(mr_pair_sample *sample, const unsigned char *pair, mr_error *error);
/* The same without counting: for callers that offer one of `stride` themselves. */
mr_status mr_pair_sample_take(mr_pair_sample *sample, const unsigned char *pair, mr_error *error);
/* All of `other` into `sample`; each of its pairs counts as often as its stride says. */
mr_status mr_pair_sample_merge(mr_pair_sample *sample, const mr_pair_sample *other,
                               mr_error *error);
/* As bytes for another rank (owned by the caller, free), and back into a sample of its own. */
mr_status mr_pair_sample_pack(const mr_pair_sample *sample, void **bytes, size_t *size,
                              mr_error *error);
mr_status mr_pair_sample_unpack(mr_pair_sample *sample, const void *bytes, size_t size,
                                mr_error *error);
void mr_pair_sample_free(mr_pair_sample *sample);

/* Cuts: at most count - 1 pairs in order, which make `count` ranges. */
typedef struct mr_pair_cuts {
    mr_pair_order order; /* on pairs of the set */
    uint64_t *prefixes;
    const unsigned char **pairs; /* in the set's own layout or in one that the order can compare */
    size_t count;
    unsigned char *memory;
    size_t memory_size;
} mr_pair_cuts;

/*
 * Cuts the order into `ranges` by a sample. With `whole_keys` no two cuts have the same key, and
 * they stand at the beginning of their key: no key's pairs are divided (there may be fewer ranges
 * then).
 */
mr_status mr_pair_cuts_create(mr_pair_cuts *cuts, const mr_pair_order *order,
                              const mr_pair_sample *sample, size_t ranges, bool whole_keys,
                              mr_error *error);
mr_status mr_pair_cuts_pack(const mr_pair_cuts *cuts, void **bytes, size_t *size, mr_error *error);
mr_status mr_pair_cuts_unpack(mr_pair_cuts *cuts, const mr_pair_order *order, const void *bytes,
                              size_t size, mr_error *error);
void mr_pair_cuts_free(mr_pair_cuts *cuts);

/*
 * The range that a pair belongs to, 0 to cuts->count. Where it is equal to several cuts (all of
 * them the same pair), any of the ranges between them will do: `turn`, the caller's own, goes
 * round, so that even pairs that are all the same are divided evenly.
 */
size_t mr_pair_cuts_find(const mr_pair_cuts *cuts, const unsigned char *pair, uint64_t *turn);

#endif
