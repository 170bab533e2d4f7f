/*
 * store/pairs.h: pairs as they lie in pages: the same bytes in memory, on the wire and, compressed,
 * on disk. mapred/pair.h says how one pair lies; a page of a set is a head and then pairs.
 */
#ifndef MR_STORE_PAIRS_H
#define MR_STORE_PAIRS_H

#include "base/page.h"
#include "store/record.h"

#include <mapred/pair.h>

/* What a page of pairs begins with. */
typedef struct mr_leaf {
    uint32_t pile;  /* which of the set's piles the pairs belong to */
    uint32_t count; /* pairs */
    uint64_t check; /* of the pairs' bytes, with --verify; else 0 */
} mr_leaf;

static inline mr_leaf *mr_page_leaf(mr_page *page)
{
    return (mr_leaf *)(void *)page->bytes;
}

static inline unsigned char *mr_page_pairs(mr_page *page)
{
    return page->bytes + sizeof(mr_leaf);
}

/* How pairs of a shape lie, with or without places. */
mr_pair_layout mr_pair_layout_of(const mr_shape *shape, bool places);

/* The sizes that keys and values of a shape have; 0 where each has its own. MR_VALUE_NONE: 0, too,
 * and mr_shape_is_fixed knows. */
bool mr_shape_is_fixed(const mr_shape *shape);
size_t mr_shape_key_size(const mr_shape *shape);
size_t mr_shape_value_size(const mr_shape *shape);

/* The bytes a pair takes, and a pair put there. */
static inline size_t mr_pair_size(const mr_pair_layout *layout, mr_bytes key, mr_bytes value)
{
    if (layout->stride)
        return layout->stride;
    return 8 + layout->place + mr_round8(key.size) + mr_round8(value.size);
}
void mr_pair_put(const mr_pair_layout *layout, unsigned char *at, mr_bytes key, mr_bytes value,
                 uint64_t place);

static inline mr_bytes mr_pair_key(const mr_pair_layout *layout, const unsigned char *at)
{
    mr_pair pair;
    mr_pair_read(layout, at, &pair);
    return pair.key;
}

/* The place of a pair; 0 where there are none. */
static inline uint64_t mr_pair_place(const mr_pair_layout *layout, const unsigned char *at)
{
    uint64_t place = 0;
    if (layout->place)
        memcpy(&place, at + (layout->stride ? 0 : 8), sizeof place);
    return place;
}

#endif
