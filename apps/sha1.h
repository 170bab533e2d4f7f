/*
 * apps/sha1.h: SHA-1 of one block: 16 words of 32 bits, the first byte of the input the highest of
 * the first word, padded as FIPS 180-4 has it. There are two, which give the same: one for all
 * processors, and one for those of x86 that know SHA.
 */
#ifndef APPS_SHA1_H
#define APPS_SHA1_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define SHA1_HAS_FAST 1
#endif

static const uint32_t sha1_begin[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

/* ---- All processors ---- */

static inline uint32_t sha1_turn(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

/* Word `t` of the 80, from those before it. */
static inline uint32_t sha1_word(uint32_t w[16], unsigned t)
{
    if (t >= 16)
        w[t & 15] = sha1_turn(w[(t + 13) & 15] ^ w[(t + 8) & 15] ^ w[(t + 2) & 15] ^ w[t & 15], 1);
    return w[t & 15];
}

static inline uint32_t sha1_mix(unsigned t, uint32_t b, uint32_t c, uint32_t d)
{
    if (t < 20)
        return ((b & c) | (~b & d)) + 0x5a827999;
    if (t < 40)
        return (b ^ c ^ d) + 0x6ed9eba1;
    if (t < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

/* Overwrites `w`. */
static inline void sha1_block_plain(uint32_t w[16], uint32_t digest[5])
{
    uint32_t a = sha1_begin[0], b = sha1_begin[1], c = sha1_begin[2], d = sha1_begin[3],
             e = sha1_begin[4];
    for (unsigned t = 0; t < 80; t++) {
        const uint32_t next = sha1_turn(a, 5) + sha1_mix(t, b, c, d) + e + sha1_word(w, t);
        e = d, d = c, c = sha1_turn(b, 30), b = a, a = next;
    }
    const uint32_t end[5] = {a, b, c, d, e};
    for (int i = 0; i < 5; i++)
        digest[i] = sha1_begin[i] + end[i];
}

/* ---- x86 with SHA ---- */

#ifdef SHA1_HAS_FAST

#define SHA1_FAST __attribute__((target("sha,sse4.1")))

static inline bool sha1_knows_fast(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* Four words, the first one in the highest lane, as the instructions want them. */
SHA1_FAST static inline __m128i sha1_load(const uint32_t *words)
{
    return _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)words), 0x1b);
}

/* Rounds 4 G to 4 G + 3. `last` is (a, b, c, d) as it was four rounds before: its a becomes e. */
#define SHA1_ROUNDS(G)                                                                             \
    do {                                                                                           \
        if ((G) >= 4)                                                                              \
            w[(G)&3] = _mm_sha1msg2_epu32(                                                         \
                _mm_xor_si128(_mm_sha1msg1_epu32(w[(G)&3], w[((G) + 1) & 3]), w[((G) + 2) & 3]),   \
                w[((G) + 3) & 3]);                                                                 \
        const __m128i more =                                                                       \
            (G) == 0 ? _mm_add_epi32(last, w[0]) : _mm_sha1nexte_epu32(last, w[(G)&3]);            \
        last = abcd;                                                                               \
        abcd = _mm_sha1rnds4_epu32(abcd, more, (G) / 5);                                           \
    } while (0)

#define SHA1_ROUNDS_5(G)                                                                           \
    do {                                                                                           \
        SHA1_ROUNDS(G);                                                                            \
        SHA1_ROUNDS((G) + 1);                                                                      \
        SHA1_ROUNDS((G) + 2);                                                                      \
        SHA1_ROUNDS((G) + 3);                                                                      \
        SHA1_ROUNDS((G) + 4);                                                                      \
    } while (0)

SHA1_FAST static inline void sha1_block_fast(const uint32_t words[16], uint32_t digest[5])
{
    const __m128i begin = sha1_load(sha1_begin), e = _mm_set_epi32((int)sha1_begin[4], 0, 0, 0);
    __m128i w[4] = {sha1_load(words), sha1_load(words + 4), sha1_load(words + 8),
                    sha1_load(words + 12)};
    __m128i abcd = begin, last = e;
    SHA1_ROUNDS_5(0);
    SHA1_ROUNDS_5(5);
    SHA1_ROUNDS_5(10);
    SHA1_ROUNDS_5(15);
    const __m128i end = _mm_sha1nexte_epu32(last, e);
    abcd = _mm_shuffle_epi32(_mm_add_epi32(abcd, begin), 0x1b);
    _mm_storeu_si128((__m128i *)(void *)digest, abcd);
    digest[4] = (uint32_t)_mm_extract_epi32(end, 3);
}

#else

static inline bool sha1_knows_fast(void)
{
    return false;
}

#endif

#endif
