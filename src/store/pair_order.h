/*
 * store/pair_order.h: the orders that pairs of a set can be put in. Each is total up to pairs that
 * are the same in every byte: by key, by value or by a function of the user's; then by what breaks
 * ties. Sorting looks at 64 bits at a time, as store/order.h does.
 */
#ifndef MR_STORE_PAIR_ORDER_H
#define MR_STORE_PAIR_ORDER_H

#include "store/pairs.h"
#include "store/radix.h"

#include <mapred/set.h>

/* What comes after what pairs are ordered by. Always upwards. */
typedef enum mr_ties {
    MR_TIES_NONE = 0, /* any order will do */
    MR_TIES_VALUE,    /* by value, then by place if there is one */
    MR_TIES_PLACE,    /* by place, then by value */
    MR_TIES_KEY_VALUE /* by key, then as MR_TIES_VALUE */,
    MR_TIES_KEY_PLACE /* by key, then as MR_TIES_PLACE */
} mr_ties;

typedef struct mr_pair_order {
    mr_pair_layout layout;
    mr_value_type value; /* how values are compared: as numbers or as bytes */
    mr_sort_by by;
    bool descending; /* of what `by` says; ties stand upwards */
    mr_ties ties;
    int (*compare)(void *context, const mr_pair *a, const mr_pair *b);
    void *context;
} mr_pair_order;

/* A pair as it is compared, whatever layout it lies in. */
typedef struct mr_placed {
    mr_pair pair;
    uint64_t place;
} mr_placed;

static inline mr_placed mr_placed_read(const mr_pair_layout *layout, const unsigned char *pair)
{
    mr_placed placed;
    mr_pair_read(layout, pair, &placed.pair);
    placed.place = mr_pair_place(layout, pair);
    return placed;
}

/* The first 64 bits of what a pair is ordered by (0 with MR_BY_COMPARE): of two pairs the one with
 * less comes first. */
uint64_t mr_pair_prefix(const mr_pair_order *order, const unsigned char *pair);
/* The same for `count` pairs one after the other; returns where they end. */
const unsigned char *mr_pair_refs(const mr_pair_order *order, const unsigned char *pairs,
                                  size_t count, mr_pair_ref *refs);

/* Below, at or above zero. Prefixes have to be those of mr_pair_prefix. */
int mr_pair_compare(const mr_pair_order *order, mr_pair_ref a, mr_pair_ref b);
/* The same without prefixes; order->layout is not looked at. */
int mr_placed_compare(const mr_pair_order *order, const mr_placed *a, const mr_placed *b);

/* Sorts fewer than 2^32 refs; `scratch` holds as many. What their prefixes are afterwards is
 * nobody's business, but where keys are of 8 bytes or fewer in a fixed layout, the order is by key
 * and ties are MR_TIES_NONE, they are still there, and pairs are not looked at. */
void mr_pair_sort(const mr_pair_order *order, mr_pair_ref *refs, mr_pair_ref *scratch,
                  size_t count);

#endif
