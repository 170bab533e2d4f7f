/*
 * mapred/pair.h: keys and values of sets: what they may be, how numbers become keys, and the
 * iterators that kernels get them from.
 *
 * Everywhere in the library a key is bytes whose order is the order of what they stand for. So a
 * number that becomes a key is written most significant byte first, and a tuple one field after
 * the other. The functions here go from one to the other and are local and thread-safe.
 */
#ifndef MAPRED_PAIR_H
#define MAPRED_PAIR_H

#include <mapred/bytes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What keys are. It decides how they are ordered and shown. */
typedef enum mr_key {
    MR_KEY_BYTES = 0,
    MR_KEY_I64 = 1,
    MR_KEY_DENSE = 2, /* only for folds: 0 to dense_count - 1, combined by MPI collectives */
    MR_KEY_U64 = 3,
    MR_KEY_F64 = 4,  /* -0 is 0, and all NaN are one, behind the numbers */
    MR_KEY_TUPLE = 5 /* several fields: see mr_tuple below */
} mr_key;

/* What values are. Numbers are 8 bytes as the machine has them. */
typedef enum mr_value_type {
    MR_VALUE_BYTES = 0,
    MR_VALUE_I64 = 1,
    MR_VALUE_U64 = 2,
    MR_VALUE_F64 = 3,
    MR_VALUE_NONE = 4
} mr_value_type;

/*
 * What the pairs of a set look like. Sets whose keys and values all have the same size keep nothing
 * but their bytes: 16 a pair for two numbers.
 */
typedef struct mr_shape {
    mr_key key;
    uint32_t key_size; /* of every key of bytes; 0: each has its own */
    mr_value_type value;
    uint32_t value_size; /* of every value of bytes; 0: each has its own */
    const char *tuple;   /* for MR_KEY_TUPLE: a letter a field, of b i u f: bytes, i64, u64, f64 */
} mr_shape;

typedef struct mr_pair {
    mr_bytes key, value;
} mr_pair;

/* Local. The bytes of a variable: `MR_BYTES(count)` is a value, or a key of fixed size. */
#define MR_BYTES(variable) mr_bytes_at(&(variable), sizeof(variable))

static inline mr_bytes mr_bytes_at(const void *data, size_t size)
{
    mr_bytes bytes = {(const char *)data, size};
    return bytes;
}

/* Local. A value that is a number. */
static inline int64_t mr_value_i64(mr_bytes value)
{
    int64_t number;
    memcpy(&number, value.data, sizeof number);
    return number;
}

static inline uint64_t mr_value_u64(mr_bytes value)
{
    uint64_t number;
    memcpy(&number, value.data, sizeof number);
    return number;
}

static inline double mr_value_f64(mr_bytes value)
{
    double number;
    memcpy(&number, value.data, sizeof number);
    return number;
}

/* A number on its way into a key: bytes in the order of numbers. */
typedef struct mr_image {
    unsigned char bytes[8];
} mr_image;

static inline mr_image mr_image_of_u64(uint64_t number)
{
    mr_image image;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    number = __builtin_bswap64(number);
#endif
    memcpy(image.bytes, &number, 8);
    return image;
}

static inline mr_image mr_image_of_i64(int64_t number)
{
    return mr_image_of_u64((uint64_t)number ^ UINT64_C(1) << 63);
}

static inline mr_image mr_image_of_f64(double number)
{
    uint64_t bits, sign = UINT64_C(1) << 63;
    if (number != number)
        return mr_image_of_u64(~UINT64_C(0));
    number += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &number, 8);
    return mr_image_of_u64(bits & sign ? ~bits : bits | sign);
}

