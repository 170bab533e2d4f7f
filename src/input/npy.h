/*
 * input/npy.h: one array in a file of numpy's (.npy): versions 1 to 3, either byte order, C and
 * Fortran order. Read by any thread, any box, with pread. Knows of no other kind of file.
 */
#ifndef MR_INPUT_NPY_H
#define MR_INPUT_NPY_H

#include "base/error.h"
#include "input/raw.h"

typedef struct mr_npy {
    char *path;
    int fd;
    mr_raw raw;
    bool is_fortran; /* the first axis is the one whose neighbours lie side by side */
    mr_dims dims;
    uint64_t start; /* of the numbers, in the file */
    uint64_t size;  /* of the file */
} mr_npy;

/* Whether a file begins like one. */
bool mr_npy_is(const void *bytes, size_t size);

/* Opens a file and reads its header. MR_BAD_INPUT: it can't be read, holds something else than
 * numbers, or is shorter than its header says. */
mr_status mr_npy_open(mr_npy **npy, const char *path, mr_error *error);
void mr_npy_close(mr_npy **npy);

/* What follows the magic and the version: kind, order and shape. False when it is damaged; a kind
 * that is no number is MR_RAW_NONE. */
bool mr_npy_understand(const char *text, size_t size, mr_npy *npy);

/* A box, in C order, as elements `as`. Thread-safe. */
#define MR_NPY_ROOM ((size_t)256 << 10)
mr_status mr_npy_read(const mr_npy *npy, const mr_box *box, mr_element as, void *into, char *room,
                      mr_error *error);

#endif
