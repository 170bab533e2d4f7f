/* test_columns.c: rows into columns and back, for all lengths of rows. */
#include "random.h"
#include "store/columns.h"

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool columns_are_right(const unsigned char *rows, size_t size, size_t stride,
                              const unsigned char *columns)
{
    size_t height = size / stride;
    for (size_t i = 0; i < size; i++)
        if (columns[i < height * stride ? i % stride * height + i / stride : i] != rows[i])
            return false;
    return true;
}

static void test_columns(void)
{
    uint64_t random = 2;
    size_t wrong = 0, divided = 0;
    for (size_t period = 0; period < 600; period++) {
        /* Of the exact size, so that a byte too far is found by the sanitizer. */
        size_t size = random_below(&random, 20000), stride = mr_columns_stride(size, period);
        unsigned char *rows = malloc(size + 1), *columns = malloc(size), *back = malloc(size);
        for (size_t i = 0; i < size; i++)
            rows[i] = (unsigned char)random_next(&random);
        if (stride) {
            mr_columns_split(rows, size, stride, columns);
            mr_columns_join(columns, size, stride, back);
            wrong += !columns_are_right(rows, size, stride, columns);
            wrong += memcmp(back, rows, size) != 0 || stride % period != 0;
            divided++;
        }
        free(rows);
        free(columns);
        free(back);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(divided > 300);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("columns", NULL, NULL);
    CU_add_test(suite, "columns are transposed rows", test_columns);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
