/*
 * unit/test_npy.c: boxes of .npy files, of any shape and in either order, against the numbers the
 * files were written from; headers as numpy and others write them, and damaged ones.
 */
#include "input/npy.h"
#include "random.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t state = 1;
static char path[] = "/tmp/mapred-npy-XXXXXX";

static int make_path(void)
{
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int remove_path(void)
{
    return unlink(path);
}

/* Writes a header of version 1 and numbers 0, 1, 2... in the order of the file. */
static void write_file(const char *header, uint64_t count)
{
    FILE *file = fopen(path, "wb");
    size_t size = strlen(header);
    const unsigned char head[] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)size, (unsigned char)(size >> 8)};
    fwrite(head, sizeof head, 1, file);
    fwrite(header, size, 1, file);
    for (uint64_t i = 0; i < count; i++) {
        int32_t number = (int32_t)i;
        fwrite(&number, sizeof number, 1, file);
    }
    fclose(file);
}

static void write_array(const mr_dims *dims, bool is_fortran)
{
    char header[512];
    int used = snprintf(header, sizeof header, "{'descr': '<i4', 'fortran_order': %s, 'shape': (",
                        is_fortran ? "True" : "False");
    for (unsigned i = 0; i < dims->axes; i++)
        used += snprintf(header + used, sizeof header - (size_t)used, "%llu%s",
                         (unsigned long long)dims->size[i],
                         i + 1 < dims->axes || dims->axes == 1 ? ", " : "");
    snprintf(header + used, sizeof header - (size_t)used, "), }\n");
    write_file(header, mr_dims_count(dims));
}

/* The number at a place: its own number in the order of the file. */
static int64_t number_at(const mr_dims *dims, const uint64_t *at, bool is_fortran)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < dims->axes; i++) {
        unsigned axis = is_fortran ? dims->axes - 1 - i : i;
        number = number * dims->size[axis] + at[axis];
    }
    return (int64_t)number;
}

static void expect_box(const mr_npy *npy, const mr_box *box, const int64_t *values)
{
    uint64_t count = mr_box_count(box);
    bool same = true;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at[MR_AXES] = {0}, rest = i;
        for (unsigned axis = box->axes; axis-- > 0; rest /= box->size[axis])
            at[axis] = box->from[axis] + rest % box->size[axis];
        same = same && values[i] == number_at(&npy->dims, at, npy->is_fortran);
    }
    CU_ASSERT_TRUE(same);
}

static void expect_any_box(const mr_npy *npy, char *room)
{
    mr_error error = {0};
    mr_box box = {.axes = npy->dims.axes};
    for (unsigned i = 0; i < box.axes; i++) {
        uint32_t size = (uint32_t)npy->dims.size[i];
        box.from[i] = random_below(&state, size);
        box.size[i] = random_below(&state, 2)
                          ? size - box.from[i]
                          : random_below(&state, size + 1 - (uint32_t)box.from[i]);
    }
    uint64_t count = mr_box_count(&box);
    int64_t *wide = malloc((count + 1) * sizeof *wide);
    int32_t *narrow = malloc((count + 1) * sizeof *narrow);
    wide[count] = narrow[count] = 77;
    CU_ASSERT_EQUAL(mr_npy_read(npy, &box, MR_I64, wide, room, &error), MR_OK);
    CU_ASSERT_EQUAL(mr_npy_read(npy, &box, MR_I32, narrow, room, &error), MR_OK);
    expect_box(npy, &box, wide);
    bool same = wide[count] == 77 && narrow[count] == 77;
    for (uint64_t i = 0; i < count; i++)
        same = same && wide[i] == narrow[i];
    CU_ASSERT_TRUE(same);
    free(wide);
    free(narrow);
}

