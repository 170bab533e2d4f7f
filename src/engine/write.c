/*
 * engine/write.c: from records to files. Buckets are sorted and formatted in waves that fit in
 * memory; files take them at their places from all threads and ranks at once, a stream takes them
 * in order, the other ranks' by way of rank 0.
 */
#include "base/memory.h"
#include "engine/result.h"
#include "observe/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAVE_ROWS  ((uint64_t)1 << 19)
#define AHEAD      16
#define WAVE_BYTES ((uint64_t)64 << 20)

/* Where rows go: parts of files, or a stream. */
typedef struct sink {
    mr_result *result;
    const char *temporary;
    mr_part *parts; /* those that this rank's rows touch: [first, first + count) */
    uint64_t first, count;
    int stream; /* rank 0: the descriptor of stdout or a device; -1 elsewhere */
    bool gone;  /* the stream's reader has left */
} sink;

/* Buckets on their way: their refs, and the text they become. */
typedef struct wave {
    size_t from, to;
    mr_ref *refs, *scratch;
    uint64_t rows;
    mr_text *texts;
} wave;

/* How many buckets from `from` on go together. */
static void wave_plan(const mr_result *result, size_t from, wave *w)
{
    uint64_t bytes = 0;
    *w = (wave){.from = from, .to = from};
    while (w->to < result->count) {
        const mr_bucket *next = &result->buckets[w->to];
        bool full = w->rows + next->rows > WAVE_ROWS || bytes + next->bytes > WAVE_BYTES;
        if (full && w->to > from)
            break;
        w->rows += next->rows;
        bytes += next->bytes;
        w->to++;
    }
}

static mr_status wave_open(const mr_result *result, wave *w)
{
    mr_error *error = result->job->error;
    size_t size = w->rows * sizeof *w->refs;
    w->refs = mr_memory_allocate(size, "sorting the result", error);
    w->scratch = mr_memory_allocate(size, "sorting the result", error);
    w->texts = calloc(w->to - w->from + 1, sizeof *w->texts);
    if (!w->refs || !w->scratch || !w->texts)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: sorting the result");
    return mr_result_collect(result, w->from, w->to, w->refs);
}

static void wave_close(wave *w)
{
    mr_memory_free(w->refs, w->rows * sizeof *w->refs);
    mr_memory_free(w->scratch, w->rows * sizeof *w->scratch);
    for (size_t b = w->from; w->texts && b < w->to; b++)
        mr_text_free(&w->texts[b - w->from]);
    free(w->texts);
}

/* Where the refs of a bucket lie in the wave. */
static size_t wave_offset(const mr_result *result, const wave *w, size_t b)
{
    size_t offset = 0;
    for (size_t before = w->from; before < b; before++)
        offset += result->buckets[before].rows;
    return offset;
}

/* Sorts a bucket and appends it to `text`. */
static void format_bucket(const mr_result *result, const wave *w, size_t b, mr_text *text)
{
    const mr_job *job = result->job;
    const mr_bucket *bucket = &result->buckets[b];
    size_t offset = wave_offset(result, w, b);
    mr_ref *refs = w->refs + offset;
    if (job->order.sort != MR_SORT_NONE)
        mr_order_sort(&job->order, refs, w->scratch + offset, bucket->rows);
    for (uint64_t i = 0; i < bucket->rows; i++) {
        /* In order, records lie anywhere: what comes soon is asked for now. */
        if (i + AHEAD < bucket->rows)
            __builtin_prefetch(refs[i + AHEAD].record);
        mr_result_row(result, refs[i].record, bucket->first_row + i == 0, text);
    }
}

/* Writes text that begins at byte `at` of the result into the parts that it belongs to. */
static mr_status write_parts(sink *s, const char *text, uint64_t at, uint64_t size, mr_error *error)
{
    const mr_result *result = s->result;
    for (uint64_t part = s->first; part < s->first + s->count && size > 0; part++) {
        uint64_t begin = result->cuts[part], end = result->cuts[part + 1];
        if (at >= end)
            continue;
        uint64_t piece = size < end - at ? size : end - at;
        MR_TRY(mr_part_write(&s->parts[part - s->first], text, piece,
                             at - begin + result->head_size, error));
        text += piece;
        at += piece;
        size -= piece;
    }
    return MR_OK;
}

static void write_bucket(sink *s, wave *w, size_t b, mr_error *error)
{
    mr_text *text = &w->texts[b - w->from];
    const mr_bucket *bucket = &s->result->buckets[b];
    format_bucket(s->result, w, b, text);
    if (text->failed || text->size != bucket->bytes)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: formatting the result");
    else
        write_parts(s, text->data, bucket->first_byte, text->size, error);
    mr_text_free(text);
}

