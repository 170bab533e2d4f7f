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

/* The largest power of two that is not above `most`; at least 1. */
static uint64_t power_below(uint64_t most)
{
    uint64_t power = 1;
    while (power <= most / 2)
        power *= 2;
    return power;
}

/* As much of each axis, from the last on, as there is room for. Where that is not all of it, it is
 * a power of two: so borders of tiles and of MR_TILE_ROWS meet. */
mr_dims mr_chunk_long(const mr_dims *dims, uint64_t room)
{
    mr_dims chunk = {.axes = dims->axes};
    room = room ? room : 1;
    for (unsigned axis = dims->axes; axis-- > 0;) {
        uint64_t size = dims->size[axis];
        chunk.size[axis] = size <= room ? size : power_below(room);
        room = size ? room / chunk.size[axis] : room;
        room = room ? room : 1;
    }
    return chunk;
}

/* All axes grow in turn. Short ones leave their room to the others. */
mr_dims mr_chunk_square(const mr_dims *dims, uint64_t room)
{
    mr_dims chunk = {.axes = dims->axes};
    for (unsigned axis = 0; axis < dims->axes; axis++)
        chunk.size[axis] = dims->size[axis] ? 1 : 0;
    for (bool grown = true; grown;) {
        grown = false;
        for (unsigned axis = dims->axes; axis-- > 0;) {
            uint64_t *part = &chunk.size[axis], size = dims->size[axis];
            if (*part >= size || mr_dims_count(&chunk) * 2 > room)
                continue;
            *part = *part * 2 < size ? *part * 2 : size;
            grown = true;
        }
    }
    return chunk;
}

mr_dims mr_chunk_parts(const mr_dims *chunk, uint64_t room)
{
    mr_dims part = *chunk;
    for (uint64_t cuts[MR_AXES] = {0}; mr_dims_count(&part) > room;) {
        unsigned longest = 0;
        for (unsigned axis = 1; axis < part.axes; axis++)
            longest = part.size[axis] > part.size[longest] ? axis : longest;
        if (part.size[longest] < 2)
            break;
        uint64_t number = ++cuts[longest] + 1;
        part.size[longest] = (chunk->size[longest] + number - 1) / number;
    }
    return part;
}