static void test_any_box_of_any_array(void)
{
    char *room = malloc(MR_NPY_ROOM);
    for (int turn = 0; turn < 300; turn++) {
        mr_dims dims = {.axes = (unsigned)random_below(&state, 5)};
        for (unsigned i = 0; i < dims.axes; i++)
            dims.size[i] = 1 + random_below(&state, dims.axes > 2 ? 6 : 40);
        mr_error error = {0};
        mr_npy *npy = NULL;
        write_array(&dims, random_below(&state, 2));
        CU_ASSERT_EQUAL_FATAL(mr_npy_open(&npy, path, &error), MR_OK);
        CU_ASSERT_EQUAL(npy->dims.axes, dims.axes);
        for (int box = 0; box < 10; box++)
            expect_any_box(npy, room);
        mr_npy_close(&npy);
        CU_ASSERT_PTR_NULL(npy);
    }
    free(room);
}

static const char *const good[] = {
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }",
    "{\"shape\":(3,4),\"fortran_order\":False,\"descr\":\"<f8\"}   \n",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3L, 4L)}",
    " { 'fortran_order' : False , 'descr' : '<f8' , 'shape' : ( 3 , 4 , ) , } ",
};

static const char *const bad[] = {
    "",
    "{}",
    "{'descr': '<f8', 'fortran_order': False}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3 4)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, -4)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
    "{'descr': '<f8', 'fortran_order': 1, 'shape': (3, 4)}",
    "{'descr': '<f8, 'fortran_order': False, 'shape': (3, 4)}",
    "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)} x",
    "{'other': '<f8', 'fortran_order': False, 'shape': (3, 4)}",
};

static const char *const not_numbers[] = {"'<U5'",
                                          "'|O'",
                                          "'|S3'",
                                          "'<M8[ns]'",
                                          "'<f16'",
                                          "'<f3'",
                                          "'<i16'",
                                          "'<c4'",
                                          "'|b2'",
                                          "''",
                                          "'<'",
                                          "'f'",
                                          "[('a', '<f8'), ('b', [('c', '<i4')])]"};

static void test_headers(void)
{
    char text[256];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        mr_npy npy = {.fd = -1};
        CU_ASSERT_TRUE(mr_npy_understand(good[i], strlen(good[i]), &npy));
        CU_ASSERT(npy.raw.kind == MR_RAW_FLOAT && npy.raw.size == 8 && !npy.is_fortran);
        CU_ASSERT(npy.dims.axes == 2 && npy.dims.size[0] == 3 && npy.dims.size[1] == 4);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mr_npy npy = {.fd = -1};
        CU_ASSERT_FALSE(mr_npy_understand(bad[i], strlen(bad[i]), &npy));
    }
    for (size_t i = 0; i < sizeof not_numbers / sizeof *not_numbers; i++) {
        mr_npy npy = {.raw = {MR_RAW_FLOAT, 8, false}};
        snprintf(text, sizeof text, "{'descr': %s, 'fortran_order': False, 'shape': ()}",
                 not_numbers[i]);
        CU_ASSERT_TRUE(mr_npy_understand(text, strlen(text), &npy));
        CU_ASSERT_EQUAL(npy.raw.kind, MR_RAW_NONE);
    }
}

/* Any byte of a header changed, and any end of a file: an error or another array, never more. */
static void test_damage(void)
{
    static const char header[] = "{'descr': '<i4', 'fortran_order': False, 'shape': (3, 5), }\n";
    for (int turn = 0; turn < 3000; turn++) {
        mr_error error = {0};
        mr_npy *npy = NULL;
        char changed[sizeof header];
        memcpy(changed, header, sizeof header);
        changed[random_below(&state, sizeof header - 1)] = (char)(1 + random_below(&state, 255));
        write_file(changed, turn % 2 ? 15 : random_below(&state, 15));
        if (mr_npy_open(&npy, path, &error) == MR_OK)
            CU_ASSERT_TRUE(npy->start + mr_dims_count(&npy->dims) * npy->raw.size <= npy->size);
        mr_npy_close(&npy);
    }
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("npy", make_path, remove_path);
    CU_ADD_TEST(suite, test_any_box_of_any_array);
    CU_ADD_TEST(suite, test_headers);
    CU_ADD_TEST(suite, test_damage);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}
