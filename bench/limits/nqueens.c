/*
 * bench/limits/nqueens.c: counts the ways of placing n queens by plain recursion: `nqueens 14`.
 * Boards whose first queen stands in the left half count for their mirror images, too.
 */
#include "limit.h"

#include <inttypes.h>

static uint64_t count(uint32_t all, uint32_t columns, uint32_t left, uint32_t right)
{
    if (columns == all)
        return 1;
    uint64_t ways = 0;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        const uint32_t queen = free & (~free + 1);
        ways += count(all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return ways;
}

static uint64_t count_board(unsigned n)
{
    const uint32_t all = (UINT32_C(1) << n) - 1;
    uint64_t ways = 0;
    for (unsigned column = 0; column < (n + 1) / 2; column++) {
        const uint32_t queen = UINT32_C(1) << column;
        ways += (column < n / 2 ? 2 : 1) * count(all, queen, queen << 1, queen >> 1);
    }
    return ways;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        limit_usage("nqueens N");
    const unsigned n = (unsigned)limit_number(argv[1], 1, 27);
    double since = limit_now();
    const uint64_t ways = count_board(n);
    fprintf(stderr, "seconds: %.6f\n", limit_now() - since);
    printf("%" PRIu64 "\n", ways);
    return 0;
}