/* Local. A key that is a number. */
static inline uint64_t mr_key_u64(mr_bytes key)
{
    uint64_t number;
    memcpy(&number, key.data, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    number = __builtin_bswap64(number);
#endif
    return number;
}

static inline int64_t mr_key_i64(mr_bytes key)
{
    return (int64_t)(mr_key_u64(key) ^ UINT64_C(1) << 63);
}

static inline double mr_key_f64(mr_bytes key)
{
    uint64_t bits = mr_key_u64(key), sign = UINT64_C(1) << 63;
    double number;
    bits = bits & sign ? bits & ~sign : ~bits;
    memcpy(&number, &bits, 8);
    return number;
}

/*
 * A tuple: fields one after the other, in whose order tuples stand. Bytes end with two zeros, and a
 * zero among them is followed by a one. Grows on the heap where `room` is too small for it: end
 * with mr_tuple_free. `failed` is set when memory ran out.
 */
typedef struct mr_tuple {
    char *data;
    size_t size, capacity;
    bool failed;
    char room[104];
} mr_tuple;

static inline void mr_tuple_begin(mr_tuple *tuple)
{
    tuple->data = tuple->room;
    tuple->size = 0;
    tuple->capacity = sizeof tuple->room;
    tuple->failed = false;
}

MR_API void mr_tuple_free(mr_tuple *tuple);
MR_API void mr_tuple_add_bytes(mr_tuple *tuple, mr_bytes field);
MR_API void mr_tuple_add_i64(mr_tuple *tuple, int64_t field);
MR_API void mr_tuple_add_u64(mr_tuple *tuple, uint64_t field);
MR_API void mr_tuple_add_f64(mr_tuple *tuple, double field);

static inline mr_bytes mr_tuple_key(const mr_tuple *tuple)
{
    return mr_bytes_at(tuple->data, tuple->size);
}

/* Local. Takes a field off the front of a tuple's bytes; false where there is none of that kind.
 * Bytes are put into `room`, which must hold all that is left of the tuple. */
MR_API bool mr_tuple_next_bytes(mr_bytes *rest, char *room, mr_bytes *field);
MR_API bool mr_tuple_next_i64(mr_bytes *rest, int64_t *field);
MR_API bool mr_tuple_next_u64(mr_bytes *rest, uint64_t *field);
MR_API bool mr_tuple_next_f64(mr_bytes *rest, double *field);

/*
 * How a pair lies in memory. Where all keys have one size and all values too: the place, if the set
 * keeps places, the key, the value, and nothing else. Otherwise: u32 key size, u32 value size, the
 * place, if any, the key and the value, each padded to a multiple of 8.
 */
typedef struct mr_pair_layout {
    uint32_t key_size, value_size; /* of all pairs, where `stride` is not 0 */
    uint32_t stride;               /* from one pair to the next; 0: it is in the pair */
    uint32_t place;                /* 8 where pairs have a place in the input, else 0 */
} mr_pair_layout;

/* Local. The pair at `at`; returns where the next one lies. */
static inline const unsigned char *mr_pair_read(const mr_pair_layout *layout,
                                                const unsigned char *at, mr_pair *pair)
{
    if (__builtin_expect(layout->stride != 0, 1)) {
        const unsigned char *key = at + layout->place;
        pair->key = mr_bytes_at(key, layout->key_size);
        pair->value = mr_bytes_at(key + layout->key_size, layout->value_size);
        return at + layout->stride;
    }
    uint32_t sizes[2];
    memcpy(sizes, at, sizeof sizes);
    const unsigned char *key = at + sizeof sizes + layout->place;
    const unsigned char *value = key + (((size_t)sizes[0] + 7) & ~(size_t)7);
    pair->key = mr_bytes_at(key, sizes[0]);
    pair->value = mr_bytes_at(value, sizes[1]);
    return value + (((size_t)sizes[1] + 7) & ~(size_t)7);
}

/* Pairs one after the other: what a kernel over a set is called with. Valid until it returns. */
typedef struct mr_pairs {
    const unsigned char *at, *end;
    const unsigned char *pair; /* the current one */
    const mr_pair_layout *layout;
} mr_pairs;

/* Local. The next pair. */
static inline bool mr_pairs_next(mr_pairs *pairs, mr_pair *pair)
{
    if (pairs->at >= pairs->end)
        return false;
    pairs->pair = pairs->at;
    pairs->at = mr_pair_read(pairs->layout, pairs->at, pair);
    return true;
}

/* A pair with the first 64 bits of what it is ordered by. */
typedef struct mr_pair_ref {
    uint64_t prefix;
    const unsigned char *pair;
} mr_pair_ref;

/*
 * The values of one key, one after the other: what a reduce kernel is called with. They may be more
 * than memory holds; a value is valid until the next one is asked for.
 */
typedef struct mr_values {
    const mr_pair_ref *at, *end; /* pairs that are in memory */
    const mr_pair_layout *layout;
    void *self;
} mr_values;

/* Local. More of them, from disk or memory; false at the end. Use mr_values_next. */
MR_API bool mr_values_more(mr_values *values);

/* Local. The next value. */
static inline bool mr_values_next(mr_values *values, mr_bytes *value)
{
    if (__builtin_expect(values->at == values->end, 0) && !mr_values_more(values))
        return false;
    mr_pair pair;
    mr_pair_read(values->layout, values->at++->pair, &pair);
    *value = pair.value;
    return true;
}

#ifdef __cplusplus
}
#endif

#endif
