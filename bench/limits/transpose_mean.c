/*
 * bench/limits/transpose_mean.c: the mean of x + transpose(x) as one would write it by hand: the
 * same random numbers (Philox 4x64), tiles in pairs (i, j) and (j, i), plain sums.
 *
 * transpose_mean [-t THREADS] [-s SEED] N
 */
#include "limit.h"

#include <omp.h>

#define TILE   256
#define ROUNDS 10

__extension__ typedef unsigned __int128 wide;

static void philox(uint64_t k0, uint64_t block, uint64_t words[4])
{
    uint64_t c0 = block, c1 = 0, c2 = 0, c3 = 0, k1 = 0;
    for (int round = 0; round < ROUNDS; round++) {
        wide a = (wide)c0 * UINT64_C(0xD2E7470EE14C6C93);
        wide b = (wide)c2 * UINT64_C(0xCA5A826395121157);
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

typedef struct tile {
    uint64_t rows, columns;
    double values[TILE][TILE];
} tile;

static void make_tile(tile *t, uint64_t seed, uint64_t n, uint64_t row, uint64_t column)
{
    t->rows = n - row < TILE ? n - row : TILE;
    t->columns = n - column < TILE ? n - column : TILE;
    for (uint64_t i = 0; i < t->rows; i++) {
        uint64_t place = (row + i) * n + column, end = place + t->columns, words[4];
        double *to = t->values[i];
        while (place < end) {
            philox(seed, place / 4, words);
            do
                *to++ = (double)(int64_t)(words[place % 4] >> 11) * 0x1p-53;
            while (++place < end && place % 4);
        }
    }
}

/* Sums of a row are added to those of the rows before it: less is lost than in one long sum. */
static double add_tiles(const tile *a, const tile *b)
{
    double sum = 0;
    for (uint64_t i = 0; i < a->rows; i++) {
        double row = 0;
#pragma omp simd reduction(+ : row)
        for (uint64_t j = 0; j < a->columns; j++)
            row += a->values[i][j] + b->values[j][i];
        sum += row;
    }
    return sum;
}

int main(int argc, char **argv)
{
    int option;
    uint64_t seed = 0;
    while ((option = getopt(argc, argv, "t:s:")) > 0) {
        if (option == 't')
            omp_set_num_threads(atoi(optarg));
        else
            seed = strtoull(optarg, NULL, 10);
    }
    if (optind + 1 != argc)
        limit_fail("transpose_mean [-t THREADS] [-s SEED] N");
    uint64_t n = strtoull(argv[optind], NULL, 10), side = (n + TILE - 1) / TILE;
    double total = 0;
#pragma omp parallel reduction(+ : total)
    {
        tile *a = malloc(sizeof *a), *b = malloc(sizeof *b);
        if (!a || !b)
            limit_fail("tiles");
#pragma omp for schedule(dynamic)
        for (uint64_t i = 0; i < side; i++)
            for (uint64_t j = i; j < side; j++) {
                make_tile(a, seed, n, i * TILE, j * TILE);
                if (i == j) {
                    total += add_tiles(a, a);
                    continue;
                }
                make_tile(b, seed, n, j * TILE, i * TILE);
                total += add_tiles(a, b) + add_tiles(b, a);
            }
        free(a);
        free(b);
    }
    printf("%.17g\n", total / ((double)n * (double)n));
    return 0;
}
