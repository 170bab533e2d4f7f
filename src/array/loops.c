/* array/loops.c: see loops.h. Plain loops, which the compiler turns into vector instructions. */
#include "array/loops.h"

#include <complex.h>
#include <math.h>

typedef double _Complex c128;

#define LOOP_HEAD(name)                                                                            \
    static void name(uint64_t count, const void *first, bool one_a, const void *second,            \
                     bool one_b, void *result)

#define EACH(type, to, A, B, value)                                                                \
    for (uint64_t i = 0; i < count; i++) {                                                         \
        const type x = A, y = B;                                                                   \
        (void)y;                                                                                   \
        out[i] = (to)(value);                                                                      \
    }

#define BINARY(name, type, to, value)                                                              \
    LOOP_HEAD(name)                                                                                \
    {                                                                                              \
        const type *a = first, *b = second;                                                        \
        to *restrict out = result;                                                                 \
        if (one_b) {                                                                               \
            const type same = b[0];                                                                \
            EACH(type, to, a[i], same, value)                                                      \
        } else if (one_a) {                                                                        \
            const type same = a[0];                                                                \
            EACH(type, to, same, b[i], value)                                                      \
        } else {                                                                                   \
            EACH(type, to, a[i], b[i], value)                                                      \
        }                                                                                          \
    }

#define UNARY(name, type, to, value)                                                               \
    LOOP_HEAD(name)                                                                                \
    {                                                                                              \
        const type *a = first;                                                                     \
        to *restrict out = result;                                                                 \
        (void)one_a, (void)second, (void)one_b;                                                    \
        EACH(type, to, a[i], a[i], value)                                                          \
    }

/* ---- Single values ---- */

static c128 complex_of(double real, double imaginary)
{
    double parts[2] = {real, imaginary};
    c128 number;
    memcpy(&number, parts, sizeof number);
    return number;
}

static c128 multiply(c128 x, c128 y)
{
    double a = creal(x), b = cimag(x), c = creal(y), d = cimag(y);
    return complex_of(a * c - b * d, a * d + b * c);
}

/* Smith's way, which does not overflow where the result does not. */
static c128 divide(c128 x, c128 y)
{
    double a = creal(x), b = cimag(x), c = creal(y), d = cimag(y);
    if (c == 0 && d == 0)
        return complex_of(a / fabs(c), b / fabs(c));
    if (fabs(c) >= fabs(d)) {
        double ratio = d / c, scale = 1 / (c + d * ratio);
        return complex_of((a + b * ratio) * scale, (b - a * ratio) * scale);
    }
    double ratio = c / d, scale = 1 / (d + c * ratio);
    return complex_of((a * ratio + b) * scale, (b * ratio - a) * scale);
}

static bool is_not_zero(c128 x)
{
    return creal(x) != 0 || cimag(x) != 0;
}

static double rest_f64(double x, double y)
{
    double rest = fmod(x, y);
    if (rest == 0)
        return copysign(0, y);
    return (rest < 0) != (y < 0) ? rest + y : rest;
}

static float rest_f32(float x, float y)
{
    float rest = fmodf(x, y);
    if (rest == 0)
        return copysignf(0, y);
    return (rest < 0) != (y < 0) ? rest + y : rest;
}

