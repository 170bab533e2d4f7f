/*
 * bench/limits/wordcount.c: how fast words can be counted here by a program that does nothing else:
 * `wordcount [-t THREADS] [-v] FILE OUT`. Writes `word<TAB>count`, sorted by the words' bytes.
 *
 * Threads take blocks of the file, split them with SIMD, and count in tables of their own
 * (wordtable.h), which are merged division by division without locks, then sorted and written
 * (wordsort.h).
 */
#include "wordsort.h"
#include "wordtable.h"

#include <stdatomic.h>

#define BLOCK       (256u << 10) /* bytes of the file a thread takes at a time: they stay in its L2 */
#define PADDING     64u          /* readable bytes before and behind a block */
#define PIECE       4096u        /* bytes split at a time, so that the words' places stay in L1 */
#define FIRST_SLOTS 1024u        /* of a division */
#define AHEAD       32u          /* words hashed and prefetched before they are counted */

typedef struct worker {
    table tables[DIVISIONS];
    arena arena;
    char *buffer;
    size_t buffer_size;
} worker;

/* ---- splitting ---- */

static inline bool is_space(char c)
{
    return c == ' ' || (unsigned char)(c - '\t') < 5;
}

/* One bit a byte: which of 64 are white space. */
static inline uint64_t spaces(const char *at)
{
#ifdef __AVX512BW__
    __m512i v = _mm512_loadu_si512(at);
    return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(' ')) |
           _mm512_cmplt_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8('\t')), _mm512_set1_epi8(5));
#else
    uint64_t mask = 0;
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i v = _mm_loadu_si128((const void *)(at + i));
        __m128i low = _mm_sub_epi8(v, _mm_set1_epi8('\t'));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                                   _mm_cmpeq_epi8(_mm_min_epu8(low, _mm_set1_epi8(4)), low));
        mask |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << i;
    }
    return mask;
#endif
}

/* Where words start and end, by turns. Room for one more than a piece has bytes, and 8 of slack. */
typedef struct edges {
    uint32_t count;
    uint32_t at[PIECE + 16];
} edges;

/* Adds the edges of `size` bytes from `offset` on; `space`: whether the byte before is white. */
static inline bool find_edges(edges *e, const char *data, uint32_t offset, uint32_t size,
                              bool space)
{
    uint64_t before = space;
    for (uint32_t i = 0; i < size; i += 64) {
        uint64_t white = spaces(data + offset + i);
        if (size - i < 64) /* beyond the end all is as the last byte is */
            white = (white & ((UINT64_C(1) << (size - i)) - 1)) |
                    (white >> (size - i - 1) & 1 ? ~UINT64_C(0) << (size - i) : 0);
        uint64_t turns = white ^ (white << 1 | before);
        before = white >> 63;
        uint32_t n = (uint32_t)__builtin_popcountll(turns);
        uint32_t *to = e->at + e->count;
        for (uint32_t k = 0; k < n; k += 8)
            for (uint32_t j = 0; j < 8; j++) {
                to[k + j] = offset + i + (uint32_t)__builtin_ctzll(turns | UINT64_C(1) << 63);
                turns &= turns - 1;
            }
        e->count += n;
    }
    return before;
}

/* ---- counting ---- */

static void count_long(worker *w, const char *bytes, size_t size)
{
    uint64_t hash = hash_long(bytes, size);
    table *t = table_of(w->tables, hash);
    entry *slot = table_find_long(t, hash, bytes, size);
    if (slot->count) {
        slot->count++;
        return;
    }
    long_word *word = arena_take(&w->arena, sizeof(*word) + size);
    word->size = size;
    memcpy(word->bytes, bytes, size);
    entry e = {{hash, LONG | (uint64_t)(uintptr_t)word}, 1, hash};
    table_insert(t, &w->arena, slot, &e);
}

static inline void count_ready(worker *w, const entry *e)
{
    table_add_short(table_of(w->tables, e->hash), &w->arena, e);
}

static inline void prepare(worker *w, entry *e, const char *bytes, size_t size)
{
    e->key = key_short(bytes, size);
    e->hash = hash_short(e->key);
    e->count = 1;
    const table *t = table_of(w->tables, e->hash);
    __builtin_prefetch(&t->slots[e->hash & t->mask], 1);
}

/* The words between `n` edges; each is counted only when AHEAD more are on their way into the
 * cache. */
static void count_words(worker *w, entry *words, const char *data, const uint32_t *at, uint32_t n)
{
    uint32_t ready = 0, done = 0;
    for (uint32_t i = 0; i < n; i += 2) {
        const char *bytes = data + at[i];
        size_t size = at[i + 1] - at[i];
        if (__builtin_expect(size > INLINE, 0)) {
            count_long(w, bytes, size);
            continue;
        }
        prepare(w, &words[ready++], bytes, size);
        if (ready > AHEAD)
            count_ready(w, &words[done++]);
    }
    while (done < ready)
        count_ready(w, &words[done++]);
}

/* Counts the words that end in data[1, size): data[0] is the byte before. Returns where an unended
 * one starts, or `size`. */
