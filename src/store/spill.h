/*
 * store/spill.h: a file on the scratch disk for what memory has no room for. It has no name from
 * the moment it is open, so nothing is left of it however the process ends. Bytes are written in
 * frames, compressed and with a checksum, and read back frame by frame.
 */
#ifndef MR_STORE_SPILL_H
#define MR_STORE_SPILL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_spill mr_spill;

/* In a directory that exists. MR_BAD_OUTPUT names it when no file can be made there. */
mr_status mr_spill_create(mr_spill **spill, const char *directory, mr_error *error);
void mr_spill_destroy(mr_spill **spill);

/* A run of frames in the file. */
typedef struct mr_extent {
    uint64_t at, size; /* where in the file, and how many bytes there */
    uint64_t raw;      /* bytes before compression */
    uint64_t frames;
} mr_extent;

/* Memory that grows and is used again. */
typedef struct mr_spill_room {
    unsigned char *bytes;
    size_t capacity;
} mr_spill_room;
mr_status mr_spill_room_grow(mr_spill_room *room, size_t size, mr_error *error);
void mr_spill_room_free(mr_spill_room *room);

/*
 * What one thread needs to write or read. All zeros is ready. `stride` is for the caller to set:
 * how far apart bytes of the same meaning lie, as pairs of fixed size do; those shrink better then.
 * Writing leaves `bytes` alone: who writes may put frames together there.
 */
typedef struct mr_spill_buffer {
    mr_spill_room bytes, packed, columns;
    uint32_t stride, turn;
    bool plain; /* columns did not help when they were last tried */
} mr_spill_buffer;
void mr_spill_buffer_free(mr_spill_buffer *buffer);

typedef struct mr_piece {
    const void *bytes;
    size_t size; /* below 4 GiB; one frame */
} mr_piece;

/*
 * Appends `count` frames end to end: one extent. Thread-safe. A full or failing disk is
 * MR_BAD_OUTPUT, and names the directory. Memory comes from `buffer`: at most 0.8 MB, whatever the
 * sizes are.
 */
mr_status mr_spill_write(mr_spill *spill, const mr_piece *pieces, size_t count,
                         mr_spill_buffer *buffer, mr_extent *extent, mr_error *error);

/* The same one frame after the other. `bytes` and `frames` of start are the most that will come:
 * what is not used of them takes no place on disk. The extent is complete after a good end; a
 * writer that failed needs none. */
typedef struct mr_spill_writer {
    mr_spill *spill;
    mr_spill_buffer *buffer;
    mr_extent extent;
    uint64_t reserved;
    size_t held; /* packed, and not written yet */
} mr_spill_writer;
void mr_spill_writer_start(mr_spill_writer *writer, mr_spill *spill, uint64_t bytes,
                           uint64_t frames, mr_spill_buffer *buffer);
mr_status mr_spill_writer_put(mr_spill_writer *writer, mr_piece piece, mr_error *error);
mr_status mr_spill_writer_end(mr_spill_writer *writer, mr_error *error);

/* Reading an extent frame by frame. After start, `chunk` (how much is read at once), `columns`
 * and `consume` (disk space is given back behind the reader) may be set to something else. */
typedef struct mr_spill_reader {
    mr_spill *spill;
    mr_extent left; /* what was not read from disk yet */
    mr_spill_buffer buffer;
    size_t at, end; /* what was read and not unpacked yet, in buffer.packed */
    size_t chunk;
    mr_spill_room *columns; /* borrowed: many readers may share one, as long as they take turns */
    uint64_t kept;          /* up to here space was given back */
    bool consume;
} mr_spill_reader;
void mr_spill_reader_start(mr_spill_reader *reader, mr_spill *spill, mr_extent extent);
/* Goes on with another extent of the same file, and the same buffers. */
void mr_spill_reader_turn(mr_spill_reader *reader, mr_extent extent);
/*
 * The next frame, valid until the next call: aligned to 8. `*bytes` is NULL at the end. A frame
 * that is not what was written is MR_BAD_OUTPUT: "scratch corrupted", with directory and offset.
 */
mr_status mr_spill_reader_next(mr_spill_reader *reader, const unsigned char **bytes, size_t *size,
                               mr_error *error);
void mr_spill_reader_end(mr_spill_reader *reader);

/* What a reader of frames of at most `frame` bytes takes, at the least, beside the frame itself and
 * a room for columns as large: with a `chunk` of no more than this. */
size_t mr_spill_reader_least(size_t frame);

/* Gives the disk space of an extent back, where the file system can. */
void mr_spill_release(mr_spill *spill, mr_extent extent);

/* Bytes before and after compression that were written so far. */
uint64_t mr_spill_raw(const mr_spill *spill);
uint64_t mr_spill_packed(const mr_spill *spill);

#endif
