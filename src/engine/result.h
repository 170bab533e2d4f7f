/*
 * engine/result.h: where each bucket of a result begins, in rows and in bytes, and where its parts
 * do. Known before anything is written, so that all ranks and threads write at once.
 */
#ifndef MR_ENGINE_RESULT_H
#define MR_ENGINE_RESULT_H

#include "engine/rows.h"

/* Bytes a part file when the user does not say how many there are to be: by this alone, so that the
 * parts are the same for any number of ranks. */
#define MR_PART_BYTES (UINT64_C(256) << 20)

typedef struct mr_result {
    mr_rows *rows;
    mr_job *job;
    const mr_target *target;
    mr_text head, tail;       /* what stands before and behind the rows of a part */
    size_t between;           /* bytes before each row but the first of all */
    uint64_t all_rows, bytes; /* of the whole result */
    uint64_t parts;
    uint64_t *cuts; /* first byte of each part, and the end: parts + 1 */
} mr_result;

/* Collective. Places and cuts of measured rows. */
mr_status mr_result_place(mr_result *result, mr_rows *rows, mr_job *job, const mr_target *target,
                          bool plain, mr_error *error);
void mr_result_free(mr_result *result);

/* Local. The bytes that a bucket takes, and the part that a byte lies in. */
uint64_t mr_result_size(const mr_result *result, const mr_bucket *bucket);
uint64_t mr_result_part(const mr_result *result, uint64_t byte);

/* Local. Formats a bucket and checks that it has the size that it was measured to have: `take` gets
 * a piece only where it fits. */
mr_status mr_result_format(const mr_result *result, size_t b, size_t piece, mr_rows_take *take,
                           void *context, mr_error *error);

/* Collective. Writes it all to a pipe, a device or standard output, in order. */
mr_status mr_result_stream(mr_result *result, mr_error *error);

#endif
