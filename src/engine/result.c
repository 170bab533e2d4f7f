/* engine/result.c: measuring a result before it is written. */
#include "engine/result.h"

#include "base/memory.h"

#include <omp.h>
#include <stdlib.h>

#define BUCKET_ROWS  8192
#define BUCKET_BYTES ((size_t)1 << 20)
#define BUCKETS_MOST 16384

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

void mr_result_row(const mr_result *result, const mr_record *record, bool first, mr_text *text)
{
    const mr_app *app = &result->job->app;
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
    mr_writer_row(&result->writer, first, &row, value, text);
}

static size_t between_size(const mr_result *result)
{
    const mr_layout *layout = result->writer.layout;
    return layout && layout->between ? strlen(layout->between) : 0;
}

/* Sizes of buckets in a thread's own memory, added up when it is done. */
static void measure_partition(mr_result *result, unsigned p, mr_bucket *buckets, mr_text *text)
{
    mr_job *job = result->job;
    mr_partition *partition = &job->store->partitions[p];
    for (size_t at = 0; at < partition->used;) {
        mr_record *record = (mr_record *)(void *)(partition->records + at);
        size_t bucket = p;
        if (job->order.sort != MR_SORT_NONE)
            bucket = mr_splitters_find(&result->splitters,
                                       (mr_ref){mr_order_prefix(&job->order, record), record});
        mr_text_clear(text);
        mr_result_row(result, record, false, text);
        buckets[bucket].rows++;
        buckets[bucket].bytes += text->size;
        /* The index is gone by now: the check's place is free for the bucket. */
        record->check = (uint32_t)bucket;
        at += mr_record_size(record, job->store->value);
    }
}

static void add_up(mr_result *result, const mr_bucket *mine)
{
    for (size_t b = 0; b < result->count; b++) {
        result->buckets[b].rows += mine[b].rows;
        result->buckets[b].bytes += mine[b].bytes;
    }
}

