/*
 * input/reader.c: pieces of plain files, read and cut at the borders of records. Touches files only
 * through one descriptor at a time.
 *
 * A piece is read from one byte ahead, which tells whether a record begins at its first byte, to a
 * little behind its end, where its last record is likely to end: one system call in most cases.
 */
#include "input/buffer.h"
#include "input/paths.h"
#include "input/records.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How far behind a piece the end of its last record is looked for at first. */
enum { FURTHER = 4096 };

/* A buffer's bytes lie as the file's do modulo this: the kernel copies them up to 4 times faster.
 */
enum { ALIGNED = 64 };

/* The part of a file that is in the buffer, and where. */
typedef struct file_window {
    size_t file;
    uint64_t from; /* in the file */
    size_t start;  /* in the buffer */
    size_t size;
} file_window;

mr_status mr_reader_create(mr_reader **result, const mr_plan *plan, mr_records records,
                           mr_error *error)
{
    *result = NULL;
    MR_TRY(mr_records_check(records, error));
    mr_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return mr_error_set(error, MR_NO_MEMORY,
                            "out of memory: making a reader: use a node with more memory");
    reader->plan = plan;
    reader->records = records;
    reader->fd = -1;
    *result = reader;
    return MR_OK;
}

static void close_file(mr_reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
}

void mr_reader_destroy(mr_reader **reader)
{
    mr_reader *gone = *reader;
    if (!gone)
        return;
    close_file(gone);
    mr_memory_free(gone->buffer, gone->capacity);
    free(gone);
    *reader = NULL;
}

uint64_t mr_reader_bytes(const mr_reader *reader)
{
    return reader->bytes;
}

mr_status mr_buffer_reserve(mr_reader *reader, size_t size, mr_error *error)
{
    size_t needed = size + MR_BLOCK_PADDING;
    if (needed <= reader->capacity)
        return MR_OK;
    char *buffer =
        mr_memory_resize(reader->buffer, reader->capacity, needed, "a block of the input", error);
    if (!buffer)
        return MR_NO_MEMORY;
    reader->buffer = buffer;
    reader->capacity = needed;
    return MR_OK;
}

void mr_buffer_block(mr_reader *reader, size_t start, size_t stop, size_t file, uint64_t offset,
                     mr_block *block)
{
    const char *data = reader->buffer + start;
    memset(reader->buffer + stop, 0, MR_BLOCK_PADDING);
    *block = (mr_block){
        .at = data,
        .end = reader->buffer + stop,
        .record = data,
        .data = data,
        .file = reader->plan->files[file].path,
        .file_index = file,
        .offset = offset,
        .record_size = reader->records.size,
    };
}

static mr_status open_file(mr_reader *reader, size_t file, uint64_t offset, mr_error *error)
{
    if (reader->fd >= 0 && reader->opened == file)
        return MR_OK;
    close_file(reader);
    const char *path = reader->plan->files[file].path;
    reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (reader->fd < 0)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot open input: %s at byte %llu: %s: leave inputs alone while a "
                            "job reads them",
                            path, (unsigned long long)offset, strerror(errno));
    reader->opened = file;
    return MR_OK;
}

/* Reads into the buffer up to byte `to` of the file, behind what the window holds already. */
static mr_status read_up_to(mr_reader *reader, file_window *window, uint64_t to, mr_error *error)
{
    MR_TRY(open_file(reader, window->file, window->from, error));
    size_t size = (size_t)(to - window->from);
    MR_TRY(mr_buffer_reserve(reader, window->start + size, error));
    const char *path = reader->plan->files[window->file].path;
    while (window->size < size) {
        uint64_t at = window->from + window->size;
        ssize_t got = pread(reader->fd, reader->buffer + window->start + window->size,
                            size - window->size, (off_t)at);
        if (got > 0)
            window->size += (size_t)got;
        else if (got == 0)
            return mr_error_set(error, MR_BAD_INPUT,
                                "input changed: %s at byte %llu: it shrank to less than its %llu "
                                "bytes: run again when nobody writes to it",
                                path, (unsigned long long)at,
                                (unsigned long long)reader->plan->files[window->file].size);
        else if (errno != EINTR)
            return mr_error_set(error, MR_BAD_INPUT,
                                "cannot read input: %s at byte %llu: %s: check the disk", path,
                                (unsigned long long)at, strerror(errno));
    }
    return MR_OK;
}

/* Reads bytes [from, to) of a file. */
static mr_status read_window(mr_reader *reader, file_window *window, size_t file, uint64_t from,
                             uint64_t to, mr_error *error)
{
    MR_TRY(mr_buffer_reserve(reader, ALIGNED + (size_t)(to - from), error));
    size_t start = (size_t)(from - (uintptr_t)reader->buffer) % ALIGNED;
    *window = (file_window){.file = file, .from = from, .start = start};
    return read_up_to(reader, window, to, error);
}

static mr_reading give(mr_reader *reader, const file_window *window, size_t start, size_t stop,
                       mr_block *block)
{
    reader->bytes += stop - start;
    mr_buffer_block(reader, window->start + start, window->start + stop, window->file,
                    window->from + start, block);
    return MR_READING_BLOCK;
}

/* A block of exactly the bytes [from, to) of a file. */
static mr_reading read_exactly(mr_reader *reader, size_t file, uint64_t from, uint64_t to,
                               mr_block *block, mr_error *error)
{
    file_window window;
    if (from >= to)
        return MR_READING_END;
    if (read_window(reader, &window, file, from, to, error) != MR_OK)
        return MR_READING_ERROR;
    return give(reader, &window, 0, window.size, block);
}

