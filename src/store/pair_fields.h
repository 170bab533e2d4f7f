/*
 * store/pair_fields.h: an order of pairs as a series of fields, and fields as words of 64 bits: two
 * pairs stand as their first words that differ do. What sorting (pair_sort.c) and searching
 * (pair_search.c) go by.
 */
#ifndef MR_STORE_PAIR_FIELDS_H
#define MR_STORE_PAIR_FIELDS_H

#include "store/pair_order.h"

typedef enum mr_pair_field {
    MR_FIELD_KEY,
    MR_FIELD_NUMBER, /* a value as a number: one word */
    MR_FIELD_VALUE,  /* a value as bytes */
    MR_FIELD_PLACE,
    MR_FIELD_COMPARE /* the user's function: no words */
} mr_pair_field;

/* The first is what `by` says, and may go downwards; the others break ties. */
typedef struct mr_pair_fields {
    const mr_pair_order *order; /* borrowed */
    unsigned count;
    mr_pair_field fields[5];
} mr_pair_fields;

/* Which word of pairs is looked at. */
typedef struct mr_pair_step {
    unsigned field; /* of the order's fields */
    size_t depth;   /* into bytes; a multiple of 8 */
    bool size;      /* how many bytes there are: they were the same but for zeros at their end */
} mr_pair_step;

mr_pair_fields mr_pair_fields_of(const mr_pair_order *order);

/* What may tell apart pairs that have the same word; false when nothing can. `skip` also looks for
 * the words that they all have in common. */
bool mr_pair_step_next(const mr_pair_fields *fields, const mr_pair_ref *refs, size_t count,
                       mr_pair_step *at, bool skip);
/* Gives refs the words of a step as prefixes; false when they are all the same. */
bool mr_pair_step_fill(const mr_pair_fields *fields, mr_pair_ref *refs, size_t count,
                       mr_pair_step at);
/* Whether nothing comes behind this word. */
bool mr_pair_step_is_last(const mr_pair_fields *fields, mr_pair_step at);

static inline bool mr_value_is_number(mr_value_type value)
{
    return value == MR_VALUE_I64 || value == MR_VALUE_U64 || value == MR_VALUE_F64;
}

/* What an order looks at first. */
static inline mr_pair_field mr_pair_first_field(const mr_pair_order *order)
{
    if (order->by == MR_BY_COMPARE)
        return MR_FIELD_COMPARE;
    if (order->by == MR_BY_KEY)
        return MR_FIELD_KEY;
    return mr_value_is_number(order->value) ? MR_FIELD_NUMBER : MR_FIELD_VALUE;
}

static inline int mr_words_compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static inline uint64_t mr_word_at(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint32_t mr_half_word_at(const unsigned char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* Up to 8 bytes as the high ones of a word, without reading any other. */
static inline uint64_t mr_word_of(const unsigned char *at, size_t size)
{
    if (size >= 8)
        return mr_word_at(at);
    if (size >= 4)
        return (uint64_t)mr_half_word_at(at) << 32 | (uint64_t)mr_half_word_at(at + size - 4)
                                                         << (64 - 8 * size);
    if (size == 0)
        return 0;
    return (uint64_t)at[0] << 56 | (uint64_t)at[size / 2] << (56 - 8 * (size / 2)) |
           (uint64_t)at[size - 1] << (64 - 8 * size);
}

/* The word of bytes at a depth, zeros behind their end. */
static inline uint64_t mr_bytes_word(mr_bytes bytes, size_t depth)
{
    if (depth >= bytes.size)
        return 0;
    return mr_word_of((const unsigned char *)bytes.data + depth, bytes.size - depth);
}

/* A value as a number, as a word of the same order. */
static inline uint64_t mr_value_image(mr_value_type value, mr_bytes bytes)
{
    mr_image image;
    if (value == MR_VALUE_F64)
        image = mr_image_of_f64(mr_value_f64(bytes));
    else if (value == MR_VALUE_I64)
        image = mr_image_of_i64(mr_value_i64(bytes));
    else
        image = mr_image_of_u64(mr_value_u64(bytes));
    return mr_word_at(image.bytes);
}

/* The word of a field; `depth` is into bytes. */
static inline uint64_t mr_pair_word(const mr_pair_order *order, mr_pair_field field,
                                    const unsigned char *at, size_t depth)
{
    mr_pair pair;
    if (field == MR_FIELD_PLACE)
        return mr_pair_place(&order->layout, at);
    mr_pair_read(&order->layout, at, &pair);
    if (field == MR_FIELD_NUMBER)
        return mr_value_image(order->value, pair.value);
    return mr_bytes_word(field == MR_FIELD_KEY ? pair.key : pair.value, depth);
}

/* What words are turned over with to go downwards. */
static inline uint64_t mr_pair_step_flip(const mr_pair_fields *fields, mr_pair_step at)
{
    return fields->order->descending && at.field == 0 ? ~UINT64_C(0) : 0;
}

/* Key or value, whichever a step is in. */
static inline mr_bytes mr_pair_step_bytes(const mr_pair_fields *fields, mr_pair_step at,
                                          const unsigned char *pair)
{
    mr_pair read;
    mr_pair_read(&fields->order->layout, pair, &read);
    return fields->fields[at.field] == MR_FIELD_KEY ? read.key : read.value;
}

/* The word of a step, upwards. */
static inline uint64_t mr_pair_step_word(const mr_pair_fields *fields, mr_pair_step at,
                                         const unsigned char *pair)
{
    if (at.size)
        return mr_pair_step_bytes(fields, at, pair).size;
    return mr_pair_word(fields->order, fields->fields[at.field], pair, at.depth);
}

#endif
