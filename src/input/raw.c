/*
 * input/raw.c: numbers of files into elements, a few hundred at a time: their bytes are put in
 * order, they become the widest of their kind, and then what is wanted.
 */
#include "input/raw.h"

#include <math.h>

enum { BATCH = 256 };

/* The widest of each kind. Complex numbers take two. */
typedef union wide {
    int64_t whole[BATCH];
    double real[BATCH * 2];
} wide;

mr_element mr_raw_element(mr_raw raw)
{
    switch (raw.kind) {
    case MR_RAW_SIGNED:
        return raw.size == 8 ? MR_I64 : MR_I32;
    case MR_RAW_UNSIGNED:
        return raw.size >= 4 ? MR_I64 : MR_I32;
    case MR_RAW_FLOAT:
        return raw.size == 8 ? MR_F64 : MR_F32;
    case MR_RAW_COMPLEX:
        return MR_C128;
    case MR_RAW_NONE:
        break;
    }
    return (mr_element)0;
}

bool mr_raw_is(mr_raw raw, mr_element element)
{
    static const mr_raw_kind kinds[] = {[MR_F64] = MR_RAW_FLOAT,
                                        [MR_F32] = MR_RAW_FLOAT,
                                        [MR_I64] = MR_RAW_SIGNED,
                                        [MR_I32] = MR_RAW_SIGNED,
                                        [MR_C128] = MR_RAW_COMPLEX};
    return !raw.swapped && raw.kind == kinds[element] && raw.size == mr_element_size(element);
}

static void swap_each(unsigned char *bytes, size_t count, unsigned size)
{
    for (size_t i = 0; i < count; i++, bytes += size)
        for (unsigned low = 0, high = size - 1; low < high; low++, high--) {
            unsigned char byte = bytes[low];
            bytes[low] = bytes[high];
            bytes[high] = byte;
        }
}

static double half_to_double(uint16_t half)
{
    int exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
    double size;
    if (exponent == 0x1f)
        size = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        size = ldexp(fraction, -24);
    else
        size = ldexp(fraction + 0x400, exponent - 25);
    return half & 0x8000 ? -size : size;
}

#define WIDEN(type, target)                                                                        \
    do {                                                                                           \
        const type *numbers_ = from;                                                               \
        for (size_t i = 0; i < count; i++)                                                         \
            (target)[i] = numbers_[i];                                                             \
    } while (0)

static void widen_signed(unsigned size, const void *from, size_t count, int64_t *to)
{
    if (size == 1)
        WIDEN(int8_t, to);
    else if (size == 2)
        WIDEN(int16_t, to);
    else if (size == 4)
        WIDEN(int32_t, to);
    else
        WIDEN(int64_t, to);
}

static void widen_unsigned(unsigned size, const void *from, size_t count, int64_t *to)
{
    if (size == 1)
        WIDEN(uint8_t, to);
    else if (size == 2)
        WIDEN(uint16_t, to);
    else if (size == 4)
        WIDEN(uint32_t, to);
    else
        memcpy(to, from, count * 8);
}

static void widen_floats(unsigned size, const void *from, size_t count, double *to)
{
    const uint16_t *halves = from;
    if (size == 2)
        for (size_t i = 0; i < count; i++)
            to[i] = half_to_double(halves[i]);
    else if (size == 4)
        WIDEN(float, to);
    else
        WIDEN(double, to);
}

static size_t whole_to(const int64_t *from, size_t count, mr_element as, char *into, size_t stride)
{
    for (size_t i = 0; i < count; i++, into += stride) {
        double real[2] = {(double)from[i], 0};
        float small = (float)from[i];
        int32_t narrow = (int32_t)from[i];
        if (as == MR_I32 && narrow != from[i])
            return i;
        const void *made = as == MR_F32   ? (const void *)&small
                           : as == MR_I64 ? (const void *)&from[i]
                           : as == MR_I32 ? (const void *)&narrow
                                          : (const void *)real;
        memcpy(into, made, mr_element_size(as));
    }
    return count;
}

