/*
 * array/gemm.c: tiles of a product, by BLAS or by our own loops. Those multiply packed matrices:
 * slivers of as many rows of A, or columns of B, as the innermost loop takes, side by side, so that
 * it reads memory from one end to the other. Slivers are filled up with zeros where the matrix
 * ends.
 */
#include "array/gemm.h"

#include "array/blas.h"
#include "array/micro.h"

#include <limits.h>
#include <string.h>

/* Rows of B that the innermost loop goes over at a time: a sliver of B is then in the first cache,
 * a tile of A in the second. A divisor of MR_GEMM_DEPTH. */
#define DEEP 256
/* Rows of A that are packed at a time. */
#define ROWS 128

void mr_gemm_choose_own(mr_gemm *gemm, mr_element element)
{
    const mr_micro *micro = mr_micro_of(element, 0);
    *gemm = (mr_gemm){element, micro, micro->name};
}

/* Where loops of our own are the fastest, a library is taken only if somebody has named it. */
void mr_gemm_choose(mr_gemm *gemm, mr_element element, uint64_t longest)
{
    const mr_blas *blas = mr_blas_find();
    mr_gemm_choose_own(gemm, element);
    if (blas->name && longest <= INT_MAX && (blas->wanted || !gemm->micro->is_best))
        *gemm = (mr_gemm){.element = element, .name = blas->name};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t mr_gemm_pieces(const mr_gemm *gemm, size_t columns)
{
    return gemm->micro ? (columns + gemm->micro->columns - 1) / gemm->micro->columns : 0;
}

size_t mr_gemm_packed_size(const mr_gemm *gemm, size_t depth, size_t columns)
{
    if (!gemm->micro)
        return 0;
    return mr_gemm_pieces(gemm, columns) * gemm->micro->columns * depth *
           mr_element_size(gemm->element);
}

size_t mr_gemm_scratch_size(const mr_gemm *gemm)
{
    return gemm->micro ? (ROWS + MR_MICRO_ROWS) * DEEP * mr_element_size(gemm->element) : 0;
}

static unsigned char *at(const mr_gemm *gemm, const mr_matrix *m, size_t row, size_t column)
{
    return (unsigned char *)m->values + (row * m->stride + column) * mr_element_size(gemm->element);
}

void mr_gemm_pack(const mr_gemm *gemm, const mr_matrix *panel, size_t piece, void *packed)
{
    const size_t wide = gemm->micro->columns, size = mr_element_size(gemm->element);
    const size_t first = piece * wide, columns = least(wide, panel->columns - first);
    unsigned char *to = (unsigned char *)packed + first * panel->rows * size;
    for (size_t row = 0; row < panel->rows; row++, to += wide * size) {
        memcpy(to, at(gemm, panel, row, first), columns * size);
        memset(to + columns * size, 0, (wide - columns) * size);
    }
}

/* A sliver: `high` rows, all values of a column side by side. */
#define PACK_ROWS(T)                                                                               \
    for (size_t i = 0; i < high; i++) {                                                            \
        const T *from = (const T *)(const void *)at(gemm, a, row + i, first);                      \
        T *to = (T *)scratch + i;                                                                  \
        for (size_t k = 0; k < depth; k++)                                                         \
            to[k * high] = row + i < a->rows ? from[k] : 0;                                        \
    }

static void pack_sliver(const mr_gemm *gemm, const mr_matrix *a, size_t row, size_t first,
                        size_t depth, void *scratch)
{
    const size_t high = gemm->micro->rows;
    if (gemm->element == MR_F64) {
        PACK_ROWS(double)
    } else {
        PACK_ROWS(float)
    }
}

/* Where C ends within what the innermost loop makes: there it goes into memory of ours first. */
static void add_corner(const mr_gemm *gemm, size_t depth, const void *a, const void *b,
                       const mr_matrix *c, size_t row, size_t column)
{
    double room[MR_MICRO_ROWS * MR_MICRO_COLUMNS] = {0};
    const size_t rows = least(gemm->micro->rows, c->rows - row), wide = gemm->micro->columns;
    const size_t columns = least(wide, c->columns - column);
    gemm->micro->run(depth, a, b, room, wide);
    for (size_t i = 0; i < rows; i++) {
        void *to = at(gemm, c, row + i, column);
        for (size_t j = 0; j < columns; j++)
            if (gemm->element == MR_F64)
                ((double *)to)[j] += room[i * wide + j];
            else
                ((float *)to)[j] += ((const float *)room)[i * wide + j];
    }
}

/* Rows `row` and following of C, as many as are packed in `scratch`. */
static void multiply_block(const mr_gemm *gemm, size_t depth, const unsigned char *packed_a,
                           const unsigned char *packed_b, size_t sliver_b, const mr_matrix *c,
                           size_t row, size_t rows)
{
    const mr_micro *micro = gemm->micro;
    const size_t sliver_a = micro->rows * depth * mr_element_size(gemm->element);
    for (size_t j = 0; j < c->columns; j += micro->columns, packed_b += sliver_b)
        for (size_t i = 0; i < rows; i += micro->rows) {
            const unsigned char *a = packed_a + i / micro->rows * sliver_a;
            if (row + i + micro->rows > c->rows || j + micro->columns > c->columns)
                add_corner(gemm, depth, a, packed_b, c, row + i, j);
            else
                micro->run(depth, a, packed_b, at(gemm, c, row + i, j), c->stride);
        }
}

static void multiply_packed(const mr_gemm *gemm, const mr_matrix *a, const unsigned char *packed,
                            const mr_matrix *c, unsigned char *scratch)
{
    const mr_micro *micro = gemm->micro;
    const size_t size = mr_element_size(gemm->element), sliver = micro->columns * a->columns * size;
    for (size_t k = 0; k < a->columns; k += DEEP) {
        const size_t depth = least(DEEP, a->columns - k), high = micro->rows;
        for (size_t row = 0; row < a->rows; row += ROWS) {
            const size_t rows = least(ROWS, a->rows - row);
            for (size_t i = 0; i < rows; i += high)
                pack_sliver(gemm, a, row + i, k, depth, scratch + i * depth * size);
            multiply_block(gemm, depth, scratch, packed + k * micro->columns * size, sliver, c, row,
                           rows);
        }
    }
}

static void multiply_blas(const mr_gemm *gemm, const mr_matrix *a, const mr_matrix *panel,
                          size_t first, const mr_matrix *c)
{
    const mr_blas *blas = mr_blas_find();
    const int by_rows = 101, as_it_is = 111; /* CblasRowMajor, CblasNoTrans */
    const int m = (int)c->rows, n = (int)c->columns, k = (int)a->columns;
    const int lda = (int)a->stride, ldb = (int)panel->stride, ldc = (int)c->stride;
    const void *b = at(gemm, panel, 0, first);
    if (gemm->element == MR_F64)
        blas->f64(by_rows, as_it_is, as_it_is, m, n, k, 1, a->values, lda, b, ldb, 1, c->values,
                  ldc);
    else
        blas->f32(by_rows, as_it_is, as_it_is, m, n, k, 1, a->values, lda, b, ldb, 1, c->values,
                  ldc);
}

void mr_gemm_tile(const mr_gemm *gemm, const mr_matrix *a, const mr_matrix *panel,
                  const void *packed, size_t first, const mr_matrix *c, void *scratch)
{
    if (!gemm->micro) {
        multiply_blas(gemm, a, panel, first, c);
        return;
    }
    const size_t before = first * panel->rows * mr_element_size(gemm->element);
    multiply_packed(gemm, a, (const unsigned char *)packed + before, c, scratch);
}
