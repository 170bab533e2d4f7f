/*
 * array/philox.h: Philox4x64-10 (Salmon, Moraes, Dror and Shaw, 2011): random words as a function
 * of a key and a counter.
 */
#ifndef MR_ARRAY_PHILOX_H
#define MR_ARRAY_PHILOX_H

#include <stdint.h>

__extension__ typedef unsigned __int128 mr_philox_wide;

#define MR_PHILOX_ROUNDS 10

/* The four words of the counter {block, 0, 0, 0}. What numpy.random.Philox(key=[k0, k1],
 * counter=block - 1) gives first: numpy counts up before it generates. */
static inline void mr_philox(uint64_t k0, uint64_t k1, uint64_t block, uint64_t words[4])
{
    uint64_t c0 = block, c1 = 0, c2 = 0, c3 = 0;
    for (int round = 0; round < MR_PHILOX_ROUNDS; round++) {
        mr_philox_wide a = (mr_philox_wide)c0 * UINT64_C(0xD2E7470EE14C6C93);
        mr_philox_wide b = (mr_philox_wide)c2 * UINT64_C(0xCA5A826395121157);
        c0 = (uint64_t)(b >> 64) ^ c1 ^ k0;
        c2 = (uint64_t)(a >> 64) ^ c3 ^ k1;
        c1 = (uint64_t)b;
        c3 = (uint64_t)a;
        k0 += UINT64_C(0x9E3779B97F4A7C15);
        k1 += UINT64_C(0xBB67AE8584CAA73B);
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

#endif
