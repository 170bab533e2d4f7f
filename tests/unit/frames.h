/* unit/frames.h: frames of all kinds for a spill file, and whether they come back. */
#ifndef MR_UNIT_FRAMES_H
#define MR_UNIT_FRAMES_H

#include "random.h"
#include "scratch.h"
#include "store/spill.h"

#include <CUnit/Basic.h>

#define SLAB ((size_t)256 << 10)

#define ROW 24

/* What frames are made of: all the same, words, rows of numbers, or nothing that can be compressed.
 */
typedef enum content { ZEROS, WORDS, ROWS, NOISE, CONTENTS } content;

static inline unsigned char make_byte(uint64_t *random, content kind, size_t at)
{
    switch (kind) {
    case WORDS:
        return (unsigned char)("map reduce"[random_below(random, 10)]);
    case ROWS:
        return (unsigned char)(at % 8 < 3 ? random_next(random) : at % ROW);
    case NOISE:
        return (unsigned char)random_next(random);
    default:
        return 0;
    }
}

static inline void make_bytes(uint64_t *random, content kind, unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = make_byte(random, kind, i);
}

static inline size_t make_size(uint64_t *random)
{
    static const size_t edges[] = {0, 1, 7, 8, 9, 4096, SLAB - 1, SLAB, SLAB + 1, 2 * SLAB};
    switch (random_below(random, 4)) {
    case 0:
        return edges[random_below(random, sizeof edges / sizeof *edges)];
    case 1:
        return random_below(random, 5 * SLAB);
    default:
        return random_below(random, 3000);
    }
}

typedef struct frames {
    mr_piece pieces[40];
    size_t count;
    mr_extent extent;
} frames;

static inline void make_frames(uint64_t *random, frames *f, size_t most)
{
    f->count = random_below(random, most + 1);
    for (size_t i = 0; i < f->count; i++) {
        size_t size = make_size(random);
        unsigned char *bytes = malloc(size + 1);
        make_bytes(random, (content)random_below(random, CONTENTS), bytes, size);
        f->pieces[i] = (mr_piece){bytes, size};
    }
}

static inline void free_frames(frames *f)
{
    for (size_t i = 0; i < f->count; i++)
        free((void *)(uintptr_t)f->pieces[i].bytes);
}

/* How many frames come back as they were, up to the end or to the first error. */
static inline size_t read_frames(mr_spill_reader *reader, const frames *f, mr_error *error)
{
    const unsigned char *bytes;
    size_t size, good = 0;
    while (mr_spill_reader_next(reader, &bytes, &size, error) == MR_OK && bytes) {
        if (good == f->count || size != f->pieces[good].size ||
            memcmp(bytes, f->pieces[good].bytes, size) != 0)
            return SIZE_MAX;
        if ((uintptr_t)bytes % 8)
            return SIZE_MAX;
        good++;
    }
    return good;
}

static inline void check_frames(mr_spill *spill, const frames *f, size_t chunk)
{
    mr_error error = {0};
    mr_spill_reader reader;
    mr_spill_reader_start(&reader, spill, f->extent);
    reader.chunk = chunk;
    CU_ASSERT_EQUAL(read_frames(&reader, f, &error), f->count);
    CU_ASSERT_EQUAL(error.code, MR_OK);
    mr_spill_reader_end(&reader);
}

static inline mr_spill *open_spill(void)
{
    mr_error error = {0};
    mr_spill *spill;
    CU_ASSERT_EQUAL_FATAL(mr_spill_create(&spill, scratch, &error), MR_OK);
    return spill;
}

/* A spill with one extent of frames behind another extent. */
static inline mr_spill *write_frames(frames *f, uint64_t seed, size_t most)
{
    mr_error error = {0};
    mr_spill *spill = open_spill();
    mr_spill_buffer buffer = {.stride = seed % 2 ? ROW : 0};
    mr_extent other;
    CU_ASSERT_EQUAL(mr_spill_write(spill, &(mr_piece){"abc", 3}, 1, &buffer, &other, &error),
                    MR_OK);
    do
        make_frames(&seed, f, most);
    while (f->count == 0);
    CU_ASSERT_EQUAL_FATAL(mr_spill_write(spill, f->pieces, f->count, &buffer, &f->extent, &error),
                          MR_OK);
    mr_spill_buffer_free(&buffer);
    return spill;
}

#endif
