/*
 * hdf5/unpack.c: a chunk's filters undone, last one first.
 */
#include "hdf5/unpack.h"

#include "hdf5/shuffle.h"

#include <libdeflate.h>
#include <string.h>

void mr_h5_unpacker_free(mr_h5_unpacker *unpacker)
{
    libdeflate_free_decompressor(unpacker->inflater);
    unpacker->inflater = NULL;
}

size_t mr_h5_unpack_most(const mr_h5_filters *filters, size_t size)
{
    return size + 4 * filters->count;
}

/* ---- Deflate ---- */

/* What stands behind the end of the stream is left alone, as HDF5 does. */
static const char *undo_deflate(mr_h5_unpacker *unpacker, const unsigned char *from,
                                size_t from_size, unsigned char *to, size_t room, size_t *size)
{
    size_t taken;
    if (!unpacker->inflater)
        unpacker->inflater = libdeflate_alloc_decompressor();
    if (!unpacker->inflater)
        return "there is no memory to inflate it";
    switch (libdeflate_zlib_decompress_ex(unpacker->inflater, from, from_size, to, room, &taken,
                                          size)) {
    case LIBDEFLATE_SUCCESS:
        return NULL;
    case LIBDEFLATE_INSUFFICIENT_SPACE:
        return "its deflate stream is too long";
    default:
        return "its deflate stream is damaged or cut off";
    }
}

/* ---- Fletcher32 ---- */

static uint32_t fletcher32(const unsigned char *bytes, size_t size)
{
    uint32_t low = 0, high = 0;
    for (size_t words = size / 2; words;) {
        size_t some = words < 360 ? words : 360; /* as many as 32 bits hold without a carry */
        words -= some;
        for (; some; some--, bytes += 2) {
            low += (uint32_t)bytes[0] << 8 | bytes[1];
            high += low;
        }
        low = (low & 0xffff) + (low >> 16);
        high = (high & 0xffff) + (high >> 16);
    }
    if (size % 2) {
        low += (uint32_t)*bytes << 8;
        high += low;
        low = (low & 0xffff) + (low >> 16);
        high = (high & 0xffff) + (high >> 16);
    }
    low = (low & 0xffff) + (low >> 16);
    high = (high & 0xffff) + (high >> 16);
    return high << 16 | low;
}

/* The sum stands behind the bytes, little end first. Very old files have the bytes of its halves
 * the other way round. */
static const char *check_fletcher32(const unsigned char *bytes, size_t *size)
{
    if (*size < 4)
        return "its checksum is cut off";
    *size -= 4;
    const unsigned char *end = bytes + *size;
    uint32_t stored =
        (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
    uint32_t sum = fletcher32(bytes, *size);
    uint32_t turned = (sum & 0x00ff00ff) << 8 | (sum >> 8 & 0x00ff00ff);
    return stored == sum || stored == turned ? NULL : "its fletcher32 checksum is wrong";
}

/* ---- All ---- */

static bool is_applied(const mr_h5_filters *filters, uint32_t skipped, unsigned filter)
{
    return !(skipped >> filter & 1) && filters->filter[filter] != 0;
}

/* Filters that move the bytes elsewhere. */
static unsigned count_moves(const mr_h5_filters *filters, uint32_t skipped)
{
    unsigned moves = 0;
    for (unsigned i = 0; i < filters->count; i++)
        moves += is_applied(filters, skipped, i) && filters->filter[i] != MR_H5_FLETCHER32;
    return moves;
}

const char *mr_h5_unpack(mr_h5_unpacker *unpacker, const mr_h5_filters *filters, uint32_t skipped,
                         const unsigned char *raw, size_t raw_size, unsigned char *to, size_t size)
{
    const char *fault = NULL;
    unsigned moves = count_moves(filters, skipped);
    size_t room = mr_h5_unpack_most(filters, size);
    for (unsigned i = filters->count; i-- > 0 && !fault;) {
        if (!is_applied(filters, skipped, i))
            continue;
        if (filters->filter[i] == MR_H5_FLETCHER32) {
            fault = check_fletcher32(raw, &raw_size);
            continue;
        }
        unsigned char *next = moves-- % 2 ? to : unpacker->scratch;
        if (filters->filter[i] == MR_H5_DEFLATE)
            fault = undo_deflate(unpacker, raw, raw_size, next, room, &raw_size);
        else if (raw_size > room)
            fault = "it is too long";
        else
            mr_h5_unshuffle(raw, raw_size, filters->element[i], next);
        raw = next;
    }
    if (!fault && raw_size != size)
        fault = raw_size < size ? "it is too short" : "it is too long";
    if (!fault && raw != to)
        memcpy(to, raw, size);
    return fault;
}
