/*
 * input/records.h: where records begin, for files and streams alike. Touches nothing but bytes.
 *
 * Lines and words alike begin behind a separator, a newline or any white space; of the places where
 * a block may be cut, two neighbours then agree without knowing each other.
 */
#ifndef MR_INPUT_RECORDS_H
#define MR_INPUT_RECORDS_H

#include "input/reader.h"

/* The first separator of lines or words from `at` on, or `end`. */
static inline const char *mr_records_seek(mr_input kind, const char *at, const char *end)
{
    return kind == MR_INPUT_WORDS ? mr_bytes_seek_space(at, end) : mr_bytes_seek(at, end, '\n');
}

/* Whether there are records of that kind: sizes come from apps. */
mr_status mr_records_check(mr_records records, mr_error *error);

/*
 * How many of the first `size` bytes are whole records, whatever follows them. The first `searched`
 * hold no separator. 0 while the first record is not whole.
 */
size_t mr_records_whole(mr_records records, const char *data, size_t searched, size_t size);

/* The last record of a file is cut short at `offset`. */
mr_status mr_records_torn(mr_records records, const char *path, uint64_t offset, uint64_t size,
                          mr_error *error);

#endif
