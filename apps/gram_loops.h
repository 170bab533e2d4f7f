/*
 * apps/gram_loops.h: the inner loops of sums of products of columns, for wide.h. Rows of a tile
 * are turned into columns that lie `stride` numbers apart: a little more than there are rows, so
 * that columns do not all begin in the same lines of the cache.
 */
typedef double WIDE(wide) __attribute__((vector_size(WIDE_BYTES), may_alias));
#define wide WIDE(wide)

/* Rows become columns, less their shifts. Rows come from memory, and the processor's own guess is
 * not far enough ahead: 4 KiB is, and a pass takes 17% less time. */
static void WIDE(turn)(const double *restrict rows, size_t count, size_t width,
                       const double *restrict shifts, double *restrict columns, size_t stride)
{
    for (size_t r = 0; r < count; r++) {
        for (size_t j = 0; j < width; j += 8)
            __builtin_prefetch(rows + r * width + j + 512);
        for (size_t j = 0; j < width; j++)
            columns[j * stride + r] = rows[r * width + j] - shifts[j];
    }
}

/* Adds products of GRAM_BLOCK columns with as many others to `products`, LANES sums each. */
static void WIDE(multiply)(const double *a, const double *b, size_t stride, size_t rows,
                           double *products)
{
    for (size_t part = 0; part < LANES; part += WIDE_LANES) {
        wide *kept = (wide *)(void *)(products + part), sums[GRAM_BLOCK][GRAM_BLOCK];
        for (size_t i = 0; i < GRAM_BLOCK; i++)
            for (size_t j = 0; j < GRAM_BLOCK; j++)
                sums[i][j] = kept[(i * GRAM_BLOCK + j) * LANES / WIDE_LANES];
        for (size_t r = part; r < rows; r += LANES)
            for (size_t i = 0; i < GRAM_BLOCK; i++)
                for (size_t j = 0; j < GRAM_BLOCK; j++)
                    sums[i][j] += *(const wide *)(const void *)(a + i * stride + r) *
                                  *(const wide *)(const void *)(b + j * stride + r);
        for (size_t i = 0; i < GRAM_BLOCK; i++)
            for (size_t j = 0; j < GRAM_BLOCK; j++)
                kept[(i * GRAM_BLOCK + j) * LANES / WIDE_LANES] = sums[i][j];
    }
}

#undef wide
