/* base/arena.c: chunks of one size, and chunks of their own for pieces that do not fit one. */
#include "base/arena.h"

#include "base/memory.h"

#include <string.h>

#define CHUNK ((size_t)64 << 10)

typedef struct mr_chunk {
    struct mr_chunk *next;
    size_t used, capacity;
    char bytes[];
} mr_chunk;

static mr_chunk *new_chunk(mr_arena *arena, size_t size, const char *what, mr_error *error)
{
    mr_chunk *chunk = arena->spare;
    if (chunk && size <= CHUNK) {
        arena->spare = chunk->next;
    } else {
        size_t capacity = size > CHUNK ? size : CHUNK;
        chunk = mr_memory_allocate(sizeof *chunk + capacity, what, error);
        if (!chunk)
            return NULL;
        chunk->capacity = capacity;
    }
    chunk->used = 0;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

char *mr_arena_take(mr_arena *arena, size_t size, const char *what, mr_error *error)
{
    mr_chunk *chunk = arena->chunks;
    size = (size + 7) & ~(size_t)7;
    if (!chunk || chunk->capacity - chunk->used < size) {
        chunk = new_chunk(arena, size, what, error);
        if (!chunk)
            return NULL;
    }
    char *room = chunk->bytes + chunk->used;
    chunk->used += size;
    arena->kept += size;
    return room;
}

char *mr_arena_keep(mr_arena *arena, const void *bytes, size_t size, const char *what,
                    mr_error *error)
{
    char *copy = mr_arena_take(arena, size, what, error);
    if (copy && size)
        memcpy(copy, bytes, size);
    return copy;
}

static void free_chunks(mr_chunk **list)
{
    for (mr_chunk *chunk; (chunk = *list);) {
        *list = chunk->next;
        mr_memory_free(chunk, sizeof *chunk + chunk->capacity);
    }
}

void mr_arena_reset(mr_arena *arena)
{
    for (mr_chunk *chunk; (chunk = arena->chunks);) {
        arena->chunks = chunk->next;
        if (chunk->capacity > CHUNK) {
            mr_memory_free(chunk, sizeof *chunk + chunk->capacity);
            continue;
        }
        chunk->next = arena->spare;
        arena->spare = chunk;
    }
    arena->kept = 0;
}

void mr_arena_free(mr_arena *arena)
{
    free_chunks(&arena->chunks);
    free_chunks(&arena->spare);
    arena->kept = 0;
}
