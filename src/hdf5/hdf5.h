/*
 * hdf5/hdf5.h: datasets in HDF5 files. This folder alone calls the HDF5 library, which is not
 * thread-safe: every call of it is made under one lock of this folder, and as little as possible is
 * done there. Bytes of contiguous datasets are read by all threads with pread; raw chunks are
 * fetched under the lock and unpacked (deflate, shuffle, fletcher32, byte order, element) outside
 * of it. What has to go through the library whole (other filters, variable strings, compact,
 * external and virtual datasets) does. Knows nothing of MPI, ranks or jobs.
 */
#ifndef MR_HDF5_HDF5_H
#define MR_HDF5_HDF5_H

#include "base/error.h"

#include <mapred/element.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Reading ---- */

/* Whether a name means something in an HDF5 file: `FILE:/...`, where FILE ends in .h5, .hdf5, .he5
 * or .nc, or begins with HDF5's signature, or is such a file by itself (which is an error later
 * unless it has exactly one dataset). */
bool mr_h5_is_name(const char *name);

/*
 * What a name stands for, one call of `found` each, in byte order: datasets may be globs
 * (`f.h5:/run*`), with a hyperslab behind them (`f.h5:/d[0:1000,:]`: begin:end per axis, either may
 * be left out, negative ones count from the end; axes left out are whole) and one field of a
 * compound type (`f.h5:/table.mass`). FILE itself is no glob here: see input/paths.c. MR_BAD_INPUT
 * when there is no such file or dataset: the message then says which there are.
 */
typedef mr_status mr_h5_found(void *context, const char *name, mr_error *error);
mr_status mr_h5_list(const char *name, mr_h5_found *found, void *context, mr_error *error);

typedef struct mr_h5_set mr_h5_set;

typedef struct mr_h5_info {
    bool strings;       /* each element is a string; `element` is 0 */
    mr_element element; /* the nearest there is: u32 and smaller integers without loss, u64 as i64
                           (reading one that does not fit is MR_BAD_INPUT), f16 as f32, complex
                           compounds (r, i) as c128 */
    mr_dims dims;       /* after the hyperslab. A table (compound type without a field) has one more
                           axis: its numeric fields, as f64 */
    char **names;       /* of a table's columns (the last axis); NULL: none */
    uint64_t band;      /* rows of the first axis that are read together best (a chunk's); 1 where
                           it does not matter */
    uint64_t band_begin; /* rows before the first border between bands: 0 to band - 1 */
    uint64_t bytes;      /* on disk, about */
    bool is_compressed;
} mr_h5_info;

/* Opens one dataset. Thread-safe. Every fault is one MR_BAD_INPUT that names file, dataset and
 * cause: missing, no numbers or strings, more than MR_AXES axes, a hyperslab outside, a filter that
 * is not there, a truncated or damaged file. Owned by the caller. */
mr_status mr_h5_open(mr_h5_set **set, const char *name, mr_error *error);
void mr_h5_close(mr_h5_set **set);
const mr_h5_info *mr_h5_info_of(const mr_h5_set *set);

/* What one thread reads with: buffers (from the budget), and the chunks it unpacked last. `set` is
 * borrowed. */
typedef struct mr_h5_reader mr_h5_reader;
mr_status mr_h5_reader_create(mr_h5_reader **reader, mr_h5_set *set, mr_error *error);
void mr_h5_reader_destroy(mr_h5_reader **reader);
/* Reads a box of the dataset (of info->dims) into memory, C order, as `as`. A chunk that is damaged
 * or cut off is MR_BAD_INPUT with its place. Any number may be asked for as any element and becomes
 * the nearest there is (an i64 as f64, an f64 as f32). One that has no such value at all is
 * MR_BAD_INPUT with its place too: an integer out of range, a fraction, infinity or NaN as an
 * integer, a finite f64 beyond the largest f32, an imaginary part in what is not c128. */
mr_status mr_h5_read(mr_h5_reader *reader, const mr_box *box, mr_element as, void *into,
                     mr_error *error);
/* Strings number `first` to first + count - 1 (C order), each followed by a newline, appended to
 * *text (malloc'ed, *size of *capacity used). Fixed ones end at their first zero or, if padded so,
 * at their last character that is no space. */
mr_status mr_h5_read_strings(mr_h5_reader *reader, uint64_t first, uint64_t count, char **text,
                             size_t *size, size_t *capacity, mr_error *error);
/* Bytes read from disk by this reader so far. */
uint64_t mr_h5_reader_bytes(const mr_h5_reader *reader);

/* ---- Writing ---- */

/*
 * One process makes the file and its datasets and says where in the file each chunk is to lie; any
 * number of processes then write the bytes there with pwrite. Addresses follow from the order of
 * calls alone, so that the file is the same bytes for any number of ranks.
 */
typedef enum mr_h5_kind {
    MR_H5_NUMBERS = 0,
    MR_H5_U64 = 1,     /* of 8 bytes, unsigned */
    MR_H5_STRINGS = 2, /* fixed size, padded with zeros; UTF-8 */
    MR_H5_BYTES = 3    /* the same, of any bytes: called ASCII, which nobody checks */
} mr_h5_kind;

typedef struct mr_h5_plan {
    const char *name; /* path in the file; groups on the way are made */
    mr_h5_kind kind;
    mr_element element;   /* MR_H5_NUMBERS */
    uint64_t string_size; /* MR_H5_STRINGS, MR_H5_BYTES */
    mr_dims dims;
    mr_dims chunk;     /* axes 0: contiguous */
    unsigned compress; /* deflate with shuffle, 1 to 9; 0: none. Needs a chunk */
} mr_h5_plan;

typedef struct mr_h5_file mr_h5_file;
/* Makes (truncates) a file. Owned by the caller; `close` with *file NULL does nothing. */
mr_status mr_h5_create(mr_h5_file **file, const char *path, mr_error *error);
mr_status mr_h5_finish(mr_h5_file **file, mr_error *error);
/* Adds a dataset; *number is 0 for the first. */
mr_status mr_h5_add(mr_h5_file *file, const mr_h5_plan *plan, unsigned *number, mr_error *error);
/* Where a contiguous dataset begins in the file. */
mr_status mr_h5_address(mr_h5_file *file, unsigned number, uint64_t *address, mr_error *error);
/* Room for chunk number `chunk` (C order over chunks) of `size` bytes as they will be on disk. */
mr_status mr_h5_place(mr_h5_file *file, unsigned number, uint64_t chunk, uint64_t size,
                      uint64_t *address, mr_error *error);
/* Attributes of the dataset, or of the file where number is -1. */
mr_status mr_h5_text(mr_h5_file *file, int number, const char *name, const char *text,
                     mr_error *error);
mr_status mr_h5_integer(mr_h5_file *file, int number, const char *name, int64_t value,
                        mr_error *error);

/* Bytes of one element. */
size_t mr_h5_element_size(const mr_h5_plan *plan);
/* A chunk's bytes as they lie on disk. Thread-safe; `to` has room for mr_h5_pack_most. */
size_t mr_h5_pack_most(const mr_h5_plan *plan);
mr_status mr_h5_pack(const mr_h5_plan *plan, const void *chunk, void *to, size_t *size,
                     mr_error *error);

#endif
