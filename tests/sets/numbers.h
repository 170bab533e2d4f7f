/*
 * sets/numbers.h: pairs made of numbers, in all the shapes that there are, and the numbers that
 * pairs were made of. operators.py has the same in python3, so what is said here is said there.
 */
#ifndef MR_TESTS_SETS_NUMBERS_H
#define MR_TESTS_SETS_NUMBERS_H

#include <mapred.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Odd, so that it can be undone by another multiplication: numbers whose order is all mixed up. */
#define MIXED   UINT64_C(0x9e3779b97f4a7c15)
#define UNMIXED UINT64_C(0xf1de83e19937733d)

#define FIXED_KEY   10 /* bytes of a `fixed` key */
#define FIXED_VALUE 6

typedef struct room {
    char bytes[64];
    mr_image image;
    uint64_t word;
    mr_tuple tuple;
} room;

static inline mr_bytes key_of_image(room *r, mr_image image)
{
    r->image = image;
    return MR_BYTES(r->image);
}

static inline double key_as_f64(uint64_t number)
{
    if (number == 7)
        return NAN;
    return number == 8 ? INFINITY : ((double)number - 1000) / 4;
}

static inline mr_bytes key_as_tuple(room *r, const char *kinds, uint64_t number)
{
    mr_tuple_begin(&r->tuple);
    if (kinds[0] == 'b') {
        int size = snprintf(r->bytes, sizeof r->bytes, "a0b%llu", (unsigned long long)number / 16);
        r->bytes[1] = '\0';
        mr_tuple_add_bytes(&r->tuple, mr_bytes_at(r->bytes, (size_t)size));
        mr_tuple_add_i64(&r->tuple, (int64_t)(number % 16) - 8);
    } else {
        mr_tuple_add_u64(&r->tuple, number / 16);
        mr_tuple_add_f64(&r->tuple, ((double)(number % 16) - 8) / 2);
    }
    return mr_tuple_key(&r->tuple);
}

/* Valid until the room is used again. */
static inline mr_bytes make_key(const mr_shape *shape, uint64_t number, room *r)
{
    int size;
    switch (shape->key) {
    case MR_KEY_I64:
        return key_of_image(r, mr_image_of_i64((int64_t)number - 1000));
    case MR_KEY_U64:
        return key_of_image(r, mr_image_of_u64(number * MIXED));
    case MR_KEY_F64:
        return key_of_image(r, mr_image_of_f64(key_as_f64(number)));
    case MR_KEY_TUPLE:
        return key_as_tuple(r, shape->tuple, number);
    default:
        size = snprintf(r->bytes, sizeof r->bytes, shape->key_size ? "%010llu" : "k%llu",
                        (unsigned long long)number);
        if (shape->key_size)
            return mr_bytes_at(r->bytes, FIXED_KEY);
        memset(r->bytes + size, 'x', number % 23);
        return mr_bytes_at(r->bytes, (size_t)size + number % 23);
    }
}

static inline uint64_t number_of_tuple(const char *kinds, mr_bytes key)
{
    char bytes[64];
    mr_bytes field = {NULL, 0};
    int64_t low = 0;
    uint64_t high = 0;
    double half = 0;
    if (kinds[0] == 'b') {
        if (!mr_tuple_next_bytes(&key, bytes, &field) || !mr_tuple_next_i64(&key, &low))
            abort();
        bytes[field.size] = '\0';
        return strtoull(bytes + 3, NULL, 10) * 16 + (uint64_t)(low + 8);
    }
    if (!mr_tuple_next_u64(&key, &high) || !mr_tuple_next_f64(&key, &half))
        abort();
    return high * 16 + (uint64_t)(half * 2 + 8);
}

static inline uint64_t number_of_text(mr_bytes text)
{
    char copy[32] = "";
    size_t skip = text.size > 0 && (text.data[0] == 'k' || text.data[0] == 'v');
    size_t size = text.size - skip < 31 ? text.size - skip : 31;
    memcpy(copy, text.data + skip, size);
    return strtoull(copy, NULL, 10);
}

static inline uint64_t key_number(const mr_shape *shape, mr_bytes key)
{
    double f64;
    switch (shape->key) {
    case MR_KEY_I64:
        return (uint64_t)(mr_key_i64(key) + 1000);
    case MR_KEY_U64:
        return mr_key_u64(key) * UNMIXED;
    case MR_KEY_F64:
        f64 = mr_key_f64(key);
        return isnan(f64) ? 7 : isinf(f64) ? 8 : (uint64_t)(f64 * 4 + 1000);
    case MR_KEY_TUPLE:
        return number_of_tuple(shape->tuple, key);
    default:
        return number_of_text(key);
    }
}

