/* engine/waves.c: going over the buckets of a result, and measuring them by that. Local. */
#include "engine/waves.h"

#include "base/flight.h"
#include "base/span.h"
#include "observe/signals.h"

#include <omp.h>
#include <stdatomic.h>

mr_status mr_waves_run(mr_rows *rows, size_t from, size_t to, mr_waves_wave *each, void *context,
                       mr_error *error)
{
    while (from < to) {
        size_t end = to;
        MR_TRY(mr_signals_check(error));
        MR_TRY(rows->begin(rows, from, &end, error));
        mr_status status = each(context, from, end, error);
        rows->end(rows, from, end);
        MR_TRY(status);
        from = end;
    }
    return MR_OK;
}

mr_status mr_waves_share(unsigned threads, size_t from, size_t to, mr_waves_bucket *each,
                         void *context, mr_error *error)
{
    atomic_bool failed;
    atomic_init(&failed, false);
#pragma omp parallel num_threads((int)threads)
    {
        mr_error mine = {0};
        mr_span_thread((unsigned)omp_get_thread_num());
        const mr_span_kind before = mr_span_begin(MR_SPAN_WRITE);
#pragma omp for nowait schedule(dynamic)
        for (size_t b = from; b < to; b++)
            if (!atomic_load_explicit(&failed, memory_order_relaxed) &&
                (mr_signals_check(&mine) != MR_OK || each(context, b, &mine) != MR_OK))
                atomic_store_explicit(&failed, true, memory_order_relaxed);
            else
                mr_flight_progress();
        mr_span_end(before);
        if (mine.code != MR_OK) {
#pragma omp critical
            mr_error_set(error, mine.code, "%s", mine.text);
        }
    }
    return error->code;
}

typedef struct shared {
    unsigned threads;
    mr_waves_bucket *each;
    void *context;
} shared;

static mr_status share_wave(void *context, size_t from, size_t to, mr_error *error)
{
    const shared *s = context;
    return mr_waves_share(s->threads, from, to, s->each, s->context, error);
}

mr_status mr_waves_buckets(mr_rows *rows, unsigned threads, size_t from, size_t to,
                           mr_waves_bucket *each, void *context, mr_error *error)
{
    return mr_waves_run(rows, from, to, share_wave, &(shared){threads, each, context}, error);
}

#define PIECE ((size_t)1 << 18)

static mr_status count_piece(void *context, const char *bytes, size_t size, uint64_t rows)
{
    mr_bucket *bucket = context;
    (void)bytes;
    bucket->rows += rows;
    bucket->bytes += size;
    return MR_OK;
}

static mr_status measure_bucket(void *context, size_t b, mr_error *error)
{
    mr_rows *rows = context;
    mr_bucket *bucket = &rows->buckets[b];
    bucket->rows = bucket->bytes = 0;
    return rows->format(rows, b, false, PIECE, count_piece, bucket, error);
}

mr_status mr_rows_measure(mr_rows *rows, unsigned threads, mr_error *error)
{
    return mr_waves_buckets(rows, threads, 0, rows->count, measure_bucket, rows, error);
}

mr_status mr_pieces_flush(mr_pieces *pieces)
{
    mr_text *text = &pieces->text;
    if (text->failed)
        return mr_error_set(pieces->error, MR_NO_MEMORY, "out of memory: formatting the result");
    if (pieces->rows == 0)
        return MR_OK;
    mr_status status = pieces->take(pieces->context, text->data, text->size, pieces->rows);
    mr_text_clear(text);
    pieces->rows = 0;
    return status;
}
