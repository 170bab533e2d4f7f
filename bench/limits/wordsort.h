/*
 * bench/limits/wordsort.h: how limits/wordcount.c ends: the entries of the tables are sorted by 8
 * bytes of their words at a time, in buckets side by side, and written.
 */
#ifndef BENCH_WORDSORT_H
#define BENCH_WORDSORT_H

#include "wordtable.h"

#include <omp.h>

#define BUCKETS 1024u

/* ---- sorting ---- */

/* What is sorted: 8 bytes of a word, first byte on top, and its entry. */
typedef struct item {
    uint64_t chunk;
    const entry *entry;
} item;

static inline uint64_t chunk_of(const entry *e, size_t depth)
{
    if (!key_is_long(e->key)) {
        uint64_t part = depth == 0 ? e->key.low : depth == 8 ? e->key.high << 8 >> 8 : 0;
        return __builtin_bswap64(part);
    }
    const long_word *word = key_long(e->key);
    char padded[8] = {0};
    if (depth < word->size)
        memcpy(padded, word->bytes + depth, word->size - depth < 8 ? word->size - depth : 8);
    return __builtin_bswap64(limit_load64(padded));
}

static inline size_t size_of(const entry *e)
{
    return key_is_long(e->key) ? key_long(e->key)->size : (size_t)(e->key.high >> 56);
}

static void insertion_sort(item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        item x = items[i];
        size_t j = i;
        for (; j > 0 && items[j - 1].chunk > x.chunk; j--)
            items[j] = items[j - 1];
        items[j] = x;
    }
}

/* By the chunk, byte for byte from the last; bytes that are the same in all are passed over. */
__attribute__((noinline)) static void radix_sort(item *items, item *spare, size_t n)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < n; i++)
        differ |= items[i].chunk ^ items[0].chunk;
    item *from = items, *to = spare;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if ((differ >> shift & 255) == 0)
            continue;
        size_t starts[257] = {0};
        for (size_t i = 0; i < n; i++)
            starts[(from[i].chunk >> shift & 255) + 1]++;
        for (unsigned d = 0; d < 255; d++)
            starts[d + 1] += starts[d];
        for (size_t i = 0; i < n; i++)
            to[starts[from[i].chunk >> shift & 255]++] = from[i];
        item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, n * sizeof(*items));
}

/* Words that end in an equal chunk: the shorter come first. Returns how many end. */
static size_t settle_ended(item *items, size_t n, size_t depth)
{
    size_t ended = 0;
    for (size_t i = 0; i < n; i++) {
        if (size_of(items[i].entry) > depth + 8)
            continue;
        item x = items[i];
        items[i] = items[ended];
        items[ended++] = x;
    }
    for (size_t i = 0; i < ended; i++)
        items[i].chunk = size_of(items[i].entry);
    insertion_sort(items, ended); /* at most 9 differ only in trailing zeros */
    return ended;
}

/* Whether all have the same chunk and go on behind it; then they get their next one. */
static bool pass_shared_chunk(item *items, size_t n, size_t depth)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].chunk != items[0].chunk)
            return false;
    for (size_t i = 0; i < n; i++)
        if (size_of(items[i].entry) <= depth + 8)
            return false;
    for (size_t i = 0; i < n; i++)
        items[i].chunk = chunk_of(items[i].entry, depth + 8);
    return true;
}

/* Sorts items whose words agree up to `depth` and whose chunks are those of `depth`. It calls
 * itself only for fewer items, so that long words that begin alike do not pile up on the stack. */
static void sort_items(item *items, item *spare, size_t n, size_t depth)
{
    while (n > 1 && pass_shared_chunk(items, n, depth))
        depth += 8;
    if (n < 48)
        insertion_sort(items, n);
    else
        radix_sort(items, spare, n);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && items[j].chunk == items[i].chunk; j++)
            continue;
        if (j - i == 1)
            continue;
        size_t from = i + settle_ended(items + i, j - i, depth);
        for (size_t k = from; k < j; k++)
            items[k].chunk = chunk_of(items[k].entry, depth + 8);
        if (j - from > 1)
            sort_items(items + from, spare, j - from, depth + 8);
    }
}

typedef struct result {
    uint64_t count;
    item *items, *spare;
    size_t depth; /* how many bytes all words share, in eights */
    uint64_t splitters[BUCKETS - 1];
    uint64_t starts[BUCKETS + 1];
} result;

