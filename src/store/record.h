/*
 * store/record.h: one key and its accumulator as they lie in memory, in a page of the exchange, and
 * one day in a file:
 *
 *     u32 size of the key | u32 check | key, zeros up to a multiple of 8 | accumulator | tail
 *
 * `check` is 32 bits of the key's hash (mr_store_check_of). The tail, zeros up to a multiple of 8,
 * exists only on the wire, for folds whose accumulator points to bytes (MR_FOLD_FIRST): in memory
 * those lie elsewhere.
 */
#ifndef MR_STORE_RECORD_H
#define MR_STORE_RECORD_H

#include "store/first.h"

#include <mapred/app.h>

typedef struct mr_record {
    uint32_t size;
    uint32_t check;
} mr_record;

/* Keys longer than this are refused: sizes are 32 bits, and a record has to fit an MPI message. */
#define MR_KEY_LONGEST (1u << 30)

static inline size_t mr_round8(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static inline const unsigned char *mr_record_key(const mr_record *record)
{
    return (const unsigned char *)(record + 1);
}

static inline mr_bytes mr_record_key_bytes(const mr_record *record)
{
    return (mr_bytes){(const char *)(record + 1), record->size};
}

static inline void *mr_record_value(const mr_record *record)
{
    return (void *)((uintptr_t)(record + 1) + mr_round8(record->size));
}

/* The size of a record in memory, and where the next one lies. `value` is the accumulator's size.
 */
static inline size_t mr_record_size(const mr_record *record, size_t value)
{
    return sizeof *record + mr_round8(record->size) + value;
}

/* The first eight bytes of a key, or what follows `depth` bytes of it, as a number of the same
 * order. */
static inline uint64_t mr_key_prefix(const unsigned char *key, size_t size, size_t depth)
{
    uint64_t word = 0;
    if (depth >= size)
        return 0;
    /* Keys are padded to a multiple of 8, so whole words may be read at multiples of 8. */
    if (size - depth >= 8 || depth % 8 == 0)
        memcpy(&word, key + depth, 8);
    else
        memcpy(&word, key + depth, size - depth);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The hash of any key; short ones as the inline path of mapred/out.h computes it. */
uint64_t mr_key_hash_bytes(mr_bytes key);

/* The size of an accumulator in a record: a multiple of 8. */
static inline size_t mr_fold_room(const mr_fold *fold)
{
    return mr_round8(fold->size);
}

#endif
