/*
 * output/png.h: pictures: PNG of 8 bits each of red, green and blue. Rows are packed in bands that
 * know nothing of each other, so that threads and ranks may share them: what a band is packed to
 * follows from its rows alone. A file is the head, the bands in order, and the tail.
 */
#ifndef MR_OUTPUT_PNG_H
#define MR_OUTPUT_PNG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_PNG_HEAD 47
#define MR_PNG_TAIL 28
#define MR_PNG_MOST INT32_MAX /* pixels along a side */

void mr_png_head(uint32_t width, uint32_t height, unsigned char head[MR_PNG_HEAD]);

/* A band as it lies in the file. `chunk` is from the budget: mr_memory_free of `room` bytes. */
typedef struct mr_png_band {
    unsigned char *chunk;
    size_t size, room;
    uint32_t sum;      /* of the bytes before packing (Adler-32), */
    uint64_t unpacked; /* and how many these are */
} mr_png_band;

/* Packs `count` rows of 3 * width bytes; `is_last`: those at the end of the picture. Thread-safe.
 */
mr_status mr_png_pack(mr_png_band *band, const unsigned char *rows, uint32_t width, size_t count,
                      bool is_last, mr_error *error);

/* The sum of two bands, one after the other; MR_PNG_SUM_START before the first. */
#define MR_PNG_SUM_START 1u
uint32_t mr_png_sum(uint32_t before, uint32_t sum, uint64_t unpacked);
void mr_png_tail(uint32_t sum, unsigned char tail[MR_PNG_TAIL]);

#endif
