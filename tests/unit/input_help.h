/*
 * tests/unit/input_help.h: what the tests of readers and of streams share: random text, compressed
 * or not, and reading one file from its plan to its end.
 */
#ifndef MR_TESTS_INPUT_HELP_H
#define MR_TESTS_INPUT_HELP_H

#include "base/memory.h"
#include "input_oracle.h"

#include <CUnit/Basic.h>
#include <zlib.h>
#include <zstd.h>

static const mr_records all_kinds[] = {
    {MR_INPUT_LINES, 0}, {MR_INPUT_WORDS, 0}, {MR_INPUT_RECORDS, 1}, {MR_INPUT_FILES, 0}};

enum { KINDS = sizeof all_kinds / sizeof *all_kinds };

static char folder[64];
static uint64_t seed;

static inline int enter(void)
{
    return folder_enter(folder) ? 0 : 1;
}

static inline int leave(void)
{
    folder_leave(folder);
    return mr_memory_used() == 0 ? 0 : 1;
}

static inline unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static inline size_t gzip(const char *data, size_t size, char *into, size_t room)
{
    z_stream z = {0};
    CU_ASSERT_EQUAL_FATAL(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
                          Z_OK);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)size;
    z.next_out = (Bytef *)into;
    z.avail_out = (uInt)room;
    CU_ASSERT_EQUAL_FATAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = z.total_out;
    deflateEnd(&z);
    return made;
}

static inline size_t zstd(const char *data, size_t size, char *into, size_t room)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t made = ZSTD_compress2(context, into, room, data, size);
    CU_ASSERT_FATAL(!ZSTD_isError(made));
    ZSTD_freeCCtx(context);
    return made;
}

/* As `parts` members or frames one after the other. */
static inline size_t compress_parts(bool is_gzip, const char *data, size_t size, size_t parts,
                                    char *into, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < parts; i++) {
        size_t from = size * i / parts, to = size * (i + 1) / parts;
        used += (is_gzip ? gzip : zstd)(data + from, to - from, into + used, room - used);
    }
    return used;
}

/* Text of one flavour: what separates, how long the runs between are. */
static inline char *make_text(size_t size, unsigned flavour)
{
    static const char separators[][8] = {"\n", "\r\n", " ", "\n\n", "\t \n", "\v\f\r"};
    char *text = malloc(size + 8);
    size_t at = 0;
    while (at < size) {
        unsigned run = flavour == 0   ? draw(6)
                       : flavour == 1 ? draw(60)
                       : flavour == 2 ? 0
                                      : draw(9);
        for (; run > 0 && at < size; run--)
            text[at++] = flavour == 3 ? (char)draw(256) : (char)('a' + draw(26));
        const char *separator = separators[draw(6)];
        for (size_t i = 0; separator[i] && at < size; i++)
            text[at++] = separator[i];
        if (flavour == 3 && at < size)
            text[at++] = '\0';
    }
    if (size > 0 && draw(2))
        text[size - 1] = draw(2) ? '\n' : 'x';
    return text;
}

static inline mr_plan *plan_one(const char *name, uint64_t block)
{
    mr_error error = {0};
    mr_plan *plan;
    CU_ASSERT_EQUAL_FATAL(
        mr_plan_create(&plan, &name, 1, block, (mr_wanted){MR_INPUT_FILES, 0}, &error), MR_OK);
    return plan;
}

/* Takes all that is left of a stream. `next` is where each file's next block must begin. */
static inline mr_reading drain(mr_reader *reader, mr_stream *stream, mr_records records,
                               found *list, uint64_t *next, mr_error *error)
{
    mr_block block;
    mr_reading reading;
    while ((reading = mr_reader_stream(reader, stream, &block, error)) == MR_READING_BLOCK) {
        CU_ASSERT_EQUAL(block.offset, next[block.file_index]);
        next[block.file_index] += (uint64_t)(block.end - block.data);
        found_block(list, records, block);
    }
    CU_ASSERT_EQUAL(mr_reader_stream(reader, stream, &block, error), MR_READING_END);
    return reading;
}

/* Reads one file at one block size up to the end or an error. */
static inline mr_reading read_named(const mr_plan *plan, mr_records records, found *list,
                                    mr_error *error)
{
    mr_block block;
    mr_reader *reader;
    mr_stream *stream;
    size_t file;
    uint64_t next[1] = {0};
    mr_reading reading = MR_READING_END;
    CU_ASSERT_EQUAL_FATAL(mr_reader_create(&reader, plan, records, error), MR_OK);
    for (uint64_t k = 0; reading == MR_READING_END && k < plan->splits; k++) {
        mr_reader_start(reader, k);
        while ((reading = mr_reader_next(reader, &block, &file, error)) == MR_READING_BLOCK)
            found_block(list, records, block);
        if (reading != MR_READING_FILE)
            continue;
        if (mr_stream_open(&stream, plan, file, records, error) != MR_OK) {
            reading = MR_READING_ERROR;
            break;
        }
        reading = drain(reader, stream, records, list, next, error);
        mr_stream_close(&stream);
    }
    if (reading == MR_READING_ERROR) /* it is told once */
        CU_ASSERT_EQUAL(mr_reader_next(reader, &block, &file, error), MR_READING_END);
    mr_reader_destroy(&reader);
    return reading;
}

/* Reading a file as it was planned must fail, with these words. */
static inline void expect_error(mr_plan *plan, mr_records records, const char *first,
                                const char *second)
{
    mr_error error = {0};
    found list = {0};
    CU_ASSERT_EQUAL(read_named(plan, records, &list, &error), MR_READING_ERROR);
    CU_ASSERT_EQUAL(error.code, MR_BAD_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, first));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, second));
    found_clear(&list);
    mr_plan_destroy(&plan);
}

#endif
