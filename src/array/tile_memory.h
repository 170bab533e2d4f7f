/*
 * array/tile_memory.h: memory of one thread that is taken piece by piece and given back all at
 * once, or back to a mark. Blocks stay for the next tile.
 */
#ifndef MR_ARRAY_TILE_MEMORY_H
#define MR_ARRAY_TILE_MEMORY_H

#include "base/error.h"

#include <stddef.h>

#define MR_TILE_BLOCKS 48

typedef struct mr_tile_memory {
    unsigned char *blocks[MR_TILE_BLOCKS];
    size_t sizes[MR_TILE_BLOCKS];
    unsigned count, at; /* blocks; the one that pieces are taken from */
    size_t used;        /* of that one */
} mr_tile_memory;

typedef struct mr_tile_memory_mark {
    unsigned at;
    size_t used;
} mr_tile_memory_mark;

/* All zeros is an empty pool. Pieces are aligned to 64 bytes. NULL: no memory. */
void *mr_tile_memory_take(mr_tile_memory *pool, size_t size, mr_error *error);
mr_tile_memory_mark mr_tile_memory_begin(const mr_tile_memory *pool);
void mr_tile_memory_end(mr_tile_memory *pool, mr_tile_memory_mark mark);
void mr_tile_memory_reset(mr_tile_memory *pool);
void mr_tile_memory_free(mr_tile_memory *pool);

#endif
