/*
 * tests/fuzz/fuzz_packed.c: bytes from outside that have a form: packed plans, gzip and zstd. They
 * may be refused, with an error that says so; they must not be believed. The first byte chooses.
 */
#include "../unit/input_oracle.h"

#include "base/memory.h"
#include "input/plan.h"
#include "input/reader.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A few bytes can stand for very many: more than this is not worth the wait. */
enum { ENOUGH = 1 << 22, BUDGET = 64 << 20 };

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

/* What is unpacked once packs and unpacks again. */
static void try_plan(const void *data, size_t size)
{
    mr_error error = {0};
    mr_plan *plan = NULL, *again = NULL;
    void *bytes = NULL;
    size_t packed = 0;
    if (mr_plan_unpack(&plan, data, size, &error) != MR_OK) {
        require(!plan && error.code != MR_OK && error.text[0]);
        return;
    }
    for (size_t i = 0; i < plan->count; i++)
        require(plan->starts[i] <= plan->starts[i + 1]);
    require(mr_plan_first_file(plan, plan->splits) == plan->count);
    require(mr_plan_pack(plan, &bytes, &packed, &error) == MR_OK);
    require(packed == size && memcmp(bytes, data, size) == 0);
    require(mr_plan_unpack(&again, bytes, packed, &error) == MR_OK);
    mr_plan_destroy(&again);
    mr_plan_destroy(&plan);
    free(bytes);
}

static void try_stream(const char *path, mr_records records, uint64_t size)
{
    mr_error error = {0};
    mr_file files[] = {{path, 0, MR_FILE_STREAM}};
    uint64_t starts[] = {0, 0}, next = 0;
    mr_plan plan = {files, 1, starts, 1 + size % 300, 0, 1};
    mr_reader *reader;
    mr_stream *stream;
    mr_block block;
    mr_reading reading;
    require(mr_reader_create(&reader, &plan, records, &error) == MR_OK);
    require(mr_stream_open(&stream, &plan, 0, records, &error) == MR_OK);
    while ((reading = mr_reader_stream(reader, stream, &block, &error)) == MR_READING_BLOCK) {
        require(block.offset == next && block.end > block.data);
        next += (uint64_t)(block.end - block.data);
        if (next > ENOUGH)
            break;
    }
    require((reading == MR_READING_ERROR) == (error.code != MR_OK));
    mr_stream_close(&stream);
    mr_reader_destroy(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    mr_memory_set_budget(BUDGET);
    if (data[0] == 'p') {
        try_plan(data + 1, size - 1);
        return 0;
    }
    char path[32];
    int fd = memfd_create("fuzz", 0);
    require(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    try_stream(path, (mr_records){(mr_input)(data[0] % 3), 1u + data[0] / 4}, size);
    close(fd);
    return 0;
}
