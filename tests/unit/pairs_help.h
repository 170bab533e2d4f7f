/* unit/pairs_help.h: pairs of random shapes for tests, and what their orders mean, said plainly. */
#ifndef MR_UNIT_PAIRS_HELP_H
#define MR_UNIT_PAIRS_HELP_H

#include "random.h"
#include "store/pair_order.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdlib.h>

/* How the bytes of keys and values are made. */
typedef enum taste {
    TASTE_RANDOM,
    TASTE_SHARED, /* the first 40 bytes are the same, or what there is of them */
    TASTE_ZEROS,  /* nothing but zeros */
    TASTE_NESTED, /* each the beginning of the longer ones */
    TASTE_FEW,    /* of two letters */
    TASTE_TAIL,   /* the same, then zeros, then maybe a byte more */
    TASTE_SAME,   /* one for all */
    TASTES
} taste;

typedef struct pile {
    mr_shape shape;
    mr_pair_layout layout;
    unsigned char *bytes;
    size_t size, count;
    const unsigned char **pairs;
} pile;

#define PILE_LONGEST 400

static inline mr_bytes taste_bytes(uint64_t *random, taste how, size_t fixed, size_t least,
                                   char *room)
{
    size_t shared = how == TASTE_SHARED ? 40 : 0;
    size_t size = least + shared + random_below(random, how == TASTE_RANDOM ? 12 : 24);
    if (how == TASTE_NESTED || how == TASTE_ZEROS)
        size = least + random_below(random, PILE_LONGEST - least);
    if (how == TASTE_SAME)
        size = least + 21;
    if (how == TASTE_TAIL)
        size = least + 20 + random_below(random, 40);
    if (how == TASTE_SHARED && random_below(random, 30) == 0)
        size = random_below(random, shared);
    if (fixed)
        size = fixed;
    memset(room, how == TASTE_ZEROS ? 0 : 'a', size);
    for (size_t i = 20; i < size && how == TASTE_TAIL; i++)
        room[i] = (char)(i + 1 == size && random_below(random, 3) == 0);
    for (size_t i = shared; i < size; i++) {
        if (how == TASTE_RANDOM || how == TASTE_SHARED)
            room[i] = (char)random_below(random, random_below(random, 2) ? 256 : 2);
        if (how == TASTE_FEW)
            room[i] = (char)('a' + random_below(random, 2));
    }
    return mr_bytes_at(room, size);
}

/* Numbers that come again, zeros of both signs and things that are no number among them. */
static inline mr_bytes taste_number(uint64_t *random, mr_value_type value, char *room)
{
    static const double odd[] = {0.0, -0.0, NAN, -NAN, INFINITY, -INFINITY, 1e-310, -3.5};
    uint64_t bits = random_below(random, 40) - 20;
    if (random_below(random, 4) == 0)
        bits = random_next(random);
    if (value == MR_VALUE_F64 && random_below(random, 2))
        memcpy(&bits, &odd[random_below(random, 8)], 8);
    memcpy(room, &bits, 8);
    return mr_bytes_at(room, 8);
}

static inline pile pile_make(uint64_t *random, mr_shape shape, bool places, taste keys,
                             taste values, size_t count)
{
    pile made = {.shape = shape, .layout = mr_pair_layout_of(&shape, places), .count = count};
    made.bytes = malloc(count * (2 * PILE_LONGEST + 200) + 1);
    made.pairs = malloc((count + 1) * sizeof *made.pairs);
    for (size_t i = 0; i < count; i++) {
        char key_room[PILE_LONGEST + 100], value_room[PILE_LONGEST + 100];
        mr_bytes value = {value_room, 0};
        mr_bytes key = taste_bytes(random, keys, mr_shape_key_size(&shape), 0, key_room);
        if (shape.value == MR_VALUE_BYTES)
            value = taste_bytes(random, values, shape.value_size, 0, value_room);
        else if (shape.value != MR_VALUE_NONE)
            value = taste_number(random, shape.value, value_room);
        made.pairs[i] = made.bytes + made.size;
        mr_pair_put(&made.layout, made.bytes + made.size, key, value, random_below(random, 1000));
        made.size += mr_pair_size(&made.layout, key, value);
    }
    /* As large as the pairs are, so that a look behind them is seen. */
    unsigned char *fit = malloc(made.size + 1);
    memcpy(fit + 1, made.bytes, made.size);
    for (size_t i = 0; i < count; i++)
        made.pairs[i] = fit + 1 + (made.pairs[i] - made.bytes);
    free(made.bytes);
    made.bytes = fit;
    return made;
}

