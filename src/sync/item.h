/*
 * sync/item.h: bytes that are handed to the user to keep (mr_item of mapred/sync.h), and how they
 * are given back, whoever made them.
 */
#ifndef MR_SYNC_ITEM_H
#define MR_SYNC_ITEM_H

#include <mapred/sync.h>

#include "base/error.h"

/* What mr_item.owner points to: mr_item_free calls it. */
typedef struct mr_item_owner {
    void (*release)(struct mr_item_owner *owner);
} mr_item_owner;

/* Room for `size` bytes from the budget, at a multiple of 64, which `item` owns; to be filled in.
 * NULL: no memory, and the item is empty. */
char *mr_item_make(mr_item *item, size_t size, const char *what, mr_error *error);

#endif
