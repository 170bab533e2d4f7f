/*
 * bench/gen/records.c: records as gensort -a writes them, to standard output: `records COUNT SEED`.
 *
 * A record is a line of 100 bytes: a key of 10 printable characters, two spaces, its number in 32
 * hexadecimal digits, two spaces, 52 letters that are runs of four, carriage return and newline.
 */
#include "gen.h"

#define KEY    10
#define NUMBER 32
#define RUNS   13
#define RECORD 100

static char *put_key(char *at, gen_random *random)
{
    for (int i = 0; i < KEY; i++)
        *at++ = (char)(' ' + gen_below(random, '~' - ' ' + 1));
    return at;
}

static char *put_gap(char *at)
{
    memset(at, ' ', 2);
    return at + 2;
}

static char *put_number(char *at, uint64_t number)
{
    for (int i = NUMBER - 1; i >= 0; i--, number >>= 4)
        at[i] = "0123456789ABCDEF"[number & 15];
    return at + NUMBER;
}

static char *put_letters(char *at, gen_random *random)
{
    uint64_t bits = gen_next(random);
    for (int run = 0; run < RUNS; run++, bits >>= 4, at += 4)
        memset(at, "0123456789ABCDEF"[bits & 15], 4);
    return at;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: records COUNT SEED\n");
        return 2;
    }
    uint64_t count = gen_number(argv[1]);
    gen_random random = {gen_number(argv[2])};
    gen_out *out = gen_open();
    for (uint64_t i = 0; i < count; i++) {
        gen_room(out);
        char *at = put_key(out->bytes + out->used, &random);
        at = put_number(put_gap(at), i);
        at = put_letters(put_gap(at), &random);
        memcpy(at, "\r\n", 2);
        out->used += RECORD;
    }
    gen_flush(out);
    return 0;
}
