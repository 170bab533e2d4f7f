/*
 * sets/write.c: a set as rows on their way out. Its piles are the buckets of the result; sorted
 * first where they are no ranges yet. How long rows are is found out without sorting them; then
 * each pile is sorted by the thread that writes it.
 */
#include "sets/cells.h"

#include "base/clock.h"
#include "base/span.h"
#include "engine/rows.h"
#include "sets/write.h"

#include <omp.h>
#include <stdlib.h>

#define WAVE_BYTES ((uint64_t)64 << 20)

/* What a thread needs to format piles. */
typedef struct writing_thread {
    mr_sorted sorted;
    char *room; /* fields of tuples */
    size_t room_capacity;
    mr_text text; /* used again pile after pile: fresh memory is dear */
} writing_thread;

typedef struct writing {
    mr_rows rows;
    mr_set *set;
    mr_job *job;
    const mr_write_options *options;
    mr_writer writer;
    writing_thread *threads;
    bool consume;
} writing;

static mr_status room_for(writing_thread *t, size_t size, mr_error *error)
{
    if (size <= t->room_capacity)
        return MR_OK;
    char *room = mr_memory_resize(t->room, t->room_capacity, size * 2, "a long key", error);
    if (!room)
        return MR_NO_MEMORY;
    t->room = room;
    t->room_capacity = size * 2;
    return MR_OK;
}

/* Appends a pair as a row. */
static mr_status add_row(const writing *w, writing_thread *t, mr_pair pair, bool first,
                         mr_text *text, mr_error *error)
{
    mr_row row;
    row.count = 0;
    if (w->options->text) {
        w->options->text(w->options->context, pair, text);
        return MR_OK;
    }
    if (w->options->show) {
        w->options->show(w->options->context, pair, &row);
    } else {
        if (w->set->shape.key == MR_KEY_TUPLE)
            MR_TRY(room_for(t, pair.key.size, error));
        mr_cells_of_key(&w->set->shape, pair.key, t->room, &row);
        mr_cells_of_value(w->set, pair.value, &row);
    }
    mr_writer_row(&w->writer, first, &row, NULL, text);
    return MR_OK;
}

/* Rows and bytes of a pile, in any order. */
static mr_status measure_pile(writing *w, writing_thread *t, uint32_t p, mr_text *text,
                              mr_error *error)
{
    mr_pile_reader reader;
    mr_bucket bucket = {.rows = w->set->piles.piles[p].count};
    const unsigned char *at, *end;
    mr_status status = MR_OK;
    mr_pile_reader_start(&reader, &w->set->piles, p, false);
    while ((status = mr_pile_reader_next(&reader, &at, &end, error)) == MR_OK && at) {
        for (mr_pair pair; at < end && status == MR_OK;) {
            at = mr_pair_read(&w->set->layout, at, &pair);
            mr_text_clear(text);
            status = add_row(w, t, pair, false, text, error);
            bucket.bytes += text->size;
            if (text->failed)
                status = mr_error_set(error, MR_NO_MEMORY, "out of memory: measuring the result");
        }
        if (status != MR_OK)
            break;
    }
    mr_pile_reader_end(&reader);
    w->rows.buckets[p] = bucket;
    return status;
}

static mr_status measure(writing *w)
{
    mr_job *job = w->job;
#pragma omp parallel num_threads((int)job->threads)
    {
        mr_text text = {0};
        mr_error error = {0};
        writing_thread *t = &w->threads[omp_get_thread_num()];
        mr_span_thread((unsigned)omp_get_thread_num());
        const mr_span_kind before = mr_span_begin(MR_SPAN_WRITE);
#pragma omp for schedule(dynamic) nowait
        for (uint32_t p = 0; p < w->set->piles.count; p++)
            if (error.code == MR_OK)
                measure_pile(w, t, p, &text, &error);
        mr_span_end(before);
#pragma omp critical
        if (error.code != MR_OK && job->error->code == MR_OK)
            *job->error = error;
        mr_text_free(&text);
    }
    return mr_job_agree(job);
}

static mr_status begin_wave(mr_rows *rows, size_t from, size_t *to, mr_error *error)
{
    uint64_t bytes = 0;
    size_t b = from;
    (void)error;
    do
        bytes += rows->buckets[b++].bytes;
    while (b < *to && bytes + rows->buckets[b].bytes <= WAVE_BYTES);
    *to = b;
    return MR_OK;
}

static void end_wave(mr_rows *rows, size_t from, size_t to)
{
    (void)rows;
    (void)from;
    (void)to;
}

static mr_status format_pairs(writing *w, writing_thread *t, bool first, mr_pieces *pieces)
{
    for (const unsigned char *at;; first = false) {
        mr_pair pair;
        MR_TRY(mr_sorted_next(&t->sorted, &at, pieces->error));
        if (!at)
            return mr_pieces_flush(pieces);
        mr_pair_read(&w->set->layout, at, &pair);
        MR_TRY(add_row(w, t, pair, first, &pieces->text, pieces->error));
        MR_TRY(mr_pieces_row(pieces));
    }
}