static void measure_buckets(mr_result *result)
{
    mr_job *job = result->job;
    unsigned partitions = job->store->count;
#pragma omp parallel num_threads((int)job->threads)
    {
        mr_text text = {0};
        mr_bucket *mine = calloc(result->count, sizeof *mine);
        if (mine) {
#pragma omp for schedule(dynamic)
            for (unsigned p = 0; p < partitions; p++)
                measure_partition(result, p, mine, &text);
        } else {
            text.failed = true;
#pragma omp for schedule(dynamic)
            for (unsigned p = 0; p < partitions; p++)
                (void)p;
        }
#pragma omp critical
        {
            if (text.failed)
                mr_error_set(job->error, MR_NO_MEMORY, "out of memory: measuring the result");
            else
                add_up(result, mine);
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

static mr_status cut_buckets(mr_result *result)
{
    mr_job *job = result->job;
    mr_sample all = {0}, picked = {0};
    result->count = bucket_count(job);
    mr_status status =
        mr_sample_take(&all, job->store, &job->order, result->count * 16, job->error);
    if (status == MR_OK)
        status =
            mr_sample_pick(&job->order, all.bytes, all.size, result->count, &picked, job->error);
    if (status == MR_OK)
        status = mr_splitters_create(&result->splitters, &job->order, picked.bytes, picked.size,
                                     job->error);
    mr_sample_free(&all);
    mr_sample_free(&picked);
    result->buckets = calloc(result->count, sizeof *result->buckets);
    if (status == MR_OK && !result->buckets)
        status = mr_error_set(job->error, MR_NO_MEMORY, "out of memory: cutting the result");
    return status;
}

/* Where each bucket begins in the whole. */
static void place_buckets(mr_result *result)
{
    uint64_t here[2] = {0, 0}, before[2], total[2];
    for (size_t b = 0; b < result->count; b++) {
        here[0] += result->buckets[b].rows;
        here[1] += result->buckets[b].bytes;
    }
    mr_comm_scan(result->job->comm, here, 2, before, total);
    for (size_t b = 0; b < result->count; b++) {
        result->buckets[b].first_row = before[0];
        result->buckets[b].first_byte = before[1];
        before[0] += result->buckets[b].rows;
        before[1] += result->buckets[b].bytes;
    }
    result->rows = total[0];
    result->bytes = total[1];
    /* What stands between rows stands before each but the first one. */
    size_t between = between_size(result);
    for (size_t b = 0; between && b < result->count; b++)
        if (result->buckets[b].first_row > 0)
            result->buckets[b].first_byte -= between;
    if (between && result->rows > 0) {
        result->bytes -= between;
        for (size_t b = 0; b < result->count; b++)
            if (result->buckets[b].first_row == 0 && result->buckets[b].rows > 0)
                result->buckets[b].bytes -= between;
    }
}

/* The byte at which part `part` begins, when its first row lies in this bucket: 0 bytes are before
 * the row that is wanted (by its number, or as the first one at or behind a byte). */
static uint64_t cut_in_bucket(const mr_result *result, size_t b, uint64_t row, uint64_t byte,
                              bool by_row, mr_ref *refs, mr_text *text)
{
    const mr_bucket *bucket = &result->buckets[b];
    if (mr_result_collect(result, b, b + 1, refs) != MR_OK)
        return 0;
    if (result->job->order.sort != MR_SORT_NONE)
        mr_order_sort(&result->job->order, refs, refs + bucket->rows, bucket->rows);
    uint64_t at = bucket->first_byte;
    for (uint64_t i = 0; i < bucket->rows; i++) {
        if (by_row ? bucket->first_row + i >= row : at >= byte)
            break;
        mr_text_clear(text);
        mr_result_row(result, refs[i].record, bucket->first_row + i == 0, text);
        at += text->size;
    }
    return at;
}

/* Finds the cuts that lie in this rank's buckets; the others' are found by the others. */
static mr_status find_cuts(mr_result *result, uint64_t *mine)
{
    mr_job *job = result->job;
    bool by_row = job->settings->partitions > 0;
    for (size_t b = 0; b < result->count; b++) {
        const mr_bucket *bucket = &result->buckets[b];
        if (bucket->rows == 0)
            continue;
        mr_ref *refs = NULL;
        mr_text text = {0};
        size_t size = bucket->rows * 2 * sizeof *refs;
        for (uint64_t part = 1; part < result->parts; part++) {
            __extension__ typedef unsigned __int128 wide;
            uint64_t row = (uint64_t)((wide)result->rows * part / result->parts);
            uint64_t byte = part * MR_PART_BYTES;
            bool here =
                by_row ? row >= bucket->first_row && row < bucket->first_row + bucket->rows
                       : byte > bucket->first_byte && byte <= bucket->first_byte + bucket->bytes;
            if (!here)
                continue;
            if (!refs && !(refs = mr_memory_allocate(size, "cutting parts", job->error)))
                return MR_NO_MEMORY;
            mine[part] = cut_in_bucket(result, b, row, byte, by_row, refs, &text);
        }
        mr_memory_free(refs, size);
        mr_text_free(&text);
    }
    return MR_OK;
}

static uint64_t count_parts(const mr_result *result)
{
    const mr_job *job = result->job;
    if (job->target.kind != MR_TARGET_DIRECTORY || result->writer.layout)
        return 1;
    if (job->settings->partitions)
        return job->settings->partitions;
    return result->bytes ? (result->bytes + MR_PART_BYTES - 1) / MR_PART_BYTES : 1;
}

static mr_status cut_parts(mr_result *result)
{
    mr_job *job = result->job;
    result->parts = count_parts(result);
    size_t count = result->parts + 1;
    uint64_t *mine = calloc(count, sizeof *mine), *before = calloc(count, sizeof *before);
    result->cuts = calloc(count, sizeof *result->cuts);
    if (!mine || !before || !result->cuts)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: %zu parts", count);
    else
        find_cuts(result, mine);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK) {
        mr_comm_scan(job->comm, mine, count, before, result->cuts);
        result->cuts[0] = 0;
        result->cuts[result->parts] = result->bytes;
    }
    free(mine);
    free(before);
    return status;
}

mr_status mr_result_measure(mr_result *result, mr_job *job)
{
    const mr_app *app = &job->app;
    mr_text head = {0}, tail = {0};
    *result = (mr_result){.job = job};
    result->writer = (mr_writer){
        .format = job->target.format,
        .key_name = app->key_name ? app->key_name : "key",
        .columns = app->columns ? app->columns : app->fold->columns,
        .layout = job->target.format == MR_FORMAT_TSV ? app->layout : NULL,
    };
    if (app->fold != MR_TEXT) {
        mr_writer_open(&result->writer, &head);
        mr_writer_close(&result->writer, &tail);
    }
    result->head_size = head.size;
    result->tail_size = tail.size;
    mr_text_free(&head);
    mr_text_free(&tail);
    for (unsigned p = 0; p < job->store->count; p++)
        mr_partition_seal(&job->store->partitions[p]);
    if (cut_buckets(result) == MR_OK)
        measure_buckets(result);
    MR_TRY(mr_comm_agree(job->comm, job->error));
    place_buckets(result);
    return cut_parts(result);
}

void mr_result_free(mr_result *result)
{
    mr_splitters_destroy(&result->splitters);
    free(result->buckets);
    free(result->cuts);
}

mr_status mr_result_collect(const mr_result *result, size_t from, size_t to, mr_ref *refs)
{
    const mr_job *job = result->job;
    const mr_store *store = job->store;
    atomic_size_t *places = calloc(to - from + 1, sizeof *places);
    if (!places)
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: sorting the result");
    size_t sum = 0;
    for (size_t b = from; b < to; b++) {
        atomic_init(&places[b - from], sum);
        sum += result->buckets[b].rows;
    }
#pragma omp parallel for schedule(dynamic) num_threads((int)job->threads)
    for (unsigned p = 0; p < store->count; p++) {
        const mr_partition *partition = &store->partitions[p];
        for (size_t at = 0; at < partition->used;) {
            const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
            if (record->check >= from && record->check < to) {
                size_t place = atomic_fetch_add_explicit(&places[record->check - from], 1,
                                                         memory_order_relaxed);
                refs[place] = (mr_ref){mr_order_prefix(&job->order, record), record};
            }
            at += mr_record_size(record, store->value);
        }
    }
    free(places);
    return MR_OK;
}
