/*
 * apps/kmeans_loops.h: the inner loops of kmeans, for wide.h. A tile's rows lie in panels: LANES
 * rows, column by column, and behind the points' own columns two more: how far the point is from
 * its centre, squared, and 1 where there is a point at all.
 */
typedef double WIDE(wide) __attribute__((vector_size(WIDE_BYTES), may_alias));
typedef long long WIDE(bits) __attribute__((vector_size(WIDE_BYTES), may_alias));
#define wide WIDE(wide)
#define bits WIDE(bits)

WIDE_INLINE wide WIDE(load)(const double *from)
{
    return *(const wide *)(const void *)from;
}

WIDE_INLINE void WIDE(store)(double *to, wide value)
{
    *(wide *)(void *)to = value;
}

WIDE_INLINE wide WIDE(choose)(bits mask, wide yes, wide no)
{
    return (wide)((mask & (bits)yes) | (~mask & (bits)no));
}

/* Squared distances from `group` centres, one after the other in memory. */
WIDE_INLINE void WIDE(measure)(const double *x, const double *centres, size_t axes, size_t group,
                               wide *squares)
{
    for (size_t g = 0; g < group; g++)
        squares[g] = (wide){0};
    for (size_t j = 0; j < axes; j++)
        for (size_t g = 0; g < group; g++) {
            wide away = WIDE(load)(x + j * LANES) - centres[g * axes + j];
            squares[g] += away * away;
        }
}

/* Centres from number `at` on against what is the nearest so far. Of equal ones the first. */
WIDE_INLINE void WIDE(try_group)(const double *x, const double *centres, size_t at, size_t axes,
                                 size_t group, wide *best, wide *mine)
{
    wide squares[4];
    WIDE(measure)(x, centres + at * axes, axes, group, squares);
    for (size_t g = 0; g < group; g++) {
        bits closer = squares[g] < *best;
        *best = WIDE(choose)(closer, squares[g], *best);
        *mine = WIDE(choose)(closer, (wide){0} + (double)(at + g), *mine);
    }
}

/* Centres `first` to `last` - 1, four at a time. */
WIDE_INLINE void WIDE(nearest_part)(double *x, double *label, const double *centres, size_t first,
                                    size_t last, size_t axes)
{
    wide best = WIDE(load)(x + axes * LANES), mine = WIDE(load)(label);
    size_t at = first;
    for (; at + 4 <= last; at += 4)
        WIDE(try_group)(x, centres, at, axes, 4, &best, &mine);
    for (; at < last; at++)
        WIDE(try_group)(x, centres, at, axes, 1, &best, &mine);
    WIDE(store)(x + axes * LANES, best);
    WIDE(store)(label, mine);
}

WIDE_INLINE void WIDE(nearest_all)(double *panels, size_t count, double *labels,
                                   const double *centres, size_t first, size_t last, size_t axes)
{
    for (size_t p = 0; p < count; p++)
        for (size_t part = 0; part < LANES; part += WIDE_LANES)
            WIDE(nearest_part)
    (panels + p * (axes + 2) * LANES + part, labels + p * LANES + part, centres, first, last, axes);
}

static void WIDE(nearest)(double *panels, size_t count, double *labels, const double *centres,
                          size_t first, size_t last, size_t axes)
{
    switch (axes) { /* so that the compiler keeps a point in registers */
    case 1:
        WIDE(nearest_all)(panels, count, labels, centres, first, last, 1);
        break;
    case 2:
        WIDE(nearest_all)(panels, count, labels, centres, first, last, 2);
        break;
    case 3:
        WIDE(nearest_all)(panels, count, labels, centres, first, last, 3);
        break;
    case 4:
        WIDE(nearest_all)(panels, count, labels, centres, first, last, 4);
        break;
    default:
        WIDE(nearest_all)(panels, count, labels, centres, first, last, axes);
    }
}

/* Whole panels of rows: their columns, a distance larger than any, and 1. */
WIDE_INLINE void WIDE(turn_all)(const double *rows, size_t count, double *panels, size_t axes)
{
    for (size_t p = 0; p < count; p++) {
        double *to = panels + p * (axes + 2) * LANES;
        const double *from = rows + p * LANES * axes;
        for (size_t j = 0; j < axes; j++)
            for (size_t l = 0; l < LANES; l++)
                to[j * LANES + l] = from[l * axes + j];
        for (size_t l = 0; l < LANES; l++) {
            to[axes * LANES + l] = HUGE_VAL;
            to[(axes + 1) * LANES + l] = 1;
        }
    }
}

static void WIDE(turn)(const double *restrict rows, size_t count, double *restrict panels,
                       size_t axes)
{
    switch (axes) {
    case 2:
        WIDE(turn_all)(rows, count, panels, 2);
        break;
    case 3:
        WIDE(turn_all)(rows, count, panels, 3);
        break;
    default:
        WIDE(turn_all)(rows, count, panels, axes);
    }
}

/* Sums of `width` columns over the points of cluster `mine`. */
WIDE_INLINE void WIDE(own_columns)(const double *x, size_t count, size_t panel,
                                   const double *labels, double mine, size_t width, double *lanes)
{
    for (size_t part = 0; part < LANES; part += WIDE_LANES) {
        wide sums[6];
        for (size_t j = 0; j < width; j++)
            sums[j] = (wide){0};
        for (size_t p = 0; p < count; p++) {
            bits is_mine = WIDE(load)(labels + p * LANES + part) == mine;
            for (size_t j = 0; j < width; j++)
                sums[j] += (wide)(is_mine & (bits)WIDE(load)(x + p * panel + j * LANES + part));
        }
        for (size_t j = 0; j < width; j++)
            WIDE(store)(lanes + j * LANES + part, sums[j]);
    }
}

/* Sums of all columns over the points of one cluster, as LANES sums each. */
static void WIDE(own)(const double *panels, size_t count, size_t columns, const double *labels,
                      double mine, double *lanes)
{
    size_t panel = columns * LANES;
    for (size_t j = 0, width; j < columns; j += width) {
        width = columns - j < 6 ? columns - j : columns - j < 12 ? 3 : 6;
        const double *x = panels + j * LANES;
        double *to = lanes + j * LANES;
        switch (width) {
        case 6:
            WIDE(own_columns)(x, count, panel, labels, mine, 6, to);
            break;
        case 5:
            WIDE(own_columns)(x, count, panel, labels, mine, 5, to);
            break;
        case 4:
            WIDE(own_columns)(x, count, panel, labels, mine, 4, to);
            break;
        default:
            width = width < 3 ? width : 3;
            WIDE(own_columns)(x, count, panel, labels, mine, width, to);
        }
    }
}

#undef wide
#undef bits
