/*
 * bench/limits/wordtable.h: where limits/wordcount.c keeps its words: memory handed out in huge
 * pages, keys of 16 bytes, and tables divided by hash.
 */
#ifndef BENCH_WORDTABLE_H
#define BENCH_WORDTABLE_H

#include "limit.h"

#include <immintrin.h>
#include <stdbool.h>
#include <sys/mman.h>

#define DIVISIONS 64u /* of the tables, by the top bits of the hash */
#define INLINE    15u /* longest word that is its own key */

/* ---- memory: one reserved stretch a thread, handed out from the front in huge pages ---- */

typedef struct arena {
    char *at, *end;
} arena;

#define ARENA_BYTES ((size_t)1 << 38)

static void arena_open(arena *a)
{
    char *memory = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        limit_fail("cannot reserve memory");
    madvise(memory, ARENA_BYTES, MADV_HUGEPAGE);
    a->at = memory;
    a->end = memory + ARENA_BYTES;
}

static void *arena_take(arena *a, size_t size)
{
    size = (size + 63) & ~(size_t)63;
    if (size > (size_t)(a->end - a->at)) {
        errno = ENOMEM;
        limit_fail("out of memory");
    }
    a->at += size;
    return a->at - size;
}

/* ---- keys ---- */

/*
 * A word of up to 15 bytes, padded with zeros, its length in the last byte; or, for a longer one,
 * its hash and, marked by LONG in the top byte, the address of its length and bytes.
 */
typedef struct key {
    uint64_t low, high;
} key;

#define LONG (UINT64_C(0xff) << 56)

typedef struct long_word {
    size_t size;
    char bytes[];
} long_word;

static inline bool key_is_long(key k)
{
    return k.high >= LONG;
}

static inline const long_word *key_long(key k)
{
    return (const long_word *)(uintptr_t)(k.high & ~LONG);
}

static inline uint64_t hash_short(key k)
{
    return limit_fold(k.low ^ 0x9e3779b97f4a7c15u, k.high ^ 0xd6e8feb86659fd93u);
}

static uint64_t hash_long(const char *at, size_t size)
{
    uint64_t h = size * 0xa0761d6478bd642fu;
    for (size_t i = 0; i + 16 < size; i += 16)
        h = limit_fold(h ^ limit_load64(at + i), limit_load64(at + i + 8) ^ 0xe7037ed1a0b428dbu);
    const char *tail = at + size - 16;
    return limit_fold(h ^ limit_load64(tail), limit_load64(tail + 8) ^ 0x8ebc6af09c88c6e3u);
}

static inline key key_short(const char *at, size_t size)
{
    static const uint8_t keep[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                     255, 255, 255, 255, 255, 255, 255, 255};
    __m128i bytes = _mm_loadu_si128((const void *)at);
    bytes = _mm_and_si128(bytes, _mm_loadu_si128((const void *)(keep + 16 - size)));
    return (key){(uint64_t)_mm_cvtsi128_si64(bytes),
                 (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(bytes, bytes)) | (uint64_t)size
                                                                                     << 56};
}

/* ---- tables ---- */

typedef struct entry {
    key key;
    uint64_t count; /* 0: the slot is free */
    uint64_t hash;
} entry;

typedef struct table {
    entry *slots;
    uint64_t mask;
    uint64_t used;
} table;

static inline table *table_of(table *tables, uint64_t hash)
{
    return &tables[hash >> 58];
}

static void table_open(table *t, arena *a, uint64_t slots)
{
    t->slots = arena_take(a, slots * sizeof(entry));
    t->mask = slots - 1;
    t->used = 0;
}

static void table_grow(table *t, arena *a)
{
    table old = *t;
    table_open(t, a, 2 * (old.mask + 1));
    for (uint64_t i = 0; i <= old.mask; i++) {
        if (old.slots[i].count == 0)
            continue;
        uint64_t at = old.slots[i].hash & t->mask;
        while (t->slots[at].count)
            at = (at + 1) & t->mask;
        t->slots[at] = old.slots[i];
    }
    t->used = old.used;
}

static inline void table_insert(table *t, arena *a, entry *slot, const entry *from)
{
    *slot = *from;
    if (++t->used * 2 > t->mask)
        table_grow(t, a);
}

static inline void table_add_short(table *t, arena *a, const entry *from)
{
    for (uint64_t i = from->hash & t->mask;; i = (i + 1) & t->mask) {
        entry *slot = &t->slots[i];
        if (slot->key.low == from->key.low && slot->key.high == from->key.high) {
            slot->count += from->count;
            return;
        }
        if (slot->count == 0) {
            table_insert(t, a, slot, from);
            return;
        }
    }
}

static entry *table_find_long(table *t, uint64_t hash, const char *bytes, size_t size)
{
    for (uint64_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        entry *slot = &t->slots[i];
        if (slot->count == 0)
            return slot;
        if (slot->key.low != hash || !key_is_long(slot->key))
            continue;
        const long_word *word = key_long(slot->key);
        if (word->size == size && memcmp(word->bytes, bytes, size) == 0)
            return slot;
    }
}

static void table_merge(table *to, arena *a, const table *from)
{
    for (uint64_t i = 0; i <= from->mask; i++) {
        const entry *e = &from->slots[i];
        if (e->count == 0)
            continue;
        if (!key_is_long(e->key)) {
            table_add_short(to, a, e);
            continue;
        }
        const long_word *word = key_long(e->key);
        entry *slot = table_find_long(to, e->hash, word->bytes, word->size);
        if (slot->count)
            slot->count += e->count;
        else
            table_insert(to, a, slot, e);
    }
}

#endif
