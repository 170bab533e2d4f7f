/*
 * engine/rows.h: a result on its way out, whatever it is made of. It is cut into buckets: ranges of
 * the order, each on one rank, bucket after bucket and rank after rank the whole result. How many
 * rows and bytes each has is known before anything is written (engine/result.c finds out from there
 * where each begins); then all ranks and threads format and write at once (engine/write.c).
 */
#ifndef MR_ENGINE_ROWS_H
#define MR_ENGINE_ROWS_H

#include "engine/job.h"

typedef struct mr_bucket {
    uint64_t rows, bytes;           /* bytes as they are formatted, with what stands between rows
                                       before each of them, also before the first of all */
    uint64_t first_row, first_byte; /* in the whole result, headers left out */
} mr_bucket;

/* Takes a piece of a bucket's text; `rows` whole rows. Returns anything but MR_OK to stop. */
typedef mr_status mr_rows_take(void *context, const char *bytes, size_t size, uint64_t rows);

typedef struct mr_rows mr_rows;
struct mr_rows {
    const mr_writer *writer;
    mr_bucket *buckets; /* owned by who made the rows */
    size_t count;
    /*
     * Makes buckets [from, to) ready for mr_rows.format, one wave at a time; how far a wave goes is
     * up to it (`*to`, more than `from`). Local; main thread. And when they are written.
     */
    mr_status (*begin)(mr_rows *rows, size_t from, size_t *to, mr_error *error);
    void (*end)(mr_rows *rows, size_t from, size_t to);
    /*
     * Formats bucket b of the wave in order and hands it over in pieces (of about a MiB, or all at
     * once). `first` says whether its first row is the first of all. Any thread, each bucket once a
     * wave or more often.
     */
    mr_status (*format)(mr_rows *rows, size_t b, bool first, mr_rows_take *take, void *context,
                        mr_error *error);
    void *self;
};

/* Collective. Writes rows to the target under its temporary name, or to the stream; the commit is
 * the caller's. `plain` leaves out what a format puts before and behind the rows. */
mr_status mr_rows_write(mr_rows *rows, mr_job *job, const mr_target *target, mr_commit *commit,
                        bool plain, mr_error *error);

#endif
