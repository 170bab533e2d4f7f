/*
 * tests/unit/test_reader.c: whatever the block size, all splits together give each record once, in
 * order, as a reading of byte after byte does. And what happens to files that change while they
 * are read.
 */
#include "input/reader.h"

#include "input_help.h"

#include <fcntl.h>

enum { MOST_FILES = 40 };

/* Files as they are named, and what they hold. */
typedef struct file_set {
    size_t count;
    char names[MOST_FILES][16];
    char *data[MOST_FILES];
    size_t sizes[MOST_FILES];
} file_set;

static void add_file(file_set *corpus, char *data, size_t size, unsigned how)
{
    size_t i = corpus->count++;
    snprintf(corpus->names[i], sizeof corpus->names[i], "f%02zu", i);
    corpus->data[i] = data;
    corpus->sizes[i] = size;
    if (how == 0) {
        CU_ASSERT_FATAL(write_file(corpus->names[i], data, size));
        return;
    }
    char packed[4096];
    size_t made = compress_parts(how == 1, data, size, 1 + draw(3), packed, sizeof packed);
    CU_ASSERT_FATAL(write_file(corpus->names[i], packed, made));
}

static void clear_corpus(file_set *corpus)
{
    for (size_t i = 0; i < corpus->count; i++) {
        unlink(corpus->names[i]);
        free(corpus->data[i]);
    }
    corpus->count = 0;
}

static mr_plan *plan_of(const file_set *corpus, uint64_t block)
{
    const char *names[MOST_FILES];
    for (size_t i = 0; i < corpus->count; i++)
        names[i] = corpus->names[i];
    mr_error error = {0};
    mr_plan *plan;
    CU_ASSERT_EQUAL_FATAL(
        mr_plan_create(&plan, names, corpus->count, block, (mr_wanted){MR_INPUT_FILES, 0}, &error),
        MR_OK);
    return plan;
}

/* What holds for every block. */
static void check_block(const mr_plan *plan, const mr_block *block)
{
    static const char zeros[MR_BLOCK_PADDING];
    CU_ASSERT_FATAL(block->data < block->end);
    CU_ASSERT_PTR_EQUAL(block->at, block->data);
    CU_ASSERT_PTR_EQUAL(block->record, block->data);
    CU_ASSERT_EQUAL(memcmp(block->end, zeros, sizeof zeros), 0);
    CU_ASSERT_PTR_EQUAL(block->file, plan->files[block->file_index].path);
}

static void drain_file(mr_reader *reader, const mr_plan *plan, size_t file, mr_records records,
                       found *list, uint64_t *next)
{
    mr_error error = {0};
    mr_stream *stream;
    CU_ASSERT_EQUAL_FATAL(mr_stream_open(&stream, plan, file, records, &error), MR_OK);
    CU_ASSERT_EQUAL(drain(reader, stream, records, list, next, &error), MR_READING_END);
    mr_stream_close(&stream);
}

/* Whether the records added since `first` begin in the split [begin, end) of the virtual space. */
static bool belong(const mr_plan *plan, const found *list, size_t first, uint64_t begin,
                   uint64_t end)
{
    for (size_t i = first; i < list->count; i++) {
        uint64_t at = plan->starts[list->records[i].file] + list->records[i].offset;
        if (plan->files[list->records[i].file].kind == MR_FILE_PLAIN && (at < begin || at >= end))
            return false;
    }
    return true;
}

static void read_split(mr_reader *reader, const mr_plan *plan, uint64_t split, mr_records records,
                       found *list, uint64_t *next)
{
    mr_error error = {0};
    mr_block block;
    mr_reading reading;
    size_t first = list->count, file = SIZE_MAX;
    mr_reader_start(reader, split);
    while ((reading = mr_reader_next(reader, &block, &file, &error)) != MR_READING_END) {
        CU_ASSERT_NOT_EQUAL_FATAL(reading, MR_READING_ERROR);
        if (reading == MR_READING_FILE) {
            CU_ASSERT_NOT_EQUAL(plan->files[file].kind, MR_FILE_PLAIN);
            drain_file(reader, plan, file, records, list, next);
            continue;
        }
        check_block(plan, &block);
        CU_ASSERT_EQUAL(block.offset, next[block.file_index]);
        next[block.file_index] += (uint64_t)(block.end - block.data);
        found_block(list, records, block);
    }
    CU_ASSERT(belong(plan, list, first, split * plan->block, (split + 1) * plan->block));
}

