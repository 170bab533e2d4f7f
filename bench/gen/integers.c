/* bench/gen/integers.c: whole numbers, one a line, of up to 10 digits and both signs: `integers
 * COUNT SEED`. */
#include "gen.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "usage: integers COUNT SEED\n"), 2;
    const uint64_t count = strtoull(argv[1], NULL, 10);
    gen_random random = {strtoull(argv[2], NULL, 10)};
    for (uint64_t i = 0; i < count; i++)
        printf("%lld\n", (long long)(gen_next(&random) % 20000000000u) - 10000000000);
    return fflush(stdout) != 0;
}
