/*
 * input/source.h: the bytes of a compressed file, of a stream, or of the strings of a dataset, one
 * after the other and decompressed. Knows nothing of records, and belongs to one thread at a time.
 */
#ifndef MR_INPUT_SOURCE_H
#define MR_INPUT_SOURCE_H

#include "input/plan.h"

typedef struct mr_source mr_source;

/* Opens a file that is no plain one. `file` is borrowed. Owned by the caller. */
mr_status mr_source_open(mr_source **source, const mr_file *file, mr_error *error);
void mr_source_close(mr_source **source);

/*
 * Reads some bytes, up to `size` of them, which is at least one: *got is 0 only at the end. Whether
 * a stream is compressed is told by its first bytes, at the first call. May wait for a pipe.
 */
mr_status mr_source_read(mr_source *source, char *into, size_t size, size_t *got, mr_error *error);

/* Bytes taken so far, as they are on disk or in the pipe. */
uint64_t mr_source_taken(const mr_source *source);

#endif
