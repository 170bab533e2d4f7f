/*
 * tests/unit/test_stream.c: compressed files that are cut off, damaged or padded; standard input,
 * whatever comes through it and however slowly; and one stream that many threads take from.
 */
#include "input/reader.h"

#include "input_help.h"

#include <fcntl.h>
#include <pthread.h>

/* Compressed bytes that are cut off anywhere, with an end in the middle that is a good one. */
static void check_cuts(bool is_gzip)
{
    char text[300], packed[1000];
    seed = 7;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = draw(5) ? (char)('a' + draw(9)) : '\n';
    size_t half = compress_parts(is_gzip, text, 150, 1, packed, sizeof packed);
    size_t size = compress_parts(is_gzip, text, 300, 2, packed, sizeof packed);
    for (size_t cut = 4; cut <= size; cut++) {
        CU_ASSERT_FATAL(write_file("cut", packed, cut));
        mr_plan *plan = plan_one("cut", 1 + draw(200));
        if (cut != half && cut != size) {
            char place[64];
            snprintf(place, sizeof place, "cut at byte %zu: ", cut);
            expect_error(plan, all_kinds[cut % KINDS], place, "too early");
            continue;
        }
        mr_error error = {0};
        found expected = {0}, got = {0};
        oracle_file(&expected, all_kinds[0], 0, text, cut == half ? 150 : 300);
        CU_ASSERT_EQUAL(read_named(plan, all_kinds[0], &got, &error), MR_READING_END);
        CU_ASSERT(found_same(&expected, &got));
        found_clear(&expected);
        found_clear(&got);
        mr_plan_destroy(&plan);
    }
}

/* Any one bit wrong: an error, or a bit of the header that means nothing. */
static void check_flips(bool is_gzip)
{
    char text[300], packed[1000];
    size_t errors = 0;
    seed = 9;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = draw(5) ? (char)('a' + draw(9)) : '\n';
    size_t size = compress_parts(is_gzip, text, 300, 2, packed, sizeof packed);
    for (size_t bit = 32; bit < size * 8; bit++) {
        mr_error error = {0};
        found expected = {0}, got = {0};
        packed[bit / 8] = (char)(packed[bit / 8] ^ 1 << bit % 8);
        CU_ASSERT_FATAL(write_file("flip", packed, size));
        packed[bit / 8] = (char)(packed[bit / 8] ^ 1 << bit % 8);
        mr_plan *plan = plan_one("flip", 64);
        oracle_file(&expected, all_kinds[0], 0, text, sizeof text);
        if (read_named(plan, all_kinds[0], &got, &error) == MR_READING_ERROR) {
            errors++;
            CU_ASSERT_EQUAL(error.code, MR_BAD_INPUT);
            CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "cannot read input: flip at byte "));
        } else {
            CU_ASSERT(found_same(&expected, &got));
        }
        found_clear(&expected);
        found_clear(&got);
        mr_plan_destroy(&plan);
    }
    CU_ASSERT(errors > size * 8 * 3 / 4);
}

static void test_damaged(void)
{
    check_cuts(true);
    check_cuts(false);
    check_flips(true);
    check_flips(false);
    char packed[200];
    size_t size = gzip("one\ntwo\n", 8, packed, sizeof packed);
    memset(packed + size, 0, 100);
    CU_ASSERT_FATAL(write_file("padded", packed, size + 100));
    mr_error error = {0};
    found list = {0};
    mr_plan *plan = plan_one("padded", 0);
    CU_ASSERT_EQUAL(read_named(plan, all_kinds[0], &list, &error), MR_READING_END);
    CU_ASSERT_EQUAL(list.count, 2);
    found_clear(&list);
    mr_plan_destroy(&plan);
    packed[size + 50] = 'x';
    char place[64];
    snprintf(place, sizeof place, "padded at byte %zu: ", size + 50);
    CU_ASSERT_FATAL(write_file("padded", packed, size + 100));
    expect_error(plan_one("padded", 0), all_kinds[0], place, "garbage");
    packed[size] = 'x';
    CU_ASSERT_FATAL(write_file("padded", packed, size + 100));
    expect_error(plan_one("padded", 0), all_kinds[0], "padded at byte ", "damaged");
}

