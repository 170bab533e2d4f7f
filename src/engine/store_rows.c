/*
 * engine/store_rows.c: a folded store as rows. What a rank owns is cut into buckets, ranges of the
 * order that are small enough to be sorted in a core's cache; a wave of them is collected from the
 * store, and each is sorted when it is formatted.
 */
#include "base/memory.h"
#include "base/span.h"
#include "engine/rows.h"
#include "store/splitters.h"

#include <omp.h>
#include <stdlib.h>

#define BUCKET_ROWS  8192
#define BUCKET_BYTES ((size_t)1 << 20)
#define BUCKETS_MOST 16384
#define WAVE_ROWS    ((uint64_t)1 << 19)
#define WAVE_BYTES   ((uint64_t)64 << 20)
#define AHEAD        16

typedef struct store_rows {
    mr_rows rows;
    mr_job *job;
    mr_writer writer;
    mr_splitters splitters;
    /* The wave: its first bucket, its refs, and where those of each bucket end. */
    size_t from;
    uint64_t wave;
    mr_ref *refs, *scratch;
    atomic_size_t *ends;
} store_rows;

static mr_cell key_cell(const mr_app *app, const mr_record *record)
{
    mr_cell cell = {.type = MR_TYPE_BYTES};
    if (app->key == MR_KEY_BYTES) {
        cell.as.bytes = mr_record_key_bytes(record);
        return cell;
    }
    cell.type = MR_TYPE_I64;
    cell.as.i64 = (int64_t)(mr_key_prefix(mr_record_key(record), 8, 0) ^ UINT64_C(1) << 63);
    if (app->key == MR_KEY_DENSE)
        cell.as.i64 = app->dense_first + cell.as.i64 * (app->dense_step ? app->dense_step : 1);
    return cell;
}

/* Appends a record as a row; `first` is the first row of all. */
static void add_row(const store_rows *s, const mr_record *record, bool first, mr_text *text)
{
    const mr_app *app = &s->job->app;
    const void *value = mr_record_value(record);
    if (app->fold == MR_TEXT) {
        const mr_first *lines = value;
        mr_text_add(text, lines->data, lines->size);
        return;
    }
    mr_row row;
    row.count = 1;
    row.cells[0] = key_cell(app, record);
    app->fold->show(app->fold, value, &row);
    mr_writer_row(&s->writer, first, &row, value, text);
}

/* Sizes of buckets in a thread's own memory, added up when it is done. */
static void measure_partition(store_rows *s, unsigned p, mr_bucket *buckets, mr_text *text)
{
    const mr_job *job = s->job;
    mr_partition *partition = &job->store->partitions[p];
    for (size_t at = 0; at < partition->used;) {
        mr_record *record = (mr_record *)(void *)(partition->records + at);
        size_t bucket = p;
        if (job->order.sort != MR_SORT_NONE)
            bucket = mr_splitters_find(&s->splitters,
                                       (mr_ref){mr_order_prefix(&job->order, record), record});
        mr_text_clear(text);
        add_row(s, record, false, text);
        if (text->failed)
            return;
        buckets[bucket].rows++;
        buckets[bucket].bytes += text->size;
        /* The index is gone by now: the check's place is free for the bucket. */
        record->check = (uint32_t)bucket;
        at += mr_record_size(record, job->store->value);
    }
}

static void add_up(mr_rows *rows, const mr_bucket *mine)
{
    for (size_t b = 0; b < rows->count; b++) {
        rows->buckets[b].rows += mine[b].rows;
        rows->buckets[b].bytes += mine[b].bytes;
    }
}

static void measure(store_rows *s)
{
    mr_job *job = s->job;
    unsigned partitions = job->store->count;
#pragma omp parallel num_threads((int)job->threads)
    {
        mr_text text = {0};
        mr_span_thread((unsigned)omp_get_thread_num());
        const mr_span_kind before = mr_span_begin(MR_SPAN_WRITE);
        mr_bucket *mine = calloc(s->rows.count, sizeof *mine);
        text.failed = !mine;
#pragma omp for schedule(dynamic) nowait
        for (unsigned p = 0; p < partitions; p++)
            if (mine && !text.failed)
                measure_partition(s, p, mine, &text);
        mr_span_end(before);
#pragma omp critical
        {
            if (text.failed)
                mr_error_set(job->error, MR_NO_MEMORY, "out of memory: measuring the result");
            else
                add_up(&s->rows, mine);
        }
        free(mine);
        mr_text_free(&text);
    }
}

static size_t bucket_count(const mr_job *job)
{
    if (job->order.sort == MR_SORT_NONE)
        return job->store->count;
    size_t bytes = 0;
    for (unsigned p = 0; p < job->store->count; p++)
        bytes += job->store->partitions[p].used;
    size_t count = mr_store_keys(job->store) / BUCKET_ROWS + bytes / BUCKET_BYTES + job->threads;
    return count < BUCKETS_MOST ? count : BUCKETS_MOST;
}

static mr_status cut_buckets(store_rows *s)
{
    mr_job *job = s->job;
    mr_sample all = {0}, picked = {0};
    size_t count = bucket_count(job);
    mr_status status = mr_sample_take(&all, job->store, &job->order, count * 16, job->error);
    if (status == MR_OK)
        status = mr_sample_pick(&job->order, all.bytes, all.size, count, &picked, job->error);
    if (status == MR_OK)
        status =
            mr_splitters_create(&s->splitters, &job->order, picked.bytes, picked.size, job->error);
    mr_sample_free(&all);
    mr_sample_free(&picked);
    s->rows.count = count;
    s->rows.buckets = calloc(count, sizeof *s->rows.buckets);
    if (status == MR_OK && !s->rows.buckets)
        status = mr_error_set(job->error, MR_NO_MEMORY, "out of memory: cutting the result");
    return status;
}

