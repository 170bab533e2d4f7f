/*
 * engine/result.h: the result of a job on its way out. What a rank owns is cut into buckets, ranges
 * of the order that are small enough to be sorted in a core's cache; bucket after bucket, rank
 * after rank, they are the whole result in order. Where each begins, in rows and in bytes, is known
 * before anything is written, so that all ranks and threads write at once.
 */
#ifndef MR_ENGINE_RESULT_H
#define MR_ENGINE_RESULT_H

#include "engine/job.h"
#include "store/splitters.h"

/* Bytes a part file when the user does not say how many there are to be: by this alone, so that the
 * parts are the same for any number of ranks. */
#define MR_PART_BYTES (UINT64_C(256) << 20)

typedef struct mr_bucket {
    uint64_t rows, bytes;
    uint64_t first_row, first_byte; /* in the whole result, headers left out */
} mr_bucket;

typedef struct mr_result {
    mr_job *job;
    mr_writer writer;
    mr_splitters splitters;
    mr_bucket *buckets;
    size_t count;
    uint64_t rows, bytes; /* of the whole result */
    uint64_t parts;
    uint64_t *cuts;                /* first byte of each part, and the end: parts + 1 */
    uint64_t head_size, tail_size; /* of what stands before and behind the rows of a part */
} mr_result;

/* Collective. Buckets, sizes and cuts. */
mr_status mr_result_measure(mr_result *result, mr_job *job);
void mr_result_free(mr_result *result);

/* The refs of buckets [from, to), bucket by bucket, unsorted. `refs` has room for all their rows.
 */
mr_status mr_result_collect(const mr_result *result, size_t from, size_t to, mr_ref *refs);

/* Appends a record as a row; `first` is the first row of all. */
void mr_result_row(const mr_result *result, const mr_record *record, bool first, mr_text *text);

#endif
