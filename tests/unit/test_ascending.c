/* test_ascending.c: sorting and merging of numbers on threads, against qsort. */
#include "array/ascending.h"
#include "random.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Few different ones, or many; in all bytes, or in some. */
static void fill(uint64_t *images, size_t count, int kind, uint64_t *random)
{
    for (size_t i = 0; i < count; i++)
        images[i] = kind == 0   ? random_next(random)
                    : kind == 1 ? random_below(random, 5)
                    : kind == 2 ? random_next(random) << 40
                                : i;
}

typedef struct room {
    uint64_t *images, *scratch, *want;
    size_t count;
} room;

static room make(size_t count, int kind, uint64_t *random)
{
    room r = {calloc(count + 1, 8), calloc(count + 1, 8), calloc(count + 1, 8), count};
    CU_ASSERT_FATAL(r.images && r.scratch && r.want);
    fill(r.images, count, kind, random);
    memcpy(r.want, r.images, count * 8);
    qsort(r.want, count, 8, compare);
    return r;
}

static void check(room *r)
{
    CU_ASSERT_EQUAL(memcmp(r->images, r->want, r->count * 8), 0);
    free(r->images);
    free(r->scratch);
    free(r->want);
}

static void test_sort(void)
{
    static const size_t counts[] = {0, 1, 2, 127, 128, 5000, 40009};
    uint64_t random = 1;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int kind = 0; kind < 4; kind++)
            for (unsigned threads = 0; threads < 8; threads += 3) {
                room r = make(counts[i], kind, &random);
                if (threads == 0)
                    mr_ascending_sort(r.images, r.scratch, r.count);
                else
                    mr_ascending_sort_shared(r.images, r.scratch, r.count, threads);
                check(&r);
            }
}

/* Runs of any sizes, empty ones too. */
static void test_merge(void)
{
    uint64_t random = 2;
    for (int i = 0; i < 200; i++) {
        size_t starts[20] = {0}, runs = 1 + random_below(&random, 18);
        for (size_t r = 0; r < runs; r++)
            starts[r + 1] = starts[r] + random_below(&random, 4) * random_below(&random, 50);
        room r = make(starts[runs], i % 4, &random);
        for (size_t run = 0; run < runs; run++)
            qsort(r.images + starts[run], starts[run + 1] - starts[run], 8, compare);
        mr_ascending_merge(r.images, r.scratch, starts, runs, 1 + (unsigned)i % 3);
        check(&r);
    }
}

static void test_images(void)
{
    const double numbers[] = {
        -__builtin_inf(), -1e300,           -1, -5e-324, -0.0, 0.0, 5e-324, 1, 1e300,
        __builtin_inf(),  __builtin_nan("")};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    uint64_t images[COUNT];
    double back[COUNT];
    mr_ascending_from(MR_F64, numbers, 1, COUNT, images);
    mr_ascending_to(MR_F64, images, COUNT, back, 1);
    for (size_t i = 0; i + 1 < COUNT; i++) {
        CU_ASSERT(images[i] < images[i + 1]);
        CU_ASSERT_EQUAL(memcmp(&back[i], &numbers[i], 8), 0);
        CU_ASSERT_EQUAL(mr_ascending_below(images, COUNT, images[i]), i);
    }
    CU_ASSERT(back[COUNT - 1] != back[COUNT - 1]);
    const int32_t small[] = {INT32_MIN, -1, 0, 7, INT32_MAX};
    int32_t same[5];
    mr_ascending_from(MR_I32, small, 1, 5, images);
    mr_ascending_to(MR_I32, images, 5, same, 1);
    CU_ASSERT_EQUAL(memcmp(same, small, sizeof small), 0);
    CU_ASSERT(images[0] < images[1] && images[1] < images[2] && images[3] < images[4]);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("ascending", NULL, NULL);
    CU_add_test(suite, "sorting", test_sort);
    CU_add_test(suite, "merging runs", test_merge);
    CU_add_test(suite, "numbers as integers", test_images);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
