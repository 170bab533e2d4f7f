/*
 * sets/groups.h: a pile, key by key: the values of a key are a stretch of its sorted pairs, in
 * memory or as a merge from disk hands them out.
 */
#ifndef MR_SETS_GROUPS_H
#define MR_SETS_GROUPS_H

#include "store/sorted.h"

typedef struct mr_groups {
    mr_sorted sorted;
    mr_values values; /* of the current key; its `self` is this */
    mr_bytes key;     /* of the current group; NULL data: before the first, or behind the last */
    mr_pair_ref one;  /* from disk: the pair at hand */
    bool started, pending, done;
    char *copy; /* from disk: the key, which outlives its pairs */
    size_t copy_capacity;
    mr_error *error;
    mr_status status;
} mr_groups;

void mr_groups_start(mr_groups *groups, const mr_pair_order *order, size_t memory,
                     const char *scratch);
void mr_groups_free(mr_groups *groups);

mr_status mr_groups_open(mr_groups *groups, mr_piles *piles, uint32_t pile, bool consume,
                         mr_error *error);
void mr_groups_close(mr_groups *groups);

/* On to the next key, whatever is left of this one; `key.data` is NULL at the end. */
mr_status mr_groups_next(mr_groups *groups);
/* The place of the group's first pair. */
uint64_t mr_groups_place(const mr_groups *groups);

#endif
