/*
 * base/arena.h: many small pieces of bytes that live and die together. Pieces never move. Memory is
 * from the budget; a reset keeps it for use again.
 */
#ifndef MR_BASE_ARENA_H
#define MR_BASE_ARENA_H

#include "base/error.h"

#include <stddef.h>

/* All zeros is an empty one. */
typedef struct mr_arena {
    struct mr_chunk *chunks; /* in use, the current one first */
    struct mr_chunk *spare;
    size_t kept; /* bytes kept since the last reset */
} mr_arena;

/* Room for `size` bytes, at a multiple of 8; NULL when memory runs out. */
char *mr_arena_take(mr_arena *arena, size_t size, const char *what, mr_error *error);
/* A copy of bytes. */
char *mr_arena_keep(mr_arena *arena, const void *bytes, size_t size, const char *what,
                    mr_error *error);
/* Forgets all pieces. */
void mr_arena_reset(mr_arena *arena);
/* Frees everything. */
void mr_arena_free(mr_arena *arena);

#endif
