/*
 * store/many.h: folding many entries of any partitions, as a full table or a page of the exchange
 * has them: in order of partitions, batch by batch, passing over partitions that others have in
 * hand.
 */
#ifndef MR_STORE_MANY_H
#define MR_STORE_MANY_H

#include "store/store.h"

/* Entries named by numbers. `list` turns `count` of them into entries. */
typedef struct mr_many {
    void (*list)(void *context, const uint32_t *names, size_t count, mr_entry *entries);
    void *context;
    const uint32_t *names;  /* of the entries, in any order */
    const uint64_t *hashes; /* of their keys, in the same order */
    uint32_t *order;        /* room for as many */
    size_t count;
    unsigned turn; /* where to begin: different for each thread, so that they seldom meet */
} mr_many;

mr_status mr_store_fold_many(mr_store *store, const mr_many *many, mr_error *error);

#endif
