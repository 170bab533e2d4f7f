/*
 * tests/fuzz/fuzz_records.c: any bytes, any block size, any kind of record: the reader and the
 * iterators of blocks must find the records that a reading of byte after byte finds, or there is a
 * trap. The first four bytes of the input choose; the rest is one file, or a stream of it.
 */
#include "../unit/input_oracle.h"

#include "input/plan.h"
#include "input/reader.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the first bytes choose. */
typedef struct choice {
    mr_records records;
    uint64_t block;
    bool streamed;
} choice;

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static choice choose(const uint8_t *bytes)
{
    return (choice){
        .records = {(mr_input)(bytes[0] % 4), 1u + bytes[1] % 16},
        .block = 1u + bytes[2] + ((uint64_t)(bytes[3] & 0x3f) << 8),
        .streamed = bytes[3] & 0x80,
    };
}

/* All blocks of all splits, or of the stream; false when the reader found something wrong. */
static bool read_all(const mr_plan *plan, mr_reader *reader, mr_stream *stream, choice choice,
                     found *got)
{
    mr_error error = {0};
    mr_block block;
    mr_reading reading = MR_READING_END;
    size_t file;
    uint64_t next = 0;
    for (uint64_t k = 0; reading != MR_READING_ERROR && k < (stream ? 1 : plan->splits); k++) {
        mr_reader_start(reader, k);
        while ((reading = stream ? mr_reader_stream(reader, stream, &block, &error)
                                 : mr_reader_next(reader, &block, &file, &error)) ==
               MR_READING_BLOCK) {
            require(block.data < block.end && block.offset == next);
            next += (uint64_t)(block.end - block.data);
            found_block(got, choice.records, block);
        }
        require(reading != MR_READING_FILE);
    }
    return reading == MR_READING_END;
}

static void compare(const char *path, choice choice, const char *data, size_t size)
{
    mr_error error = {0};
    mr_file files[] = {{path, size, MR_FILE_PLAIN}};
    uint64_t starts[] = {0, size};
    mr_plan plan = {files, 1, starts, choice.block, (size + choice.block - 1) / choice.block, 0};
    found expected = {0}, got = {0};
    mr_reader *reader;
    mr_stream *stream = NULL;
    require(mr_reader_create(&reader, &plan, choice.records, &error) == MR_OK);
    if (choice.streamed)
        require(mr_stream_open(&stream, &plan, 0, choice.records, &error) == MR_OK);
    bool torn = choice.records.kind == MR_INPUT_RECORDS && size % choice.records.size != 0;
    require(read_all(&plan, reader, stream, choice, &got) == !torn);
    oracle_file(&expected, choice.records, 0, data, size);
    require(torn || found_same(&expected, &got));
    mr_stream_close(&stream);
    mr_reader_destroy(&reader);
    found_clear(&expected);
    found_clear(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    char path[32];
    int fd = memfd_create("fuzz", 0);
    require(fd >= 0 && write(fd, data + 4, size - 4) == (ssize_t)(size - 4));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    compare(path, choose(data), (const char *)data + 4, size - 4);
    close(fd);
    return 0;
}
