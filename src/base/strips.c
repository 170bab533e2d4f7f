/*
 * base/strips.c: many terms of an exact sum at once. A strip is as many terms as can be added up
 * without an error by plain additions, once their upper digits are cut off on a common grid (the
 * extraction of Rump, Ogita and Oishi). With 2^e above the largest |x| of a strip, and sigma =
 * 2^(e + 10), (x + sigma) - sigma is x rounded to a multiple of sigma / 2^53. A thousand of those
 * stay below sigma, so every sum of them, in any order, is such a multiple below 2^53 and exact.
 * What is left of x is exact too, and at most sigma / 2^53; a second cut with that as the largest
 * takes the next 43 digits. Then nothing is left of most data. The sums of both cuts are two terms
 * of the long sum.
 *
 * The same code is compiled for three kinds of CPU; which one runs is asked strip by strip. All
 * give the same bits in the end, as nothing here is ever rounded.
 */
#include "base/strips.h"
#include "base/long_sum.h"

#define STRIP    1008 /* terms; at most 1022, and a multiple of GROUP */
#define GROUP    16   /* terms that one turn of a loop takes */
#define SHORTEST 32   /* below it terms are added one by one */
#define MARGIN   10   /* binary digits that adding up a strip may need */
#define CUT      (53 - MARGIN)
#define PASSES   3        /* of two cuts each, before what is left is added one by one */
#define HIGHEST  2000     /* exponent, as it stands in a double, of strips that can be cut */
#define SMALL    0x1p-900 /* products above it leave nothing below the smallest double */
#define LARGE    0x1p1000

/* What is cut off a strip. */
typedef struct cuts {
    double first, second; /* sums of what the two cuts took */
    bool rest;            /* whether something is left */
} cuts;

#define LANES   2
#define NAME(x) x##_any
#define TARGET
#ifdef __FP_FAST_FMA
#define FMA
#define MULTIPLY_ANY multiply_any
#else
#define MULTIPLY_ANY NULL
#endif
#include "base/strips_lanes.h"
#ifdef __x86_64__
#define LANES   4
#define NAME(x) x##_avx2
#define TARGET  __attribute__((target("avx2,fma")))
#define FMA
#include "base/strips_lanes.h"
#define LANES   8
#define NAME(x) x##_avx512
#define TARGET  __attribute__((target("avx512f,avx512dq,avx512vl,fma")))
#define FMA
#include "base/strips_lanes.h"
#endif

/* One set of these for a kind of CPU. `multiply` is NULL where products cannot be had like that. */
typedef struct machine {
    unsigned (*largest)(const double *values, unsigned count);
    cuts (*cut_twice)(const double *values, double *rest, unsigned count, double sigma,
                      const double *ahead);
    bool (*multiply)(const double *a, const double *b, double *high, double *low, unsigned count);
} machine;

static const machine machines[] = {
    [MR_STRIPS_ANY] = {largest_any, cut_twice_any, MULTIPLY_ANY},
#ifdef __x86_64__
    [MR_STRIPS_AVX2] = {largest_avx2, cut_twice_avx2, multiply_avx2},
    [MR_STRIPS_AVX512] = {largest_avx512, cut_twice_avx512, multiply_avx512},
#endif
};

mr_strips_cpu mr_strips_best(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return MR_STRIPS_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return MR_STRIPS_AVX2;
#endif
    return MR_STRIPS_ANY;
}

/* The power of two that cuts off a strip of which this is the largest exponent. */
static double sigma_above(unsigned exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1 + MARGIN) << 52;
    double sigma;
    memcpy(&sigma, &bits, sizeof sigma);
    return sigma;
}

static void add_singly(mr_exact *sum, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != 0)
            mr_exact_add(sum, values[i]);
}

/* Infinities and NaN have an exponent above the highest. `ahead` is what is read next. */
static void add_strip(mr_exact *sum, const machine *kernels, const double *values, unsigned count,
                      const double *ahead)
{
    double rest[STRIP];
    for (int pass = 0; pass < PASSES; pass++) {
        unsigned exponent = kernels->largest(values, count);
        if (exponent > HIGHEST)
            break;
        cuts cut = kernels->cut_twice(values, rest, count, sigma_above(exponent), ahead);
        mr_exact_add(sum, cut.first);
        mr_exact_add(sum, cut.second);
        if (!cut.rest)
            return;
        values = rest;
    }
    add_singly(sum, values, count);
}

void mr_strips_add(mr_strips_cpu cpu, mr_exact *sum, const double *values, size_t count)
{
    while (count >= SHORTEST) {
        unsigned strip = count < STRIP ? (unsigned)count / GROUP * GROUP : STRIP;
        add_strip(sum, &machines[cpu], values, strip, values + strip);
        values += strip;
        count -= strip;
    }
    add_singly(sum, values, count);
}

static void add_products_singly(mr_exact *sum, const double *a, const double *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_long_add_product(sum, a[i], b[i]);
}

static void add_products(mr_exact *sum, const machine *kernels, const double *a, const double *b,
                         unsigned count)
{
    double high[STRIP], low[STRIP];
    if (!kernels->multiply || !kernels->multiply(a, b, high, low, count)) {
        add_products_singly(sum, a, b, count);
        return;
    }
    add_strip(sum, kernels, high, count, a + count);
    add_strip(sum, kernels, low, count, b + count);
}

void mr_strips_add_products(mr_strips_cpu cpu, mr_exact *sum, const double *a, const double *b,
                            size_t count)
{
    while (count >= SHORTEST) {
        unsigned strip = count < STRIP ? (unsigned)count / GROUP * GROUP : STRIP;
        add_products(sum, &machines[cpu], a, b, strip);
        a += strip;
        b += strip;
        count -= strip;
    }
    add_products_singly(sum, a, b, count);
}

void mr_exact_add_all(mr_exact *sum, const double *values, size_t count)
{
    mr_strips_add(mr_strips_best(), sum, values, count);
}

void mr_exact_add_products(mr_exact *sum, const double *a, const double *b, size_t count)
{
    mr_strips_add_products(mr_strips_best(), sum, a, b, count);
}
