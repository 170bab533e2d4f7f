/*
 * input/buffer.h: the inside of a reader, for the two files that fill its buffer: reader.c with
 * pieces of plain files, stream.c with what comes out of a stream.
 */
#ifndef MR_INPUT_BUFFER_H
#define MR_INPUT_BUFFER_H

#include "input/reader.h"

#include <stdbool.h>

struct mr_reader {
    const mr_plan *plan;
    mr_records records;
    char *buffer;
    size_t capacity;
    int fd; /* of `opened`; -1 while there is none */
    size_t opened;
    size_t file;                     /* where the split goes on */
    uint64_t begin, end;             /* what is left of it, in the virtual space */
    uint64_t piece_begin, piece_end; /* of a dataset, the last that was met */
    uint64_t bytes;
};

/* Makes room for `size` bytes and the padding behind them; what is in the buffer stays. */
mr_status mr_buffer_reserve(mr_reader *reader, size_t size, mr_error *error);

/* Makes a block of bytes [start, stop) of the buffer, which lie at `offset` of a file. */
void mr_buffer_block(mr_reader *reader, size_t start, size_t stop, size_t file, uint64_t offset,
                     mr_block *block);

#endif
