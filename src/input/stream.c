/*
 * input/stream.c: blocks of whole records out of a compressed file or a stream, for many readers at
 * once. The lock is held while bytes are read and decompressed, not while a block is worked on.
 */
#include "input/buffer.h"
#include "input/records.h"
#include "input/source.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* How far a buffer grows at first: a block may be far longer than all that comes. */
enum { FIRST_ROOM = 64 << 10 };

struct mr_stream {
    pthread_mutex_t lock;
    const mr_plan *plan;
    size_t file;
    mr_records records;
    mr_source *source;
    bool done;       /* at the end, or after an error */
    uint64_t offset; /* of the next block, in decompressed bytes */
    uint64_t skip;   /* bytes to be left out first */
    char *tail;      /* the beginning of a record whose end is still to come */
    size_t tail_size, tail_capacity;
};

mr_status mr_stream_open(mr_stream **result, const mr_plan *plan, size_t file, mr_records records,
                         mr_error *error)
{
    *result = NULL;
    MR_TRY(mr_records_check(records, error));
    mr_stream *stream = calloc(1, sizeof *stream);
    if (!stream || pthread_mutex_init(&stream->lock, NULL) != 0) {
        free(stream);
        return mr_error_set(error, MR_NO_MEMORY,
                            "out of memory: opening a stream: use a node with more memory");
    }
    stream->plan = plan;
    stream->file = file;
    stream->records = records;
    mr_status status = mr_source_open(&stream->source, &plan->files[file], error);
    if (status == MR_OK)
        *result = stream;
    else
        mr_stream_close(&stream);
    return status;
}

void mr_stream_close(mr_stream **stream)
{
    mr_stream *gone = *stream;
    if (!gone)
        return;
    mr_source_close(&gone->source);
    mr_memory_free(gone->tail, gone->tail_capacity);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *stream = NULL;
}

void mr_stream_skip(mr_stream *stream, uint64_t offset)
{
    stream->skip = offset;
}

bool mr_stream_offset(const mr_stream *stream, size_t *file, uint64_t *offset)
{
    *file = stream->file;
    *offset = stream->skip ? stream->skip : stream->offset;
    return !stream->done;
}

/* Reads what is to be left out, and forgets it. */
static mr_status leave_out(mr_stream *stream, mr_reader *reader, mr_error *error)
{
    MR_TRY(mr_buffer_reserve(reader, FIRST_ROOM, error));
    while (stream->offset < stream->skip && !stream->done) {
        uint64_t left = stream->skip - stream->offset;
        size_t got, size = left < FIRST_ROOM ? (size_t)left : FIRST_ROOM;
        MR_TRY(mr_source_read(stream->source, reader->buffer, size, &got, error));
        stream->offset += got;
        stream->done = got == 0;
    }
    stream->skip = 0;
    return MR_OK;
}

/* Puts the tail of the last block at the buffer's beginning. */
static mr_status take_tail(mr_stream *stream, mr_reader *reader, mr_error *error)
{
    MR_TRY(mr_buffer_reserve(reader, stream->tail_size, error));
    if (stream->tail_size > 0)
        memcpy(reader->buffer, stream->tail, stream->tail_size);
    return MR_OK;
}

static mr_status keep_tail(mr_stream *stream, const char *data, size_t size, mr_error *error)
{
    if (size > stream->tail_capacity) {
        char *tail = mr_memory_resize(stream->tail, stream->tail_capacity, size,
                                      "a record between two blocks", error);
        if (!tail)
            return MR_NO_MEMORY;
        stream->tail = tail;
        stream->tail_capacity = size;
    }
    if (size > 0)
        memcpy(stream->tail, data, size);
    stream->tail_size = size;
    return MR_OK;
}

/* Reads until the buffer holds `wanted` bytes, or all there are: then the stream is done. */
static mr_status fill(mr_stream *stream, mr_reader *reader, size_t *have, size_t wanted,
                      mr_error *error)
{
    while (*have < wanted && !stream->done) {
        size_t room = *have < FIRST_ROOM / 2 ? FIRST_ROOM : *have * 2, got;
        room = room < wanted ? room : wanted;
        MR_TRY(mr_buffer_reserve(reader, room, error));
        room = reader->capacity - MR_BLOCK_PADDING;
        room = room < wanted ? room : wanted;
        MR_TRY(mr_source_read(stream->source, reader->buffer + *have, room - *have, &got, error));
        *have += got;
        stream->done = got == 0;
    }
    return MR_OK;
}

/* At the end of a stream all that is left is whole, but for records of one size. */
static mr_status check_end(const mr_stream *stream, size_t have, mr_error *error)
{
    size_t torn = stream->records.kind == MR_INPUT_RECORDS ? have % stream->records.size : 0;
    if (torn == 0)
        return MR_OK;
    return mr_records_torn(stream->records, stream->plan->files[stream->file].path,
                           stream->offset + (have - torn), torn, error);
}

/* The next block's bytes into the buffer, from its beginning; *stop of them, none at the end. */
static mr_status next_block(mr_stream *stream, mr_reader *reader, size_t *stop, mr_error *error)
{
    size_t have = stream->tail_size, searched = have, wanted = (size_t)stream->plan->block;
    MR_TRY(take_tail(stream, reader, error));
    for (*stop = 0; *stop == 0 && !stream->done; wanted = have * 2) {
        MR_TRY(fill(stream, reader, &have, wanted, error));
        *stop = mr_records_whole(stream->records, reader->buffer, searched, have);
        searched = have;
    }
    if (stream->done) {
        *stop = have;
        MR_TRY(check_end(stream, have, error));
    }
    return keep_tail(stream, reader->buffer + *stop, have - *stop, error);
}

mr_reading mr_reader_stream(mr_reader *reader, mr_stream *stream, mr_block *block, mr_error *error)
{
    mr_reading reading = MR_READING_END;
    pthread_mutex_lock(&stream->lock);
    if (!stream->done) {
        size_t stop = 0;
        uint64_t taken = mr_source_taken(stream->source);
        mr_status status = stream->skip ? leave_out(stream, reader, error) : MR_OK;
        if (status == MR_OK)
            status = next_block(stream, reader, &stop, error);
        reader->bytes += mr_source_taken(stream->source) - taken;
        if (status != MR_OK) {
            stream->done = true;
            reading = MR_READING_ERROR;
        } else if (stop > 0) {
            mr_buffer_block(reader, 0, stop, stream->file, stream->offset, block);
            stream->offset += stop;
            reading = MR_READING_BLOCK;
        }
    }
    pthread_mutex_unlock(&stream->lock);
    return reading;
}
