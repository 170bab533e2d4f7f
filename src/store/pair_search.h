/*
 * store/pair_search.h: points of an order, and where among them a pair stands. By words of 64 bits,
 * as sorting goes: a tree of prefixes first, and where several points share one, a tree of the next
 * words in which those differ. So neither keys with a common beginning nor one key with many points
 * in it take more than a few looks.
 */
#ifndef MR_STORE_PAIR_SEARCH_H
#define MR_STORE_PAIR_SEARCH_H

#include "base/error.h"
#include "store/pair_order.h"

typedef struct mr_pair_search mr_pair_search;

/* `points` says where in `memory` they lie: in order, all different in it, and in a layout of their
 * own. All but these two arguments is copied. */
mr_status mr_pair_search_create(mr_pair_search **search, const mr_pair_order *order,
                                mr_pair_layout layout, const unsigned char *memory,
                                const uint64_t *points, size_t count, mr_error *error);
void mr_pair_search_destroy(mr_pair_search **search);

/* How many points are below a pair; `*equal` says whether the one after them is the same. */
size_t mr_pair_search_find(const mr_pair_search *search, const unsigned char *pair, bool *equal);

#endif
