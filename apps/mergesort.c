/*
 * apps/mergesort.c: sorts the numbers of a file, one a line, by divide and conquer. A task is a
 * part of the file: each leaf reads its own lines and sorts them, joins merge. Whole numbers are
 * 64 bits wide; one with a point or an exponent among them makes all of them doubles.
 */
#include "lines.h"

#include <omp.h>
#include <stddef.h>
#include <stdlib.h>

#define PARTS    4 /* parts of the file a worker, */
#define SMALLEST ((uint64_t)256 * 1024)
#define LARGEST  ((uint64_t)8 * 1024 * 1024)
#define PARALLEL ((size_t)1 << 20)   /* keys from which on threads merge together */
#define CHUNK    ((size_t)16 * 1024) /* numbers that are made text at a time */
#define LONGEST  64                  /* bytes of a double's text */
#define SIGN     ((uint64_t)1 << 63)

typedef struct state {
    lines_file file;
    uint64_t grain;
    int threads; /* of this rank */
} state;

/* ---- Keys: numbers as 64 bits whose order is the numbers' ---- */

static uint64_t key_of_whole(int64_t value)
{
    return (uint64_t)value ^ SIGN;
}

static int64_t whole_of_key(uint64_t key)
{
    return (int64_t)(key ^ SIGN);
}

static uint64_t key_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