static inline void pile_free(pile *made)
{
    free(made->bytes);
    free(made->pairs);
}

static inline int naive_numbers(mr_value_type value, mr_bytes a, mr_bytes b)
{
    if (value == MR_VALUE_F64) {
        double x = mr_value_f64(a), y = mr_value_f64(b);
        if (isnan(x) || isnan(y))
            return !!isnan(x) - !!isnan(y);
        return (x > y) - (x < y);
    }
    if (value == MR_VALUE_I64)
        return (mr_value_i64(a) > mr_value_i64(b)) - (mr_value_i64(a) < mr_value_i64(b));
    if (value == MR_VALUE_U64)
        return (mr_value_u64(a) > mr_value_u64(b)) - (mr_value_u64(a) < mr_value_u64(b));
    return mr_bytes_compare(a, b);
}

static inline int naive_values(const mr_pair_order *order, const mr_placed *a, const mr_placed *b)
{
    int found = naive_numbers(order->value, a->pair.value, b->pair.value);
    return found ? found : mr_bytes_compare(a->pair.value, b->pair.value);
}

static inline int naive_ties(const mr_pair_order *order, const mr_placed *a, const mr_placed *b)
{
    int keys = mr_bytes_compare(a->pair.key, b->pair.key);
    int values = naive_values(order, a, b);
    int places = (a->place > b->place) - (a->place < b->place);
    switch (order->ties) {
    case MR_TIES_NONE:
        return 0;
    case MR_TIES_VALUE:
        return values ? values : places;
    case MR_TIES_PLACE:
        return places ? places : values;
    case MR_TIES_KEY_VALUE:
        return keys ? keys : values ? values : places;
    default:
        return keys ? keys : places ? places : values;
    }
}

static inline int naive_placed(const mr_pair_order *order, const mr_placed *x, const mr_placed *y)
{
    int found;
    if (order->by == MR_BY_KEY)
        found = mr_bytes_compare(x->pair.key, y->pair.key);
    else if (order->by == MR_BY_VALUE)
        found = naive_numbers(order->value, x->pair.value, y->pair.value);
    else
        found = order->compare(order->context, &x->pair, &y->pair);
    if (order->descending)
        found = found < 0 ? 1 : -!!found;
    return found ? found : naive_ties(order, x, y);
}

static inline int naive_compare(const mr_pair_order *order, const unsigned char *a,
                                const unsigned char *b)
{
    mr_placed x = mr_placed_read(&order->layout, a), y = mr_placed_read(&order->layout, b);
    return naive_placed(order, &x, &y);
}

static inline int naive_refs(const void *a, const void *b, void *order)
{
    return naive_compare(order, ((const mr_pair_ref *)a)->pair, ((const mr_pair_ref *)b)->pair);
}

/* A user's function: by the size of the key, and so that most pairs are equal. */
static inline int compare_sizes(void *context, const mr_pair *a, const mr_pair *b)
{
    size_t steps = *(const size_t *)context, x = a->key.size / steps, y = b->key.size / steps;
    return x == y ? 0 : x < y ? INT32_MIN : 7;
}

/* The next of all orders that pairs of a shape can have; false after the last. */
static inline bool next_order(mr_pair_order *order, unsigned *turn)
{
    static size_t steps = 5;
    unsigned way = (*turn)++;
    order->ties = (mr_ties)(way % 5);
    order->descending = way / 5 % 2;
    order->by = (mr_sort_by)(way / 10 % 3);
    order->compare = compare_sizes;
    order->context = &steps;
    return way < 30;
}

/* Shapes whose pairs lie in all the ways that there are. */
static inline mr_shape some_shape(uint64_t *random)
{
    mr_shape shape = {.key = random_below(random, 4) ? MR_KEY_BYTES : MR_KEY_U64};
    shape.value = (mr_value_type)random_below(random, 5);
    if (random_below(random, 2))
        shape.value = MR_VALUE_BYTES;
    static const uint32_t sizes[] = {1, 3, 4, 7, 8, 9, 15, 17, 30};
    if (shape.key == MR_KEY_BYTES && random_below(random, 2))
        shape.key_size = sizes[random_below(random, 9)];
    if (shape.value == MR_VALUE_BYTES && random_below(random, 2))
        shape.value_size = sizes[random_below(random, 9)];
    return shape;
}

#endif
