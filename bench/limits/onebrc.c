/*
 * bench/limits/onebrc.c: the One Billion Row Challenge by a program that does nothing else:
 * `onebrc [-t THREADS] FILE` reads rows of `station;-12.3` and prints {station=min/mean/max, ...}.
 *
 * For orientation, not a yardstick. Threads take blocks of the file, cut each into LANES stretches
 * and read them by turns, so that the rows of one hide the latency of the others.
 */
#include "limit.h"

#include <immintrin.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdbool.h>

#define BLOCK   (512u << 10)
#define LONGEST 100u   /* bytes of a name */
#define ROW     128u   /* no row is longer */
#define SLOTS   32768u /* twice and more the stations there may be */
#define LANES   4u

typedef struct station {
    uint64_t low, high; /* the first 16 bytes of the name */
    int64_t sum;        /* in tenths */
    uint32_t count;     /* 0: the slot is free */
    int16_t min, max;
} station;

typedef struct name {
    uint8_t size;
    char bytes[LONGEST];
} name;

typedef struct worker {
    station stations[SLOTS];
    name names[SLOTS];
    char buffer[BLOCK + 4 * ROW];
} worker;

static inline void add(station *s, int64_t value)
{
    s->sum += value;
    s->count++;
    s->min = (int16_t)(value < s->min ? value : s->min);
    s->max = (int16_t)(value > s->max ? value : s->max);
}

/* Bytes of the name beyond the first 16 take part in the hash, too, and are compared. */
static uint64_t hash_rest(const char *bytes, size_t size)
{
    uint64_t h = size;
    for (size_t i = 16; i < size; i++)
        h = (h ^ (uint8_t)bytes[i]) * 0x100000001b3u;
    return h;
}

static station *find(worker *w, uint64_t low, uint64_t high, const char *bytes, size_t size)
{
    uint64_t h = limit_fold(low ^ 0x9e3779b97f4a7c15u, high ^ 0xd6e8feb86659fd93u);
    if (__builtin_expect(size > 16, 0))
        h ^= hash_rest(bytes, size) * 0x9e3779b97f4a7c15u >> 32;
    for (uint64_t i = h % SLOTS;; i = (i + 1) % SLOTS) {
        station *s = &w->stations[i];
        name *n = &w->names[i];
        if (s->low == low && s->high == high && s->count &&
            (size < 16 || (n->size == size && memcmp(n->bytes + 16, bytes + 16, size - 16) == 0)))
            return s;
        if (s->count)
            continue;
        n->size = (uint8_t)size;
        memcpy(n->bytes, bytes, size);
        *s = (station){low, high, 0, 0, INT16_MAX, INT16_MIN};
        return s;
    }
}

static inline size_t find_semicolon(const char *at)
{
    for (size_t i = 0;; i += 16) {
        __m128i v = _mm_loadu_si128((const void *)(at + i));
        int hit = _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(';')));
        if (hit)
            return i + (size_t)__builtin_ctz((unsigned)hit);
    }
}

/* `-12.3\n` and its shorter kin, without a branch: the point is where bit 4 of a byte is clear. */
static inline int64_t read_tenths(const char **at)
{
    uint64_t word = limit_load64(*at);
    unsigned point = (unsigned)__builtin_ctzll(~word & 0x10101000);
    int64_t sign = (int64_t)(~word << 59) >> 63;
    uint64_t digits = ((word & ~((uint64_t)sign & 0xff)) << (28 - point)) & 0x0f000f0f00;
    int64_t value = (int64_t)((digits * 0x640a0001) >> 32 & 0x3ff);
    *at += (point >> 3) + 3;
    return (value ^ sign) - sign;
}

static inline const char *count_row(worker *w, const char *at)
{
    static const uint8_t keep[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                     255, 255, 255, 255, 255, 255, 255, 255};
    size_t size = find_semicolon(at);
    __m128i mask = _mm_loadu_si128((const void *)(keep + 16 - (size < 16 ? size : 16)));
    __m128i bytes = _mm_and_si128(_mm_loadu_si128((const void *)at), mask);
    uint64_t low = (uint64_t)_mm_cvtsi128_si64(bytes);
    uint64_t high = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(bytes, bytes));
    station *s = find(w, low, high, at, size);
    at += size + 1;
    add(s, read_tenths(&at));
    return at;
}

static const char *behind_newline(const char *at, const char *end)
{
    const char *hit = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return hit ? hit + 1 : end;
}