static double double_of_key(uint64_t key)
{
    const uint64_t bits = key & SIGN ? key ^ SIGN : ~key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* What a leaf has sorted, and what is merged: this, then the keys. */
typedef struct head {
    uint64_t are_doubles, unused;
} head;

typedef struct keys {
    head h;
    uint64_t *at;
    size_t count;
} keys;

static keys keys_of(mr_bytes result)
{
    keys k = {{0, 0}, NULL, 0};
    if (result.size >= sizeof k.h) {
        memcpy(&k.h, result.data, sizeof k.h);
        k.at = (uint64_t *)(uintptr_t)(result.data + sizeof k.h);
        k.count = (result.size - sizeof k.h) / sizeof *k.at;
    }
    return k;
}

static uint64_t as_double(uint64_t whole)
{
    return key_of_double((double)whole_of_key(whole));
}

/* ---- Leaves ---- */

/* By digits of eight bits, the lowest first; digits that are the same in all keys cost nothing. */
static void sort(uint64_t *at, uint64_t *other, size_t count)
{
    size_t counts[8][256] = {{0}};
    uint64_t *from = at, *to = other;
    for (size_t i = 0; i < count; i++)
        for (int digit = 0; digit < 8; digit++)
            counts[digit][at[i] >> (8 * digit) & 255]++;
    for (int digit = 0; digit < 8 && count > 0; digit++) {
        size_t sum = 0, *places = counts[digit];
        if (places[at[0] >> (8 * digit) & 255] == count)
            continue;
        for (int value = 0; value < 256; value++) {
            size_t here = places[value];
            places[value] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            to[places[from[i] >> (8 * digit) & 255]++] = from[i];
        uint64_t *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != at)
        memcpy(at, from, count * sizeof *at);
}

static size_t count_lines(const lines *l)
{
    size_t count = 0;
    for (const char *at = l->at; at < l->end; count++)
        at = mr_bytes_seek(at, l->end, '\n') + 1;
    return count;
}

/* A decimal number that is no whole one; no nan, no infinity, nothing hexadecimal. */
static bool parse_double(mr_bytes text, double *value)
{
    char copy[LONGEST], *end;
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!strchr("0123456789+-.eE", text.data[i]) || text.data[i] == 0)
            return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    *value = strtod(copy, &end);
    return end == copy + text.size && *value - *value == 0;
}

static mr_status parse_line(mr_fork *fork, const state *s, const lines *l, mr_bytes line, keys *k)
{
    const mr_bytes text = lines_trim(line);
    int64_t whole;
    double value;
    lines_kind kind = lines_whole(text, &whole);
    if (kind == LINES_TOO_LARGE)
        return lines_wrong(fork, &s->file, l, line, "number too large");
    if (kind == LINES_WHOLE) {
        const uint64_t key = key_of_whole(whole);
        k->at[k->count++] = k->h.are_doubles ? as_double(key) : key;
        return MR_OK;
    }
    if (!parse_double(text, &value))
        return lines_wrong(fork, &s->file, l, line, "not a number");
    for (size_t i = 0; !k->h.are_doubles && i < k->count; i++)
        k->at[i] = as_double(k->at[i]);
    k->h.are_doubles = 1;
    k->at[k->count++] = key_of_double(value + 0.0); /* one kind of zero */
    return MR_OK;
}

static mr_status sort_lines(mr_fork *fork, const state *s, lines *l)
{
    const size_t count = count_lines(l), size = count * sizeof(uint64_t);
    char *room = mr_fork_return_room(fork, sizeof(head) + size);
    uint64_t *other = room ? mr_job_allocate(s->file.job, size) : NULL;
    if (!other)
        return room ? mr_fork_fail(fork, MR_NO_MEMORY,
                                   "out of memory: sorting %zu numbers: give the job more with "
                                   "--memory",
                                   count)
                    : MR_NO_MEMORY;
    keys k = {{0, 0}, (uint64_t *)(void *)(room + sizeof(head)), 0};
    mr_status status = MR_OK;
    for (mr_bytes line; status == MR_OK && lines_next(l, &line);)
        status = parse_line(fork, s, l, line, &k);
    memcpy(room, &k.h, sizeof k.h);
    if (status == MR_OK)
        sort(k.at, other, k.count);
    mr_job_release(s->file.job, other, size);
    return status;
}

static mr_status solve(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    lines_part part;
    lines l = {0};
    memcpy(&part, task.data, sizeof part);
    mr_status status = lines_read(fork, &s->file, part, &l);
    if (status == MR_OK)
        status = sort_lines(fork, s, &l);
    lines_free(&s->file, &l);
    return status;
}

static mr_status split(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    lines_part part;
    memcpy(&part, task.data, sizeof part);
    return lines_split(fork, part, s->grain);
}

/* ---- Merging ---- */

static void merge(const uint64_t *a, const uint64_t *a_end, const uint64_t *b,
                  const uint64_t *b_end, uint64_t *to)
{
    while (a < a_end && b < b_end) {
        const uint64_t x = *a, y = *b;
        const bool first = x <= y;
        *to++ = first ? x : y;
        a += first;
        b += !first;
    }
    memcpy(to, a, (size_t)(a_end - a) * sizeof *a);
    memcpy(to + (a_end - a), b, (size_t)(b_end - b) * sizeof *b);
}

/* How many of a's keys are among the first `place` of both. */
static size_t cut(keys a, keys b, size_t place)
{
    size_t low = place > b.count ? place - b.count : 0, high = place < a.count ? place : a.count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (a.at[middle] <= b.at[place - middle - 1])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The last merges are as long as the file, and then threads have nothing else to do. */
static void merge_all(keys a, keys b, int threads, uint64_t *to)
{
    const size_t total = a.count + b.count;
    const int parts = total < PARALLEL ? 1 : threads;
#pragma omp parallel for num_threads(parts) schedule(static) if (parts > 1)
    for (int part = 0; part < parts; part++) {
        const size_t from = total / (size_t)parts * (size_t)part;
        const size_t end = part + 1 < parts ? total / (size_t)parts * ((size_t)part + 1) : total;
        const size_t a_from = cut(a, b, from), a_end = cut(a, b, end);
        merge(a.at + a_from, a.at + a_end, b.at + (from - a_from), b.at + (end - a_end), to + from);
    }
}

static mr_status become_doubles(mr_fork *fork, const state *s, keys *k, uint64_t **made)
{
    const size_t size = k->count * sizeof *k->at;
    *made = mr_job_allocate(s->file.job, size);
    if (!*made)
        return mr_fork_fail(fork, MR_NO_MEMORY, "out of memory: merging %zu numbers", k->count);
    for (size_t i = 0; i < k->count; i++)
        (*made)[i] = as_double(k->at[i]);
    k->at = *made;
    return MR_OK;
}

static mr_status join(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    const state *s = mr_fork_context(fork);
    keys a = keys_of(results[0]), b = keys_of(results[count - 1]);
    const head h = {a.h.are_doubles | b.h.are_doubles, 0};
    const size_t size = (a.count + b.count) * sizeof *a.at;
    keys *whole = a.h.are_doubles == b.h.are_doubles ? NULL : a.h.are_doubles ? &b : &a;
    uint64_t *made = NULL;
    (void)task;
    if (whole)
        MR_TRY(become_doubles(fork, s, whole, &made));
    char *room = mr_fork_return_room(fork, sizeof h + size);
    if (room) {
        memcpy(room, &h, sizeof h);
        merge_all(a, b, s->threads, (uint64_t *)(void *)(room + sizeof h));
    }
    if (whole)
        mr_job_release(s->file.job, made, whole->count * sizeof *made);
    return room ? MR_OK : MR_NO_MEMORY;
}

/* ---- The result as text ---- */

static size_t write_keys(const keys *k, size_t from, size_t to, char *text)
{
    char *at = text;
    for (size_t i = from; i < to; i++) {
        at += k->h.are_doubles ? mr_number_of_f64(double_of_key(k->at[i]), at)
                               : mr_number_of_i64(whole_of_key(k->at[i]), at);
        *at++ = '\n';
    }
    return (size_t)(at - text);
}

/* Threads make a chunk each, which are then written in their order. */
static mr_status write_round(mr_text_output *output, const keys *k, size_t from, char *texts)
{
    const int threads = omp_get_max_threads();
    const size_t room = CHUNK * (MR_NUMBER_TEXT + 1);
    mr_status status = MR_OK;
#pragma omp parallel for ordered schedule(static, 1)
    for (int t = 0; t < threads; t++) {
        const size_t begin = from + (size_t)t * CHUNK;
        const size_t end = begin + CHUNK < k->count ? begin + CHUNK : k->count;
        char *text = texts + (size_t)t * room;
        const size_t size = begin < end ? write_keys(k, begin, end, text) : 0;
#pragma omp ordered
        if (status == MR_OK && size > 0)
            status = mr_text_output_write(output, text, size);
    }
    return status;
}

static void write_all(mr_job *job, mr_text_output *output, const keys *k)
{
    const size_t threads = (size_t)omp_get_max_threads();
    const size_t size = threads * CHUNK * (MR_NUMBER_TEXT + 1);
    char *texts = mr_job_allocate(job, size);
    mr_status status = MR_OK;
    if (!texts) {
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: writing the result");
        return;
    }
    for (size_t from = 0; from < k->count && status == MR_OK; from += threads * CHUNK)
        status = write_round(output, k, from, texts);
    mr_job_release(job, texts, size);
}

/* ---- The job ---- */

static mr_status write_result(mr_job *job, mr_item *result)
{
    mr_text_output *output;
    const keys k = keys_of(result->bytes);
    mr_status status = mr_text_output_begin(job, &output);
    if (status == MR_OK) {
        if (mr_job_rank(job) == 0)
            write_all(job, output, &k);
        status = mr_text_output_end(&output);
    }
    mr_item_free(result);
    return status;
}

static uint64_t grain_of(uint64_t size, uint64_t workers)
{
    const uint64_t grain = size / (workers * PARTS) + 1;
    return grain < SMALLEST ? SMALLEST : grain > LARGEST ? LARGEST : grain;
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const mr_fork_join how = {.size = sizeof how,
                              .name = "mergesort",
                              .split = split,
                              .solve = solve,
                              .join = join,
                              .context = s};
    int64_t workers = mr_job_threads(job);
    mr_item result = {0};
    lines_open(&s->file, job, mr_job_input(job, 0));
    mr_all_sum_i64(job, &workers, 1);
    mr_status status = mr_job_agree(job);
    const lines_part all = {0, s->file.size};
    s->threads = (int)mr_job_threads(job);
    s->grain = grain_of(s->file.size, (uint64_t)workers);
    if (status == MR_OK)
        status = mr_fork_run(job, &how, MR_BYTES(all), &result);
    lines_close(&s->file);
    MR_TRY(status);
    return write_result(job, &result);
}

static mr_status setup(mr_job *job, void *data)
{
    (void)data;
    if (mr_job_input_count(job) != 1)
        return mr_job_fail(job, MR_USAGE, "wrong inputs: %zu of them: give one file of numbers",
                           mr_job_input_count(job));
    return MR_OK;
}

MR_APP = {
    MR_APP_ABI,
    .name = "mergesort",
    .summary = "sorts numbers, one a line, by fork-join",
    .usage = "FILE",
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};
