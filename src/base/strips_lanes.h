/*
 * base/strips_lanes.h: the loops of strips.c for one kind of CPU. Included once for each of them,
 * with LANES, the doubles of a register; NAME(x), a name of its own; TARGET, an attribute; and FMA
 * where the CPU has that. The number of terms is a multiple of GROUP.
 */

typedef double NAME(lanes) __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
typedef int32_t NAME(halves) __attribute__((vector_size(8 * LANES), aligned(8), may_alias));

/* The exponent of the largest |x|, as it stands in a double. The upper halves tell it; a loop like
 * this one compilers make vectors of by themselves. */
TARGET static unsigned NAME(largest)(const double *values, unsigned count)
{
    int32_t most = 0;
    for (unsigned i = 0; i < count; i++) {
        int64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        int32_t upper = (int32_t)(bits >> 32) & INT32_MAX;
        most = upper > most ? upper : most;
    }
    return (unsigned)most >> 20;
}

/* Cuts twice; what is left goes to `rest`, which may be `values`. Meanwhile memory is asked for as
 * many terms from `ahead` on, the next strip; behind the last one in vain. */
TARGET static cuts NAME(cut_twice)(const double *values, double *rest, unsigned count, double sigma,
                                   const double *ahead)
{
    const double next = ldexp(sigma, -CUT);
    NAME(lanes) first_a = {0}, first_b = {0}, second_a = {0}, second_b = {0};
    NAME(halves) left = {0};
    for (unsigned i = 0; i < count; i += 2 * LANES) {
        NAME(lanes) x = *(const NAME(lanes) *)(values + i);
        NAME(lanes) y = *(const NAME(lanes) *)(values + i + LANES);
        if (i % 8 == 0)
            __builtin_prefetch(ahead + i);
        __builtin_prefetch(ahead + i + LANES);
        NAME(lanes) cut_x = (x + sigma) - sigma, cut_y = (y + sigma) - sigma;
        first_a += cut_x;
        first_b += cut_y;
        x -= cut_x;
        y -= cut_y;
        cut_x = (x + next) - next;
        cut_y = (y + next) - next;
        second_a += cut_x;
        second_b += cut_y;
        x -= cut_x;
        y -= cut_y;
        left |= (NAME(halves))x | (NAME(halves))y;
        *(NAME(lanes) *)(rest + i) = x;
        *(NAME(lanes) *)(rest + i + LANES) = y;
    }
    cuts all = {0, 0, false};
    int32_t any = 0;
    for (unsigned i = 0; i < LANES; i++) {
        all.first += first_a[i] + first_b[i];
        all.second += second_a[i] + second_b[i];
        any |= left[2 * i] | (left[2 * i + 1] & INT32_MAX);
    }
    all.rest = any != 0;
    return all;
}

#ifdef FMA
/* Products as two doubles each. False where one of them is not the exact sum of the two. */
TARGET static bool NAME(multiply)(const double *a, const double *b, double *high, double *low,
                                  unsigned count)
{
    unsigned unsafe = 0;
    for (unsigned i = 0; i < count; i++) {
        double product = a[i] * b[i], size = fabs(product);
        high[i] = product;
        low[i] = __builtin_fma(a[i], b[i], -product);
        unsafe |= (unsigned)!(size < LARGE);
        unsafe |= (unsigned)(size < SMALL) & (unsigned)(a[i] != 0) & (unsigned)(b[i] != 0);
    }
    return !unsafe;
}
#undef FMA
#endif

#undef LANES
#undef NAME
#undef TARGET
