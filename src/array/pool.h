/*
 * array/pool.h: memory of one thread that is taken piece by piece and given back all at once, or
 * back to a mark. Blocks stay for the next tile.
 */
#ifndef MR_ARRAY_POOL_H
#define MR_ARRAY_POOL_H

#include "base/error.h"

#include <stddef.h>

#define MR_POOL_BLOCKS 48

typedef struct mr_pool {
    unsigned char *blocks[MR_POOL_BLOCKS];
    size_t sizes[MR_POOL_BLOCKS];
    unsigned count, at; /* blocks; the one that pieces are taken from */
    size_t used;        /* of that one */
} mr_pool;

typedef struct mr_pool_mark {
    unsigned at;
    size_t used;
} mr_pool_mark;

/* All zeros is an empty pool. Pieces are aligned to 64 bytes. NULL: no memory. */
void *mr_pool_take(mr_pool *pool, size_t size, mr_error *error);
mr_pool_mark mr_pool_begin(const mr_pool *pool);
void mr_pool_end(mr_pool *pool, mr_pool_mark mark);
void mr_pool_reset(mr_pool *pool);
void mr_pool_free(mr_pool *pool);

#endif