static mr_status write_wave(sink *s, wave *w)
{
    mr_job *job = s->result->job;
#pragma omp parallel num_threads((int)job->threads)
    {
        mr_error error = {0};
#pragma omp for schedule(dynamic)
        for (size_t b = w->from; b < w->to; b++)
            if (error.code == MR_OK)
                write_bucket(s, w, b, &error);
        if (error.code != MR_OK) {
#pragma omp critical
            if (job->error->code == MR_OK)
                *job->error = error;
        }
    }
    return job->error->code;
}

/* Calls `each` for one wave after another, until the job is interrupted. */
static mr_status all_waves(sink *s, mr_status (*each)(sink *, wave *))
{
    const mr_result *result = s->result;
    for (size_t from = 0; from < result->count;) {
        wave w;
        MR_TRY(mr_signals_check(result->job->error));
        wave_plan(result, from, &w);
        mr_status status = wave_open(result, &w);
        if (status == MR_OK)
            status = each(s, &w);
        wave_close(&w);
        MR_TRY(status);
        from = w.to;
    }
    return MR_OK;
}

/* The parts that bytes [begin, end) of the result lie in. Rank 0 also has those that are empty. */
static void find_parts(sink *s, uint64_t begin, uint64_t end)
{
    const mr_result *result = s->result;
    uint64_t first = 0, last;
    while (first < result->parts && result->cuts[first + 1] <= begin)
        first++;
    for (last = first; last < result->parts && result->cuts[last] < end; last++)
        ;
    s->first = first;
    s->count = last - first;
}

static mr_status open_parts(sink *s)
{
    mr_job *job = s->result->job;
    s->parts = calloc(s->count + 1, sizeof *s->parts);
    if (!s->parts) {
        s->count = 0;
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: opening parts");
    }
    for (uint64_t i = 0; i < s->count; i++)
        s->parts[i].file = -1;
    for (uint64_t i = 0; i < s->count; i++)
        MR_TRY(mr_part_open(&s->parts[i], &job->target, s->temporary, s->first + i, job->error));
    return MR_OK;
}

static void close_parts(sink *s)
{
    for (uint64_t i = 0; s->parts && i < s->count; i++)
        if (s->parts[i].file >= 0)
            mr_part_close(&s->parts[i], s->result->job->error);
    free(s->parts);
}

/* What stands around the rows of each part: rank 0 writes it, and so makes even empty parts exist.
 */
static void write_frames(sink *s)
{
    mr_result *result = s->result;
    mr_job *job = result->job;
    mr_text head = {0}, tail = {0};
    if (job->app.fold != MR_TEXT) {
        mr_writer_open(&result->writer, &head);
        mr_writer_close(&result->writer, &tail);
    }
    if (head.failed || tail.failed)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: formatting the result");
    for (uint64_t part = 0; part < result->parts && job->error->code == MR_OK; part++) {
        mr_part file = {.file = -1};
        uint64_t end = head.size + result->cuts[part + 1] - result->cuts[part];
        if (mr_part_open(&file, &job->target, s->temporary, part, job->error) != MR_OK)
            break;
        mr_part_write(&file, head.data, head.size, 0, job->error);
        mr_part_write(&file, tail.data, tail.size, end, job->error);
        mr_part_close(&file, job->error);
    }
    mr_text_free(&head);
    mr_text_free(&tail);
}

static mr_status write_files(mr_result *result, const char *temporary)
{
    mr_job *job = result->job;
    sink s = {.result = result, .temporary = temporary, .stream = -1};
    uint64_t begin = result->count ? result->buckets[0].first_byte : 0, end = begin;
    for (size_t b = 0; b < result->count; b++)
        end += result->buckets[b].bytes;
    find_parts(&s, begin, end);
    if (begin == end)
        s.count = 0;
    if (open_parts(&s) == MR_OK)
        all_waves(&s, write_wave);
    if (mr_comm_rank(job->comm) == 0)
        write_frames(&s);
    close_parts(&s);
    return mr_comm_agree(job->comm, job->error);
}

/* To the stream: directly on rank 0, as a message to it elsewhere. */
static mr_status put(sink *s, const char *bytes, size_t size)
{
    mr_job *job = s->result->job;
    if (s->stream < 0) {
        mr_comm_send(job->comm, 0, bytes, size);
        return MR_OK;
    }
    if (s->gone || size == 0)
        return MR_OK;
    const char *name = job->target.kind == MR_TARGET_STDOUT ? "standard output" : job->target.path;
    return mr_stream_write(s->stream, name, bytes, size, &s->gone, job->error);
}

