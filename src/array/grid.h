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

#endif
