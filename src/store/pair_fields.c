/* store/pair_fields.c: an order's fields, and from one word of pairs to the next. */
#include "store/pair_fields.h"

static void add_field(mr_pair_fields *fields, mr_pair_field field)
{
    for (unsigned i = 0; i < fields->count; i++)
        if (fields->fields[i] == field)
            return;
    fields->fields[fields->count++] = field;
}

static void add_value(mr_pair_fields *fields, mr_value_type value)
{
    if (mr_value_is_number(value))
        add_field(fields, MR_FIELD_NUMBER);
    if (value == MR_VALUE_BYTES || value == MR_VALUE_F64)
        add_field(fields, MR_FIELD_VALUE);
}

mr_pair_fields mr_pair_fields_of(const mr_pair_order *order)
{
    mr_pair_fields fields = {.order = order};
    mr_ties ties = order->ties;
    add_field(&fields, mr_pair_first_field(order));
    if (ties == MR_TIES_NONE)
        return fields;
    if (ties == MR_TIES_KEY_VALUE || ties == MR_TIES_KEY_PLACE)
        add_field(&fields, MR_FIELD_KEY);
    if (order->layout.place && (ties == MR_TIES_PLACE || ties == MR_TIES_KEY_PLACE))
        add_field(&fields, MR_FIELD_PLACE);
    add_value(&fields, order->value);
    if (order->layout.place)
        add_field(&fields, MR_FIELD_PLACE);
    return fields;
}

static bool is_bytes(const mr_pair_fields *fields, mr_pair_step at)
{
    mr_pair_field field = fields->fields[at.field];
    return field == MR_FIELD_KEY || field == MR_FIELD_VALUE;
}

/* How many bytes of a field pairs have in common, in whole words. */
static size_t common_bytes(const mr_pair_fields *fields, const mr_pair_ref *refs, size_t count,
                           mr_pair_step at)
{
    mr_bytes first = mr_pair_step_bytes(fields, at, refs[0].pair);
    size_t common = first.size;
    for (size_t i = 1; i < count && common > at.depth; i++) {
        mr_bytes other = mr_pair_step_bytes(fields, at, refs[i].pair);
        size_t depth = at.depth;
        if (other.size < common)
            common = other.size;
        while (depth + 8 <= common && memcmp(first.data + depth, other.data + depth, 8) == 0)
            depth += 8;
        common = depth + 8 <= common ? depth : common;
    }
    return common & ~(size_t)7;
}

typedef struct extremes {
    size_t least, most;
} extremes;

static extremes field_sizes(const mr_pair_fields *fields, const mr_pair_ref *refs, size_t count,
                            mr_pair_step at)
{
    size_t size = mr_pair_step_bytes(fields, at, refs[0].pair).size;
    extremes sizes = {size, size};
    for (size_t i = 1; i < count && !fields->order->layout.stride; i++) {
        size = mr_pair_step_bytes(fields, at, refs[i].pair).size;
        sizes.least = size < sizes.least ? size : sizes.least;
        sizes.most = size > sizes.most ? size : sizes.most;
    }
    return sizes;
}

bool mr_pair_step_next(const mr_pair_fields *fields, const mr_pair_ref *refs, size_t count,
                       mr_pair_step *at, bool skip)
{
    if (is_bytes(fields, *at) && !at->size) {
        extremes sizes = field_sizes(fields, refs, count, *at);
        if (sizes.most > at->depth + 8) {
            size_t common = skip ? common_bytes(fields, refs, count, *at) : 0;
            at->depth = common > at->depth + 8 ? common : at->depth + 8;
            return true;
        }
        at->size = sizes.least != sizes.most;
        if (at->size)
            return true;
    }
    *at = (mr_pair_step){.field = at->field + 1};
    return at->field < fields->count;
}

bool mr_pair_step_is_last(const mr_pair_fields *fields, mr_pair_step at)
{
    const mr_pair_layout *layout = &fields->order->layout;
    if (at.field + 1 < fields->count)
        return false;
    if (!is_bytes(fields, at) || at.size)
        return true;
    bool key = fields->fields[at.field] == MR_FIELD_KEY;
    return layout->stride && at.depth + 8 >= (key ? layout->key_size : layout->value_size);
}

static uint64_t fill_bytes(mr_pair_ref *refs, size_t count, size_t at, uint64_t flip)
{
    uint64_t differ = 0;
    for (size_t i = 0; i < count; i++) {
        refs[i].prefix = mr_word_at(refs[i].pair + at) ^ flip;
        differ |= refs[i].prefix ^ refs[0].prefix;
    }
    return differ;
}

static uint64_t fill_numbers(mr_pair_ref *refs, size_t count, size_t at, uint64_t flip)
{
    uint64_t differ = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(&refs[i].prefix, refs[i].pair + at, sizeof refs[i].prefix);
        refs[i].prefix ^= flip;
        differ |= refs[i].prefix ^ refs[0].prefix;
    }
    return differ;
}

static uint64_t fill_any(const mr_pair_fields *fields, mr_pair_ref *refs, size_t count,
                         mr_pair_step at, uint64_t flip)
{
    uint64_t differ = 0;
    for (size_t i = 0; i < count; i++) {
        refs[i].prefix = mr_pair_step_word(fields, at, refs[i].pair) ^ flip;
        differ |= refs[i].prefix ^ refs[0].prefix;
    }
    return differ;
}

/* Where in pairs of a fixed layout the bytes of a step begin, and how many there are. */
typedef struct spot {
    size_t at, size;
} spot;

static spot find_spot(const mr_pair_fields *fields, mr_pair_step at)
{
    const mr_pair_layout *layout = &fields->order->layout;
    mr_pair_field field = fields->fields[at.field];
    if (field == MR_FIELD_PLACE)
        return (spot){0, 8};
    if (field == MR_FIELD_KEY)
        return (spot){layout->place + at.depth, layout->key_size - at.depth};
    return (spot){layout->place + layout->key_size + at.depth, layout->value_size - at.depth};
}

/* Whole words at the same place of all pairs are most of what there is: they have loops of their
 * own. */
bool mr_pair_step_fill(const mr_pair_fields *fields, mr_pair_ref *refs, size_t count,
                       mr_pair_step at)
{
    const mr_pair_order *order = fields->order;
    uint64_t flip = mr_pair_step_flip(fields, at);
    bool number = fields->fields[at.field] == MR_FIELD_NUMBER;
    spot word = find_spot(fields, at);
    if (!order->layout.stride || word.size < 8 || (number && order->value == MR_VALUE_F64))
        return fill_any(fields, refs, count, at, flip) != 0;
    if (is_bytes(fields, at))
        return fill_bytes(refs, count, word.at, flip) != 0;
    if (number && order->value == MR_VALUE_I64)
        flip ^= UINT64_C(1) << 63;
    return fill_numbers(refs, count, word.at, flip) != 0;
}
