/*
 * bench/gen/rmat.c: the edges of an R-MAT graph, to standard output: `rmat SCALE EDGES SEED`.
 *
 * Each edge goes down SCALE levels of the matrix of all pairs of the 2^SCALE vertices, into one of
 * four quarters with probabilities 0.57, 0.19, 0.19 and 0.05, as for Graph 500. Names of vertices
 * are scrambled, so that they do not tell how many edges there are. An edge may come several times.
 */
#include "gen.h"

typedef struct edge {
    uint32_t from, to;
} edge;

/* 16 bits a level: out of 65536, where a quarter begins. */
#define RIGHT_ABOVE 37355u /* 0.57 */
#define LEFT_BELOW  49807u /* 0.76 */
#define RIGHT_BELOW 62259u /* 0.95 */

static edge draw(gen_random *random, unsigned scale)
{
    edge e = {0, 0};
    uint64_t bits = 0;
    for (unsigned level = 0; level < scale; level++, bits >>= 16) {
        if (level % 4 == 0)
            bits = gen_next(random);
        uint32_t at = bits & 0xffff;
        e.from = e.from << 1 | (at >= LEFT_BELOW);
        e.to = e.to << 1 | ((at >= RIGHT_ABOVE && at < LEFT_BELOW) || at >= RIGHT_BELOW);
    }
    return e;
}

/* One to one: odd factors and shifts can be undone. */
static uint32_t name_of(uint32_t vertex, unsigned scale)
{
    uint32_t mask = (UINT32_C(1) << scale) - 1, half = (scale + 1) / 2;
    vertex = (vertex * 0x9e3779b1u) & mask;
    vertex ^= vertex >> half;
    vertex = (vertex * 0x85ebca6bu) & mask;
    return vertex ^ vertex >> half;
}

static void put(gen_out *out, uint32_t number, char behind)
{
    char digits[10];
    int n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n > 0)
        out->bytes[out->used++] = digits[--n];
    out->bytes[out->used++] = behind;
}

int main(int argc, char **argv)
{
    uint64_t scale = argc == 4 ? gen_number(argv[1]) : 0;
    if (scale < 1 || scale > 31) {
        fprintf(stderr, "usage: rmat SCALE EDGES SEED, SCALE from 1 to 31\n");
        return 2;
    }
    uint64_t edges = gen_number(argv[2]);
    gen_random random = {gen_number(argv[3])};
    gen_out *out = gen_open();
    for (uint64_t i = 0; i < edges; i++) {
        gen_room(out);
        edge e = draw(&random, (unsigned)scale);
        put(out, name_of(e.from, (unsigned)scale), ' ');
        put(out, name_of(e.to, (unsigned)scale), '\n');
    }
    gen_flush(out);
    return 0;
}
