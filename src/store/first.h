/*
 * store/first.h: the accumulator of the folds that keep bytes (MR_FOLD_FIRST): MR_FIRST and
 * MR_TEXT. The one kind with a pointer in it: whoever moves it to another table or rank moves the
 * bytes too.
 */
#ifndef MR_STORE_FIRST_H
#define MR_STORE_FIRST_H

#include <stdbool.h>
#include <stdint.h>

/* Where in the input the bytes stood, and the bytes. Merging keeps the earlier position and copies
 * the pointer alone; the table that merged then adopts the bytes. */
typedef struct mr_first {
    uint64_t file_index; /* UINT64_MAX: none yet */
    uint64_t offset;
    const char *data;
    uint64_t size;
} mr_first;

/* Whether `a` stands before `b` in the input. */
static inline bool mr_first_before(const mr_first *a, const mr_first *b)
{
    return a->file_index != b->file_index ? a->file_index < b->file_index : a->offset < b->offset;
}

#endif
