/*
 * array/philox.h: Philox4x64-10 (Salmon, Moraes, Dror and Shaw, 2011): random words as a function
 * of a key and a counter.
 */
#ifndef MR_ARRAY_PHILOX_H
#define MR_ARRAY_PHILOX_H

#include <stdint.h>

__extension__ typedef unsigned __int128 mr_philox_wide;

/* One of ten rounds, with the keys that it has. */
static inline void mr_philox_round(uint64_t c[4], uint64_t k0, uint64_t k1, uint64_t number)
{
    mr_philox_wide a = (mr_philox_wide)c[0] * UINT64_C(0xD2E7470EE14C6C93);
    mr_philox_wide b = (mr_philox_wide)c[2] * UINT64_C(0xCA5A826395121157);
    c[0] = (uint64_t)(b >> 64) ^ c[1] ^ (k0 + number * UINT64_C(0x9E3779B97F4A7C15));
    c[2] = (uint64_t)(a >> 64) ^ c[3] ^ (k1 + number * UINT64_C(0xBB67AE8584CAA73B));
    c[1] = (uint64_t)b;
    c[3] = (uint64_t)a;
}

/* The four words of the counter {block, 0, 0, 0}. What numpy.random.Philox(key=[k0, k1],
 * counter=block - 1) gives first: numpy counts up before it generates. The rounds are written out:
 * as a loop they take half as long again. */
static inline void mr_philox(uint64_t k0, uint64_t k1, uint64_t block, uint64_t words[4])
{
    uint64_t c[4] = {block, 0, 0, 0};
    mr_philox_round(c, k0, k1, 0);
    mr_philox_round(c, k0, k1, 1);
    mr_philox_round(c, k0, k1, 2);
    mr_philox_round(c, k0, k1, 3);
    mr_philox_round(c, k0, k1, 4);
    mr_philox_round(c, k0, k1, 5);
    mr_philox_round(c, k0, k1, 6);
    mr_philox_round(c, k0, k1, 7);
    mr_philox_round(c, k0, k1, 8);
    mr_philox_round(c, k0, k1, 9);
    words[0] = c[0];
    words[1] = c[1];
    words[2] = c[2];
    words[3] = c[3];
}

/* `count` blocks, one after the other. */
void mr_philox_run(const uint64_t key[2], uint64_t block, uint64_t count, uint64_t *words);

#endif
