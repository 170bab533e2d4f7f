/*
 * store/pair_cuts.h: samples of pairs, and where ranges of an order are cut by them. A cut is a
 * pair itself (of long ones, its beginning: still a point of the order), so that even the values of
 * one single key can be divided.
 */
#ifndef MR_STORE_PAIR_CUTS_H
#define MR_STORE_PAIR_CUTS_H

#include "store/pair_search.h"

/*
 * A sample of at most `most` pairs, and of fewer where they are long: of each `stride` pairs that
 * are offered it takes one, by chance. When it is full, one of every two goes and the stride
 * doubles. Where it may hold 256 a range, the largest range comes out below 1.5 times their mean.
 */
typedef struct mr_pair_sample {
    mr_pair_layout layout; /* of the pairs that are offered */
    bool keys, values;     /* whether the order looks at them: what it does not is left out */
    size_t longest;        /* keys and values are cut to this */
    unsigned char *bytes;  /* pairs as mr_pair_sample_layout says */
    size_t size, capacity, count, most;
    uint64_t stride;
    uint64_t skip; /* offers to let pass before one is taken */
    uint64_t rest; /* and those behind it that belong to the same stride */
    uint64_t random;
} mr_pair_sample;

/* How pairs of samples lie, and those of cuts. */
static inline mr_pair_layout mr_pair_sample_layout(void)
{
    return (mr_pair_layout){.place = 8};
}

/* For an order of the pairs that will be offered. */
void mr_pair_sample_start(mr_pair_sample *sample, const mr_pair_order *order, size_t most);
void mr_pair_sample_free(mr_pair_sample *sample);
/* Gives back the memory that is not needed where no more pairs are offered. */
void mr_pair_sample_trim(mr_pair_sample *sample);

/* What mr_pair_sample_offer does with those that it does not let pass. */
mr_status mr_pair_sample_take(mr_pair_sample *sample, const unsigned char *pair, mr_error *error);

static inline mr_status mr_pair_sample_offer(mr_pair_sample *sample, const unsigned char *pair,
                                             mr_error *error)
{
    if (__builtin_expect(sample->skip == 0, 0))
        return mr_pair_sample_take(sample, pair, error);
    sample->skip--;
    return MR_OK;
}

/* All of `other` into `sample`; each of its pairs counts as often as its stride says. Nothing is to
 * be offered afterwards. */
mr_status mr_pair_sample_merge(mr_pair_sample *sample, const mr_pair_sample *other,
                               mr_error *error);
/* As bytes for another rank (owned by the caller, free), and back into a sample of its own. */
mr_status mr_pair_sample_pack(const mr_pair_sample *sample, void **bytes, size_t *size,
                              mr_error *error);
mr_status mr_pair_sample_unpack(mr_pair_sample *sample, const void *bytes, size_t size,
                                mr_error *error);

/* Cuts: at most ranges - 1 of them, which make count + 1 ranges. */
typedef struct mr_pair_cuts {
    size_t count;
    bool whole;
    /* Several cuts at the same pair are one point. All of this lies in `memory`. */
    size_t points;
    struct mr_spread_at *equal; /* where pairs go that are equal to a point */
    uint64_t *pairs;            /* where in `memory` points' pairs are */
    uint32_t *below;            /* the range just below a point; one more: that above all */
    unsigned char *memory;
    size_t size;
    mr_pair_search *search;
} mr_pair_cuts;

/*
 * Cuts the order into `ranges` by a sample. With `whole_keys` what `by` says (the key, that is) is
 * all that counts, cuts are all different in it, and they stand before all pairs of their key: no
 * key's pairs are divided (there may be fewer ranges then).
 */
mr_status mr_pair_cuts_create(mr_pair_cuts *cuts, const mr_pair_order *order,
                              const mr_pair_sample *sample, size_t ranges, bool whole_keys,
                              mr_error *error);
mr_status mr_pair_cuts_pack(const mr_pair_cuts *cuts, void **bytes, size_t *size, mr_error *error);
mr_status mr_pair_cuts_unpack(mr_pair_cuts *cuts, const mr_pair_order *order, const void *bytes,
                              size_t size, mr_error *error);
void mr_pair_cuts_free(mr_pair_cuts *cuts);

/*
 * The range that a pair belongs to, 0 to cuts->count. Pairs that are equal to a cut may go to
 * either side, and where there are several such cuts between them, too: `turn`, the caller's own,
 * goes round, so that even pairs that are all the same are divided as the sample says. Where each
 * caller has few pairs, turns had better begin at different numbers.
 */
size_t mr_pair_cuts_find(const mr_pair_cuts *cuts, const unsigned char *pair, uint64_t *turn);

#endif