/* A window of more than half the budget: a lack of memory, not a wrong file. */
static void test_wide_window(void)
{
    static const char wide[] = "\x28\xb5\x2f\xfd\x04\xa8\x9e\xff\xff\xff\x28\x9e\x0a\x01";
    mr_error error = {0};
    found list = {0};
    CU_ASSERT_FATAL(write_file("wide", wide, sizeof wide - 1));
    mr_plan *plan = plan_one("wide", 0);
    mr_memory_set_budget(64 << 20);
    CU_ASSERT_EQUAL(read_named(plan, all_kinds[0], &list, &error), MR_READING_ERROR);
    mr_memory_set_budget(0);
    CU_ASSERT_EQUAL(error.code, MR_NO_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "wide was compressed with a window"));
    found_clear(&list);
    mr_plan_destroy(&plan);
}

/* Few bytes that stand for many: all input is in the decoder long before all output is out. */
static void test_held_back(void)
{
    enum { SIZE = 1 << 20, LINE = 1 << 10 };
    static char text[SIZE], packed[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        text[i] = i % LINE == LINE - 1 ? '\n' : 'x';
    for (unsigned is_gzip = 0; is_gzip < 2; is_gzip++) {
        mr_error error = {0};
        found list = {0};
        size_t size = is_gzip ? gzip(text, SIZE, packed, SIZE)
                              : ZSTD_compress(packed, SIZE, text, SIZE, 3); /* with no checksum */
        CU_ASSERT_FATAL(write_file("held", packed, size));
        mr_plan *plan = plan_one("held", 10000);
        CU_ASSERT_EQUAL(read_named(plan, all_kinds[0], &list, &error), MR_READING_END);
        CU_ASSERT_EQUAL(list.count, SIZE / LINE);
        CU_ASSERT_EQUAL(list.size, SIZE - SIZE / LINE);
        found_clear(&list);
        mr_plan_destroy(&plan);
    }
}

/* Somebody who writes to a pipe, in pieces. */
typedef struct pipe_writer {
    int fd;
    const char *data;
    size_t size, piece;
} pipe_writer;

static void *write_pieces(void *argument)
{
    pipe_writer *writer = argument;
    for (size_t at = 0; at < writer->size;) {
        size_t left = writer->size - at, piece = left < writer->piece ? left : writer->piece;
        ssize_t done = write(writer->fd, writer->data + at, piece);
        if (done < 0)
            break;
        at += (size_t)done;
    }
    close(writer->fd);
    return NULL;
}

/* What comes through standard input, as it was written to a pipe. */
static void read_piped(const char *data, size_t size, size_t piece, uint64_t block,
                       mr_records records, const found *expected)
{
    int ends[2], before = dup(STDIN_FILENO);
    pthread_t thread;
    mr_error error = {0};
    mr_reader *reader;
    mr_stream *stream;
    found got = {0};
    uint64_t next[1] = {0};
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fcntl(ends[0], F_SETFL, piece == 1 ? O_NONBLOCK : 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    pipe_writer writer = {ends[1], data, size, piece};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_pieces, &writer), 0);
    mr_plan *plan = plan_one("-", block);
    CU_ASSERT_EQUAL_FATAL(mr_reader_create(&reader, plan, records, &error), MR_OK);
    CU_ASSERT_EQUAL_FATAL(mr_stream_open(&stream, plan, 0, records, &error), MR_OK);
    CU_ASSERT_EQUAL(drain(reader, stream, records, &got, next, &error), MR_READING_END);
    CU_ASSERT(found_same(expected, &got));
    CU_ASSERT_EQUAL(mr_reader_bytes(reader), size);
    mr_stream_close(&stream);
    mr_reader_destroy(&reader);
    mr_plan_destroy(&plan);
    pthread_join(thread, NULL);
    found_clear(&got);
    dup2(before, STDIN_FILENO);
    close(before);
}

