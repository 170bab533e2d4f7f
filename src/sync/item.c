/* sync/item.c: an item in memory of its own, its owner before it. */
#include "sync/item.h"

#include "base/memory.h"

#define HEAD 64

typedef struct piece {
    mr_item_owner owner;
    size_t size; /* with what stands before the bytes */
} piece;

static void release(mr_item_owner *owner)
{
    mr_memory_free(owner, ((piece *)owner)->size);
}

char *mr_item_make(mr_item *item, size_t size, const char *what, mr_error *error)
{
    piece *made = mr_memory_allocate_aligned(HEAD + size, HEAD, what, error);
    *item = (mr_item){{NULL, 0}, NULL};
    if (!made)
        return NULL;
    *made = (piece){{release}, HEAD + size};
    char *bytes = (char *)made + HEAD;
    *item = (mr_item){{bytes, size}, made};
    return bytes;
}

void mr_item_free(mr_item *item)
{
    if (item->owner)
        ((mr_item_owner *)item->owner)->release(item->owner);
    *item = (mr_item){{NULL, 0}, NULL};
}
