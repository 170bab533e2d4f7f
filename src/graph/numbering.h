/*
 * graph/numbering.h: from what an id is to the number of its vertex, once all ids are known. Two
 * ways: marks, for integers close together, and names, for everything else. Knows nothing of ranks.
 */
#ifndef MR_GRAPH_NUMBERING_H
#define MR_GRAPH_NUMBERING_H

#include "base/memory.h"

#include <stdbool.h>

/* One bit for each integer of a range that may be an id, and how many are set before each word. */
typedef struct mr_marks {
    uint64_t *bits;
    uint32_t *before; /* NULL until all are set */
    uint64_t words;
} mr_marks;

/* For 0 to `range` - 1. Room for `before` is taken, too. */
mr_status mr_marks_create(mr_marks *marks, uint64_t range, mr_error *error);
void mr_marks_free(mr_marks *marks);
/* Bytes of marks for a range. */
uint64_t mr_marks_size(uint64_t range);

/* Sets one. Thread-safe. Most are set already: looking first keeps the cache line shared. */
static inline void mr_marks_set(mr_marks *marks, uint64_t at)
{
    uint64_t bit = UINT64_C(1) << (at & 63), *word = &marks->bits[at >> 6];
    if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
        __atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
}

static inline bool mr_marks_has(const mr_marks *marks, uint64_t at)
{
    return at >> 6 < marks->words && (marks->bits[at >> 6] >> (at & 63) & 1);
}

/* After the last was set: counts them. */
uint64_t mr_marks_count(mr_marks *marks);

/* How many are set before one: its number, when it is set itself. */
static inline uint32_t mr_marks_number(const mr_marks *marks, uint64_t at)
{
    uint64_t below = marks->bits[at >> 6] & ((UINT64_C(1) << (at & 63)) - 1);
    return marks->before[at >> 6] + (uint32_t)__builtin_popcountll(below);
}

/* Which one has a number; and the next one that is set behind one. There has to be one. */
uint64_t mr_marks_find(const mr_marks *marks, uint32_t number);
uint64_t mr_marks_next(const mr_marks *marks, uint64_t at);

/* Hashes of all names by their numbers, no two of them the same, and a table to find them by. */
typedef struct mr_names {
    uint64_t *hashes;
    uint32_t *slots; /* numbers, one more than they are; 0: empty */
    uint64_t count, slot_count;
} mr_names;

/* Room for `count` hashes, which are zeros and to be filled in. */
mr_status mr_names_create(mr_names *names, uint64_t count, mr_error *error);
void mr_names_free(mr_names *names);
uint64_t mr_names_size(uint64_t count);
/* Makes the table; false when two hashes are the same. */
bool mr_names_index(mr_names *names);

/* The numbers of names that are there, up to MR_NAMES_AT_ONCE: looked for side by side, so that
 * they wait for memory together. */
#define MR_NAMES_AT_ONCE 512
void mr_names_numbers(const mr_names *names, const uint64_t *hashes, size_t count,
                      uint32_t *numbers);

#endif
