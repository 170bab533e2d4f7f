/*
 * store/unspill.c: reading back what store/spill.c wrote. Nothing that comes from the disk is
 * believed, and nothing of it unpacked, before its checksum is found to be right.
 */
#include "base/span.h"
#include "store/columns.h"
#include "store/slab.h"
#include "store/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <unistd.h>

#define READ_AT_ONCE ((size_t)256 << 10)

/* Space is given back in pieces of this size: each is a call into the file system. */
#define GIVE_BACK ((uint64_t)1 << 20)

void mr_spill_reader_start(mr_spill_reader *reader, mr_spill *spill, mr_extent extent)
{
    *reader =
        (mr_spill_reader){.spill = spill, .left = extent, .chunk = READ_AT_ONCE, .kept = extent.at};
}

static void give_back(mr_spill_reader *reader, uint64_t to)
{
    mr_spill_release(reader->spill, (mr_extent){.at = reader->kept, .size = to - reader->kept});
    reader->kept = to;
}

/* What is behind the last page that was given back, where all was read. */
static void finish(mr_spill_reader *reader)
{
    if (reader->consume && reader->left.size == 0 && reader->spill)
        give_back(reader, reader->left.at);
}

void mr_spill_reader_turn(mr_spill_reader *reader, mr_extent extent)
{
    finish(reader);
    reader->left = extent;
    reader->kept = extent.at;
    reader->at = reader->end = 0;
}

size_t mr_spill_reader_least(size_t frame)
{
    return sizeof(mr_slab) + mr_round8(frame < MR_SLAB_MOST ? frame : MR_SLAB_MOST);
}

/* Where in the file the reader is. */
static uint64_t position(const mr_spill_reader *reader)
{
    return reader->left.at - (reader->end - reader->at);
}

static mr_status corrupted(const mr_spill_reader *reader, const char *what, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "scratch corrupted: %s at byte %llu: %s: check that disk, or give another "
                        "--scratch",
                        reader->spill->directory, (unsigned long long)position(reader), what);
}

