/* test_spill.c: the scratch file: what is written is read, or an error says why it is not. */
#include "base/memory.h"
#include "random.h"
#include "scratch.h"
#include "store/columns.h"
#include "store/spill.h"

#include <CUnit/Basic.h>
#include <pthread.h>
#include <signal.h>

#define SLAB ((size_t)256 << 10)

#define ROW 24

/* What frames are made of: all the same, words, rows of numbers, or nothing that can be compressed.
 */
typedef enum content { ZEROS, WORDS, ROWS, NOISE, CONTENTS } content;

static unsigned char make_byte(uint64_t *random, content kind, size_t at)
{
    switch (kind) {
    case WORDS:
        return (unsigned char)("map reduce"[random_below(random, 10)]);
    case ROWS:
        return (unsigned char)(at % 8 < 3 ? random_next(random) : at % ROW);
    case NOISE:
        return (unsigned char)random_next(random);
    default:
        return 0;
    }
}

static void make_bytes(uint64_t *random, content kind, unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = make_byte(random, kind, i);
}

static size_t make_size(uint64_t *random)
{
    static const size_t edges[] = {0, 1, 7, 8, 9, 4096, SLAB - 1, SLAB, SLAB + 1, 2 * SLAB};
    switch (random_below(random, 4)) {
    case 0:
        return edges[random_below(random, sizeof edges / sizeof *edges)];
    case 1:
        return random_below(random, 5 * SLAB);
    default:
        return random_below(random, 3000);
    }
}

typedef struct frames {
    mr_piece pieces[40];
    size_t count;
    mr_extent extent;
} frames;

static void make_frames(uint64_t *random, frames *f, size_t most)
{
    f->count = random_below(random, most + 1);
    for (size_t i = 0; i < f->count; i++) {
        size_t size = make_size(random);
        unsigned char *bytes = malloc(size + 1);
        make_bytes(random, (content)random_below(random, CONTENTS), bytes, size);
        f->pieces[i] = (mr_piece){bytes, size};
    }
}

static void free_frames(frames *f)
{
    for (size_t i = 0; i < f->count; i++)
        free((void *)(uintptr_t)f->pieces[i].bytes);
}

/* How many frames come back as they were, up to the end or to the first error. */
static size_t read_frames(mr_spill_reader *reader, const frames *f, mr_error *error)
{
    const unsigned char *bytes;
    size_t size, good = 0;
    while (mr_spill_reader_next(reader, &bytes, &size, error) == MR_OK && bytes) {
        if (good == f->count || size != f->pieces[good].size ||
            memcmp(bytes, f->pieces[good].bytes, size) != 0)
            return SIZE_MAX;
        if ((uintptr_t)bytes % 8)
            return SIZE_MAX;
        good++;
    }
    return good;
}

static void check_frames(mr_spill *spill, const frames *f, size_t chunk)
{
    mr_error error = {0};
    mr_spill_reader reader;
    mr_spill_reader_start(&reader, spill, f->extent);
    reader.chunk = chunk;
    CU_ASSERT_EQUAL(read_frames(&reader, f, &error), f->count);
    CU_ASSERT_EQUAL(error.code, MR_OK);
    mr_spill_reader_end(&reader);
}

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
        make_bytes(&random, NOISE, rows, size);
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

