/*
 * store/spill.c: the spill file, and writing to it. Each extent reserves the most that it can take
 * by one atomic addition and writes at its own place, so writers do not wait for each other. What
 * was reserved and not used is a hole, or the next extent's where nobody came in between.
 */
#include "store/spill.h"
#include "base/memory.h"
#include "base/span.h"
#include "store/columns.h"
#include "store/slab.h"

#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How much is packed before it is written. */
#define WRITE_AT ((size_t)256 << 10)

/* LZ4's acceleration: a fifth less time than without, for 3% more bytes. */
#define HASTE 2

/* One of so many slabs is compressed both as it is and column by column, to see which is less. */
#define TRY_EACH 64

static mr_status cannot_create(const char *directory, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "cannot write scratch: %s: %s: give another --scratch", directory,
                        strerror(errno));
}

/* Where files without a name cannot be made, one loses its name at once. */
static int open_unnamed(const char *directory)
{
    int file = open(directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0)
        return file;
    char *path = NULL;
    if (asprintf(&path, "%s/.mapred-XXXXXX", directory) < 0)
        return -1;
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    int reason = errno;
    free(path);
    errno = reason;
    return file;
}

mr_status mr_spill_create(mr_spill **spill, const char *directory, mr_error *error)
{
    mr_spill *self = calloc(1, sizeof *self);
    char *copy = strdup(directory);
    *spill = NULL;
    if (!self || !copy) {
        free(self);
        free(copy);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a scratch file: use more nodes");
    }
    self->file = open_unnamed(directory);
    self->directory = copy;
    *spill = self;
    if (self->file >= 0)
        return MR_OK;
    mr_status status = cannot_create(directory, error);
    mr_spill_destroy(spill);
    return status;
}

void mr_spill_destroy(mr_spill **spill)
{
    if (*spill) {
        if ((*spill)->file >= 0)
            close((*spill)->file);
        free((*spill)->directory);
        free(*spill);
    }
    *spill = NULL;
}

mr_status mr_spill_room_grow(mr_spill_room *room, size_t size, mr_error *error)
{
    if (size <= room->capacity)
        return MR_OK;
    unsigned char *bytes =
        mr_memory_resize(room->bytes, room->capacity, size, "a buffer for scratch files", error);
    if (!bytes)
        return MR_NO_MEMORY;
    *room = (mr_spill_room){bytes, size};
    return MR_OK;
}

void mr_spill_room_free(mr_spill_room *room)
{
    mr_memory_free(room->bytes, room->capacity);
    *room = (mr_spill_room){0};
}

void mr_spill_buffer_free(mr_spill_buffer *buffer)
{
    mr_spill_room_free(&buffer->bytes);
    mr_spill_room_free(&buffer->packed);
    mr_spill_room_free(&buffer->columns);
}