/* Integers of 8 bytes without a sign that an int64_t can't hold. */
static size_t large_to(const int64_t *from, size_t count, mr_element as, char *into, size_t stride)
{
    for (size_t i = 0; i < count; i++, into += stride) {
        if (from[i] >= 0) {
            if (whole_to(from + i, 1, as, into, stride) == 0)
                return i;
            continue;
        }
        double real[2] = {(double)(uint64_t)from[i], 0};
        float small = (float)(uint64_t)from[i];
        if (as == MR_I32 || as == MR_I64)
            return i;
        memcpy(into, as == MR_F32 ? (const void *)&small : (const void *)real, mr_element_size(as));
    }
    return count;
}

static bool is_whole(double value, mr_element as)
{
    double most = as == MR_I32 ? 0x1p31 : 0x1p63;
    return value >= -most && value < most && value == floor(value);
}

static size_t real_to(const double *from, size_t count, mr_element as, char *into, size_t stride)
{
    bool to_whole = as == MR_I32 || as == MR_I64;
    for (size_t i = 0; i < count; i++, into += stride) {
        double real[2] = {from[i], 0};
        float small = (float)from[i];
        if (to_whole && !is_whole(from[i], as))
            return i;
        if (as == MR_F32 && isinf(small) && !isinf(from[i]))
            return i;
        int64_t whole = to_whole ? (int64_t)from[i] : 0;
        int32_t narrow = (int32_t)whole;
        const void *made = as == MR_F32   ? (const void *)&small
                           : as == MR_I64 ? (const void *)&whole
                           : as == MR_I32 ? (const void *)&narrow
                                          : (const void *)real;
        memcpy(into, made, mr_element_size(as));
    }
    return count;
}

static size_t complex_to(const double *from, size_t count, mr_element as, char *into, size_t stride)
{
    for (size_t i = 0; i < count; i++, into += stride) {
        if (as == MR_C128)
            memcpy(into, from + 2 * i, 16);
        else if (from[2 * i + 1] != 0 || real_to(from + 2 * i, 1, as, into, stride) == 0)
            return i;
    }
    return count;
}

/* One batch, whose bytes are in order and aligned. */
static size_t convert(mr_raw raw, const void *from, size_t count, mr_element as, char *into,
                      size_t stride)
{
    wide w;
    switch (raw.kind) {
    case MR_RAW_SIGNED:
        widen_signed(raw.size, from, count, w.whole);
        return whole_to(w.whole, count, as, into, stride);
    case MR_RAW_UNSIGNED:
        widen_unsigned(raw.size, from, count, w.whole);
        return (raw.size == 8 ? large_to : whole_to)(w.whole, count, as, into, stride);
    case MR_RAW_FLOAT:
        widen_floats(raw.size, from, count, w.real);
        return real_to(w.real, count, as, into, stride);
    case MR_RAW_COMPLEX:
        widen_floats(raw.size / 2, from, count * 2, w.real);
        return complex_to(w.real, count, as, into, stride);
    case MR_RAW_NONE:
        break;
    }
    return 0;
}

size_t mr_raw_convert(mr_raw raw, const void *from, size_t count, mr_element as, void *into,
                      size_t stride)
{
    uint64_t room[BATCH * 2];
    const char *at = from;
    size_t step = stride * mr_element_size(as), done = 0;
    while (done < count) {
        size_t batch = count - done < BATCH ? count - done : BATCH;
        memcpy(room, at + done * raw.size, batch * raw.size);
        bool pair = raw.kind == MR_RAW_COMPLEX;
        if (raw.swapped)
            swap_each((unsigned char *)room, pair ? batch * 2 : batch,
                      pair ? raw.size / 2 : raw.size);
        size_t made = convert(raw, room, batch, as, (char *)into + done * step, step);
        done += made;
        if (made < batch)
            break;
    }
    return done;
}
