/*
 * bench/gen/words.c: words without likes or dislikes, to standard output:
 * `words WORDS DISTINCT LETTERS SHARED SEED`.
 *
 * Draws WORDS words, each equally likely, out of DISTINCT ones of LETTERS letters, of which the
 * first SHARED are the same in all. The last 8 tell them apart, the rest is random. The draws
 * depend on the seed alone, so that files made with other LETTERS and SHARED hold the same words in
 * disguise.
 */
#include "gen.h"

#define TAIL 8

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz012345";

/* Five bits a letter, from the low ones up. */
static void spell(char *at, uint64_t number, size_t letters)
{
    for (size_t i = 0; i < letters; i++, number >>= 5)
        at[i] = alphabet[number & 31];
}

/* 40 bits of a one-to-one scramble of the index are the tail: no two words are alike. */
static void make_word(char *at, uint64_t index, size_t letters, size_t shared)
{
    memset(at, 'x', shared);
    for (size_t i = shared; i < letters - TAIL; i += TAIL) {
        size_t n = letters - TAIL - i;
        spell(at + i, gen_scramble(index * 64 + i), n < TAIL ? n : TAIL);
    }
    uint64_t mask = (UINT64_C(1) << 40) - 1;
    uint64_t tail = (index * 0x9e3779b97f4a7c15u) & mask;
    tail = ((tail ^ (tail >> 20)) * 0xbf58476d1ce4e5b9u) & mask;
    spell(at + letters - TAIL, tail ^ (tail >> 21), TAIL);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: words WORDS DISTINCT LETTERS SHARED SEED\n");
        return 2;
    }
    uint64_t words = gen_number(argv[1]);
    uint32_t distinct = (uint32_t)gen_number(argv[2]);
    size_t letters = gen_number(argv[3]), shared = gen_number(argv[4]);
    if (letters < TAIL || letters > GEN_ROOM / 2 || shared > letters - TAIL) {
        fprintf(stderr, "words: LETTERS must be 8 to %u, SHARED at most 8 less\n", GEN_ROOM / 2);
        return 2;
    }
    gen_random random = {gen_number(argv[5])};
    gen_out *out = gen_open();
    for (uint64_t i = 0; i < words; i++) {
        gen_room(out);
        make_word(out->bytes + out->used, gen_below(&random, distinct), letters, shared);
        out->used += letters;
        gen_add(out, i % 10 < 9 && i + 1 < words ? " " : "\n", 1);
    }
    gen_flush(out);
    return 0;
}