static mr_status write_at(const mr_spill *spill, const unsigned char *bytes, size_t size,
                          uint64_t at, mr_error *error)
{
    while (size > 0) {
        ssize_t done = pwrite(spill->file, bytes, size, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return mr_error_set(error, MR_BAD_OUTPUT,
                                "cannot write scratch: %s at byte %llu: %s: give another "
                                "--scratch, more ranks or more --memory",
                                spill->directory, (unsigned long long)at,
                                strerror(done < 0 ? errno : ENOSPC));
        bytes += done;
        size -= (size_t)done;
        at += (uint64_t)done;
    }
    return MR_OK;
}

/* Writes what the buffer holds, and keeps the last `keep` bytes of it. */
static mr_status flush(mr_spill_writer *writer, size_t keep, mr_error *error)
{
    if (writer->held == keep)
        return MR_OK;
    unsigned char *held = writer->buffer->packed.bytes;
    size_t size = writer->held - keep;
    uint64_t at = writer->extent.at + writer->extent.size - writer->held;
    MR_TRY(write_at(writer->spill, held, size, at, error));
    memmove(held, held + size, keep);
    writer->held = keep;
    return MR_OK;
}

/* Compresses bytes into the slab; what would shrink by less than a sixteenth is not worth it. */
static void squeeze(mr_slab *slab, const void *bytes, size_t stride)
{
    int raw = (int)mr_slab_raw(slab);
    int packed = LZ4_compress_fast(bytes, (char *)(slab + 1), raw, raw - raw / 16, HASTE);
    slab->packed = (uint32_t)(packed > 0 ? packed : raw);
    slab->stride = (uint32_t)stride;
}

/* The same column by column, unless that did not help when it was last tried. */
static void squeeze_rows(mr_slab *slab, const void *bytes, size_t stride, mr_spill_buffer *buffer)
{
    bool compare = buffer->turn++ % TRY_EACH == 0;
    uint32_t plain = UINT32_MAX;
    if (compare) {
        squeeze(slab, bytes, 0);
        plain = slab->packed;
    }
    if (compare || !buffer->plain) {
        mr_columns_split(bytes, mr_slab_raw(slab), stride, buffer->columns.bytes);
        squeeze(slab, buffer->columns.bytes, stride);
    }
    if (compare)
        buffer->plain = slab->packed > plain;
    if (buffer->plain)
        squeeze(slab, bytes, 0);
}

/* Fills a slab, of which `left` is known, and says where it ends. */
static size_t pack(mr_slab *slab, const void *bytes, size_t stride, mr_spill_buffer *buffer)
{
    unsigned char *to = (unsigned char *)(slab + 1);
    size_t raw = mr_slab_raw(slab);
    if (stride)
        squeeze_rows(slab, bytes, stride, buffer);
    else
        squeeze(slab, bytes, 0);
    if (slab->packed == raw) {
        slab->stride = 0;
        memcpy(to, bytes, raw);
    }
    size_t size = mr_round8(slab->packed);
    memset(to + slab->packed, 0, size - slab->packed);
    return sizeof *slab + size;
}

static mr_status put_slab(mr_spill_writer *writer, mr_piece rest, mr_error *error)
{
    mr_spill_buffer *buffer = writer->buffer;
    size_t raw = rest.size < MR_SLAB_MOST ? rest.size : MR_SLAB_MOST;
    size_t stride = mr_columns_stride(raw, buffer->stride);
    size_t need = WRITE_AT + sizeof(mr_slab) + mr_round8(raw);
    MR_TRY(mr_spill_room_grow(&buffer->packed, need, error));
    MR_TRY(mr_spill_room_grow(&buffer->columns, stride ? raw : 0, error));
    mr_slab *slab = (mr_slab *)(void *)(buffer->packed.bytes + writer->held);
    *slab = (mr_slab){.magic = MR_SLAB_MAGIC, .left = (uint32_t)rest.size};
    size_t size = pack(slab, rest.bytes, stride, buffer);
    slab->sum = mr_slab_sum(slab, slab + 1, writer->extent.at + writer->extent.size);
    writer->extent.size += size;
    writer->held += size;
    return writer->held < WRITE_AT ? MR_OK : flush(writer, writer->held % MR_SPILL_ALIGN, error);
}

void mr_spill_writer_start(mr_spill_writer *writer, mr_spill *spill, uint64_t bytes,
                           uint64_t frames, mr_spill_buffer *buffer)
{
    uint64_t slabs = bytes / MR_SLAB_MOST + frames;
    uint64_t most = mr_spill_round(bytes + slabs * (sizeof(mr_slab) + 8));
    *writer = (mr_spill_writer){.spill = spill, .buffer = buffer, .reserved = most};
    writer->extent.at = atomic_fetch_add(&spill->end, most);
}

static mr_status put_slabs(mr_spill_writer *writer, mr_piece piece, mr_error *error)
{
    const unsigned char *bytes = piece.bytes;
    size_t left = piece.size;
    do {
        MR_TRY(put_slab(writer, (mr_piece){bytes, left}, error));
        size_t done = left < MR_SLAB_MOST ? left : MR_SLAB_MOST;
        bytes += done;
        left -= done;
    } while (left > 0);
    return MR_OK;
}

mr_status mr_spill_writer_put(mr_spill_writer *writer, mr_piece piece, mr_error *error)
{
    const mr_span_kind before = mr_span_begin(MR_SPAN_SPILL);
    mr_status status = put_slabs(writer, piece, error);
    mr_span_end(before);
    MR_TRY(status);
    writer->extent.raw += piece.size;
    writer->extent.frames++;
    return MR_OK;
}

mr_status mr_spill_writer_end(mr_spill_writer *writer, mr_error *error)
{
    mr_spill *spill = writer->spill;
    const mr_extent *extent = &writer->extent;
    MR_TRY(flush(writer, 0, error));
    atomic_fetch_add(&spill->raw, extent->raw);
    atomic_fetch_add(&spill->packed, extent->size);
    uint64_t end = extent->at + writer->reserved;
    atomic_compare_exchange_strong(&spill->end, &end, mr_spill_round(extent->at + extent->size));
    return MR_OK;
}

mr_status mr_spill_write(mr_spill *spill, const mr_piece *pieces, size_t count,
                         mr_spill_buffer *buffer, mr_extent *extent, mr_error *error)
{
    mr_spill_writer writer;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += pieces[i].size;
    mr_spill_writer_start(&writer, spill, bytes, count, buffer);
    for (size_t i = 0; i < count; i++)
        MR_TRY(mr_spill_writer_put(&writer, pieces[i], error));
    MR_TRY(mr_spill_writer_end(&writer, error));
    *extent = writer.extent;
    return MR_OK;
}

void mr_spill_release(mr_spill *spill, mr_extent extent)
{
    /* A file system that cannot keeps the bytes until the end of the job: no harm but room. */
    (void)!fallocate(spill->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)extent.at,
                     (off_t)mr_spill_round(extent.size));
}

uint64_t mr_spill_raw(const mr_spill *spill)
{
    return atomic_load(&spill->raw);
}

uint64_t mr_spill_packed(const mr_spill *spill)
{
    return atomic_load(&spill->packed);
}
