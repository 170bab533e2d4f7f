/* array/grid.c: tiles of a box; the last ones along an axis may be smaller. */
#include "array/grid.h"

mr_tiling mr_tiling_of(const mr_box *region, const mr_dims *tile)
{
    mr_tiling t = {.region = *region, .tile = *tile, .tiles = 1};
    t.tile.axes = region->axes;
    for (unsigned axis = 0; axis < region->axes; axis++) {
        uint64_t size = tile->size[axis] ? tile->size[axis] : 1;
        t.tile.size[axis] = size;
        t.counts[axis] = region->size[axis] / size + (region->size[axis] % size != 0);
        t.tiles *= t.counts[axis];
    }
    return t;
}

mr_box mr_tiling_at(const mr_tiling *t, uint64_t number)
{
    mr_box box = {.axes = t->region.axes};
    for (unsigned axis = box.axes; axis-- > 0;) {
        uint64_t from = number % t->counts[axis] * t->tile.size[axis];
        uint64_t left = t->region.size[axis] - from;
        number /= t->counts[axis];
        box.from[axis] = t->region.from[axis] + from;
        box.size[axis] = left < t->tile.size[axis] ? left : t->tile.size[axis];
    }
    return box;
}