/* Records of one size: those that begin in [begin, end) are known without a look at them. */
static mr_reading read_records(mr_reader *reader, size_t file, uint64_t begin, uint64_t end,
                               mr_block *block, mr_error *error)
{
    const mr_file *input = &reader->plan->files[file];
    uint64_t size = reader->records.size, whole = input->size - input->size % size;
    if (begin <= whole && whole < end) {
        mr_records_torn(reader->records, input->path, whole, input->size - whole, error);
        return MR_READING_ERROR;
    }
    uint64_t first = begin / size + (begin % size != 0), last = end / size + (end % size != 0);
    return read_exactly(reader, file, first * size, last * size, block, error);
}

/*
 * The end of the record that crosses or touches position `at` of the window: behind the first
 * separator from there on, or at the end of the file. Reads on, in steps that double, until it is
 * found. 0 after an error.
 */
static size_t find_end(mr_reader *reader, file_window *window, size_t at, mr_error *error)
{
    uint64_t size = reader->plan->files[window->file].size;
    for (uint64_t step = FURTHER;; step *= 2) {
        const char *data = reader->buffer + window->start, *end = data + window->size;
        const char *hit = mr_records_seek(reader->records.kind, data + at, end);
        if (hit < end)
            return (size_t)(hit - data) + 1;
        uint64_t to = window->from + window->size;
        if (to == size)
            return window->size;
        at = window->size;
        to = size - to > step ? to + step : size;
        if (read_up_to(reader, window, to, error) != MR_OK)
            return 0;
    }
}

/* Lines or words that begin in bytes [begin, end) of a file. */
static mr_reading read_text(mr_reader *reader, size_t file, uint64_t begin, uint64_t end,
                            mr_block *block, mr_error *error)
{
    file_window window;
    uint64_t size = reader->plan->files[file].size;
    uint64_t further = end - begin < FURTHER ? end - begin + ALIGNED : FURTHER;
    uint64_t from = begin ? begin - 1 : 0, to = size - end > further ? end + further : size;
    if (read_window(reader, &window, file, from, to, error) != MR_OK)
        return MR_READING_ERROR;
    size_t start = 0, before_end = (size_t)(end - 1 - from);
    if (begin > 0) {
        const char *data = reader->buffer + window.start, *stop = data + before_end;
        const char *hit = mr_records_seek(reader->records.kind, data, stop);
        if (hit == stop)
            return MR_READING_END;
        start = (size_t)(hit - data) + 1;
    }
    size_t stop = find_end(reader, &window, before_end, error);
    return stop ? give(reader, &window, start, stop, block) : MR_READING_ERROR;
}

/* All records that begin in bytes [begin, end) of a file, in one block. */
static mr_reading read_piece(mr_reader *reader, size_t file, uint64_t begin, uint64_t end,
                             mr_block *block, mr_error *error)
{
    switch (reader->records.kind) {
    case MR_INPUT_LINES:
    case MR_INPUT_WORDS:
        return read_text(reader, file, begin, end, block, error);
    case MR_INPUT_RECORDS:
        return read_records(reader, file, begin, end, block, error);
    case MR_INPUT_FILES:
    case MR_INPUT_ROWS: /* those of CSV are read as lines */
        break;
    }
    uint64_t size = reader->plan->files[file].size;
    return read_exactly(reader, file, begin, begin ? begin : size, block, error);
}

void mr_reader_start(mr_reader *reader, uint64_t split)
{
    const mr_plan *plan = reader->plan;
    uint64_t all = mr_plan_bytes(plan);
    uint64_t begin = split < plan->splits ? split * plan->block : all;
    mr_reader_start_at(reader, begin, all - begin > plan->block ? begin + plan->block : all);
}

void mr_reader_start_at(mr_reader *reader, uint64_t begin, uint64_t end)
{
    reader->file = mr_plan_file_at(reader->plan, begin);
    reader->begin = begin;
    reader->end = end;
}

void mr_reader_piece(const mr_reader *reader, uint64_t *begin, uint64_t *end)
{
    *begin = reader->piece_begin;
    *end = reader->piece_end;
}

mr_reading mr_reader_next(mr_reader *reader, mr_block *block, size_t *file, mr_error *error)
{
    const uint64_t *starts = reader->plan->starts;
    while (reader->begin < reader->end) {
        while (starts[reader->file + 1] <= reader->begin)
            reader->file++;
        size_t now = reader->file;
        uint64_t stop = starts[now + 1] < reader->end ? starts[now + 1] : reader->end;
        uint64_t begin = reader->begin - starts[now], end = stop - starts[now];
        reader->begin = stop;
        mr_reading reading = MR_READING_END;
        if (reader->plan->files[now].kind == MR_FILE_PLAIN) {
            reading = read_piece(reader, now, begin, end, block, error);
        } else if (reader->plan->files[now].kind == MR_FILE_NUMBERS) {
            *file = now;
            reader->piece_begin = begin;
            reader->piece_end = end;
            reading = MR_READING_NUMBERS;
        } else if (begin == 0) {
            *file = now;
            reading = MR_READING_FILE;
        }
        if (reading == MR_READING_ERROR)
            reader->begin = reader->end;
        if (reading != MR_READING_END)
            return reading;
    }
    return MR_READING_END;
}