/* Reads on until `size` bytes were read; fewer mean that the file ends there. */
static mr_status read_on(mr_spill_reader *reader, size_t size, mr_error *error)
{
    const mr_spill *spill = reader->spill;
    mr_extent *left = &reader->left;
    while (size > 0) {
        ssize_t got =
            pread(spill->file, reader->buffer.packed.bytes + reader->end, size, (off_t)left->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mr_error_set(error, MR_BAD_OUTPUT,
                                "cannot read scratch: %s at byte %llu: %s: give another --scratch",
                                spill->directory, (unsigned long long)left->at, strerror(errno));
        if (got == 0)
            return MR_OK;
        reader->end += (size_t)got;
        left->at += (uint64_t)got;
        left->size -= (uint64_t)got;
        size -= (size_t)got;
    }
    return MR_OK;
}

/* Asks for what will be read next, so that the disk works while others unpack and merge. */
static void fetch_ahead(const mr_spill_reader *reader, size_t size)
{
    const mr_extent *left = &reader->left;
    uint64_t next = size < left->size ? size : left->size;
    if (next)
        posix_fadvise(reader->spill->file, (off_t)left->at, (off_t)next, POSIX_FADV_WILLNEED);
}

/* Gets `need` bytes that are not unpacked yet, and more where a whole chunk can be read. */
static mr_status fill(mr_spill_reader *reader, size_t need, mr_error *error)
{
    mr_spill_room *packed = &reader->buffer.packed;
    size_t have = reader->end - reader->at;
    if (have >= need)
        return MR_OK;
    if (need - have > reader->left.size)
        return corrupted(reader, "it ends too early", error);
    uint64_t all = have + reader->left.size;
    size_t room = need > reader->chunk ? need : reader->chunk;
    room = room < all ? room : (size_t)all;
    MR_TRY(mr_spill_room_grow(packed, room, error));
    memmove(packed->bytes, packed->bytes + reader->at, have);
    reader->at = 0;
    reader->end = have;
    uint64_t behind = position(reader) & ~(uint64_t)(MR_SPILL_ALIGN - 1);
    if (reader->consume && behind - reader->kept >= GIVE_BACK)
        give_back(reader, behind);
    MR_TRY(read_on(reader, room - have, error));
    fetch_ahead(reader, room);
    return reader->end >= need ? MR_OK : corrupted(reader, "the file ends there", error);
}

/* Whether a head can be true: it is used to find what its own checksum is of. */
static bool is_possible(const mr_slab *slab)
{
    return slab->magic == MR_SLAB_MAGIC && slab->packed <= mr_slab_raw(slab);
}

/* The next slab, whole and checked, in the buffer. */
static mr_status next_slab(mr_spill_reader *reader, const mr_slab **slab, mr_error *error)
{
    MR_TRY(fill(reader, sizeof **slab, error));
    *slab = (const mr_slab *)(const void *)(reader->buffer.packed.bytes + reader->at);
    if (!is_possible(*slab))
        return corrupted(reader, "no frame begins there", error);
    MR_TRY(fill(reader, sizeof **slab + mr_round8((*slab)->packed), error));
    *slab = (const mr_slab *)(const void *)(reader->buffer.packed.bytes + reader->at);
    if ((*slab)->sum != mr_slab_sum(*slab, *slab + 1, position(reader)))
        return corrupted(reader, "its checksum is wrong", error);
    return MR_OK;
}

static void pass_over(mr_spill_reader *reader, const mr_slab *slab)
{
    reader->at += sizeof *slab + mr_round8(slab->packed);
}

static bool decompress(const mr_slab *slab, unsigned char *to)
{
    const char *from = (const char *)(slab + 1);
    int raw = (int)mr_slab_raw(slab);
    return LZ4_decompress_safe(from, (char *)to, (int)slab->packed, raw) == raw;
}

static mr_status unpack(mr_spill_reader *reader, const mr_slab *slab, unsigned char *to,
                        mr_error *error)
{
    size_t raw = mr_slab_raw(slab);
    mr_spill_room *columns = reader->columns ? reader->columns : &reader->buffer.columns;
    if (slab->packed == raw) {
        memcpy(to, slab + 1, raw);
        return MR_OK;
    }
    if (slab->stride)
        MR_TRY(mr_spill_room_grow(columns, raw, error));
    if (!decompress(slab, slab->stride ? columns->bytes : to))
        return corrupted(reader, "it cannot be unpacked", error);
    if (slab->stride)
        mr_columns_join(columns->bytes, raw, slab->stride, to);
    return MR_OK;
}

/* Unpacks a frame, slab after slab, the first of which is there already. */
static mr_status unpack_frame(mr_spill_reader *reader, const mr_slab *slab, mr_error *error)
{
    mr_spill_room *bytes = &reader->buffer.bytes;
    size_t size = slab->left, done = 0;
    MR_TRY(mr_spill_room_grow(bytes, size, error));
    for (;;) {
        if (slab->left != size - done)
            return corrupted(reader, "another frame begins there", error);
        MR_TRY(unpack(reader, slab, bytes->bytes + done, error));
        done += mr_slab_raw(slab);
        pass_over(reader, slab);
        if (done == size)
            return MR_OK;
        MR_TRY(next_slab(reader, &slab, error));
    }
}

static mr_status next_frame(mr_spill_reader *reader, const unsigned char **bytes, size_t *size,
                            mr_error *error)
{
    const mr_slab *slab;
    MR_TRY(next_slab(reader, &slab, error));
    size_t all = slab->left;
    bool as_it_is = slab->packed == slab->left;
    if (as_it_is)
        pass_over(reader, slab);
    else
        MR_TRY(unpack_frame(reader, slab, error));
    *bytes = as_it_is ? (const unsigned char *)(slab + 1) : reader->buffer.bytes.bytes;
    *size = all;
    return MR_OK;
}

mr_status mr_spill_reader_next(mr_spill_reader *reader, const unsigned char **bytes, size_t *size,
                               mr_error *error)
{
    *bytes = NULL;
    *size = 0;
    if (reader->at == reader->end && reader->left.size == 0)
        return MR_OK;
    const mr_span_kind before = mr_span_begin(MR_SPAN_SPILL);
    mr_status status = next_frame(reader, bytes, size, error);
    mr_span_end(before);
    return status;
}

void mr_spill_reader_end(mr_spill_reader *reader)
{
    finish(reader);
    mr_spill_buffer_free(&reader->buffer);
    *reader = (mr_spill_reader){0};
}
