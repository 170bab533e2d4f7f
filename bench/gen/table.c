/*
 * bench/gen/table.c: one side of a join, to standard output: `table ROWS KEYS SIDE SEED`.
 *
 * A row is `key,payload`: the key one of KEYS numbers of 64 bits, all equally likely and the same
 * for every SIDE and SEED, the payload 16 hexadecimal digits. Of two tables with as many rows as
 * keys, 63% of the rows of one find at least one of the other, and as many pairs as rows match.
 */
#include "gen.h"

static size_t spell_number(char *at, uint64_t number)
{
    char digits[20];
    size_t n = 0, size;
    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    for (size = 0; n > 0; size++)
        at[size] = digits[--n];
    return size;
}

static size_t spell_payload(char *at, uint64_t bits)
{
    for (int i = 0; i < 16; i++, bits >>= 4)
        at[i] = "0123456789abcdef"[bits & 15];
    return 16;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: table ROWS KEYS SIDE SEED\n");
        return 2;
    }
    uint64_t rows = gen_number(argv[1]), keys = gen_number(argv[2]);
    if (keys < 1 || keys > UINT32_MAX) {
        fprintf(stderr, "table: KEYS must be 1 to 4294967295\n");
        return 2;
    }
    gen_random random = {gen_scramble(gen_number(argv[4]) << 32 | gen_number(argv[3]))};
    gen_out *out = gen_open();
    for (uint64_t i = 0; i < rows; i++) {
        gen_room(out);
        char *at = out->bytes + out->used;
        at += spell_number(at, gen_scramble(gen_below(&random, (uint32_t)keys)));
        *at++ = ',';
        at += spell_payload(at, gen_next(&random));
        *at++ = '\n';
        out->used = (size_t)(at - out->bytes);
    }
    gen_flush(out);
    return 0;
}