/* What is made of rows of numbers is smaller, and what is not is not larger. */
static void test_rows(void)
{
    mr_error error = {0};
    mr_spill *spill;
    uint64_t random = 4;
    unsigned char *bytes = malloc(SLAB);
    mr_piece piece = {bytes, SLAB};
    CU_ASSERT_EQUAL_FATAL(mr_spill_create(&spill, scratch, &error), MR_OK);
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

static mr_spill *open_spill(void)
{
    mr_error error = {0};
    mr_spill *spill;
    CU_ASSERT_EQUAL_FATAL(mr_spill_create(&spill, scratch, &error), MR_OK);
    return spill;
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

/* A spill with one extent of frames behind another extent. */
static mr_spill *write_frames(frames *f, uint64_t seed, size_t most)
{
    mr_error error = {0};
    mr_spill *spill = open_spill();
    mr_spill_buffer buffer = {.stride = seed % 2 ? ROW : 0};
    mr_extent other;
    CU_ASSERT_EQUAL(mr_spill_write(spill, &(mr_piece){"abc", 3}, 1, &buffer, &other, &error),
                    MR_OK);
    do
        make_frames(&seed, f, most);
    while (f->count == 0);
    CU_ASSERT_EQUAL_FATAL(mr_spill_write(spill, f->pieces, f->count, &buffer, &f->extent, &error),
                          MR_OK);
    mr_spill_buffer_free(&buffer);
    return spill;
}

/* Reads what must be found to be damaged; frames before the damage may be returned. */
static bool finds_damage(mr_spill *spill, const frames *f)
{
    mr_error error = {0};
    mr_spill_reader reader;
    mr_spill_reader_start(&reader, spill, f->extent);
    size_t good = read_frames(&reader, f, &error);
    mr_spill_reader_end(&reader);
    char begin[128];
    snprintf(begin, sizeof begin, "scratch corrupted: %s at byte ", scratch);
    return good < f->count && error.code == MR_BAD_OUTPUT &&
           strncmp(error.text, begin, strlen(begin)) == 0;
}

static void test_flipped(void)
{
    uint64_t random = 17;
    for (uint64_t seed = 0; seed < 12; seed++) {
        frames f;
        mr_spill *spill = write_frames(&f, seed, 5);
        size_t size = f.extent.size, missed = 0;
        for (size_t i = 0; i < 300; i++) {
            /* All of the first head, and some of the rest. */
            size_t at = f.extent.at + (i < 64 && i < size ? i : random_below(&random, size));
            scratch_flip(at);
            missed += !finds_damage(spill, &f);
            scratch_flip(at);
        }
        CU_ASSERT_EQUAL(missed, 0);
        check_frames(spill, &f, SLAB);
        free_frames(&f);
        mr_spill_destroy(&spill);
    }
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
}

/* Good frames at the wrong place: another extent of the same size. */
static void test_moved(void)
{
    mr_error error = {0};
    mr_spill *spill = open_spill();
    mr_spill_buffer buffer = {0};
    unsigned char bytes[5000] = {0}, disk[4096];
    frames f = {.pieces = {{bytes, sizeof bytes}}, .count = 1};
    mr_extent other;
    CU_ASSERT_EQUAL(mr_spill_write(spill, f.pieces, 1, &buffer, &other, &error), MR_OK);
    bytes[0] = 1;
    CU_ASSERT_EQUAL(mr_spill_write(spill, f.pieces, 1, &buffer, &f.extent, &error), MR_OK);
    CU_ASSERT_EQUAL(other.size, f.extent.size);
    check_frames(spill, &f, SLAB);
    CU_ASSERT_EQUAL(pread(scratch_file(), disk, other.size, (off_t)other.at), (ssize_t)other.size);
    CU_ASSERT_EQUAL(pwrite(scratch_file(), disk, other.size, (off_t)f.extent.at),
                    (ssize_t)other.size);
    CU_ASSERT(finds_damage(spill, &f));
    mr_spill_buffer_free(&buffer);
    mr_spill_destroy(&spill);
}

static void test_cut_off(void)
{
    uint64_t random = 5;
    frames f;
    mr_spill *spill = write_frames(&f, 1, 6);
    size_t end = f.extent.at + f.extent.size, missed = 0;
    for (size_t left = f.extent.size; left > 0; left = random_below(&random, left)) {
        missed += ftruncate(scratch_file(), (off_t)(end - (f.extent.size - left) - 1)) != 0;
        missed += !finds_damage(spill, &f);
    }
    CU_ASSERT_EQUAL(missed, 0);
    f.extent.size -= 8;
    CU_ASSERT(finds_damage(spill, &f));
    free_frames(&f);
    mr_spill_destroy(&spill);
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
    for (int i = 1; i < EXTENTS; i += 2) {
        mr_spill_reader reader;
        mr_spill_reader_start(&reader, spill, all[i].extent);
        reader.consume = true;
        CU_ASSERT_EQUAL(read_frames(&reader, &all[i], &error), all[i].count);
        mr_spill_reader_end(&reader);
    }
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
    CU_add_test(suite, "columns are transposed rows", test_columns);
    CU_add_test(suite, "rows of numbers", test_rows);
    CU_add_test(suite, "the file has no name", test_no_name);
    CU_add_test(suite, "a folder that is not there", test_no_folder);
    CU_add_test(suite, "threads write at the same time", test_threads);
    CU_add_test(suite, "a flipped bit is found", test_flipped);
    CU_add_test(suite, "frames at the wrong place are found", test_moved);
    CU_add_test(suite, "a file that was cut off", test_cut_off);
    CU_add_test(suite, "a full disk", test_full_disk);
    CU_add_test(suite, "space on disk is given back", test_release);
    CU_add_test(suite, "no more memory than the budget", test_budget);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
