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

/* What one thread needs to write or read: buffers that it uses again. All zeros is ready. Writing
 * leaves `bytes` alone: the writer may put frames together there (mr_spill_buffer_room). */
typedef struct mr_spill_buffer {
    unsigned char *bytes, *packed;
    size_t bytes_capacity, packed_capacity;
} mr_spill_buffer;
mr_status mr_spill_buffer_room(mr_spill_buffer *buffer, size_t size, mr_error *error);
void mr_spill_buffer_free(mr_spill_buffer *buffer);

typedef struct mr_piece {
    const void *bytes;
    size_t size; /* below 4 GiB; one frame */
} mr_piece;

/*
 * Appends `count` frames end to end: one extent. Thread-safe. A full or failing disk is
 * MR_BAD_OUTPUT, and names the directory. Memory comes from `buffer`: half a MiB, whatever the
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

/* Reading an extent frame by frame. After start, `chunk` (how much is read at once) and `consume`
 * (disk space is given back behind the reader) may be set to something else. */
typedef struct mr_spill_reader {
    mr_spill *spill;
    mr_extent left; /* what was not read from disk yet */
    mr_spill_buffer buffer;
    size_t at, end; /* what was read and not unpacked yet, in buffer.packed */
    size_t chunk;
    uint64_t kept; /* up to here space was given back */
    bool consume;
} mr_spill_reader;
void mr_spill_reader_start(mr_spill_reader *reader, mr_spill *spill, mr_extent extent);
/*
 * The next frame, valid until the next call: aligned to 8. `*bytes` is NULL at the end. A frame
 * that is not what was written is MR_BAD_OUTPUT: "scratch corrupted", with directory and offset.
 */
mr_status mr_spill_reader_next(mr_spill_reader *reader, const unsigned char **bytes, size_t *size,
                               mr_error *error);
void mr_spill_reader_end(mr_spill_reader *reader);

/* What a reader of frames of at most `frame` bytes takes, beside `frame` itself, at the least: with
 * a `chunk` of no more than this. */
size_t mr_spill_reader_least(size_t frame);

/* Gives the disk space of an extent back, where the file system can. */
void mr_spill_release(mr_spill *spill, mr_extent extent);

/* Bytes before and after compression that were written so far. */
uint64_t mr_spill_raw(const mr_spill *spill);
uint64_t mr_spill_packed(const mr_spill *spill);

#endif
