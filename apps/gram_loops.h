/*
 * apps/gram_loops.h: the inner loops of sums of products of columns, for wide.h. A tile's rows are
 * turned into columns of GRAM_STRIDE numbers: a little more than a tile, so that columns do not all
 * begin in the same lines of the cache.
 */
typedef double WIDE(wide) __attribute__((vector_size(WIDE_BYTES), may_alias));
#define wide WIDE(wide)

/* Sums of products of `GRAM_BLOCK` columns with as many others. `products` are LANES sums each. */
static void WIDE(multiply)(const double *a, const double *b, size_t rows, double *products)
{
    for (size_t part = 0; part < LANES; part += WIDE_LANES) {
        wide sums[GRAM_BLOCK][GRAM_BLOCK];
        for (size_t i = 0; i < GRAM_BLOCK; i++)
            for (size_t j = 0; j < GRAM_BLOCK; j++)
                sums[i][j] = (wide){0};
        for (size_t r = part; r < rows; r += LANES)
            for (size_t i = 0; i < GRAM_BLOCK; i++)
                for (size_t j = 0; j < GRAM_BLOCK; j++)
                    sums[i][j] += *(const wide *)(const void *)(a + i * GRAM_STRIDE + r) *
                                  *(const wide *)(const void *)(b + j * GRAM_STRIDE + r);
        for (size_t i = 0; i < GRAM_BLOCK; i++)
            for (size_t j = 0; j < GRAM_BLOCK; j++)
                *(wide *)(void *)(products + (i * GRAM_BLOCK + j) * LANES + part) = sums[i][j];
    }
}

#undef wide