static uint32_t count_block(worker *w, const char *data, uint32_t size)
{
    static _Thread_local edges e;
    static _Thread_local entry words[PIECE / 2 + 1];
    bool space = is_space(data[0]);
    uint32_t from = 1;
    if (!space) { /* the word belongs to the block where it starts */
        while (from < size && !is_space(data[from]))
            from++;
        space = true;
    }
    e.count = 0;
    for (; from < size; from += PIECE) {
        space = find_edges(&e, data, from, size - from < PIECE ? size - from : PIECE, space);
        uint32_t whole = e.count & ~1u;
        count_words(w, words, data, e.at, whole);
        e.at[0] = e.at[whole];
        e.count &= 1;
    }
    return e.count ? e.at[0] : size;
}

/* ---- reading ---- */

/* Reads on from behind `size` bytes of the buffer, which start at `offset` of the file. */
static size_t read_more(worker *w, int fd, uint64_t offset, size_t size, size_t more)
{
    if (size + more + 2 * PADDING > w->buffer_size) {
        w->buffer_size = 2 * (size + more) + 2 * PADDING;
        w->buffer = realloc(w->buffer, w->buffer_size);
        if (!w->buffer)
            limit_fail("out of memory");
    }
    return limit_read(fd, w->buffer + PADDING + size, more, offset + size);
}

/* The word that starts at `start` of the buffer and is not over at `size`: reads on until it is. */
static void count_straddler(worker *w, int fd, uint64_t offset, size_t start, size_t size)
{
    size_t end = size, got = 1;
    for (size_t more = 256; end == size && got; more = more < size ? size : more) {
        got = read_more(w, fd, offset, size, more);
        size += got;
        while (end < size && !is_space(w->buffer[PADDING + end]))
            end++;
    }
    const char *word = w->buffer + PADDING + start;
    if (end - start > INLINE) {
        count_long(w, word, end - start);
        return;
    }
    entry e;
    prepare(w, &e, word, end - start);
    count_ready(w, &e);
}

/* Block `block`: the buffer holds the byte before it, too, so that words are split in one place. */
static void count_from(worker *w, int fd, uint64_t block)
{
    char *data = w->buffer + PADDING;
    uint64_t offset = block * BLOCK;
    size_t size;
    if (block == 0) {
        data[0] = ' ';
        size = limit_read(fd, data + 1, BLOCK, 0) + 1;
    } else {
        size = limit_read(fd, data, BLOCK + 1, offset - 1);
    }
    if (size < 2)
        return;
    uint32_t rest = count_block(w, data, (uint32_t)size);
    if (rest < size)
        count_straddler(w, fd, offset - 1, rest, size);
}

static void count_file(worker *workers, int fd, uint64_t size)
{
    uint64_t blocks = (size + BLOCK - 1) / BLOCK;
    atomic_ullong next = 0;
#pragma omp parallel
    {
        worker *w = &workers[omp_get_thread_num()];
        arena_open(&w->arena);
        for (unsigned d = 0; d < DIVISIONS; d++)
            table_open(&w->tables[d], &w->arena, FIRST_SLOTS);
        w->buffer_size = BLOCK + 4096;
        w->buffer = malloc(w->buffer_size);
        if (!w->buffer)
            limit_fail("out of memory");
        for (uint64_t b; (b = atomic_fetch_add(&next, 1)) < blocks;)
            count_from(w, fd, b);
    }
}

/* ---- the whole ---- */

/* Every thread merges whole divisions into those of the first worker. */
static void merge_tables(worker *workers, int threads)
{
#pragma omp parallel for schedule(dynamic)
    for (unsigned d = 0; d < DIVISIONS; d++)
        for (int t = 1; t < threads; t++)
            table_merge(&workers[0].tables[d], &workers[omp_get_thread_num()].arena,
                        &workers[t].tables[d]);
}

int main(int argc, char **argv)
{
    int threads = 2, option;
    bool verbose = false;
    while ((option = getopt(argc, argv, "t:v")) != -1) {
        if (option == 't')
            threads = limit_threads(optarg);
        else if (option == 'v')
            verbose = true;
        else
            return 2;
    }
    if (argc - optind != 2) {
        fprintf(stderr, "usage: wordcount [-t THREADS] [-v] FILE OUT\n");
        return 2;
    }
    uint64_t size;
    int fd = limit_open(argv[optind], &size);
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
    worker *workers = calloc((size_t)threads, sizeof(*workers));
    result *r = calloc(1, sizeof(*r));
    if (!workers || !r)
        limit_fail("out of memory");
    double times[5] = {limit_now()};
    count_file(workers, fd, size);
    times[1] = limit_now();
    merge_tables(workers, threads);
    times[2] = limit_now();
    list_items(r, workers[0].tables);
    sort_result(r, threads);
    times[3] = limit_now();
    write_result(r, argv[optind + 1]);
    times[4] = limit_now();
    if (verbose)
        fprintf(stderr, "count %.3f s, merge %.3f s, sort %.3f s, write %.3f s: %.0f MB/s\n",
                times[1] - times[0], times[2] - times[1], times[3] - times[2], times[4] - times[3],
                1e-6 * (double)size / (times[4] - times[0]));
    return 0;
}
