/* array/philox.c: many blocks at once: sixteen of them where the CPU has AVX-512. */
#include "array/philox.h"

#include <string.h>

static void run_plain(const uint64_t key[2], uint64_t block, uint64_t count, uint64_t *words)
{
    for (uint64_t i = 0; i < count; i++)
        mr_philox(key[0], key[1], block + i, words + 4 * i);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512dq")))

#define AT_ONCE 16

/* The upper halves of products of 64 bits: each is made of four of 32. */
WIDE static inline __m512i upper(__m512i x, uint64_t factor)
{
    const __m512i low = _mm512_set1_epi64((int64_t)(factor & UINT32_MAX));
    const __m512i high = _mm512_set1_epi64((int64_t)(factor >> 32));
    const __m512i mask = _mm512_set1_epi64(UINT32_MAX);
    __m512i x_high = _mm512_srli_epi64(x, 32);
    __m512i a = _mm512_mul_epu32(x, low), b = _mm512_mul_epu32(x_high, low);
    __m512i c = _mm512_mul_epu32(x, high), d = _mm512_mul_epu32(x_high, high);
    b = _mm512_add_epi64(b, _mm512_srli_epi64(a, 32));
    c = _mm512_add_epi64(c, _mm512_and_si512(b, mask));
    d = _mm512_add_epi64(d, _mm512_srli_epi64(b, 32));
    return _mm512_add_epi64(d, _mm512_srli_epi64(c, 32));
}

WIDE static inline void round_wide(__m512i c[4], uint64_t k0, uint64_t k1, uint64_t number)
{
    const uint64_t first = UINT64_C(0xD2E7470EE14C6C93), second = UINT64_C(0xCA5A826395121157);
    const __m512i key0 = _mm512_set1_epi64((int64_t)(k0 + number * UINT64_C(0x9E3779B97F4A7C15)));
    const __m512i key1 = _mm512_set1_epi64((int64_t)(k1 + number * UINT64_C(0xBB67AE8584CAA73B)));
    __m512i a_low = _mm512_mullo_epi64(c[0], _mm512_set1_epi64((int64_t)first));
    __m512i b_low = _mm512_mullo_epi64(c[2], _mm512_set1_epi64((int64_t)second));
    __m512i a_high = upper(c[0], first), b_high = upper(c[2], second);
    c[0] = _mm512_xor_si512(_mm512_xor_si512(b_high, c[1]), key0);
    c[2] = _mm512_xor_si512(_mm512_xor_si512(a_high, c[3]), key1);
    c[1] = b_low;
    c[3] = a_low;
}

/* Words of a block side by side, instead of blocks. */
WIDE static inline void store_wide(const __m512i c[4], uint64_t *words)
{
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    __m512i even01 = _mm512_unpacklo_epi64(c[0], c[1]), odd01 = _mm512_unpackhi_epi64(c[0], c[1]);
    __m512i even23 = _mm512_unpacklo_epi64(c[2], c[3]), odd23 = _mm512_unpackhi_epi64(c[2], c[3]);
    __m512i blocks02 = _mm512_permutex2var_epi64(even01, first, even23);
    __m512i blocks46 = _mm512_permutex2var_epi64(even01, second, even23);
    __m512i blocks13 = _mm512_permutex2var_epi64(odd01, first, odd23);
    __m512i blocks57 = _mm512_permutex2var_epi64(odd01, second, odd23);
    _mm512_storeu_si512(words, _mm512_shuffle_i64x2(blocks02, blocks13, 0x44));
    _mm512_storeu_si512(words + 8, _mm512_shuffle_i64x2(blocks02, blocks13, 0xee));
    _mm512_storeu_si512(words + 16, _mm512_shuffle_i64x2(blocks46, blocks57, 0x44));
    _mm512_storeu_si512(words + 24, _mm512_shuffle_i64x2(blocks46, blocks57, 0xee));
}

/* Two by eight blocks: while one waits for its products the other goes on. */
WIDE static inline void both(__m512i a[4], __m512i b[4], uint64_t k0, uint64_t k1, uint64_t number)
{
    round_wide(a, k0, k1, number);
    round_wide(b, k0, k1, number);
}

WIDE static inline void run_group(uint64_t k0, uint64_t k1, uint64_t block, uint64_t *words)
{
    const __m512i steps = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), zero = _mm512_setzero_si512();
    __m512i first = _mm512_add_epi64(_mm512_set1_epi64((int64_t)block), steps);
    __m512i a[4] = {first, zero, zero, zero};
    __m512i b[4] = {_mm512_add_epi64(first, _mm512_set1_epi64(8)), zero, zero, zero};
    both(a, b, k0, k1, 0);
    both(a, b, k0, k1, 1);
    both(a, b, k0, k1, 2);
    both(a, b, k0, k1, 3);
    both(a, b, k0, k1, 4);
    both(a, b, k0, k1, 5);
    both(a, b, k0, k1, 6);
    both(a, b, k0, k1, 7);
    both(a, b, k0, k1, 8);
    both(a, b, k0, k1, 9);
    store_wide(a, words);
    store_wide(b, words + 32);
}

WIDE static void run_wide(const uint64_t key[2], uint64_t block, uint64_t count, uint64_t *words)
{
    uint64_t done = 0, last[4 * AT_ONCE];
    for (; done + AT_ONCE <= count; done += AT_ONCE)
        run_group(key[0], key[1], block + done, words + 4 * done);
    if (done == count)
        return;
    run_group(key[0], key[1], block + done, last);
    memcpy(words + 4 * done, last, 4 * (count - done) * sizeof *words);
}

void mr_philox_run(const uint64_t key[2], uint64_t block, uint64_t count, uint64_t *words)
{
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        run_wide(key, block, count, words);
    else
        run_plain(key, block, count, words);
}

#else

void mr_philox_run(const uint64_t key[2], uint64_t block, uint64_t count, uint64_t *words)
{
    run_plain(key, block, count, words);
}

#endif