/* Some are nothing, some have what tsv has to escape. */
static inline mr_bytes value_as_bytes(uint64_t number, room *r)
{
    static const char fill[] = ".\t\n\\,\"";
    if (number == 0)
        return mr_bytes_at(r->bytes, 0);
    int size = snprintf(r->bytes, sizeof r->bytes, "v%llu", (unsigned long long)number);
    memset(r->bytes + size, fill[number % 6], number % 31);
    return mr_bytes_at(r->bytes, (size_t)size + number % 31);
}

static inline mr_bytes make_value(const mr_shape *shape, uint64_t number, room *r)
{
    double f64 = number == 5 ? NAN : number == 6 ? -0.0 : (double)number / 8 - 3;
    switch (shape->value) {
    case MR_VALUE_I64:
        r->word = number - 500;
        return MR_BYTES(r->word);
    case MR_VALUE_U64:
        r->word = number * MIXED;
        return MR_BYTES(r->word);
    case MR_VALUE_F64:
        memcpy(&r->word, &f64, 8);
        return MR_BYTES(r->word);
    case MR_VALUE_NONE:
        return mr_bytes_at(r->bytes, 0);
    default:
        if (!shape->value_size)
            return value_as_bytes(number, r);
        snprintf(r->bytes, sizeof r->bytes, "%06llu", (unsigned long long)number);
        return mr_bytes_at(r->bytes, FIXED_VALUE);
    }
}

static inline uint64_t value_number(const mr_shape *shape, mr_bytes value)
{
    double f64;
    switch (shape->value) {
    case MR_VALUE_I64:
        return (uint64_t)(mr_value_i64(value) + 500);
    case MR_VALUE_U64:
        return mr_value_u64(value) * UNMIXED;
    case MR_VALUE_F64:
        f64 = mr_value_f64(value);
        return isnan(f64) ? 5 : f64 == 0 && signbit(f64) ? 6 : (uint64_t)((f64 + 3) * 8);
    case MR_VALUE_NONE:
        return 0;
    default:
        return number_of_text(value);
    }
}

/* The shape that two words stand for. */
static inline mr_shape shape_of(const char *key, const char *value)
{
    mr_shape shape = {.key = MR_KEY_BYTES, .value = MR_VALUE_BYTES};
    static const char *const keys[] = {
        [MR_KEY_I64] = "i64", [MR_KEY_U64] = "u64", [MR_KEY_F64] = "f64", [MR_KEY_TUPLE] = "tuple"};
    static const char *const values[] = {[MR_VALUE_I64] = "i64",
                                         [MR_VALUE_U64] = "u64",
                                         [MR_VALUE_F64] = "f64",
                                         [MR_VALUE_NONE] = "none"};
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i] && strcmp(keys[i], key) == 0)
            shape.key = (mr_key)i;
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
        if (values[i] && strcmp(values[i], value) == 0)
            shape.value = (mr_value_type)i;
    if (shape.key == MR_KEY_TUPLE)
        shape.tuple = "bi";
    if (strcmp(key, "pair") == 0)
        shape = (mr_shape){.key = MR_KEY_TUPLE, .tuple = "uf", .value = shape.value};
    if (strcmp(key, "fixed") == 0)
        shape.key_size = FIXED_KEY;
    if (strcmp(value, "fixed") == 0)
        shape.value_size = FIXED_VALUE;
    return shape;
}

/* The numbers of pair i of n. */
typedef struct numbers {
    const char *data; /* how they are distributed */
    uint64_t n, seed;
    uint64_t keys, values; /* different ones, about */
} numbers;

static inline uint64_t scramble(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline void numbers_of(const numbers *from, uint64_t i, uint64_t *key, uint64_t *value)
{
    uint64_t random = scramble((from->seed + i * 2) * MIXED), d = from->keys;
    *value = scramble((from->seed + i * 2 + 1) * MIXED) % from->values;
    if (strcmp(from->data, "equal") == 0)
        *key = 11;
    else if (strcmp(from->data, "two") == 0)
        *key = random & 1;
    else if (strcmp(from->data, "up") == 0)
        *key = i * d / from->n;
    else if (strcmp(from->data, "down") == 0)
        *key = (from->n - 1 - i) * d / from->n;
    else if (strcmp(from->data, "zipf") == 0)
        *key = d / (1 + random % d) - 1; /* about every other one is 0 */
    else
        *key = random % d;
}

#endif