/* How many buckets from `from` on go together. */
static size_t plan_wave(const mr_rows *rows, size_t from, size_t most, uint64_t *wave)
{
    uint64_t bytes = 0;
    size_t to = from;
    for (*wave = 0; to < most; to++) {
        const mr_bucket *next = &rows->buckets[to];
        bool full = *wave + next->rows > WAVE_ROWS || bytes + next->bytes > WAVE_BYTES;
        if (full && to > from)
            break;
        *wave += next->rows;
        bytes += next->bytes;
    }
    return to;
}

/* The refs of buckets [s->from, to), bucket by bucket, unsorted. */
static void collect(store_rows *s, size_t to)
{
    const mr_job *job = s->job;
    const mr_store *store = job->store;
    atomic_size_t *ends = s->ends;
    mr_ref *refs = s->refs;
    size_t from = s->from, sum = 0;
    for (size_t b = from; b < to; b++) {
        atomic_init(&ends[b - from], sum);
        sum += s->rows.buckets[b].rows;
    }
#pragma omp parallel for schedule(dynamic) num_threads((int)job->threads)
    for (unsigned p = 0; p < store->count; p++) {
        const mr_partition *partition = &store->partitions[p];
        for (size_t at = 0; at < partition->used;) {
            const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
            if (record->check >= from && record->check < to) {
                size_t place =
                    atomic_fetch_add_explicit(&ends[record->check - from], 1, memory_order_relaxed);
                refs[place] = (mr_ref){mr_order_prefix(&job->order, record), record};
            }
            at += mr_record_size(record, store->value);
        }
    }
}

static void end_wave(mr_rows *rows, size_t from, size_t to)
{
    store_rows *s = rows->self;
    (void)from;
    (void)to;
    mr_memory_free(s->refs, s->wave * sizeof *s->refs);
    mr_memory_free(s->scratch, s->wave * sizeof *s->scratch);
    free(s->ends);
}

static mr_status begin_wave(mr_rows *rows, size_t from, size_t *to, mr_error *error)
{
    store_rows *s = rows->self;
    *to = plan_wave(rows, from, *to, &s->wave);
    s->from = from;
    s->refs = mr_memory_allocate(s->wave * sizeof *s->refs, "sorting the result", error);
    s->scratch = mr_memory_allocate(s->wave * sizeof *s->scratch, "sorting the result", error);
    s->ends = calloc(*to - from, sizeof *s->ends);
    if (!s->refs || !s->scratch || !s->ends) {
        end_wave(rows, from, *to);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: sorting the result");
    }
    collect(s, *to);
    return MR_OK;
}

/* Sorts a bucket and formats it. */
static mr_status format(mr_rows *rows, size_t b, bool first, size_t piece, mr_rows_take *take,
                        void *context, mr_error *error)
{
    const store_rows *s = rows->self;
    const mr_order *order = &s->job->order;
    size_t count = rows->buckets[b].rows;
    size_t begin = atomic_load_explicit(&s->ends[b - s->from], memory_order_relaxed) - count;
    mr_ref *refs = s->refs + begin;
    mr_pieces pieces = {piece, take, context, error, {0}, 0};
    mr_status status = MR_OK;
    if (order->sort != MR_SORT_NONE)
        mr_order_sort(order, refs, s->scratch + begin, count);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        /* In order, records lie anywhere: what comes soon is asked for now. */
        if (i + AHEAD < count)
            __builtin_prefetch(refs[i + AHEAD].record);
        add_row(s, refs[i].record, first && i == 0, &pieces.text);
        status = mr_pieces_row(&pieces);
    }
    if (status == MR_OK)
        status = mr_pieces_flush(&pieces);
    mr_text_free(&pieces.text);
    return status;
}

static mr_status make_rows(store_rows *s, mr_job *job)
{
    const mr_app *app = &job->app;
    *s = (store_rows){.job = job};
    s->writer = (mr_writer){
        .format = job->target.format,
        .key_name = app->key_name ? app->key_name : "key",
        .columns = app->columns ? app->columns : app->fold->columns,
        .layout = job->target.format == MR_FORMAT_TSV ? app->layout : NULL,
    };
    mr_writer_prepare(&s->writer);
    s->rows = (mr_rows){
        .writer = &s->writer, .begin = begin_wave, .end = end_wave, .format = format, .self = s};
    for (unsigned p = 0; p < job->store->count; p++)
        mr_partition_seal(&job->store->partitions[p]);
    if (cut_buckets(s) == MR_OK)
        measure(s);
    return mr_comm_agree(job->comm, job->error);
}

mr_status mr_job_write(mr_job *job)
{
    store_rows s;
    mr_status status = make_rows(&s, job);
    if (status == MR_OK)
        status = mr_rows_write(&s.rows, job, &job->target, job->commit, job->app.fold == MR_TEXT,
                               job->error);
    mr_splitters_destroy(&s.splitters);
    mr_writer_release(&s.writer);
    free(s.rows.buckets);
    return status;
}
