/*
 * apps/wide.h: loops over numbers, compiled for vectors of each size that CPUs have. A file defines
 * WIDE_FILE, the name of a header with the loops, and includes this one; WIDE_PICK(name) is then
 * the function WIDE(name) of that header that suits the CPU it runs on.
 *
 * The bits are the same on all of them. Sums are kept as LANES sums of every LANES-th number, which
 * is one vector of 64 bytes or four of 16, and nothing is multiplied and added in one step (as long
 * as the compiler is told to keep to ISO C, which the build does).
 */
#ifndef APPS_WIDE_H
#define APPS_WIDE_H

#include <stddef.h>

#define LANES 8

/* The sum of LANES numbers, in one order. */
static inline double lanes_sum(const double *lanes)
{
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

#define WIDE_INLINE              static inline __attribute__((always_inline))
#define WIDE_JOINED(name, bytes) name##_##bytes
#define WIDE_JOIN(name, bytes)   WIDE_JOINED(name, bytes)
#define WIDE(name)               WIDE_JOIN(name, WIDE_BYTES)
#define WIDE_LANES               (WIDE_BYTES / sizeof(double))

#define WIDE_BYTES 16
#include WIDE_FILE
#undef WIDE_BYTES

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)

#pragma GCC push_options
#pragma GCC target("avx2")
#define WIDE_BYTES 32
#include WIDE_FILE
#undef WIDE_BYTES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f")
#define WIDE_BYTES 64
#include WIDE_FILE
#undef WIDE_BYTES
#pragma GCC pop_options

#define WIDE_PICK(name)                                                                            \
    (__builtin_cpu_supports("avx512f") ? name##_64                                                 \
     : __builtin_cpu_supports("avx2")  ? name##_32                                                 \
                                       : name##_16)
#else
#define WIDE_PICK(name) name##_16
#endif

#endif
