/*
 * bench/gen/zipf.c: text as people write it, to standard output: `zipf BYTES DISTINCT SEED`.
 *
 * The word of rank r comes with a frequency of 1/r (Zipf, exponent 1). Frequent words are short:
 * the mean length is about 6.5 letters in running text, 9 in the list of words. Lines hold
 * about 10.
 */
#include "gen.h"

#include <stdbool.h>

#define LONGEST 24

typedef struct word {
    uint8_t size;
    char letters[LONGEST];
} word;

typedef struct vocabulary {
    uint32_t count;
    word *words;    /* by rank */
    uint32_t *seen; /* a hash set of words: 1 + rank, or 0 */
    uint32_t seen_mask;
    double *keep;        /* alias method: draw a word, keep it with this probability ... */
    uint32_t *otherwise; /* ... or else take this one */
} vocabulary;

static void *room(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        gen_fail("no memory");
    return memory;
}

/* Consonants and vowels take turns, so that words can be read aloud. */
static void add_letter(word *w, gen_random *random)
{
    static const char consonants[] = "tttnnnsssrrrhhlldddccmmffppggwwybbvkxjqz";
    static const char vowels[] = "eeeeeeeaaaaaooooiiiiuu";
    bool vowel = w->size & 1;
    const char *from = vowel ? vowels : consonants;
    uint32_t n = vowel ? sizeof(vowels) - 1 : sizeof(consonants) - 1;
    w->letters[w->size++] = from[gen_below(random, n)];
}

static bool add_to_seen(vocabulary *v, uint32_t rank)
{
    const word *w = &v->words[rank];
    uint64_t hash = w->size;
    for (uint32_t i = 0; i < w->size; i++)
        hash = gen_scramble(hash ^ (uint64_t)w->letters[i]);
    for (uint32_t i = (uint32_t)hash & v->seen_mask;; i = (i + 1) & v->seen_mask) {
        if (v->seen[i] == 0) {
            v->seen[i] = rank + 1;
            return true;
        }
        if (memcmp(&v->words[v->seen[i] - 1], w, sizeof(*w)) == 0)
            return false;
    }
}

/* A new word whose length is drawn around 3.5 plus 0.3 per doubling of the rank. */
static void make_word(vocabulary *v, uint32_t rank, gen_random *random)
{
    word *w = &v->words[rank];
    double doublings = 31 - __builtin_clz(rank + 1);
    double spread = gen_unit(random) + gen_unit(random) - 1;
    double size = (3.5 + 0.3 * doublings) * (1 + 0.6 * spread) + 0.5;
    while (w->size < 1 || w->size < (uint8_t)size)
        add_letter(w, random);
    while (!add_to_seen(v, rank))
        add_letter(w, random);
}

/* Walker's alias method: a draw costs one random number, whatever the number of words. */
static void make_alias(vocabulary *v)
{
    uint32_t *stack = room(v->count, sizeof(*stack));
    uint32_t poor = 0, rich = v->count;
    double total = 0;
    for (uint32_t i = 0; i < v->count; i++)
        total += 1.0 / (i + 1);
    for (uint32_t i = 0; i < v->count; i++) {
        v->keep[i] = v->count / (total * (i + 1));
        if (v->keep[i] < 1)
            stack[poor++] = i;
        else
            stack[--rich] = i;
    }
    while (poor > 0 && rich < v->count) {
        uint32_t less = stack[--poor], more = stack[rich];
        v->otherwise[less] = more;
        v->keep[more] -= 1 - v->keep[less];
        if (v->keep[more] < 1) {
            rich++;
            stack[poor++] = more;
        }
    }
    free(stack);
}

static void make_vocabulary(vocabulary *v, uint32_t count, gen_random *random)
{
    v->count = count;
    v->words = room(count, sizeof(word));
    v->keep = room(count, sizeof(double));
    v->otherwise = room(count, sizeof(uint32_t));
    for (v->seen_mask = 1; v->seen_mask < 2 * count; v->seen_mask *= 2)
        continue;
    v->seen = room(v->seen_mask, sizeof(uint32_t));
    v->seen_mask--;
    for (uint32_t i = 0; i < count; i++)
        make_word(v, i, random);
    make_alias(v);
}

static const word *draw(const vocabulary *v, gen_random *random)
{
    uint32_t i = gen_below(random, v->count);
    return &v->words[gen_unit(random) < v->keep[i] ? i : v->otherwise[i]];
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: zipf BYTES DISTINCT SEED\n");
        return 2;
    }
    uint64_t bytes = gen_number(argv[1]);
    gen_random random = {gen_number(argv[3])};
    vocabulary v = {0};
    make_vocabulary(&v, (uint32_t)gen_number(argv[2]), &random);
    gen_out *out = gen_open();
    while (gen_size(out) < bytes) {
        gen_room(out);
        const word *w = draw(&v, &random);
        gen_add(out, w->letters, w->size);
        gen_add(out, gen_below(&random, 10) ? " " : "\n", 1);
    }
    out->bytes[out->used - 1] = '\n';
    gen_flush(out);
    return 0;
}