#define PIECE ((size_t)1 << 20)

static mr_status stream_wave(sink *s, wave *w)
{
    mr_job *job = s->result->job;
#pragma omp parallel for schedule(dynamic) num_threads((int)job->threads)
    for (size_t b = w->from; b < w->to; b++)
        format_bucket(s->result, w, b, &w->texts[b - w->from]);
    for (size_t b = w->from; b < w->to; b++) {
        const mr_text *text = &w->texts[b - w->from];
        if (text->failed)
            return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: formatting the result");
        for (size_t at = 0; at < text->size; at += PIECE)
            MR_TRY(put(s, text->data + at, text->size - at < PIECE ? text->size - at : PIECE));
    }
    return MR_OK;
}

/* Rank 0: what another rank has, up to an empty message. It is taken in even if nobody wants it. */
static void pass_on(sink *s, int rank, char *piece)
{
    mr_job *job = s->result->job;
    size_t size;
    mr_comm_send(job->comm, rank, "", 0);
    while ((size = mr_comm_receive(job->comm, rank, piece, PIECE)) > 0)
        if (job->error->code == MR_OK)
            put(s, piece, size);
}

static void put_frame(sink *s, void (*frame)(const mr_writer *, mr_text *))
{
    mr_text text = {0};
    if (s->result->job->app.fold != MR_TEXT)
        frame(&s->result->writer, &text);
    if (s->result->job->error->code == MR_OK)
        put(s, text.data, text.size);
    mr_text_free(&text);
}

static int open_stream(const mr_job *job)
{
    if (job->target.kind == MR_TARGET_STDOUT)
        return STDOUT_FILENO;
    int file = open(job->target.path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        mr_error_set(job->error, MR_BAD_OUTPUT, "cannot write output: %s: %s", job->target.path,
                     strerror(errno));
    return file;
}

static mr_status write_stream(mr_result *result)
{
    mr_job *job = result->job;
    int rank = mr_comm_rank(job->comm), size = mr_comm_size(job->comm);
    sink s = {.result = result, .stream = rank == 0 ? open_stream(job) : -1};
    char *piece = rank == 0 ? malloc(PIECE) : NULL;
    if (rank == 0 && !piece)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: writing the result");
    if (mr_comm_agree(job->comm, job->error) != MR_OK) {
        if (s.stream > STDERR_FILENO)
            close(s.stream);
        free(piece);
        return job->error->code;
    }
    if (rank == 0) {
        put_frame(&s, mr_writer_open);
        if (job->error->code == MR_OK)
            all_waves(&s, stream_wave);
        for (int other = 1; other < size; other++)
            pass_on(&s, other, piece);
        put_frame(&s, mr_writer_close);
        if (s.stream != STDOUT_FILENO && close(s.stream) != 0)
            mr_error_set(job->error, MR_BAD_OUTPUT, "cannot write output: %s: %s", job->target.path,
                         strerror(errno));
    } else {
        mr_comm_receive(job->comm, 0, &(char){0}, 1);
        all_waves(&s, stream_wave);
        mr_comm_send(job->comm, 0, "", 0);
    }
    free(piece);
    return mr_comm_agree(job->comm, job->error);
}

/* What the job and this rank will have written; what stands around the rows is rank 0's. */
static void count_result(const mr_result *result)
{
    mr_job *job = result->job;
    uint64_t frames = result->parts * (result->head_size + result->tail_size);
    job->rows = result->rows;
    job->bytes = result->bytes + frames;
    job->report.bytes_written = mr_comm_rank(job->comm) == 0 ? frames : 0;
    for (size_t b = 0; b < result->count; b++) {
        job->report.rows += result->buckets[b].rows;
        job->report.bytes_written += result->buckets[b].bytes;
    }
}

mr_status mr_job_write(mr_job *job)
{
    mr_result result;
    mr_status status = mr_result_measure(&result, job);
    if (status == MR_OK)
        count_result(&result);
    if (status == MR_OK && job->target.kind != MR_TARGET_STDOUT &&
        job->target.kind != MR_TARGET_DEVICE) {
        void *path = NULL;
        size_t size = 0;
        if (mr_comm_rank(job->comm) == 0) {
            path = (void *)(uintptr_t)mr_commit_path(job->commit);
            size = strlen(path) + 1;
        }
        status = mr_comm_broadcast(job->comm, &path, &size, job->error);
        if (status == MR_OK)
            status = write_files(&result, path);
        if (mr_comm_rank(job->comm) != 0)
            free(path);
    } else if (status == MR_OK) {
        status = write_stream(&result);
    }
    mr_result_free(&result);
    return status;
}
