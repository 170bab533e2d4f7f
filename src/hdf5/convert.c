/*
 * hdf5/convert.c: from the bytes of a file to elements, in two steps that meet in a buffer within
 * the core's first cache: to the widest number of the same sort, and from there to the element.
 */
#include "hdf5/convert.h"

#include <math.h>
#include <string.h>

#define PIECE 512

/* ---- From bytes to the widest number ---- */

static uint8_t swap8(uint8_t value)
{
    return value;
}

static double of_half(uint16_t half)
{
    unsigned exponent = half >> 10 & 31, mantissa = half & 1023;
    double value = exponent == 31  ? (mantissa ? NAN : INFINITY)
                   : exponent == 0 ? ldexp(mantissa, -24)
                                   : ldexp(mantissa + 1024, (int)exponent - 25);
    return half >> 15 ? -value : value;
}

static double of_single(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static double of_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The same loop four times: a step that the compiler knows, and a swap that it can leave out, make
 * vector code of it. */
#define LOAD_LOOP(raw, wide, step, swap, value)                                                    \
    for (size_t i = 0; i < count; i++) {                                                           \
        raw bits;                                                                                  \
        memcpy(&bits, from + i * (step), sizeof bits);                                             \
        bits = swap(bits);                                                                         \
        to[i] = (wide)(value);                                                                     \
    }
#define LOAD(name, raw, wide, swap, value)                                                         \
    static void name(const unsigned char *from, size_t step, bool is_swapped, void *into,          \
                     size_t count)                                                                 \
    {                                                                                              \
        wide *restrict to = into;                                                                  \
        if (step == sizeof(raw) && !is_swapped)                                                    \
            LOAD_LOOP(raw, wide, sizeof(raw), (raw), value)                                        \
        else if (step == sizeof(raw))                                                              \
            LOAD_LOOP(raw, wide, sizeof(raw), swap, value)                                         \
        else if (!is_swapped)                                                                      \
            LOAD_LOOP(raw, wide, step, (raw), value)                                               \
        else                                                                                       \
            LOAD_LOOP(raw, wide, step, swap, value)                                                \
    }

LOAD(load_i8, uint8_t, int64_t, swap8, (int8_t)bits)
LOAD(load_i16, uint16_t, int64_t, __builtin_bswap16, (int16_t)bits)
LOAD(load_i32, uint32_t, int64_t, __builtin_bswap32, (int32_t)bits)
LOAD(load_i64, uint64_t, int64_t, __builtin_bswap64, bits)
LOAD(load_u8, uint8_t, int64_t, swap8, bits)
LOAD(load_u16, uint16_t, int64_t, __builtin_bswap16, bits)
LOAD(load_u32, uint32_t, int64_t, __builtin_bswap32, bits)
LOAD(load_u64, uint64_t, uint64_t, __builtin_bswap64, bits)
LOAD(load_f16, uint16_t, double, __builtin_bswap16, of_half(bits))
LOAD(load_f32, uint32_t, double, __builtin_bswap32, of_single(bits))
LOAD(load_f64, uint64_t, double, __builtin_bswap64, of_double(bits))

typedef void loader(const unsigned char *from, size_t step, bool is_swapped, void *to,
                    size_t count);
static loader *const loaders[4][9] = {
    [MR_H5_SIGNED] = {[1] = load_i8, [2] = load_i16, [4] = load_i32, [8] = load_i64},
    [MR_H5_UNSIGNED] = {[1] = load_u8, [2] = load_u16, [4] = load_u32, [8] = load_u64},
    [MR_H5_FLOAT] = {[2] = load_f16, [4] = load_f32, [8] = load_f64},
};

/* ---- From there to elements ---- */

/* All are stored, and whether one did not fit is looked at once, behind the loop. */
#define STORE_LOOP(type, step, fits)                                                               \
    for (size_t i = 0; i < count; i++) {                                                           \
        type value = (type)from[i];                                                                \
        memcpy(to + i * (step), &value, sizeof value);                                             \
        bad |= !(fits);                                                                            \
    }
#define STORE(name, wide_type, type, fits)                                                         \
    static bool name(const void *wide, unsigned char *restrict to, size_t step, size_t count)      \
    {                                                                                              \
        const wide_type *restrict from = wide;                                                     \
        int bad = 0;                                                                               \
        if (step == sizeof(type))                                                                  \
            STORE_LOOP(type, sizeof(type), fits)                                                   \
        else                                                                                       \
            STORE_LOOP(type, step, fits)                                                           \
        return !bad;                                                                               \
    }
/* A cast of what is out of range is undefined, so doubles are looked at first. */
#define STORE_WHOLE(name, type, least, beyond)                                                     \
    static bool name(const void *wide, unsigned char *restrict to, size_t step, size_t count)      \
    {                                                                                              \
        const double *restrict from = wide;                                                        \
        int bad = 0;                                                                               \
        for (size_t i = 0; i < count; i++) {                                                       \
            double number = from[i];                                                               \
            int is_inside = number >= (least) && number < (beyond);                                \
            type value = is_inside ? (type)number : 0;                                             \
            memcpy(to + i * step, &value, sizeof value);                                           \
            bad |= !is_inside | ((double)value != number);                                         \
        }                                                                                          \
        return !bad;                                                                               \
    }

STORE(i64_to_f64, int64_t, double, value == value)
STORE(i64_to_f32, int64_t, float, value == value)
STORE(i64_to_i64, int64_t, int64_t, value == from[i])
STORE(i64_to_i32, int64_t, int32_t, value == from[i])
STORE(u64_to_f64, uint64_t, double, value == value)
STORE(u64_to_f32, uint64_t, float, value == value)
STORE(u64_to_i64, uint64_t, int64_t, value >= 0)
STORE(u64_to_i32, uint64_t, int32_t, from[i] <= INT32_MAX)
STORE(f64_to_f64, double, double, true)
STORE(f64_to_f32, double, float, !isinf(value) || isinf(from[i]))
STORE_WHOLE(f64_to_i64, int64_t, -0x1p63, 0x1p63)
STORE_WHOLE(f64_to_i32, int32_t, -0x1p31, 0x1p31)

typedef bool storer(const void *from, unsigned char *to, size_t step, size_t count);
typedef enum widest { WIDE_I64, WIDE_U64, WIDE_F64 } widest;
static storer *const storers[][3] = {
    [MR_F64] = {i64_to_f64, u64_to_f64, f64_to_f64},
    [MR_F32] = {i64_to_f32, u64_to_f32, f64_to_f32},
    [MR_I64] = {i64_to_i64, u64_to_i64, f64_to_i64},
    [MR_I32] = {i64_to_i32, u64_to_i32, f64_to_i32},
};

static widest widest_of(const mr_h5_number *number)
{
    if (number->sort == MR_H5_FLOAT)
        return WIDE_F64;
    return number->sort == MR_H5_UNSIGNED && number->size == 8 ? WIDE_U64 : WIDE_I64;
}

/* `count` is at most PIECE here. */
static size_t convert_piece(const mr_h5_number *number, const unsigned char *from, size_t from_step,
                            mr_element as, unsigned char *to, size_t to_step, size_t count)
{
    uint64_t numbers[PIECE]; /* or doubles */
    loaders[number->sort][number->size](from, from_step, number->is_swapped, numbers, count);
    storer *store = storers[as][widest_of(number)];
    if (store(numbers, to, to_step, count))
        return count;
    size_t good = 0;
    while (store(numbers + good, to + good * to_step, to_step, 1))
        good++;
    return good;
}

/* ---- Without looking at the numbers ---- */

static bool is_same_number(const mr_h5_number *number, mr_element as)
{
    bool is_float = as == MR_F64 || as == MR_F32;
    return number->sort == (is_float ? MR_H5_FLOAT : MR_H5_SIGNED) &&
           number->size == mr_element_size(as);
}

bool mr_h5_is_same(const mr_h5_part *part, mr_element as)
{
    if (part->number.sort == MR_H5_RAW)
        return true;
    if (part->number.is_swapped)
        return false;
    if (part->is_complex)
        return as == MR_C128 && part->number.size == 8 && part->number.sort == MR_H5_FLOAT &&
               part->imaginary == part->offset + 8;
    return is_same_number(&part->number, as);
}

static void copy(const unsigned char *from, size_t from_step, unsigned char *to, size_t to_step,
                 size_t size, size_t count)
{
    if (from_step == size && to_step == size) {
        memcpy(to, from, size * count);
        return;
    }
    for (size_t i = 0; size == 8 && i < count; i++)
        memcpy(to + i * to_step, from + i * from_step, 8);
    for (size_t i = 0; size != 8 && i < count; i++)
        memcpy(to + i * to_step, from + i * from_step, size);
}

static size_t convert_number(const mr_h5_number *number, const unsigned char *from,
                             size_t from_step, mr_element as, unsigned char *to, size_t to_step,
                             size_t count)
{
    if (!number->is_swapped && is_same_number(number, as)) {
        copy(from, from_step, to, to_step, number->size, count);
        return count;
    }
    for (size_t done = 0; done < count;) {
        size_t piece = count - done < PIECE ? count - done : PIECE;
        size_t good = convert_piece(number, from + done * from_step, from_step, as,
                                    to + done * to_step, to_step, piece);
        done += good;
        if (good < piece)
            return done;
    }
    return count;
}

/* ---- Complex numbers ---- */

/* How many of the first `count` numbers are zero. */
static size_t count_zeros(const mr_h5_number *number, const unsigned char *from, size_t step,
                          size_t count)
{
    for (size_t done = 0; done < count;) {
        double parts[PIECE];
        size_t piece = count - done < PIECE ? count - done : PIECE;
        convert_number(number, from + done * step, step, MR_F64, (unsigned char *)parts,
                       sizeof *parts, piece);
        for (size_t i = 0; i < piece; i++)
            if (parts[i] != 0)
                return done + i;
        done += piece;
    }
    return count;
}

static size_t convert_complex(const mr_h5_part *part, const unsigned char *from, size_t from_step,
                              mr_element as, unsigned char *to, size_t to_step, size_t count)
{
    const unsigned char *real = from + part->offset, *imaginary = from + part->imaginary;
    if (as == MR_C128) {
        convert_number(&part->number, real, from_step, MR_F64, to, to_step, count);
        return convert_number(&part->number, imaginary, from_step, MR_F64, to + 8, to_step, count);
    }
    size_t zeros = count_zeros(&part->number, imaginary, from_step, count);
    return convert_number(&part->number, real, from_step, as, to, to_step, zeros);
}

static void clear_imaginary(unsigned char *to, size_t step, size_t count)
{
    for (size_t i = 0; i < count; i++)
        memset(to + i * step + 8, 0, 8);
}

size_t mr_h5_convert(const mr_h5_part *part, const void *from, size_t from_step, mr_element as,
                     void *to, size_t to_step, size_t count)
{
    const unsigned char *first = from;
    if (part->number.sort != MR_H5_RAW && part->is_complex && !mr_h5_is_same(part, as))
        return convert_complex(part, first, from_step, as, to, to_step, count);
    if (mr_h5_is_same(part, as)) {
        size_t size = part->is_complex ? 16 : part->number.size;
        copy(first + part->offset, from_step, to, to_step, size, count);
        return count;
    }
    if (as == MR_C128)
        clear_imaginary(to, to_step, count);
    return convert_number(&part->number, first + part->offset, from_step,
                          as == MR_C128 ? MR_F64 : as, to, to_step, count);
}
