/* test_gemm.c: products of matrices by every way that this CPU can, against plain loops. */
#include "array/gemm.h"
#include "array/micro.h"
#include "random.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Odd sizes, with room behind each row that must not be touched. */
typedef struct factors {
    size_t rows, columns, depth;
    mr_matrix a, b, c;
} factors;

static double get(mr_element element, const mr_matrix *m, size_t i, size_t j)
{
    const size_t at = i * m->stride + j;
    return element == MR_F64 ? ((double *)m->values)[at] : (double)((float *)m->values)[at];
}

static mr_matrix make_matrix(mr_element element, size_t rows, size_t columns, uint64_t *random)
{
    const size_t stride = columns + random_below(random, 4), count = rows * stride;
    mr_matrix m = {malloc((count + 1) * 8), rows, columns, stride};
    CU_ASSERT_PTR_NOT_NULL_FATAL(m.values);
    for (size_t i = 0; i < count; i++) {
        double value = (double)(random_next(random) >> 11) * 0x1p-52 - 1;
        if (element == MR_F64)
            ((double *)m.values)[i] = value;
        else
            ((float *)m.values)[i] = (float)value;
    }
    return m;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Tile by tile, as a rank does; of any height, for it should not matter. */
static void multiply(const mr_gemm *gemm, const factors *f, size_t high)
{
    const size_t size = mr_element_size(gemm->element);
    char *packed =
        aligned_alloc(64, mr_gemm_packed_size(gemm, f->depth, f->columns) / 64 * 64 + 64);
    char *scratch = aligned_alloc(64, mr_gemm_scratch_size(gemm) / 64 * 64 + 64);
    for (size_t piece = 0; piece < mr_gemm_pieces(gemm, f->columns); piece++)
        mr_gemm_pack(gemm, &f->b, piece, packed);
    for (size_t i = 0; i < f->rows; i += high)
        for (size_t j = 0; j < f->columns; j += MR_GEMM_COLUMNS) {
            const size_t rows = least(high, f->rows - i);
            const mr_matrix a = {(char *)f->a.values + i * f->a.stride * size, rows, f->depth,
                                 f->a.stride};
            const mr_matrix c = {(char *)f->c.values + (i * f->c.stride + j) * size, rows,
                                 least(MR_GEMM_COLUMNS, f->columns - j), f->c.stride};
            mr_gemm_tile(gemm, &a, &f->b, packed, j, &c, scratch);
        }
    free(packed);
    free(scratch);
}

static bool is_near(mr_element element, const factors *f, const mr_matrix *before)
{
    const double unit = element == MR_F64 ? 0x1p-53 : 0x1p-24;
    for (size_t i = 0; i < f->rows; i++)
        for (size_t j = 0; j < f->columns; j++) {
            double sum = get(element, before, i, j), all = fabs(sum);
            for (size_t k = 0; k < f->depth; k++) {
                double term = get(element, &f->a, i, k) * get(element, &f->b, k, j);
                sum += term;
                all += fabs(term);
            }
            if (fabs(sum - get(element, &f->c, i, j)) > 2 * unit * (double)(f->depth + 2) * all)
                return false;
        }
    return true;
}

/* One product by all ways; those with fused additions give the same bits. */
static void check(mr_element element, size_t rows, size_t columns, size_t depth, uint64_t *random)
{
    factors f = {rows,
                 columns,
                 depth,
                 make_matrix(element, rows, depth, random),
                 make_matrix(element, depth, columns, random),
                 make_matrix(element, rows, columns, random)};
    const size_t bytes = rows * f.c.stride * mr_element_size(element);
    const mr_matrix before = {memcpy(malloc(bytes + 1), f.c.values, bytes), rows, columns,
                              f.c.stride};
    char *first = malloc(bytes + 1);
    const mr_micro *micro;
    for (unsigned number = 0; (micro = mr_micro_of(element, number)); number++) {
        const mr_gemm gemm = {element, micro, micro->name};
        memcpy(f.c.values, before.values, bytes);
        multiply(&gemm, &f, 1 + random_below(random, 300));
        CU_ASSERT(is_near(element, &f, &before));
        if (number == 0)
            memcpy(first, f.c.values, bytes);
        if (mr_micro_of(element, number + 1))
            CU_ASSERT_EQUAL(memcmp(first, f.c.values, bytes), 0);
    }
    free(f.a.values);
    free(f.b.values);
    free(f.c.values);
    free(before.values);
    free(first);
}

static void test_sizes(void)
{
    uint64_t random = 1;
    for (int i = 0; i < 48; i++) {
        const size_t most = i < 40 ? 60 : 400;
        check(i % 3 ? MR_F64 : MR_F32, 1 + random_below(&random, most),
              1 + random_below(&random, most), 1 + random_below(&random, 2 * most), &random);
    }
}

static void test_several_tiles(void)
{
    uint64_t random = 2;
    check(MR_F64, 30, 2 * MR_GEMM_COLUMNS + 5, 300, &random);
    check(MR_F32, 9, MR_GEMM_COLUMNS + 1, MR_GEMM_DEPTH, &random);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("gemm", NULL, NULL);
    CU_add_test(suite, "sizes of all kinds", test_sizes);
    CU_add_test(suite, "several tiles", test_several_tiles);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
