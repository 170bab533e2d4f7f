/*
 * engine/rows.h: a result on its way out, whatever it is made of. It is cut into buckets: ranges of
 * the order, each on one rank, bucket after bucket and rank after rank the whole result. How many
 * rows and bytes each has is known before anything is written (engine/result.c finds out from there
 * where each begins); then all ranks and threads format and write at once (engine/write.c). A
 * bucket may be larger than memory: its text exists in pieces only.
 */
#ifndef MR_ENGINE_ROWS_H
#define MR_ENGINE_ROWS_H

#include "engine/job.h"

typedef struct mr_bucket {
    uint64_t rows, bytes;           /* bytes as they are formatted, with what stands between rows
                                       before each of them, also before the first of all */
    uint64_t first_row, first_byte; /* in the whole result, headers left out: mr_rows_write's */
} mr_bucket;

/* Takes a piece of a bucket's text: `rows` whole rows. Returns anything but MR_OK to stop. */
typedef mr_status mr_rows_take(void *context, const char *bytes, size_t size, uint64_t rows);

typedef struct mr_rows mr_rows;
struct mr_rows {
    const mr_writer *writer;
    mr_bucket *buckets; /* owned by who made the rows */
    size_t count;
    /*
     * Makes buckets [from, *to) ready for mr_rows.format, as many of them as go together: `*to` is
     * set to where that ends, behind `from`. Local; main thread. `end` is called when they are
     * written, and not when `begin` has failed.
     */
    mr_status (*begin)(mr_rows *rows, size_t from, size_t *to, mr_error *error);
    void (*end)(mr_rows *rows, size_t from, size_t to);
    /*
     * Formats bucket b of the wave, which has rows, in order, and hands it over in pieces that end
     * with the row that makes them `piece` bytes or more; 0: row by row. `first` says whether its
     * first row is the first of all. Any thread, each bucket once a wave at most. Returns what
     * `take` did when that was not MR_OK.
     */
    mr_status (*format)(mr_rows *rows, size_t b, bool first, size_t piece, mr_rows_take *take,
                        void *context, mr_error *error);
    void *self;
};

/* For those who format: rows are appended to `text`, and each is followed by mr_pieces_row. */
typedef struct mr_pieces {
    size_t size; /* as `piece` above */
    mr_rows_take *take;
    void *context;
    mr_error *error;
    mr_text text;
    uint64_t rows;
} mr_pieces;

/* Hands over what there is. */
mr_status mr_pieces_flush(mr_pieces *pieces);

static inline mr_status mr_pieces_row(mr_pieces *pieces)
{
    pieces->rows++;
    return pieces->text.size >= pieces->size ? mr_pieces_flush(pieces) : MR_OK;
}

/* Local. Fills in rows and bytes of all buckets by formatting them once, for those who cannot know
 * them by cheaper means. */
mr_status mr_rows_measure(mr_rows *rows, unsigned threads, mr_error *error);

/*
 * Collective. Writes rows to the target: to the temporary of `commit` (rank 0's; NULL elsewhere),
 * or to the stream; the commit itself is the caller's. `plain` leaves out what a format puts around
 * the rows. Adds to rows and bytes of the job and its report.
 */
mr_status mr_rows_write(mr_rows *rows, mr_job *job, const mr_target *target,
                        const mr_commit *commit, bool plain, mr_error *error);

#endif
