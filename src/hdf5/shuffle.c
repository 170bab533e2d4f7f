/*
 * hdf5/shuffle.c: streams of bytes are interleaved in pairs, to twice as wide ones, until they are
 * elements: each of those loops is one that compilers make vector code of. In tiles that stay in
 * the core's first cache.
 */
#include "hdf5/shuffle.h"

#include <stdint.h>
#include <string.h>

#define TILE 512 /* elements */

#define INTERLEAVE(name, wide)                                                                     \
    static void name(const void *even, const void *odd, void *into, size_t count)                  \
    {                                                                                              \
        const unsigned char *first = even, *second = odd;                                          \
        unsigned char *restrict to = into;                                                         \
        for (size_t i = 0; i < count; i++) {                                                       \
            wide a, b;                                                                             \
            memcpy(&a, first + i * sizeof a, sizeof a);                                            \
            memcpy(&b, second + i * sizeof b, sizeof b);                                           \
            memcpy(to + 2 * i * sizeof a, &a, sizeof a);                                           \
            memcpy(to + (2 * i + 1) * sizeof a, &b, sizeof b);                                     \
        }                                                                                          \
    }
INTERLEAVE(interleave1, uint8_t)
INTERLEAVE(interleave2, uint16_t)
INTERLEAVE(interleave4, uint32_t)

static void tile2(const unsigned char *from, size_t stream, unsigned char *to, size_t count)
{
    interleave1(from, from + stream, to, count);
}

static void tile4(const unsigned char *from, size_t stream, unsigned char *to, size_t count)
{
    unsigned char low[2 * TILE], high[2 * TILE];
    tile2(from, stream, low, count);
    tile2(from + 2 * stream, stream, high, count);
    interleave2(low, high, to, count);
}

static void tile8(const unsigned char *from, size_t stream, unsigned char *to, size_t count)
{
    unsigned char low[4 * TILE], high[4 * TILE];
    tile4(from, stream, low, count);
    tile4(from + 4 * stream, stream, high, count);
    interleave4(low, high, to, count);
}

/* Compound types and strings have elements of any size. */
static void tile_any(const unsigned char *from, size_t stream, size_t element, unsigned char *to,
                     size_t count)
{
    for (size_t byte = 0; byte < element; byte++)
        for (size_t i = 0; i < count; i++)
            to[i * element + byte] = from[byte * stream + i];
}

void mr_h5_unshuffle(const unsigned char *from, size_t size, size_t element, unsigned char *to)
{
    if (element == 0)
        element = 1;
    size_t stream = size / element, done = 0;
    for (; done < stream; done += TILE) {
        size_t count = stream - done < TILE ? stream - done : TILE;
        unsigned char *tile = to + done * element;
        if (element == 8)
            tile8(from + done, stream, tile, count);
        else if (element == 4)
            tile4(from + done, stream, tile, count);
        else if (element == 2)
            tile2(from + done, stream, tile, count);
        else
            tile_any(from + done, stream, element, tile, count);
    }
    memcpy(to + stream * element, from + stream * element, size - stream * element);
}
