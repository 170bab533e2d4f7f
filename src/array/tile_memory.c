/* array/tile_memory.c: a stack of pieces in blocks, each of which is twice as large as the one
 * before. */
#include "array/tile_memory.h"

#include "base/memory.h"

#define BLOCK ((size_t)256 << 10)
#define ALIGN ((size_t)64)

/* Takes the place of block `at` with one of at least `size` bytes. */
static mr_status renew(mr_tile_memory *pool, unsigned at, size_t size, mr_error *error)
{
    size_t room = at > 0 && pool->sizes[at - 1] < size ? size : BLOCK << (at < 4 ? at : 4);
    room = room < size ? size : room;
    if (pool->blocks[at])
        mr_memory_free(pool->blocks[at], pool->sizes[at]);
    pool->blocks[at] = mr_memory_allocate_aligned(room, ALIGN, "tiles of an array", error);
    pool->sizes[at] = pool->blocks[at] ? room : 0;
    if (at >= pool->count)
        pool->count = at + 1;
    return pool->blocks[at] ? MR_OK : MR_NO_MEMORY;
}

void *mr_tile_memory_take(mr_tile_memory *pool, size_t size, mr_error *error)
{
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    size = size ? size : ALIGN;
    unsigned at = pool->at;
    size_t used = pool->used;
    if (pool->count == 0 || used + size > pool->sizes[at]) {
        at = used > 0 ? at + 1 : at;
        if (at == MR_TILE_BLOCKS) {
            mr_error_set(error, MR_NO_MEMORY, "out of memory: an expression of too many parts");
            return NULL;
        }
        if ((at >= pool->count || pool->sizes[at] < size) && renew(pool, at, size, error) != MR_OK)
            return NULL;
        used = 0;
    }
    pool->at = at;
    pool->used = used + size;
    return pool->blocks[at] + used;
}

mr_tile_memory_mark mr_tile_memory_begin(const mr_tile_memory *pool)
{
    return (mr_tile_memory_mark){pool->at, pool->used};
}

void mr_tile_memory_end(mr_tile_memory *pool, mr_tile_memory_mark mark)
{
    pool->at = mark.at;
    pool->used = mark.used;
}

void mr_tile_memory_reset(mr_tile_memory *pool)
{
    pool->at = 0;
    pool->used = 0;
}

void mr_tile_memory_free(mr_tile_memory *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pool->blocks[i])
            mr_memory_free(pool->blocks[i], pool->sizes[i]);
}
