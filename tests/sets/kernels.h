/*
 * sets/kernels.h: the kernels that operators.c runs. What each of them does is a word in a program;
 * the same words mean the same in operators.py.
 */
#ifndef MR_TESTS_SETS_KERNELS_H
#define MR_TESTS_SETS_KERNELS_H

#include "numbers.h"

#include <stdatomic.h>

/* What kernels know: the context of all sets that are made here. */
typedef struct work {
    mr_shape from, other, to; /* of what is read, of the second set that is read, of what is made */
    const char *how;
    const mr_fold *fold;
    const char *fold_name;
    numbers numbers;
    mr_job *job;
    uint64_t modulus, rest;
    atomic_uint_fast64_t count, sum; /* of who only looks */
} work;

static inline work *work_of(const mr_out *out)
{
    return mr_out_context(out);
}

static inline bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* A pair of numbers into a set, or into a fold. */
static inline mr_status put(mr_out *out, uint64_t key, uint64_t value)
{
    const work *w = work_of(out);
    room a, b;
    mr_bytes bytes = make_key(&w->to, key, &a);
    if (!w->fold)
        return mr_out_pair(out, bytes, make_value(&w->to, value, &b));
    if (w->fold == MR_FIRST)
        return mr_out_add_bytes(out, bytes, value_as_bytes(value, &b));
    if (!strstr(w->fold_name, "f64"))
        return mr_out_add_i64(out, bytes, (int64_t)value - 500);
    return mr_out_add_f64(out, bytes, (double)value / 8 - 3);
}

/* Lines of two numbers. */
static inline mr_status map_input(mr_out *out, mr_block *block)
{
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        char text[64] = "", *end;
        memcpy(text, line.data, line.size < 63 ? line.size : 63);
        uint64_t key = strtoull(text, &end, 10);
        MR_TRY(put(out, key, strtoull(end, NULL, 10)));
    }
    return MR_OK;
}

static inline mr_status map_range(mr_out *out, uint64_t begin, uint64_t end)
{
    const work *w = work_of(out);
    for (uint64_t i = begin, key, value; i < end; i++) {
        numbers_of(&w->numbers, i, &key, &value);
        mr_out_at(out, i);
        MR_TRY(put(out, key, value));
    }
    return MR_OK;
}

/* The same pairs in other shapes, fewer of them, more, or other ones. */
static inline mr_status map_one(mr_out *out, const work *w, uint64_t key, uint64_t value)
{
    if (is(w->how, "keep"))
        return put(out, key, value);
    if (is(w->how, "swap"))
        return put(out, value, key);
    if (is(w->how, "few"))
        return put(out, key % 10, value);
    if (is(w->how, "rank"))
        return put(out, key, (uint64_t)mr_job_rank(w->job));
    if (value % 3 == 0)
        return MR_OK;
    MR_TRY(put(out, key, value));
    return put(out, key / 2, value + 1);
}

static inline mr_status map_pairs(mr_out *out, mr_pairs *pairs)
{
    const work *w = work_of(out);
    for (mr_pair pair; mr_pairs_next(pairs, &pair);)
        MR_TRY(map_one(out, w, key_number(&w->from, pair.key), value_number(&w->from, pair.value)));
    return MR_OK;
}

static inline mr_status look(mr_out *out, mr_pairs *pairs)
{
    work *w = work_of(out);
    uint64_t count = 0, sum = 0;
    for (mr_pair pair; mr_pairs_next(pairs, &pair); count++)
        sum += key_number(&w->from, pair.key) * 3 + value_number(&w->from, pair.value);
    atomic_fetch_add(&w->count, count);
    atomic_fetch_add(&w->sum, sum);
    return MR_OK;
}

/* How many values there are, and a number that depends on each of them and on their order. */
typedef struct digest {
    uint64_t count, hash;
} digest;

static inline void digest_add(digest *d, uint64_t number)
{
    d->count++;
    d->hash = d->hash * 1000003 + number + 1;
}

static inline digest digest_of(const mr_shape *shape, mr_values *values)
{
    digest d = {0, 0};
    for (mr_bytes value; mr_values_next(values, &value);)
        digest_add(&d, value_number(shape, value));
    return d;
}

/* The same key by key. */
static inline mr_status look_at_values(mr_out *out, mr_bytes key, mr_values *values)
{
    work *w = work_of(out);
    digest d = digest_of(&w->from, values);
    atomic_fetch_add(&w->count, d.count);
    atomic_fetch_add(&w->sum, d.hash + key_number(&w->from, key));
    return MR_OK;
}

static inline bool keep(void *context, mr_pair pair)
{
    const work *w = context;
    uint64_t number = key_number(&w->from, pair.key) + value_number(&w->from, pair.value);
    return number % w->modulus == w->rest;
}

static inline uint64_t owner(void *context, mr_bytes key, uint64_t owners)
{
    const work *w = context;
    return key_number(&w->to, key) / 3 % owners;
}

/* By what is left of the value's number: many pairs are equal. */
static inline int compare(void *context, const mr_pair *a, const mr_pair *b)
{
    const work *w = context;
    uint64_t x = value_number(&w->from, a->value) % 7, y = value_number(&w->from, b->value) % 7;
    return x < y ? -3 : x > y;
}

static inline mr_status put_text(mr_out *out, mr_bytes key, const char *text)
{
    return mr_out_pair(out, key, mr_bytes_at(text, strlen(text)));
}

static inline mr_status reduce(mr_out *out, mr_bytes key, mr_values *values)
{
    const work *w = work_of(out);
    char text[64];
    room r;
    uint64_t sum = 0, count = 0;
    if (is(w->how, "hash") || is(w->how, "rekey")) {
        digest d = digest_of(&w->from, values);
        snprintf(text, sizeof text, "%llu %016llx", (unsigned long long)d.count,
                 (unsigned long long)d.hash);
        if (is(w->how, "rekey"))
            key = make_key(&w->to, key_number(&w->from, key) % 10, &r);
        return put_text(out, key, text);
    }
    if (is(w->how, "all")) {
        for (mr_bytes value; mr_values_next(values, &value);)
            MR_TRY(put(out, key_number(&w->from, key), value_number(&w->from, value) + ++count));
        return MR_OK;
    }
    /* Of two values at most the rest is left where it is. */
    for (mr_bytes value; (is(w->how, "sum") || count < 2) && mr_values_next(values, &value);
         count++)
        sum += value_number(&w->from, value);
    return put(out, key_number(&w->from, key), sum);
}

static inline mr_status cogroup(mr_out *out, mr_bytes key, mr_values *left, mr_values *right)
{
    const work *w = work_of(out);
    char text[128];
    digest a = digest_of(&w->from, left), b = digest_of(&w->other, right);
    snprintf(text, sizeof text, "%llu %016llx %llu %016llx", (unsigned long long)a.count,
             (unsigned long long)a.hash, (unsigned long long)b.count, (unsigned long long)b.hash);
    return put_text(out, key, text);
}

static inline mr_status join(mr_out *out, mr_bytes key, const mr_bytes *left, const mr_bytes *right)
{
    const work *w = work_of(out);
    char text[64] = "-", *end = text + 1;
    if (left)
        end = text + snprintf(text, sizeof text, "%llu",
                              (unsigned long long)value_number(&w->from, *left));
    if (right)
        snprintf(end, 32, " %llu", (unsigned long long)value_number(&w->other, *right));
    else
        strcpy(end, " -");
    return put_text(out, key, text);
}

#endif
