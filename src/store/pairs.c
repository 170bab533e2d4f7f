/* store/pairs.c: which layout pairs of a shape have, and putting pairs there. */
#include "store/pairs.h"

size_t mr_shape_key_size(const mr_shape *shape)
{
    switch (shape->key) {
    case MR_KEY_BYTES:
        return shape->key_size;
    case MR_KEY_TUPLE:
        return shape->tuple && !strchr(shape->tuple, 'b') ? 8 * strlen(shape->tuple) : 0;
    default:
        return 8;
    }
}

size_t mr_shape_value_size(const mr_shape *shape)
{
    switch (shape->value) {
    case MR_VALUE_BYTES:
        return shape->value_size;
    case MR_VALUE_NONE:
        return 0;
    default:
        return 8;
    }
}

bool mr_shape_is_fixed(const mr_shape *shape)
{
    return mr_shape_key_size(shape) > 0 &&
           (shape->value == MR_VALUE_NONE || mr_shape_value_size(shape) > 0);
}

mr_pair_layout mr_pair_layout_of(const mr_shape *shape, bool places)
{
    mr_pair_layout layout = {.place = places ? 8 : 0};
    if (mr_shape_is_fixed(shape)) {
        layout.key_size = (uint32_t)mr_shape_key_size(shape);
        layout.value_size = (uint32_t)mr_shape_value_size(shape);
        layout.stride = layout.place + layout.key_size + layout.value_size;
    }
    return layout;
}

/* Most keys and values are numbers: 8 bytes are one move, and no call. */
static unsigned char *put(unsigned char *at, mr_bytes bytes)
{
    if (bytes.size == 8)
        memcpy(at, bytes.data, 8);
    else if (bytes.size)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

/* Zeros behind them up to a multiple of 8: pairs that are the same have the same bytes. */
static unsigned char *put_padded(unsigned char *at, mr_bytes bytes)
{
    unsigned char *end = at + mr_round8(bytes.size);
    if (bytes.size % 8)
        memset(end - 8, 0, 8);
    put(at, bytes);
    return end;
}

void mr_pair_put(const mr_pair_layout *layout, unsigned char *at, mr_bytes key, mr_bytes value,
                 uint64_t place)
{
    const uint32_t sizes[2] = {(uint32_t)key.size, (uint32_t)value.size};
    if (!layout->stride) {
        memcpy(at, sizes, sizeof sizes);
        at += sizeof sizes;
    }
    if (layout->place) {
        memcpy(at, &place, sizeof place);
        at += sizeof place;
    }
    if (layout->stride)
        put(put(at, key), value);
    else
        put_padded(put_padded(at, key), value);
}