/* Whole rows from `at` to `end`. */
static void count_rows(worker *w, const char *at, const char *end)
{
    const char *from[LANES + 1], *lane[LANES];
    from[0] = at;
    from[LANES] = end;
    for (unsigned i = 1; i < LANES; i++) {
        const char *cut = at + (size_t)(end - at) / LANES * i;
        from[i] = behind_newline(cut > from[i - 1] ? cut : from[i - 1], end);
    }
    memcpy(lane, from, sizeof(lane));
    while (lane[0] < from[1] && lane[1] < from[2] && lane[2] < from[3] && lane[3] < from[4])
        for (unsigned i = 0; i < LANES; i++)
            lane[i] = count_row(w, lane[i]);
    for (unsigned i = 0; i < LANES; i++)
        while (lane[i] < from[i + 1])
            lane[i] = count_row(w, lane[i]);
}

/* The rows that start in the block; the byte before tells whether its first byte starts one. */
static void count_block(worker *w, int fd, uint64_t block)
{
    uint64_t offset = block * BLOCK, before = block ? 1 : 0;
    size_t size = limit_read(fd, w->buffer, BLOCK + before + ROW, offset - before);
    const char *data = w->buffer, *end = data + size;
    if (size <= before)
        return;
    if (end[-1] != '\n')
        w->buffer[size] = '\n'; /* only the last row of the file matters, and it may lack it */
    const char *at = before ? behind_newline(data, end) : data;
    if (size > BLOCK + before)
        end = behind_newline(data + BLOCK + before - 1, end);
    if (at < end)
        count_rows(w, at, end);
}

static void merge(worker *to, const worker *from)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        const station *s = &from->stations[i];
        if (s->count == 0)
            continue;
        station *t = find(to, s->low, s->high, from->names[i].bytes, from->names[i].size);
        t->sum += s->sum;
        t->count += s->count;
        t->min = s->min < t->min ? s->min : t->min;
        t->max = s->max > t->max ? s->max : t->max;
    }
}

typedef struct row {
    const name *name;
    const station *station;
} row;

static int compare_rows(const void *a, const void *b)
{
    const name *x = ((const row *)a)->name, *y = ((const row *)b)->name;
    int order = memcmp(x->bytes, y->bytes, x->size < y->size ? x->size : y->size);
    return order ? order : x->size - y->size;
}

/* To the nearest tenth, halves up. */
static int64_t mean_of(const station *s)
{
    int64_t n = s->count, twice = 2 * s->sum + n;
    return twice >= 0 ? twice / (2 * n) : -((-twice + 2 * n - 1) / (2 * n));
}

static void print_tenths(int64_t value, const char *behind)
{
    int64_t size = value < 0 ? -value : value;
    printf("%s%d.%d%s", value < 0 ? "-" : "", (int)(size / 10), (int)(size % 10), behind);
}

static void print(const worker *w)
{
    static row rows[SLOTS];
    size_t n = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->stations[i].count)
            rows[n++] = (row){&w->names[i], &w->stations[i]};
    qsort(rows, n, sizeof(row), compare_rows);
    printf("{");
    for (size_t i = 0; i < n; i++) {
        const station *s = rows[i].station;
        printf("%s%.*s=", i ? ", " : "", (int)rows[i].name->size, rows[i].name->bytes);
        print_tenths(s->min, "/");
        print_tenths(mean_of(s), "/");
        print_tenths(s->max, "");
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    int threads = 2, option;
    while ((option = getopt(argc, argv, "t:")) != -1) {
        if (option != 't')
            return 2;
        threads = limit_threads(optarg);
    }
    if (argc - optind != 1) {
        fprintf(stderr, "usage: onebrc [-t THREADS] FILE\n");
        return 2;
    }
    uint64_t size;
    int fd = limit_open(argv[optind], &size);
    uint64_t blocks = (size + BLOCK - 1) / BLOCK;
    worker *workers = calloc((size_t)threads, sizeof(*workers));
    if (!workers)
        limit_fail("out of memory");
    atomic_ullong next = 0;
#pragma omp parallel num_threads(threads)
    for (uint64_t b; (b = atomic_fetch_add(&next, 1)) < blocks;)
        count_block(&workers[omp_get_thread_num()], fd, b);
    for (int t = 1; t < threads; t++)
        merge(&workers[0], &workers[t]);
    print(&workers[0]);
    return 0;
}