/* All of a corpus at one block size: the same records, and all bytes in blocks end to end. */
static void read_corpus(const file_set *corpus, mr_records records, uint64_t size)
{
    mr_error error = {0};
    found expected = {0}, got = {0};
    uint64_t next[MOST_FILES] = {0};
    mr_reader *reader;
    mr_plan *plan = plan_of(corpus, size);
    for (size_t i = 0; i < corpus->count; i++)
        oracle_file(&expected, records, i, corpus->data[i], corpus->sizes[i]);
    CU_ASSERT_EQUAL_FATAL(mr_reader_create(&reader, plan, records, &error), MR_OK);
    for (uint64_t split = 0; split < plan->splits; split++)
        read_split(reader, plan, split, records, &got, next);
    CU_ASSERT_FATAL(found_same(&expected, &got));
    for (size_t i = 0; i < corpus->count; i++)
        CU_ASSERT_EQUAL(next[i], corpus->sizes[i]);
    CU_ASSERT_EQUAL(mr_reader_bytes(reader), mr_plan_bytes(plan));
    mr_reader_destroy(&reader);
    mr_plan_destroy(&plan);
    found_clear(&expected);
    found_clear(&got);
}

static void read_at_all_sizes(const file_set *corpus)
{
    mr_plan *plan = plan_of(corpus, 0);
    uint64_t total = mr_plan_bytes(plan);
    mr_plan_destroy(&plan);
    for (size_t i = 0; i < KINDS; i++)
        for (uint64_t block = 1; block <= total + 2; block++)
            read_corpus(corpus, all_kinds[i], block);
}

static void test_every_block_size(void)
{
    for (unsigned round = 0; round < 24; round++) {
        file_set corpus = {0};
        seed = 1000 + round;
        size_t files = round % 4 == 3 ? 30 : 1 + draw(4);
        for (size_t i = 0; i < files; i++) {
            size_t size = draw(4) == 0 ? 0 : files > 10 ? draw(12) : draw(110);
            add_file(&corpus, make_text(size, round % 5 == 4 ? draw(4) : round % 5), size,
                     round % 6 == 5 ? draw(3) : 0);
        }
        read_at_all_sizes(&corpus);
        clear_corpus(&corpus);
    }
}

static void test_records_of_a_size(void)
{
    for (uint32_t size = 1; size <= 40; size += size < 5 ? 1 : 5) {
        file_set corpus = {0};
        seed = size;
        for (size_t i = 0; i < 4; i++)
            add_file(&corpus, make_text(i * size * 2, 3), i * size * 2, i == 3 ? 1 + draw(2) : 0);
        for (uint64_t block = 1; block <= 12 * size + 2; block += 1 + block / 40)
            read_corpus(&corpus, (mr_records){MR_INPUT_RECORDS, size}, block);
        clear_corpus(&corpus);
    }
}

/* Records longer than any step of reading, so that buffers grow while one is read. */
static void test_long_records(void)
{
    static const uint64_t blocks[] = {4095, 4096, 4097, 10000, 65536, 300000, 1 << 20};
    file_set corpus = {0};
    size_t size = 400000;
    for (unsigned i = 0; i < 2; i++) {
        char *text = malloc(size);
        for (size_t k = 0; k < size; k++)
            text[k] = k % 131072 == 5000 || k % 9001 == 17 ? '\n' : (char)('a' + k % 26);
        memset(text + 200000, 'x', 150000);
        add_file(&corpus, text, size, 0);
    }
    for (size_t i = 0; i < KINDS; i++)
        for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
            read_corpus(&corpus, all_kinds[i], blocks[k]);
    clear_corpus(&corpus);
}

/* One separator, wherever it may be: also first or last in what one step of reading brings. */
static void test_separator_anywhere(void)
{
    mr_error error = {0};
    mr_block block;
    mr_reader *reader;
    size_t file, size = 9000, size_of_block = 100;
    char *text = malloc(size);
    memset(text, 'x', size);
    CU_ASSERT_FATAL(write_file("one", text, size));
    free(text);
    mr_plan *plan = plan_one("one", size_of_block);
    CU_ASSERT_EQUAL_FATAL(mr_reader_create(&reader, plan, all_kinds[0], &error), MR_OK);
    int fd = open("one", O_WRONLY);
    for (size_t at = size_of_block - 1; at < size; at++) {
        CU_ASSERT_EQUAL(pwrite(fd, "x\n", 2, (off_t)at - 1), 2);
        mr_reader_start(reader, 0);
        CU_ASSERT_EQUAL_FATAL(mr_reader_next(reader, &block, &file, &error), MR_READING_BLOCK);
        CU_ASSERT_EQUAL((size_t)(block.end - block.data), at + 1);
    }
    close(fd);
    mr_reader_destroy(&reader);
    mr_plan_destroy(&plan);
}

/* A split in which no record begins must not read the record that it lies in. */
static void test_no_record_begins(void)
{
    mr_error error = {0};
    mr_block block;
    mr_reader *reader;
    size_t file, size = 1 << 20;
    char *text = malloc(size);
    memset(text, 'x', size);
    CU_ASSERT_FATAL(write_file("long", text, size));
    free(text);
    mr_plan *plan = plan_one("long", 1);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(mr_reader_create(&reader, plan, all_kinds[i], &error), MR_OK);
        uint64_t before = mr_memory_used();
        for (uint64_t split = 1; split < 1000; split++) {
            mr_reader_start(reader, split);
            CU_ASSERT_EQUAL(mr_reader_next(reader, &block, &file, &error), MR_READING_END);
        }
        CU_ASSERT(mr_memory_used() - before < 1024);
        mr_reader_start(reader, 0);
        CU_ASSERT_EQUAL(mr_reader_next(reader, &block, &file, &error), MR_READING_BLOCK);
        CU_ASSERT_EQUAL((size_t)(block.end - block.data), size);
        mr_reader_destroy(&reader);
    }
    mr_plan_destroy(&plan);
    unlink("long");
}

