/* test_spill.c: the scratch file: what is written is read, or an error says why it is not. */
#include "base/memory.h"
#include "frames.h"

#include <pthread.h>
#include <signal.h>

/* What is made of rows of numbers is smaller, and what is not is not larger. */
static void test_rows(void)
{
    mr_error error = {0};
    mr_spill *spill = open_spill();
    uint64_t random = 4;
    unsigned char *bytes = malloc(SLAB);
    mr_piece piece = {bytes, SLAB};
    for (content kind = ZEROS; kind < CONTENTS; kind++) {
        mr_spill_buffer plain = {0}, rows = {.stride = ROW};
        mr_extent a, b;
        make_bytes(&random, kind, bytes, SLAB);
        CU_ASSERT_EQUAL(mr_spill_write(spill, &piece, 1, &plain, &a, &error), MR_OK);
        CU_ASSERT_EQUAL(mr_spill_write(spill, &piece, 1, &rows, &b, &error), MR_OK);
        CU_ASSERT(b.size <= a.size);
        CU_ASSERT(kind != ROWS || b.size < a.size * 3 / 4);
        mr_spill_buffer_free(&plain);
        mr_spill_buffer_free(&rows);
    }
    free(bytes);
    mr_spill_destroy(&spill);
}

static void test_round_trip(void)
{
    enum { EXTENTS = 60 };
    uint64_t random = 3, raw = 0, packed = 0;
    frames *all = calloc(EXTENTS, sizeof *all);
    mr_spill *spill = open_spill();
    mr_spill_buffer buffer = {0};
    mr_error error = {0};
    for (uint32_t i = 0; i < EXTENTS; i++) {
        make_frames(&random, &all[i], i % 10 ? 10 : 40);
        buffer.stride = i % 3 ? ROW * (i % 2) : (uint32_t)random_below(&random, 700);
        CU_ASSERT_EQUAL_FATAL(
            mr_spill_write(spill, all[i].pieces, all[i].count, &buffer, &all[i].extent, &error),
            MR_OK);
        CU_ASSERT_EQUAL(all[i].extent.frames, all[i].count);
        raw += all[i].extent.raw;
        packed += all[i].extent.size;
    }
    CU_ASSERT_EQUAL(mr_spill_raw(spill), raw);
    CU_ASSERT_EQUAL(mr_spill_packed(spill), packed);
    CU_ASSERT(packed < raw * 3 / 4);
    CU_ASSERT(scratch_taken() < packed + EXTENTS * 4096 + 65536);
    CU_ASSERT(buffer.packed.capacity <= 2 * SLAB + 4096 && buffer.columns.capacity <= SLAB);
    CU_ASSERT_EQUAL(buffer.bytes.capacity, 0);
    for (int i = 0; i < EXTENTS; i++) {
        check_frames(spill, &all[EXTENTS - 1 - i], 0);
        check_frames(spill, &all[i], SLAB);
        check_frames(spill, &all[i], random_below(&random, 3000));
    }
    for (int i = 0; i < EXTENTS; i++)
        free_frames(&all[i]);
    free(all);
    mr_spill_buffer_free(&buffer);
    mr_spill_destroy(&spill);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
}

static void test_no_name(void)
{
    mr_spill *spill = open_spill();
    DIR *folder = opendir(scratch);
    int names = 0;
    while (readdir(folder))
        names++;
    closedir(folder);
    CU_ASSERT_EQUAL(names, 2);
    CU_ASSERT(fcntl(scratch_file(), F_GETFD) & FD_CLOEXEC);
    mr_spill_destroy(&spill);
    CU_ASSERT_PTR_NULL(spill);
    CU_ASSERT_EQUAL(scratch_file(), -1);
    mr_spill_destroy(&spill);
}

static void test_no_folder(void)
{
    mr_error error = {0};
    mr_spill *spill;
    CU_ASSERT_EQUAL(mr_spill_create(&spill, "/there/is/none", &error), MR_BAD_OUTPUT);
    CU_ASSERT_PTR_NULL(spill);
    CU_ASSERT_STRING_EQUAL(error.text, "cannot write scratch: /there/is/none: No such file or "
                                       "directory: give another --scratch");
}

/* Four threads that write at the same time, each many extents. */
enum { WRITERS = 4, EACH = 40 };
typedef struct writing {
    mr_spill *spill;
    uint64_t random;
    frames all[EACH];
    size_t failed;
} writing;

static void *write_many(void *context)
{
    writing *w = context;
    mr_error error = {0};
    mr_spill_buffer buffer = {0};
    for (int i = 0; i < EACH; i++) {
        make_frames(&w->random, &w->all[i], 8);
        w->failed += mr_spill_write(w->spill, w->all[i].pieces, w->all[i].count, &buffer,
                                    &w->all[i].extent, &error) != MR_OK;
    }
    mr_spill_buffer_free(&buffer);
    return NULL;
}

