/* store/run.c: putting pairs from all over memory into frames. */
#include "store/run.h"

/* Pairs in order lie anywhere: those of so many refs ahead are fetched. */
#define AHEAD 16

static size_t size_of_pair(const mr_pair_layout *layout, const unsigned char *pair)
{
    mr_pair unused;
    return layout->stride ? layout->stride : (size_t)(mr_pair_read(layout, pair, &unused) - pair);
}

mr_status mr_run_writer_start(mr_run_writer *writer, mr_spill *spill, const mr_pair_layout *layout,
                              uint64_t bytes, size_t frame, mr_spill_buffer *buffer,
                              mr_error *error)
{
    /* Two frames in a row have more than `frame` bytes, or they would have been one. */
    uint64_t frames = 2 * (bytes / frame) + 2;
    *writer = (mr_run_writer){.layout = *layout, .frame = frame, .buffer = buffer};
    MR_TRY(mr_spill_room_grow(&buffer->bytes, frame, error));
    buffer->stride = layout->stride;
    mr_spill_writer_start(&writer->writer, spill, bytes, frames, buffer);
    return MR_OK;
}

static mr_status put_frame(mr_run_writer *writer, mr_error *error)
{
    mr_piece piece = {writer->buffer->bytes.bytes, writer->used};
    if (writer->used == 0)
        return MR_OK;
    if (writer->used > writer->longest)
        writer->longest = writer->used;
    writer->used = 0;
    return mr_spill_writer_put(&writer->writer, piece, error);
}

/* Makes room for a pair that the frame has no more room for. */
static mr_status next_frame(mr_run_writer *writer, size_t pair, mr_error *error)
{
    MR_TRY(put_frame(writer, error));
    return mr_spill_room_grow(&writer->buffer->bytes, pair, error);
}

static inline mr_status put_pair(mr_run_writer *writer, const unsigned char *pair, mr_error *error)
{
    size_t size = size_of_pair(&writer->layout, pair);
    if (__builtin_expect(writer->used + size > writer->frame, 0))
        MR_TRY(next_frame(writer, size, error));
    unsigned char *to = writer->buffer->bytes.bytes + writer->used;
    if (size == 16) /* two numbers: no call */
        memcpy(to, pair, 16);
    else
        memcpy(to, pair, size);
    writer->used += size;
    return MR_OK;
}

mr_status mr_run_writer_put(mr_run_writer *writer, const unsigned char *const *pairs, size_t count,
                            mr_error *error)
{
    for (size_t i = 0; i < count; i++)
        MR_TRY(put_pair(writer, pairs[i], error));
    return MR_OK;
}

mr_status mr_run_writer_end(mr_run_writer *writer, mr_run *run, mr_error *error)
{
    MR_TRY(put_frame(writer, error));
    MR_TRY(mr_spill_writer_end(&writer->writer, error));
    *run = (mr_run){writer->writer.extent, writer->longest};
    return MR_OK;
}

static void fetch(const mr_pair_ref *refs, size_t count, size_t i)
{
    if (i + AHEAD < count)
        __builtin_prefetch(refs[i + AHEAD].pair);
}

static uint64_t size_of_pairs(const mr_pair_layout *layout, const mr_pair_ref *refs, size_t count)
{
    uint64_t bytes = 0;
    if (layout->stride)
        return (uint64_t)count * layout->stride;
    for (size_t i = 0; i < count; i++) {
        fetch(refs, count, i);
        bytes += size_of_pair(layout, refs[i].pair);
    }
    return bytes;
}

mr_status mr_run_write(mr_run *run, mr_spill *spill, const mr_pair_layout *layout,
                       const mr_pair_ref *refs, size_t count, size_t frame, mr_spill_buffer *buffer,
                       mr_error *error)
{
    mr_run_writer writer;
    uint64_t bytes = size_of_pairs(layout, refs, count);
    MR_TRY(mr_run_writer_start(&writer, spill, layout, bytes, frame, buffer, error));
    for (size_t i = 0; i < count; i++) {
        fetch(refs, count, i);
        MR_TRY(put_pair(&writer, refs[i].pair, error));
    }
    return mr_run_writer_end(&writer, run, error);
}