static void *map_pages(size_t size)
{
    void *memory = mmap(NULL, size + 1, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        limit_fail("out of memory");
    madvise(memory, size + 1, MADV_HUGEPAGE);
    return memory;
}

static void list_items(result *r, const table *tables)
{
    uint64_t starts[DIVISIONS + 1] = {0};
    for (unsigned d = 0; d < DIVISIONS; d++)
        starts[d + 1] = starts[d] + tables[d].used;
    r->count = starts[DIVISIONS];
    r->items = map_pages(r->count * sizeof(item));
    r->spare = map_pages(r->count * sizeof(item));
#pragma omp parallel for schedule(dynamic)
    for (unsigned d = 0; d < DIVISIONS; d++) {
        const table *t = &tables[d];
        item *to = r->spare + starts[d];
        for (uint64_t i = 0; i <= t->mask; i++)
            if (t->slots[i].count)
                *to++ = (item){chunk_of(&t->slots[i], 0), &t->slots[i]};
    }
}

/* Whether all words have the same chunk at the depth reached and go on behind it. */
static bool all_share_chunk(const result *r)
{
    uint64_t differ = 0;
#pragma omp parallel for reduction(| : differ)
    for (uint64_t i = 0; i < r->count; i++)
        differ |= r->spare[i].chunk ^ r->spare[0].chunk;
    if (differ)
        return false;
#pragma omp parallel for reduction(| : differ)
    for (uint64_t i = 0; i < r->count; i++)
        differ |= size_of(r->spare[i].entry) <= r->depth + 8;
    return !differ;
}

/* Passes over chunks that all words share, so that the buckets have something to tell apart. */
static void skip_shared(result *r)
{
    for (; r->count > 1 && all_share_chunk(r); r->depth += 8) {
#pragma omp parallel for
        for (uint64_t i = 0; i < r->count; i++)
            r->spare[i].chunk = chunk_of(r->spare[i].entry, r->depth + 8);
    }
}

static void choose_splitters(result *r)
{
    enum { SAMPLE = BUCKETS * 8 };
    item *sample = malloc(2 * SAMPLE * sizeof(item));
    if (!sample)
        limit_fail("out of memory");
    for (uint64_t i = 0; i < SAMPLE; i++)
        sample[i] = r->spare[r->count ? i * r->count / SAMPLE : 0];
    radix_sort(sample, sample + SAMPLE, SAMPLE);
    for (unsigned b = 0; b < BUCKETS - 1; b++)
        r->splitters[b] = sample[(b + 1) * 8].chunk;
    free(sample);
}

/* How many splitters are at or below the chunk: ten steps without a branch. */
static inline unsigned bucket_of(const result *r, uint64_t chunk)
{
    unsigned at = 0;
    for (unsigned step = BUCKETS / 2; step; step /= 2)
        at += r->splitters[at + step - 1] <= chunk ? step : 0;
    return at;
}

/* From `spare` into `items`, bucket by bucket; each thread takes a stretch of its own. */
static void deal_out(result *r, int threads)
{
    uint64_t(*counts)[BUCKETS] = calloc((size_t)threads, sizeof(*counts));
    uint16_t *buckets = map_pages(r->count * sizeof(*buckets));
    if (!counts)
        limit_fail("out of memory");
#pragma omp parallel num_threads(threads)
    {
        uint64_t me = (uint64_t)omp_get_thread_num(), all = (uint64_t)threads;
        uint64_t from = r->count * me / all, to = r->count * (me + 1) / all;
        for (uint64_t i = from; i < to; i++)
            counts[me][buckets[i] = (uint16_t)bucket_of(r, r->spare[i].chunk)]++;
#pragma omp barrier
#pragma omp single
        {
            uint64_t sum = 0;
            for (unsigned b = 0; b < BUCKETS; b++) {
                r->starts[b] = sum;
                for (uint64_t t = 0; t < all; t++) {
                    uint64_t n = counts[t][b];
                    counts[t][b] = sum;
                    sum += n;
                }
            }
            r->starts[BUCKETS] = sum;
        }
        for (uint64_t i = from; i < to; i++)
            r->items[counts[me][buckets[i]]++] = r->spare[i];
    }
    munmap(buckets, r->count * sizeof(*buckets) + 1);
    free(counts);
}

static void sort_result(result *r, int threads)
{
    skip_shared(r);
    choose_splitters(r);
    deal_out(r, threads);
#pragma omp parallel for schedule(dynamic)
    for (unsigned b = 0; b < BUCKETS; b++)
        sort_items(r->items + r->starts[b], r->spare + r->starts[b],
                   r->starts[b + 1] - r->starts[b], r->depth);
}

/* ---- writing ---- */

static char *format(char *to, const entry *e, size_t size)
{
    if (key_is_long(e->key))
        memcpy(to, key_long(e->key)->bytes, size);
    else
        memcpy(to, &e->key, 16);
    to += size;
    *to++ = '\t';
    char digits[20];
    unsigned n = 0;
    for (uint64_t rest = e->count; rest || n == 0; rest /= 10)
        digits[n++] = (char)('0' + rest % 10);
    while (n > 0)
        *to++ = digits[--n];
    *to++ = '\n';
    return to;
}

static void write_at(int fd, const char *from, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, from + done, size - done, (off_t)(offset + done));
        if (n < 0)
            limit_fail("cannot write");
        done += (size_t)n;
    }
}

typedef struct text {
    char *bytes;
    size_t used, room;
    uint64_t offset;
} text;

static void format_bucket(text *to, const result *r, unsigned bucket)
{
    for (uint64_t i = r->starts[bucket]; i < r->starts[bucket + 1]; i++) {
        if (i + 16 < r->count)
            __builtin_prefetch(r->items[i + 16].entry);
        const entry *e = r->items[i].entry;
        size_t size = size_of(e);
        if (to->room - to->used < size + 48) {
            to->room = 2 * to->room + size + 16384;
            to->bytes = realloc(to->bytes, to->room);
            if (!to->bytes)
                limit_fail("out of memory");
        }
        to->used = (size_t)(format(to->bytes + to->used, e, size) - to->bytes);
    }
}

/* Buckets are formatted side by side; once all sizes are known, each is written where it belongs.
 */
static void write_result(const result *r, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    text *texts = calloc(BUCKETS, sizeof(*texts));
    if (fd < 0 || !texts)
        limit_fail(path);
#pragma omp parallel for schedule(dynamic, 4)
    for (unsigned b = 0; b < BUCKETS; b++)
        format_bucket(&texts[b], r, b);
    for (unsigned b = 1; b < BUCKETS; b++)
        texts[b].offset = texts[b - 1].offset + texts[b - 1].used;
#pragma omp parallel for schedule(dynamic, 4)
    for (unsigned b = 0; b < BUCKETS; b++) {
        write_at(fd, texts[b].bytes, texts[b].used, texts[b].offset);
        free(texts[b].bytes);
    }
    free(texts);
    if (close(fd) < 0)
        limit_fail(path);
}

#endif