static void test_threads(void)
{
    pthread_t threads[WRITERS];
    writing *all = calloc(WRITERS, sizeof *all);
    mr_spill *spill = open_spill();
    uint64_t raw = 0;
    for (size_t t = 0; t < WRITERS; t++) {
        all[t].spill = spill;
        all[t].random = t;
        pthread_create(&threads[t], NULL, write_many, &all[t]);
    }
    for (size_t t = 0; t < WRITERS; t++)
        pthread_join(threads[t], NULL);
    for (size_t t = 0; t < WRITERS; t++) {
        CU_ASSERT_EQUAL(all[t].failed, 0);
        for (int i = 0; i < EACH; i++) {
            check_frames(spill, &all[t].all[i], SLAB);
            raw += all[t].all[i].extent.raw;
            free_frames(&all[t].all[i]);
        }
    }
    CU_ASSERT_EQUAL(mr_spill_raw(spill), raw);
    free(all);
    mr_spill_destroy(&spill);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
}

static void test_full_disk(void)
{
    mr_spill *spill = open_spill();
    mr_spill_buffer buffer = {0};
    mr_extent extent;
    unsigned char *noise = malloc(3 * SLAB);
    uint64_t random = 1;
    char expected[256];
    make_bytes(&random, NOISE, noise, 3 * SLAB);
    for (size_t most = 0; most < 3 * SLAB; most += 99 * 4096) {
        mr_error error = {0};
        scratch_limit(most);
        CU_ASSERT_EQUAL(
            mr_spill_write(spill, &(mr_piece){noise, 3 * SLAB}, 1, &buffer, &extent, &error),
            MR_BAD_OUTPUT);
        scratch_limit(RLIM_INFINITY);
        unsigned long long at = most && !mr_spill_raw(spill) ? most : 0;
        snprintf(expected, sizeof expected,
                 "cannot write scratch: %s at byte %llu: File too large: give another --scratch, "
                 "more ranks or more --memory",
                 scratch, at);
        CU_ASSERT_STRING_EQUAL(error.text, expected);
        mr_spill_destroy(&spill);
        spill = open_spill();
    }
    free(noise);
    mr_spill_buffer_free(&buffer);
    mr_spill_destroy(&spill);
}

/* Disk space comes back, behind a reader too, and what is beside it stays. */
static void test_release(void)
{
    enum { EXTENTS = 20 };
    frames *all = calloc(EXTENTS, sizeof *all);
    uint64_t random = 9;
    mr_error error = {0};
    mr_spill_buffer buffer = {0};
    mr_spill *spill = open_spill();
    bool can = scratch_can_give_back();
    for (int i = 0; i < EXTENTS; i++) {
        make_frames(&random, &all[i], 20);
        mr_spill_write(spill, all[i].pieces, all[i].count, &buffer, &all[i].extent, &error);
    }
    CU_ASSERT_EQUAL(error.code, MR_OK);
    for (int i = 0; i < EXTENTS; i += 2)
        mr_spill_release(spill, all[i].extent);
    mr_spill_reader reader;
    mr_spill_reader_start(&reader, spill, all[1].extent);
    reader.consume = true;
    for (int i = 1; i < EXTENTS; i += 2) {
        mr_spill_reader_turn(&reader, all[i].extent);
        CU_ASSERT_EQUAL(read_frames(&reader, &all[i], &error), all[i].count);
    }
    mr_spill_reader_end(&reader);
    CU_ASSERT(!can || scratch_taken() < 65536);
    for (int i = 0; i < EXTENTS; i++)
        free_frames(&all[i]);
    free(all);
    mr_spill_buffer_free(&buffer);
    mr_spill_destroy(&spill);
}

static void test_budget(void)
{
    mr_error error = {0};
    frames f;
    mr_spill *spill = write_frames(&f, 4, 6);
    mr_spill_buffer buffer = {0};
    mr_spill_reader reader;
    mr_memory_set_budget(1000);
    CU_ASSERT_EQUAL(mr_spill_write(spill, f.pieces, f.count, &buffer, &f.extent, &error),
                    MR_NO_MEMORY);
    mr_spill_reader_start(&reader, spill, f.extent);
    error = (mr_error){0};
    CU_ASSERT(read_frames(&reader, &f, &error) < f.count);
    CU_ASSERT_EQUAL(error.code, MR_NO_MEMORY);
    mr_memory_set_budget(0);
    mr_spill_reader_end(&reader);
    mr_spill_buffer_free(&buffer);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    free_frames(&f);
    mr_spill_destroy(&spill);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("spill", scratch_make, scratch_remove);
    CU_add_test(suite, "what is written is read", test_round_trip);
    CU_add_test(suite, "rows of numbers", test_rows);
    CU_add_test(suite, "the file has no name", test_no_name);
    CU_add_test(suite, "a folder that is not there", test_no_folder);
    CU_add_test(suite, "threads write at the same time", test_threads);
    CU_add_test(suite, "a full disk", test_full_disk);
    CU_add_test(suite, "space on disk is given back", test_release);
    CU_add_test(suite, "no more memory than the budget", test_budget);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