static void test_changed(void)
{
    char text[1000], packed[2000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 10 == 9 ? '\n' : (char)('a' + i * i % 23);
    size_t size = gzip(text, sizeof text, packed, sizeof packed);
    for (size_t i = 0; i < KINDS; i++)
        for (uint64_t block = 1; block < 1100; block += 100) {
            CU_ASSERT_FATAL(write_file("plain", text, sizeof text));
            CU_ASSERT_FATAL(write_file("packed", packed, size));
            mr_plan *plan = plan_one("plain", block);
            CU_ASSERT_EQUAL(truncate("plain", 500), 0);
            expect_error(plan, all_kinds[i], "input changed: plain at byte 500: ", "shrank");
            plan = plan_one("plain", block);
            CU_ASSERT_EQUAL(unlink("plain"), 0);
            expect_error(plan, all_kinds[i], "cannot open input: plain at byte 0: ", "No such");
            plan = plan_one("packed", block);
            CU_ASSERT_EQUAL(truncate("packed", 30), 0);
            expect_error(plan, all_kinds[i], "input changed: packed at byte 30: ", "shrank");
            plan = plan_one("packed", block);
            CU_ASSERT_EQUAL(unlink("packed"), 0);
            expect_error(plan, all_kinds[i], "cannot open input: packed at byte 0: ", "No such");
        }
}

/* Bytes that were added after the plan was made do not count. */
static void test_grown(void)
{
    mr_error error = {0};
    found expected = {0}, got = {0};
    CU_ASSERT_FATAL(write_file("log", "one\ntw", 6));
    mr_plan *plan = plan_one("log", 2);
    CU_ASSERT_FATAL(write_file("log", "one\ntwo\nthree\n", 14));
    oracle_file(&expected, all_kinds[0], 0, "one\ntw", 6);
    CU_ASSERT_EQUAL(read_named(plan, all_kinds[0], &got, &error), MR_READING_END);
    CU_ASSERT(found_same(&expected, &got));
    found_clear(&expected);
    found_clear(&got);
    mr_plan_destroy(&plan);
}

/* One split, and only one, has the record that is torn. */
static void expect_one_torn(mr_plan *plan, mr_records records)
{
    mr_block block;
    mr_reader *reader;
    size_t file, torn = 0;
    mr_error error = {0};
    CU_ASSERT_EQUAL_FATAL(mr_reader_create(&reader, plan, records, &error), MR_OK);
    for (uint64_t k = 0; k < plan->splits; k++) {
        mr_reader_start(reader, k);
        torn += mr_reader_next(reader, &block, &file, &error) == MR_READING_ERROR;
    }
    CU_ASSERT_EQUAL(torn, 1);
    mr_reader_destroy(&reader);
    mr_plan_destroy(&plan);
}

static void test_torn_records(void)
{
    char packed[100];
    const mr_records three = {MR_INPUT_RECORDS, 3};
    for (uint64_t block = 1; block < 13; block++) {
        CU_ASSERT_FATAL(write_file("torn", "0123456789", 10));
        expect_one_torn(plan_one("torn", block), three);
        expect_one_torn(plan_one("torn", block), (mr_records){MR_INPUT_RECORDS, 6});
        expect_error(plan_one("torn", block), three, "torn at byte 9: ", "1 bytes and not 3");
        size_t size = zstd("0123456789", 10, packed, sizeof packed);
        CU_ASSERT_FATAL(write_file("torn", packed, size));
        expect_error(plan_one("torn", block), three, "torn at byte 9: ", "1 bytes and not 3");
    }
    mr_error error = {0};
    mr_reader *reader;
    mr_plan *plan = plan_one("torn", 0);
    CU_ASSERT_EQUAL(mr_reader_create(&reader, plan, (mr_records){MR_INPUT_RECORDS, 0}, &error),
                    MR_BAD_PLUGIN);
    CU_ASSERT_PTR_NULL(reader);
    mr_plan_destroy(&plan);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("reader", enter, leave);
    CU_ADD_TEST(suite, test_every_block_size);
    CU_ADD_TEST(suite, test_records_of_a_size);
    CU_ADD_TEST(suite, test_long_records);
    CU_ADD_TEST(suite, test_separator_anywhere);
    CU_ADD_TEST(suite, test_no_record_begins);
    CU_ADD_TEST(suite, test_changed);
    CU_ADD_TEST(suite, test_grown);
    CU_ADD_TEST(suite, test_torn_records);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}
