/*
 * input/reader.h: turns splits into blocks of whole records. One reader a thread: it owns a buffer
 * that it uses again and again, and keeps the file of the last split open.
 *
 * A compressed file or a stream becomes an mr_stream: blocks come out of it one after the other
 * under a lock, and any number of readers may take from it at once, each working on its own block.
 */
#ifndef MR_INPUT_READER_H
#define MR_INPUT_READER_H

#include "input/plan.h"

#include <mapred/app.h>
#include <mapred/block.h>

typedef struct mr_reader mr_reader;
typedef struct mr_stream mr_stream;

/* What one record is. */
typedef struct mr_records {
    mr_input kind;
    uint32_t size; /* for MR_INPUT_RECORDS */
} mr_records;

/* `plan` is borrowed for the reader's life. Buffers come from the budget. */
mr_status mr_reader_create(mr_reader **reader, const mr_plan *plan, mr_records records,
                           mr_error *error);
void mr_reader_destroy(mr_reader **reader);

/* Starts on a split. */
void mr_reader_start(mr_reader *reader, uint64_t split);
/* Starts on bytes [begin, end) of all input: the records that begin there. */
void mr_reader_start_at(mr_reader *reader, uint64_t begin, uint64_t end);

typedef enum mr_reading {
    MR_READING_BLOCK,   /* *block holds whole records, at least one byte */
    MR_READING_FILE,    /* a compressed file starts here: *file is its index; open it as a stream */
    MR_READING_NUMBERS, /* a piece of a dataset, *file: see mr_reader_piece */
    MR_READING_END,     /* nothing is left of the split (or stream) */
    MR_READING_ERROR
} mr_reading;

/*
 * The next block of the split: `block` is set up, valid until the next call with this reader, with
 * MR_BLOCK_PADDING zero bytes behind it. A file that can't be opened or read, or that has shrunk,
 * is MR_BAD_INPUT with its name and the byte; MR_INPUT_RECORDS with a size that is no multiple of
 * the record too (known from the plan's sizes: say so at the file's last record).
 */
mr_reading mr_reader_next(mr_reader *reader, mr_block *block, size_t *file, mr_error *error);

/* Local. The bytes of the dataset that MR_READING_NUMBERS has met in the split. */
void mr_reader_piece(const mr_reader *reader, uint64_t *begin, uint64_t *end);

/* Opens a compressed file or a stream of the plan. Owned by the caller. */
mr_status mr_stream_open(mr_stream **stream, const mr_plan *plan, size_t file, mr_records records,
                         mr_error *error);
void mr_stream_close(mr_stream **stream);

/* Before anything is taken: what comes before byte `offset`, where a record begins, is left out. */
void mr_stream_skip(mr_stream *stream, uint64_t offset);
/* While nobody takes from it: where the next block begins; false at the end. */
bool mr_stream_offset(const mr_stream *stream, size_t *file, uint64_t *offset);

/*
 * The next block of a stream, read into this reader's own buffer: about plan->block bytes of whole
 * records, longer where one record is. Thread-safe towards other readers of the same stream. After
 * an error every call says MR_READING_END (the error is told once). MR_READING_FILE does not occur.
 * Offsets count decompressed bytes. Many gzip members or zstd frames end to end are one file.
 */
mr_reading mr_reader_stream(mr_reader *reader, mr_stream *stream, mr_block *block, mr_error *error);

/* Bytes read from disk by this reader so far (compressed ones as they are on disk). */
uint64_t mr_reader_bytes(const mr_reader *reader);

#endif
