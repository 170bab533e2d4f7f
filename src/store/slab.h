/*
 * store/slab.h: how frames lie in a spill file. A frame is cut into slabs of at most 256 KiB, so
 * that packing takes little memory and stays in a core's cache, whatever the size of the frame.
 *
 *     head | the slab, compressed by LZ4 or, where that would not shrink it, as it is | zeros to 8
 *
 * Rows of numbers are compressed column by column. Extents begin at multiples of MR_SPILL_ALIGN: no
 * two of them share a block of the disk, so each can be given back alone.
 */
#ifndef MR_STORE_SLAB_H
#define MR_STORE_SLAB_H

#include "store/record.h"
#include "store/spill.h"

#include <xxhash.h>

#define MR_SLAB_MOST   ((size_t)256 << 10)
#define MR_SLAB_MAGIC  0x6c732d6du
#define MR_SPILL_ALIGN ((size_t)4096)

struct mr_spill {
    int file;
    char *directory;
    _Atomic uint64_t end; /* where the next extent begins */
    _Atomic uint64_t raw, packed;
};

typedef struct mr_slab {
    uint32_t magic;
    uint32_t left;   /* bytes of the frame, from this slab on */
    uint32_t packed; /* bytes that follow; as many as in the slab where they are not compressed */
    uint32_t stride; /* of the rows that columns were made of; 0: they were not */
    uint64_t sum;    /* of all before it, of the bytes that follow, and of where they lie */
} mr_slab;

/* How many bytes of the frame are in a slab. */
static inline size_t mr_slab_raw(const mr_slab *slab)
{
    return slab->left < MR_SLAB_MOST ? slab->left : MR_SLAB_MOST;
}

static inline uint64_t mr_slab_sum(const mr_slab *slab, const void *bytes, uint64_t at)
{
    uint64_t seed = XXH3_64bits_withSeed(slab, offsetof(mr_slab, sum), at);
    return XXH3_64bits_withSeed(bytes, mr_round8(slab->packed), seed);
}

static inline uint64_t mr_spill_round(uint64_t at)
{
    return (at + MR_SPILL_ALIGN - 1) & ~(uint64_t)(MR_SPILL_ALIGN - 1);
}

#endif
