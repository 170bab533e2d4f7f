/* array/grid.h: a box cut into tiles, which are numbered in C order. */
#ifndef MR_ARRAY_GRID_H
#define MR_ARRAY_GRID_H

#include "array/box.h"

typedef struct mr_tiling {
    mr_box region;
    mr_dims tile;
    uint64_t counts[MR_AXES];
    uint64_t tiles;
} mr_tiling;

mr_tiling mr_tiling_of(const mr_box *region, const mr_dims *tile);
mr_box mr_tiling_at(const mr_tiling *tiling, uint64_t number);

/* Tiles of about this many bytes stay in a core's cache with what they are made of. */
#define MR_CHUNK_BYTES ((uint64_t)512 << 10)

/* Tiles of up to `room` elements: long in the last axis, or about the same along each. */
mr_dims mr_chunk_long(const mr_dims *dims, uint64_t room);
mr_dims mr_chunk_square(const mr_dims *dims, uint64_t room);
/* Parts of a tile, as large as each other, of up to `room` elements. */
mr_dims mr_chunk_parts(const mr_dims *chunk, uint64_t room);

#endif