static void test_standard_input(void)
{
    static char packed[300000];
    static const size_t sizes[] = {0, 1, 3, 5, 1000, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned how = 0; how < 3; how++) {
            size_t size = sizes[i], made = size, piece = size > 1000 ? 5000 : 1;
            seed = i;
            char *text = make_text(size, 1);
            if (how > 0)
                made = compress_parts(how == 1, text, size, 3, packed, sizeof packed);
            for (size_t k = 0; k < KINDS; k++) {
                found expected = {0};
                oracle_file(&expected, all_kinds[k], 0, text, size);
                read_piped(how ? packed : text, made, piece, 1 + size / 7, all_kinds[k], &expected);
                found_clear(&expected);
            }
            free(text);
        }
}

/* A thread that takes from a stream which others take from as well. */
typedef struct stream_taker {
    const mr_plan *plan;
    mr_stream *stream;
    uint64_t blocks, sum;
} stream_taker;

static uint64_t hash_record(uint64_t offset, mr_bytes line)
{
    uint64_t hash = offset * 0x9e3779b97f4a7c15u + line.size;
    for (size_t i = 0; i < line.size; i++)
        hash = (hash ^ (unsigned char)line.data[i]) * 0x100000001b3u;
    return hash;
}

static void *take_blocks(void *argument)
{
    stream_taker *taker = argument;
    mr_error error = {0};
    mr_block block;
    mr_bytes line;
    mr_reader *reader;
    if (mr_reader_create(&reader, taker->plan, all_kinds[0], &error) != MR_OK)
        return NULL;
    while (mr_reader_stream(reader, taker->stream, &block, &error) == MR_READING_BLOCK) {
        taker->blocks++;
        while (mr_block_next_line(&block, &line))
            taker->sum += hash_record(mr_block_offset_of(&block, block.record), line);
    }
    mr_reader_destroy(&reader);
    return NULL;
}

static void test_shared_stream(void)
{
    enum { THREADS = 4 };
    size_t size = 500000;
    static char packed[600000];
    seed = 77;
    char *text = make_text(size, 1);
    found lines = {0};
    uint64_t expected = 0, sum = 0, blocks = 0;
    oracle_file(&lines, all_kinds[0], 0, text, size);
    for (size_t i = 0; i < lines.count; i++)
        expected +=
            hash_record(lines.records[i].offset,
                        (mr_bytes){lines.bytes + lines.records[i].at, lines.records[i].size});
    CU_ASSERT_FATAL(write_file("shared", packed, zstd(text, size, packed, sizeof packed)));
    mr_error error = {0};
    mr_stream *stream;
    mr_plan *plan = plan_one("shared", 1000);
    CU_ASSERT_EQUAL_FATAL(mr_stream_open(&stream, plan, 0, all_kinds[0], &error), MR_OK);
    pthread_t threads[THREADS];
    stream_taker takers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        takers[i] = (stream_taker){plan, stream, 0, 0};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, take_blocks, &takers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += takers[i].sum;
        blocks += takers[i].blocks;
    }
    CU_ASSERT_EQUAL(sum, expected);
    CU_ASSERT(blocks >= size / 1000);
    mr_stream_close(&stream);
    mr_plan_destroy(&plan);
    found_clear(&lines);
    free(text);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("stream", enter, leave);
    CU_ADD_TEST(suite, test_damaged);
    CU_ADD_TEST(suite, test_wide_window);
    CU_ADD_TEST(suite, test_held_back);
    CU_ADD_TEST(suite, test_standard_input);
    CU_ADD_TEST(suite, test_shared_stream);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}
