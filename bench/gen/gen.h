/*
 * bench/gen/gen.h: what the generators share: a seeded random stream, buffered output and the
 * reading of numbers from the command line. They write to standard output and end on the first
 * error.
 */
#ifndef BENCH_GEN_H
#define BENCH_GEN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct gen_random {
    uint64_t state;
} gen_random;

/* A scrambled counter (splitmix64): good enough for test data and the same everywhere. */
static inline uint64_t gen_scramble(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t gen_next(gen_random *random)
{
    return gen_scramble(random->state += 0x9e3779b97f4a7c15u);
}

/* A whole number below `bound`, which is below 2^32. */
static inline uint32_t gen_below(gen_random *random, uint32_t bound)
{
    return (uint32_t)(((gen_next(random) >> 32) * bound) >> 32);
}

/* A double from 0 to just below 1. */
static inline double gen_unit(gen_random *random)
{
    return (double)(gen_next(random) >> 11) * 0x1p-53;
}

static inline _Noreturn void gen_fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Output is collected here; at most GEN_ROOM bytes may be added between two calls of gen_room. */
#define GEN_BUFFER (1u << 20)
#define GEN_ROOM   4096u

typedef struct gen_out {
    size_t used;
    uint64_t written; /* not counting what is still in the buffer */
    char bytes[GEN_BUFFER];
} gen_out;

static inline void gen_flush(gen_out *out)
{
    for (size_t done = 0; done < out->used;) {
        ssize_t n = write(STDOUT_FILENO, out->bytes + done, out->used - done);
        if (n < 0)
            gen_fail("cannot write");
        done += (size_t)n;
    }
    out->written += out->used;
    out->used = 0;
}

static inline void gen_room(gen_out *out)
{
    if (out->used > GEN_BUFFER - GEN_ROOM)
        gen_flush(out);
}

static inline void gen_add(gen_out *out, const char *bytes, size_t size)
{
    memcpy(out->bytes + out->used, bytes, size);
    out->used += size;
}

static inline uint64_t gen_size(const gen_out *out)
{
    return out->written + out->used;
}

static inline gen_out *gen_open(void)
{
    gen_out *out = calloc(1, sizeof(*out));
    if (!out)
        gen_fail("no memory");
    return out;
}

static inline uint64_t gen_number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end) {
        fprintf(stderr, "not a whole number: %s\n", text);
        exit(2);
    }
    return value;
}

#endif
