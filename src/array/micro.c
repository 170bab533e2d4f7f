/* array/micro.c: the loops that mr_micro_of chooses from. */
#include "array/micro.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define FMA_ROW(r, T, set, fma)                                                                    \
    x = set(((const T *)a)[r]);                                                                    \
    c##r##0 = fma(x, b0, c##r##0);                                                                 \
    c##r##1 = fma(x, b1, c##r##1);                                                                 \
    c##r##2 = fma(x, b2, c##r##2);

#define ADD_VECTOR(r, v, lanes, load, store, add)                                                  \
    store(to + r * stride + v * lanes, add(load(to + r * stride + v * lanes), c##r##v));

#define ADD_ROW(r, lanes, load, store, add)                                                        \
    ADD_VECTOR(r, 0, lanes, load, store, add)                                                      \
    ADD_VECTOR(r, 1, lanes, load, store, add)                                                      \
    ADD_VECTOR(r, 2, lanes, load, store, add)

#define LOAD_B(T, lanes, load)                                                                     \
    const V b0 = load((const T *)b), b1 = load((const T *)b + lanes),                              \
            b2 = load((const T *)b + 2 * lanes);                                                   \
    V x;

/* 8 rows of 3 vectors: 24 of the 32 registers are sums. */
#define MICRO_8(name, cpu, T, vector, lanes, zero, load, store, set, fma, add)                     \
    __attribute__((target(cpu))) static void name(size_t depth, const void *a, const void *b,      \
                                                  void *c, size_t stride)                          \
    {                                                                                              \
        typedef vector V;                                                                          \
        V c00 = zero(), c01 = c00, c02 = c00, c10 = c00, c11 = c00, c12 = c00, c20 = c00,          \
          c21 = c00, c22 = c00, c30 = c00, c31 = c00, c32 = c00, c40 = c00, c41 = c00, c42 = c00,  \
          c50 = c00, c51 = c00, c52 = c00, c60 = c00, c61 = c00, c62 = c00, c70 = c00, c71 = c00,  \
          c72 = c00;                                                                               \
        for (; depth > 0; depth--, a = (const T *)a + 8, b = (const T *)b + 3 * lanes) {           \
            LOAD_B(T, lanes, load)                                                                 \
            FMA_ROW(0, T, set, fma)                                                                \
            FMA_ROW(1, T, set, fma)                                                                \
            FMA_ROW(2, T, set, fma)                                                                \
            FMA_ROW(3, T, set, fma)                                                                \
            FMA_ROW(4, T, set, fma)                                                                \
            FMA_ROW(5, T, set, fma)                                                                \
            FMA_ROW(6, T, set, fma)                                                                \
            FMA_ROW(7, T, set, fma)                                                                \
        }                                                                                          \
        T *to = c;                                                                                 \
        ADD_ROW(0, lanes, load, store, add)                                                        \
        ADD_ROW(1, lanes, load, store, add)                                                        \
        ADD_ROW(2, lanes, load, store, add)                                                        \
        ADD_ROW(3, lanes, load, store, add)                                                        \
        ADD_ROW(4, lanes, load, store, add)                                                        \
        ADD_ROW(5, lanes, load, store, add)                                                        \
        ADD_ROW(6, lanes, load, store, add)                                                        \
        ADD_ROW(7, lanes, load, store, add)                                                        \
    }

/* 4 rows of 3 vectors: 12 of the 16 registers are sums. */
#define MICRO_4(name, cpu, T, vector, lanes, zero, load, store, set, fma, add)                     \
    __attribute__((target(cpu))) static void name(size_t depth, const void *a, const void *b,      \
                                                  void *c, size_t stride)                          \
    {                                                                                              \
        typedef vector V;                                                                          \
        V c00 = zero(), c01 = c00, c02 = c00, c10 = c00, c11 = c00, c12 = c00, c20 = c00,          \
          c21 = c00, c22 = c00, c30 = c00, c31 = c00, c32 = c00;                                   \
        for (; depth > 0; depth--, a = (const T *)a + 4, b = (const T *)b + 3 * lanes) {           \
            LOAD_B(T, lanes, load)                                                                 \
            FMA_ROW(0, T, set, fma)                                                                \
            FMA_ROW(1, T, set, fma)                                                                \
            FMA_ROW(2, T, set, fma)                                                                \
            FMA_ROW(3, T, set, fma)                                                                \
        }                                                                                          \
        T *to = c;                                                                                 \
        ADD_ROW(0, lanes, load, store, add)                                                        \
        ADD_ROW(1, lanes, load, store, add)                                                        \
        ADD_ROW(2, lanes, load, store, add)                                                        \
        ADD_ROW(3, lanes, load, store, add)                                                        \
    }

MICRO_8(wide_f64, "avx512f", double, __m512d, 8, _mm512_setzero_pd, _mm512_loadu_pd,
        _mm512_storeu_pd, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_add_pd)
MICRO_8(wide_f32, "avx512f", float, __m512, 16, _mm512_setzero_ps, _mm512_loadu_ps,
        _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps)
MICRO_4(fused_f64, "avx2,fma", double, __m256d, 4, _mm256_setzero_pd, _mm256_loadu_pd,
        _mm256_storeu_pd, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_add_pd)
MICRO_4(fused_f32, "avx2,fma", float, __m256, 8, _mm256_setzero_ps, _mm256_loadu_ps,
        _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps)

static const mr_micro wide[] = {{"avx-512", true, 8, 24, wide_f64},
                                {"avx-512", true, 8, 48, wide_f32}};
static const mr_micro fused[] = {{"avx2", false, 4, 12, fused_f64},
                                 {"avx2", false, 4, 24, fused_f32}};
#endif

/* For other CPUs: small enough that the compiler keeps the sums in registers. */
#define MICRO_ANY(name, T)                                                                         \
    static void name(size_t depth, const void *a, const void *b, void *c, size_t stride)           \
    {                                                                                              \
        T sums[4][8] = {{0}}, *to = c;                                                             \
        const T *left = a, *right = b;                                                             \
        for (; depth > 0; depth--, left += 4, right += 8)                                          \
            for (size_t i = 0; i < 4; i++)                                                         \
                for (size_t j = 0; j < 8; j++)                                                     \
                    sums[i][j] += left[i] * right[j];                                              \
        for (size_t i = 0; i < 4; i++)                                                             \
            for (size_t j = 0; j < 8; j++)                                                         \
                to[i * stride + j] += sums[i][j];                                                  \
    }

MICRO_ANY(any_f64, double)
MICRO_ANY(any_f32, float)

static const mr_micro any[] = {{"portable", false, 4, 8, any_f64},
                               {"portable", false, 4, 8, any_f32}};

const mr_micro *mr_micro_of(mr_element element, unsigned number)
{
    const mr_micro *found[3] = {NULL};
    unsigned count = 0, which = element == MR_F32;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        found[count++] = &wide[which];
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found[count++] = &fused[which];
#endif
    found[count++] = &any[which];
    return number < count ? found[number] : NULL;
}
