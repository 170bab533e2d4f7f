/*
 * engine/write.c: rows to files. Buckets are formatted in waves that fit in memory, and each piece
 * of text is written at its place, from all threads and ranks at once.
 */
#include "base/flight.h"
#include "base/span.h"
#include "engine/columns.h"
#include "engine/waves.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of text at once: still in a core's cache when they are written. */
#define PIECE ((size_t)1 << 20)

/* The parts that this rank's rows touch: [first, first + count). */
typedef struct files {
    mr_result *result;
    const char *temporary;
    mr_part *parts;
    uint64_t first, count;
} files;

/* A bucket being written, and where its next piece goes. */
typedef struct place {
    const files *files;
    uint64_t at;
    mr_error *error;
} place;

/* Writes a piece into the parts that it belongs to. */
static mr_status write_piece(void *context, const char *text, size_t size, uint64_t rows)
{
    place *p = context;
    const files *f = p->files;
    const mr_result *result = f->result;
    (void)rows;
    for (uint64_t part = mr_result_part(result, p->at); size > 0; part++) {
        uint64_t left = result->cuts[part + 1] - p->at;
        size_t piece = size < left ? size : left;
        MR_TRY(mr_part_write(&f->parts[part - f->first], text, piece,
                             p->at - result->cuts[part] + result->head.size, p->error));
        text += piece;
        p->at += piece;
        size -= piece;
    }
    return MR_OK;
}

static mr_status write_bucket(void *context, size_t b, mr_error *error)
{
    const files *f = context;
    place p = {f, f->result->rows->buckets[b].first_byte, error};
    return mr_result_format(f->result, b, PIECE, write_piece, &p, error);
}

static void find_parts(files *f)
{
    const mr_result *result = f->result;
    const mr_bucket *buckets = result->rows->buckets;
    uint64_t bytes = 0;
    for (size_t b = 0; b < result->rows->count; b++)
        bytes += mr_result_size(result, &buckets[b]);
    if (bytes == 0)
        return;
    f->first = mr_result_part(result, buckets[0].first_byte);
    f->count = mr_result_part(result, buckets[0].first_byte + bytes - 1) - f->first + 1;
}

static mr_status open_parts(files *f, mr_error *error)
{
    f->parts = calloc(f->count + 1, sizeof *f->parts);
    if (!f->parts) {
        f->count = 0;
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening parts");
    }
    for (uint64_t i = 0; i < f->count; i++)
        f->parts[i].file = -1;
    for (uint64_t i = 0; i < f->count; i++)
        MR_TRY(mr_part_open(&f->parts[i], f->result->target, f->temporary, f->first + i, error));
    return MR_OK;
}

static void close_parts(files *f, mr_error *error)
{
    for (uint64_t i = 0; f->parts && i < f->count; i++)
        if (f->parts[i].file >= 0)
            mr_part_close(&f->parts[i], error);
    free(f->parts);
}

static mr_status write_frame(const files *f, uint64_t part, mr_error *error)
{
    const mr_result *result = f->result;
    const mr_text *head = &result->head, *tail = &result->tail;
    uint64_t end = head->size + result->cuts[part + 1] - result->cuts[part];
    mr_part file;
    MR_TRY(mr_part_open(&file, result->target, f->temporary, part, error));
    mr_part_write(&file, head->data, head->size, 0, error);
    mr_part_write(&file, tail->data, tail->size, end, error);
    return mr_part_close(&file, error);
}

static mr_status write_files(mr_result *result, const char *temporary, mr_error *error)
{
    mr_job *job = result->job;
    mr_rows *rows = result->rows;
    files f = {.result = result, .temporary = temporary};
    find_parts(&f);
    if (open_parts(&f, error) == MR_OK)
        mr_waves_buckets(rows, job->threads, 0, rows->count, write_bucket, &f, error);
    /* What stands around the rows is rank 0's: it makes even parts without rows exist. */
    if (mr_comm_rank(job->comm) == 0)
        for (uint64_t part = 0; part < result->parts && error->code == MR_OK; part++)
            write_frame(&f, part, error);
    close_parts(&f, error);
    return mr_comm_agree(job->comm, error);
}

static mr_status share_path_and_write(mr_result *result, const mr_commit *commit, mr_error *error)
{
    mr_comm *comm = result->job->comm;
    void *path = NULL;
    size_t size = 0;
    if (mr_comm_rank(comm) == 0) {
        path = (void *)(uintptr_t)mr_commit_path(commit);
        size = strlen(path) + 1;
    }
    mr_status status = mr_comm_broadcast(comm, &path, &size, error);
    if (status == MR_OK)
        status = write_files(result, path, error);
    if (mr_comm_rank(comm) != 0)
        free(path);
    return status;
}

static void count_rows(const mr_result *result)
{
    mr_job *job = result->job;
    job->rows += result->all_rows;
    for (size_t b = 0; b < result->rows->count; b++)
        job->report.rows += result->rows->buckets[b].rows;
}

/* What the job and this rank will have written; what stands around the rows is rank 0's. */
static void count_bytes(const mr_result *result)
{
    mr_job *job = result->job;
    uint64_t frames = result->parts * (result->head.size + result->tail.size);
    job->bytes += result->bytes + frames;
    if (mr_comm_rank(job->comm) == 0)
        job->report.bytes_written += frames;
    for (size_t b = 0; b < result->rows->count; b++)
        job->report.bytes_written += mr_result_size(result, &result->rows->buckets[b]);
}

static mr_status write_result(mr_result *result, const mr_commit *commit, mr_error *error)
{
    const mr_target *target = result->target;
    count_rows(result);
    if (target->format == MR_FORMAT_HDF5)
        return mr_columns_write(result, commit);
    count_bytes(result);
    if (target->kind == MR_TARGET_STDOUT || target->kind == MR_TARGET_DEVICE)
        return mr_result_stream(result, error);
    return share_path_and_write(result, commit, error);
}

static mr_status decide_and_write(mr_rows *rows, mr_job *job, const mr_target *target,
                                  const mr_commit *commit, bool plain, mr_error *error)
{
    mr_result result;
    const char *before = mr_flight_phase("write");
    if (mr_format_is_typed(target->format))
        MR_TRY(mr_columns_decide(rows, job, plain));
    mr_status status = mr_result_place(&result, rows, job, target, plain, error);
    if (status == MR_OK)
        status = write_result(&result, commit, error);
    mr_result_free(&result);
    mr_flight_phase(before);
    return status;
}

mr_status mr_rows_write(mr_rows *rows, mr_job *job, const mr_target *target,
                        const mr_commit *commit, bool plain, mr_error *error)
{
    const mr_span_kind before = mr_span_begin(MR_SPAN_WRITE);
    mr_status status = decide_and_write(rows, job, target, commit, plain, error);
    mr_span_end(before);
    return status;
}