static mr_status format_pile(mr_rows *rows, size_t b, bool first, size_t piece, mr_rows_take *take,
                             void *context, mr_error *error)
{
    writing *w = rows->self;
    writing_thread *t = &w->threads[omp_get_thread_num()];
    mr_pieces pieces = {
        .size = piece, .take = take, .context = context, .error = error, .text = t->text};
    mr_text_clear(&pieces.text);
    mr_status status = mr_sorted_open(&t->sorted, &w->set->piles, (uint32_t)b, false, error);
    if (status == MR_OK)
        status = format_pairs(w, t, first, &pieces);
    mr_sorted_close(&t->sorted);
    t->text = pieces.text;
    return status;
}

static void name_columns(writing *w, const mr_target *target)
{
    const mr_write_options *o = w->options;
    const char *of_value = w->set->fold ? w->set->fold->columns : NULL;
    if (!w->set->fold && w->set->shape.value == MR_VALUE_NONE)
        of_value = "";
    w->writer = (mr_writer){.format = target->format,
                            .key_name = o->key_name ? o->key_name : "key",
                            .columns = o->columns ? o->columns : of_value};
}

static mr_status start(writing *w, const mr_target *target)
{
    mr_job *job = w->job;
    mr_set *set = w->set;
    size_t memory = mr_set_thread_memory(job, 1);
    name_columns(w, target);
    mr_writer_prepare(&w->writer);
    w->rows = (mr_rows){.writer = &w->writer,
                        .count = set->piles.count,
                        .begin = begin_wave,
                        .end = end_wave,
                        .format = format_pile,
                        .self = w};
    w->rows.buckets = calloc(set->piles.count + 1, sizeof *w->rows.buckets);
    w->threads = calloc(job->threads, sizeof *w->threads);
    for (unsigned i = 0; w->threads && i < job->threads; i++)
        mr_sorted_start(&w->threads[i].sorted, &set->order, memory, job->scratch);
    if (!w->rows.buckets || !w->threads)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: writing the result");
    return mr_job_agree(job);
}

static void end(writing *w)
{
    for (unsigned i = 0; w->threads && i < w->job->threads; i++) {
        mr_sorted_free(&w->threads[i].sorted);
        mr_memory_free(w->threads[i].room, w->threads[i].room_capacity);
        mr_text_free(&w->threads[i].text);
    }
    free(w->threads);
    free(w->rows.buckets);
    mr_writer_release(&w->writer);
}

mr_status mr_set_write_to(mr_set *set, const mr_write_options *options, const mr_target *target,
                          const mr_commit *commit)
{
    mr_job *job = set->job;
    writing w = {.set = set, .job = job, .options = options};
    mr_status status = start(&w, target);
    if (status == MR_OK)
        status = measure(&w);
    if (status == MR_OK)
        status = mr_rows_write(&w.rows, job, target, commit, options->text != NULL, job->error);
    end(&w);
    return status;
}

/* The job's own output, which the job commits when all is done. */
static mr_status write_own(mr_set *set, const mr_write_options *options)
{
    mr_job *job = set->job;
    if (job->written)
        return mr_error_set(job->error, MR_FAILED,
                            "written twice: %s: a job has one output of its own", job->app.name);
    MR_TRY(mr_job_output_begin(job));
    MR_TRY(mr_set_write_to(set, options, &job->target, job->commit));
    job->written = true;
    return MR_OK;
}

/* One that is whole when this returns. */
static mr_status write_other(mr_set *set, const mr_write_options *options)
{
    mr_job *job = set->job;
    mr_target target = {.kind = MR_TARGET_STDOUT};
    mr_commit *commit = NULL;
    MR_TRY(mr_job_target_of(job, options->path, &target));
    if (mr_comm_rank(job->comm) == 0)
        mr_commit_begin(&commit, &target, job->error);
    mr_status status = mr_job_agree(job);
    if (status == MR_OK)
        status = mr_set_write_to(set, options, &target, commit);
    if (status == MR_OK && commit)
        mr_commit_finish(&commit, "{}\n", job->error);
    mr_commit_abandon(&commit);
    return status == MR_OK ? mr_job_agree(job) : status;
}

mr_status mr_set_write(mr_set *set, const mr_write_options *options)
{
    const mr_write_options plain = {.path = NULL};
    mr_job *job = set->job;
    mr_set *moved = NULL, *source = set;
    double start = mr_clock_now();
    options = options ? options : &plain;
    if (set->spread != MR_SPREAD_RANGE) {
        mr_sort_options sort = {.by = MR_BY_KEY, .consume = options->consume};
        MR_TRY(mr_set_sort(set, &sort, &moved));
        source = moved;
    }
    job->report.seconds[MR_PHASE_SORT] += mr_clock_now() - start;
    start = mr_clock_now();
    mr_status status = options->path ? write_other(source, options) : write_own(source, options);
    mr_set_destroy(&moved);
    job->report.seconds[MR_PHASE_WRITE] += mr_clock_now() - start;
    return status;
}
