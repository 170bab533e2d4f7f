/* unit/random.h: numbers that are the same in every run, for tests of properties. */
#ifndef MR_UNIT_RANDOM_H
#define MR_UNIT_RANDOM_H

#include <stdint.h>

/* The next of a series; any start will do. (splitmix64) */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* One below `limit`. */
static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_next(state) % limit;
}

#endif
