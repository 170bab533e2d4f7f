/*
 * output/png.c: filters and chunks of PNG (ISO 15948). A band is one IDAT chunk that holds raw
 * deflate and ends at a byte; the two bytes that zlib's format begins with, and the sum it ends
 * with, have chunks of their own.
 */
#include "output/png.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PIXEL   3 /* bytes */
#define FILTERS 5
#define FRAME   12 /* of a chunk: size, type, sum */

static unsigned char *put_u32(unsigned char *at, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (unsigned char)(number >> shift);
    return at;
}

/* Puts size, type and sum around the data that lies 8 bytes behind `at`; returns the end. */
static unsigned char *frame(unsigned char *at, const char type[4], size_t size)
{
    memcpy(put_u32(at, (uint32_t)size), type, 4);
    uint32_t sum = (uint32_t)crc32_z(0, at + 4, size + 4);
    return put_u32(at + 8 + size, sum);
}

void mr_png_head(uint32_t width, uint32_t height, unsigned char head[MR_PNG_HEAD])
{
    static const unsigned char signature[8] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};
    static const unsigned char kind[5] = {8, 2}; /* bits, RGB; as usual, as usual, not interlaced */
    static const unsigned char zlib[2] = {0x78, 0x9c};
    memcpy(head, signature, sizeof signature);
    unsigned char *at = head + sizeof signature;
    memcpy(put_u32(put_u32(at + 8, width), height), kind, sizeof kind);
    at = frame(at, "IHDR", 8 + sizeof kind);
    memcpy(at + 8, zlib, sizeof zlib);
    frame(at, "IDAT", sizeof zlib);
}

void mr_png_tail(uint32_t sum, unsigned char tail[MR_PNG_TAIL])
{
    put_u32(tail + 8, sum);
    frame(frame(tail, "IDAT", 4), "IEND", 0);
}

uint32_t mr_png_sum(uint32_t before, uint32_t sum, uint64_t unpacked)
{
    return (uint32_t)adler32_combine(before, sum, (z_off_t)unpacked);
}

/* The one of left, up and upper left that is nearest to left + up - upper left. */
static unsigned char nearest(int left, int up, int corner)
{
    int a = abs(up - corner), b = abs(left - corner), c = abs(left + up - 2 * corner);
    return (unsigned char)(a <= b && a <= c ? left : b <= c ? up : corner);
}

static unsigned char predict(int filter, const unsigned char *row, const unsigned char *above,
                             size_t i)
{
    const unsigned char left = i < PIXEL ? 0 : row[i - PIXEL], up = above ? above[i] : 0;
    const unsigned char corner = i < PIXEL || !above ? 0 : above[i - PIXEL];
    switch (filter) {
    case 1:
        return left;
    case 2:
        return up;
    case 3:
        return (unsigned char)((left + up) / 2);
    case 4:
        return nearest(left, up, corner);
    default:
        return 0;
    }
}

/* What is left of a row behind the number of a filter; returns how much that is, as PNG suggests to
 * compare filters. */
static uint64_t apply(int filter, const unsigned char *row, const unsigned char *above, size_t size,
                      unsigned char *to)
{
    uint64_t sum = 0;
    *to++ = (unsigned char)filter;
    for (size_t i = 0; i < size; i++) {
        to[i] = (unsigned char)(row[i] - predict(filter, row, above, i));
        sum += (uint64_t)abs((signed char)to[i]);
    }
    return sum;
}

/* `to` has room for two rows; the best one is the first afterwards. A row without one above
 * it in its band is compared with the one to the left alone: what lies above is not known. */
static void filter_row(const unsigned char *row, const unsigned char *above, size_t size,
                       unsigned char *to)
{
    uint64_t least = apply(1, row, above, size, to);
    for (int filter = 2; above && filter < FILTERS; filter++) {
        uint64_t sum = apply(filter, row, above, size, to + size + 1);
        if (sum < least) {
            memcpy(to, to + size + 1, size + 1);
            least = sum;
        }
    }
}

/* Most of the room is not needed. */
static void shrink(mr_png_band *band, mr_error *error)
{
    unsigned char *smaller =
        mr_memory_resize(band->chunk, band->room, band->size, "a picture", error);
    if (smaller) {
        band->chunk = smaller;
        band->room = band->size;
    }
}

static mr_status deflate_band(mr_png_band *band, const unsigned char *bytes, bool is_last,
                              mr_error *error)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: packing a picture");
    band->room = deflateBound(&z, band->unpacked) + FRAME + 16;
    band->chunk = mr_memory_allocate(band->room, "a picture", error);
    if (band->chunk) {
        /* A band is at most a few MiB: counts of 32 bits will do. */
        z.next_in = (unsigned char *)bytes;
        z.avail_in = (uInt)band->unpacked;
        z.next_out = band->chunk + 8;
        z.avail_out = (uInt)(band->room - FRAME);
        deflate(&z, is_last ? Z_FINISH : Z_FULL_FLUSH);
        band->size = (size_t)(frame(band->chunk, "IDAT", z.total_out) - band->chunk);
        shrink(band, error);
    }
    deflateEnd(&z);
    return error->code;
}

mr_status mr_png_pack(mr_png_band *band, const unsigned char *rows, uint32_t width, size_t count,
                      bool is_last, mr_error *error)
{
    const size_t size = (size_t)width * PIXEL;
    const size_t room = (count + 1) * (size + 1);
    *band = (mr_png_band){.unpacked = count * (size + 1)};
    unsigned char *filtered = mr_memory_allocate(room, "a picture", error);
    if (!filtered)
        return error->code;
    for (size_t i = 0; i < count; i++)
        filter_row(rows + i * size, i ? rows + (i - 1) * size : NULL, size,
                   filtered + i * (size + 1));
    band->sum = (uint32_t)adler32_z(MR_PNG_SUM_START, filtered, band->unpacked);
    mr_status status = deflate_band(band, filtered, is_last, error);
    mr_memory_free(filtered, room);
    return status;
}
