/*
 * tests/unit/input_oracle.h: what the records of some bytes are, told one byte after the other and
 * knowing nothing of blocks; a list to compare them with what a reader found; and a folder to put
 * files in. Shared by the tests of src/input and its fuzzers.
 */
#ifndef MR_TESTS_INPUT_ORACLE_H
#define MR_TESTS_INPUT_ORACLE_H

#include "input/reader.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Records one after the other: where each was, and all their bytes in one piece. */
typedef struct found {
    struct {
        uint64_t file, offset;
        size_t at, size;
    } * records;
    size_t count, room;
    char *bytes;
    size_t size, bytes_room;
} found;

static inline void found_add(found *list, uint64_t file, uint64_t offset, const char *data,
                             size_t size)
{
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 64;
        list->records = realloc(list->records, list->room * sizeof *list->records);
    }
    if (list->size + size + 1 > list->bytes_room) {
        list->bytes_room = (list->size + size + 1) * 2;
        list->bytes = realloc(list->bytes, list->bytes_room);
    }
    list->records[list->count].file = file;
    list->records[list->count].offset = offset;
    list->records[list->count].at = list->size;
    list->records[list->count++].size = size;
    if (size > 0)
        memcpy(list->bytes + list->size, data, size);
    list->size += size;
}

static inline void found_clear(found *list)
{
    free(list->records);
    free(list->bytes);
    memset(list, 0, sizeof *list);
}

static inline bool found_same(const found *a, const found *b)
{
    if (a->count != b->count || a->size != b->size)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->records[i].file != b->records[i].file ||
            a->records[i].offset != b->records[i].offset ||
            a->records[i].size != b->records[i].size || a->records[i].at != b->records[i].at)
            return false;
    return a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0;
}

static inline bool oracle_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

static inline bool oracle_ends(mr_input kind, char c)
{
    return kind == MR_INPUT_WORDS ? oracle_is_space(c) : c == '\n';
}

/* All records of one file. A last one of MR_INPUT_RECORDS that is torn is left out. */
static inline void oracle_file(found *list, mr_records records, uint64_t file, const char *data,
                               size_t size)
{
    if (records.kind == MR_INPUT_FILES) {
        if (size > 0)
            found_add(list, file, 0, data, size);
        return;
    }
    if (records.kind == MR_INPUT_RECORDS) {
        for (size_t at = 0; size - at >= records.size; at += records.size)
            found_add(list, file, at, data + at, records.size);
        return;
    }
    size_t begin = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && !oracle_ends(records.kind, data[i]))
            continue;
        bool is_record = records.kind == MR_INPUT_WORDS || i == size ? i > begin : true;
        if (is_record)
            found_add(list, file, begin, data + begin, i - begin);
        begin = i + 1;
    }
}

/* Takes all records out of a block, as a kernel would. */
static inline void found_block(found *list, mr_records records, mr_block block)
{
    for (mr_bytes record;;) {
        bool more = records.kind == MR_INPUT_LINES     ? mr_block_next_line(&block, &record)
                    : records.kind == MR_INPUT_WORDS   ? mr_block_next_word(&block, &record)
                    : records.kind == MR_INPUT_RECORDS ? mr_block_next_record(&block, &record)
                                                       : mr_block_next_all(&block, &record);
        if (!more)
            return;
        found_add(list, block.file_index, mr_block_offset_of(&block, block.record), record.data,
                  record.size);
    }
}

static inline bool write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(data, 1, size, file) == size;
    return (file ? fclose(file) == 0 : false) && good;
}

static inline int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

/* Makes a folder of one's own and goes into it; leaves and removes it. */
static inline bool folder_enter(char path[64])
{
    snprintf(path, 64, "/tmp/mapred-test-XXXXXX");
    return mkdtemp(path) && chmod(path, 0755) == 0 && chdir(path) == 0;
}

static inline void folder_leave(const char *path)
{
    if (chdir("/") == 0)
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