/* By 0 it is 0. */
static int64_t rest_i64(int64_t x, int64_t y)
{
    if (y == 0 || y == -1)
        return 0;
    int64_t rest = x % y;
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static int32_t rest_i32(int32_t x, int32_t y)
{
    return (int32_t)rest_i64(x, y);
}

/* By squaring, and around where it does not fit. Below 0 only 1 and -1 have powers that are whole;
 * the others are 0. */
static int64_t whole_power(int64_t x, int64_t y)
{
    uint64_t base = (uint64_t)x, power = 1;
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    for (; y > 0; y >>= 1, base *= base)
        if (y & 1)
            power *= base;
    return (int64_t)power;
}

/* ---- Operations by element ---- */

#define ORDERED(suffix, type)                                                                      \
    BINARY(least_##suffix, type, type, x < y || x != x ? x : y)                                    \
    BINARY(largest_##suffix, type, type, x > y || x != x ? x : y)                                  \
    BINARY(less_##suffix, type, int32_t, x < y)                                                    \
    BINARY(less_equal_##suffix, type, int32_t, x <= y)                                             \
    BINARY(and_##suffix, type, int32_t, x != 0 && y != 0)                                          \
    BINARY(or_##suffix, type, int32_t, x != 0 || y != 0)                                           \
    UNARY(truth_##suffix, type, int32_t, x != 0)                                                   \
    UNARY(not_##suffix, type, int32_t, x == 0)

#define ANY(suffix, type)                                                                          \
    BINARY(equal_##suffix, type, int32_t, x == y)                                                  \
    BINARY(not_equal_##suffix, type, int32_t, x != y)                                              \
    UNARY(is_nan_##suffix, type, int32_t, x != x)

#define REAL(suffix, type, f)                                                                      \
    ORDERED(suffix, type)                                                                          \
    ANY(suffix, type)                                                                              \
    BINARY(add_##suffix, type, type, x + y)                                                        \
    BINARY(subtract_##suffix, type, type, x - y)                                                   \
    BINARY(multiply_##suffix, type, type, x *y)                                                    \
    BINARY(divide_##suffix, type, type, x / y)                                                     \
    BINARY(remainder_##suffix, type, type, rest_##suffix(x, y))                                    \
    BINARY(power_##suffix, type, type, pow##f(x, y))                                               \
    UNARY(negate_##suffix, type, type, -x)                                                         \
    UNARY(absolute_##suffix, type, type, fabs##f(x))                                               \
    UNARY(square_##suffix, type, type, x *x)                                                       \
    UNARY(sqrt_##suffix, type, type, sqrt##f(x))                                                   \
    UNARY(exp_##suffix, type, type, exp##f(x))                                                     \
    UNARY(log_##suffix, type, type, log##f(x))                                                     \
    UNARY(sin_##suffix, type, type, sin##f(x))                                                     \
    UNARY(cos_##suffix, type, type, cos##f(x))                                                     \
    UNARY(tanh_##suffix, type, type, tanh##f(x))                                                   \
    UNARY(floor_##suffix, type, type, floor##f(x))                                                 \
    UNARY(zero_##suffix, type, type, 0 * (x == x))                                                 \
    UNARY(same_##suffix, type, type, x)

/* Signed overflow wraps around. */
#define WHOLE(suffix, type, wide)                                                                  \
    ORDERED(suffix, type)                                                                          \
    ANY(suffix, type)                                                                              \
    BINARY(add_##suffix, type, type, (wide)x + (wide)y)                                            \
    BINARY(subtract_##suffix, type, type, (wide)x - (wide)y)                                       \
    BINARY(multiply_##suffix, type, type, (wide)x *(wide)y)                                        \
    BINARY(remainder_##suffix, type, type, rest_##suffix(x, y))                                    \
    BINARY(power_##suffix, type, type, whole_power(x, y))                                          \
    UNARY(negate_##suffix, type, type, -(wide)x)                                                   \
    UNARY(absolute_##suffix, type, type, x < 0 ? -(wide)x : (wide)x)                               \
    UNARY(square_##suffix, type, type, (wide)x *(wide)x)                                           \
    UNARY(zero_##suffix, type, type, 0 * x)                                                        \
    UNARY(same_##suffix, type, type, x)

REAL(f64, double, )
REAL(f32, float, f)
WHOLE(i64, int64_t, uint64_t)
WHOLE(i32, int32_t, uint32_t)

ANY(c128, c128)
BINARY(add_c128, c128, c128, x + y)
BINARY(subtract_c128, c128, c128, x - y)
BINARY(multiply_c128, c128, c128, multiply(x, y))
BINARY(divide_c128, c128, c128, divide(x, y))
BINARY(power_c128, c128, c128, cpow(x, y))
BINARY(and_c128, c128, int32_t, is_not_zero(x) && is_not_zero(y))
BINARY(or_c128, c128, int32_t, is_not_zero(x) || is_not_zero(y))
UNARY(truth_c128, c128, int32_t, is_not_zero(x))
UNARY(not_c128, c128, int32_t, !is_not_zero(x))
UNARY(negate_c128, c128, c128, -x)
UNARY(absolute_c128, c128, double, cabs(x))
UNARY(square_c128, c128, c128, multiply(x, x))
UNARY(sqrt_c128, c128, c128, csqrt(x))
UNARY(exp_c128, c128, c128, cexp(x))
UNARY(log_c128, c128, c128, clog(x))
UNARY(sin_c128, c128, c128, csin(x))
UNARY(cos_c128, c128, c128, ccos(x))
UNARY(tanh_c128, c128, c128, ctanh(x))
UNARY(conjugate_c128, c128, c128, conj(x))
UNARY(real_c128, c128, double, creal(x))
UNARY(imaginary_c128, c128, double, cimag(x))

/* Places of a row of the table, by element. */
enum { F64, F32, I64, I32, C128, ELEMENTS };

#define ORDERED_ONLY(name)                                                                         \
    {                                                                                              \
        name##_f64, name##_f32, name##_i64, name##_i32, NULL                                       \
    }
#define REAL_ONLY(name)                                                                            \
    {                                                                                              \
        name##_f64, name##_f32, NULL, NULL, name##_c128                                            \
    }
#define ALL(name)                                                                                  \
    {                                                                                              \
        name##_f64, name##_f32, name##_i64, name##_i32, name##_c128                                \
    }

static mr_loop *const loops[MR_OPS][ELEMENTS] = {
    [MR_ADD] = ALL(add),
    [MR_SUBTRACT] = ALL(subtract),
    [MR_MULTIPLY] = ALL(multiply),
    [MR_DIVIDE] = REAL_ONLY(divide),
    [MR_REMAINDER] = ORDERED_ONLY(remainder),
    [MR_POWER] = ALL(power),
    [MR_MINIMUM] = ORDERED_ONLY(least),
    [MR_MAXIMUM] = ORDERED_ONLY(largest),
    [MR_LESS] = ORDERED_ONLY(less),
    [MR_LESS_EQUAL] = ORDERED_ONLY(less_equal),
    [MR_EQUAL] = ALL(equal),
    [MR_NOT_EQUAL] = ALL(not_equal),
    [MR_AND] = ALL(and),
    [MR_OR] = ALL(or),
    [MR_NEGATE] = ALL(negate),
    [MR_ABSOLUTE] = ALL(absolute),
    [MR_SQUARE] = ALL(square),
    [MR_SQRT] = REAL_ONLY(sqrt),
    [MR_EXP] = REAL_ONLY(exp),
    [MR_LOG] = REAL_ONLY(log),
    [MR_SIN] = REAL_ONLY(sin),
    [MR_COS] = REAL_ONLY(cos),
    [MR_TANH] = REAL_ONLY(tanh),
    [MR_FLOOR] = {floor_f64, floor_f32, same_i64, same_i32, NULL},
    [MR_NOT] = ALL(not ),
    [MR_CONJUGATE] = {same_f64, same_f32, same_i64, same_i32, conjugate_c128},
    [MR_REAL] = {same_f64, same_f32, same_i64, same_i32, real_c128},
    [MR_IMAGINARY] = {zero_f64, zero_f32, zero_i64, zero_i32, imaginary_c128},
    [MR_IS_NAN] = ALL(is_nan),
    [MR_TRUTH] = ALL(truth),
};

/* ---- From one element to another ---- */

/* What does not fit an integer, and NaN, is the smallest one. */
static int64_t whole_i64(double x)
{
    return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}

static int32_t whole_i32(double x)
{
    return x > -0x1p31 - 1 && x < 0x1p31 ? (int32_t)x : INT32_MIN;
}

#define CAST(from, to, type_from, type_to, value)                                                  \
    UNARY(cast_##from##_##to, type_from, type_to, value)

#define CASTS(from, type)                                                                          \
    CAST(from, f64, type, double, x)                                                               \
    CAST(from, f32, type, float, x)                                                                \
    CAST(from, c128, type, c128, x)

CASTS(f64, double)
CASTS(f32, float)
CASTS(i64, int64_t)
CASTS(i32, int32_t)
CAST(f64, i64, double, int64_t, whole_i64(x))
CAST(f64, i32, double, int32_t, whole_i32(x))
CAST(f32, i64, float, int64_t, whole_i64((double)x))
CAST(f32, i32, float, int32_t, whole_i32((double)x))
CAST(i64, i64, int64_t, int64_t, x)
CAST(i64, i32, int64_t, int32_t, x)
CAST(i32, i64, int32_t, int64_t, x)
CAST(i32, i32, int32_t, int32_t, x)
CAST(c128, f64, c128, double, creal(x))
CAST(c128, f32, c128, float, creal(x))
CAST(c128, i64, c128, int64_t, whole_i64(creal(x)))
CAST(c128, i32, c128, int32_t, whole_i32(creal(x)))
CAST(c128, c128, c128, c128, x)

#define CASTS_OF(from)                                                                             \
    {                                                                                              \
        cast_##from##_f64, cast_##from##_f32, cast_##from##_i64, cast_##from##_i32,                \
            cast_##from##_c128                                                                     \
    }

static mr_loop *const casts[ELEMENTS][ELEMENTS] = {CASTS_OF(f64), CASTS_OF(f32), CASTS_OF(i64),
                                                   CASTS_OF(i32), CASTS_OF(c128)};

mr_loop *mr_loop_of(unsigned op, mr_element element)
{
    return op < MR_OPS ? loops[op][element - MR_F64] : NULL;
}

mr_element mr_loop_result(unsigned op, mr_element element)
{
    switch (op) {
    case MR_LESS:
    case MR_LESS_EQUAL:
    case MR_EQUAL:
    case MR_NOT_EQUAL:
    case MR_AND:
    case MR_OR:
    case MR_NOT:
    case MR_IS_NAN:
    case MR_TRUTH:
        return MR_I32;
    case MR_ABSOLUTE:
    case MR_REAL:
    case MR_IMAGINARY:
        return element == MR_C128 ? MR_F64 : element;
    default:
        return element;
    }
}

mr_loop *mr_loop_cast(mr_element from, mr_element to)
{
    return casts[from - MR_F64][to - MR_F64];
}
