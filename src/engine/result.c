/* engine/result.c: placing buckets in the whole result and cutting it into parts. */
#include "engine/result.h"

#include "engine/waves.h"

#include <stdlib.h>
#include <string.h>

uint64_t mr_result_size(const mr_result *result, const mr_bucket *bucket)
{
    bool first = bucket->rows > 0 && bucket->first_row == 0;
    return bucket->bytes - (first ? result->between : 0);
}

/* Where each bucket begins in the whole: what stands between rows is before each but the first. */
static void place_buckets(mr_result *result)
{
    mr_rows *rows = result->rows;
    uint64_t here[2] = {0, 0}, before[2], total[2];
    for (size_t b = 0; b < rows->count; b++) {
        here[0] += rows->buckets[b].rows;
        here[1] += rows->buckets[b].bytes;
    }
    mr_comm_scan(result->job->comm, here, 2, before, total);
    for (size_t b = 0; b < rows->count; b++) {
        mr_bucket *bucket = &rows->buckets[b];
        bucket->first_row = before[0];
        bucket->first_byte = before[1] - (before[0] > 0 ? result->between : 0);
        before[0] += bucket->rows;
        before[1] += bucket->bytes;
    }
    result->all_rows = total[0];
    result->bytes = total[1] - (total[0] > 0 ? result->between : 0);
}

/* A bucket whose text is checked on its way. */
typedef struct checked {
    mr_rows_take *take;
    void *context;
    uint64_t rows, left;
    bool fits;
} checked;

static mr_status check_piece(void *context, const char *bytes, size_t size, uint64_t rows)
{
    checked *c = context;
    c->fits = size <= c->left && rows <= c->rows;
    if (!c->fits)
        return MR_FAILED;
    c->left -= size;
    c->rows -= rows;
    return c->take(c->context, bytes, size, rows);
}

mr_status mr_result_format(const mr_result *result, size_t b, size_t piece, mr_rows_take *take,
                           void *context, mr_error *error)
{
    mr_rows *rows = result->rows;
    const mr_bucket *bucket = &rows->buckets[b];
    checked c = {take, context, bucket->rows, mr_result_size(result, bucket), true};
    if (bucket->rows == 0)
        return MR_OK;
    mr_status status = rows->format(rows, b, bucket->first_row == 0, piece, check_piece, &c, error);
    if (!c.fits || (status == MR_OK && (c.left > 0 || c.rows > 0)))
        return mr_error_set(error, MR_FAILED,
                            "result changed while it was written: %s: its rows must come out the "
                            "same whenever they are shown",
                            result->job->app.name);
    return status;
}

/* Parts are cut by rows, where their number is given, or else by bytes: what part `part` begins
 * with at the earliest. */
static bool by_rows(const mr_result *result)
{
    return result->job->settings->partitions > 0;
}

static uint64_t wanted(const mr_result *result, uint64_t part)
{
    __extension__ typedef unsigned __int128 wide;
    if (by_rows(result))
        return (uint64_t)((wide)result->all_rows * part / result->parts);
    return part * MR_PART_BYTES;
}

/* The first part from 1 on that wants `place` or what is behind it. */
static uint64_t first_wanting(const mr_result *result, uint64_t place)
{
    uint64_t low = 1, high = result->parts;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (wanted(result, middle) < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The parts that begin in a bucket, or where it ends: [*part, *end). */
static void parts_in(const mr_result *result, size_t b, uint64_t *part, uint64_t *end)
{
    const mr_bucket *bucket = &result->rows->buckets[b];
    uint64_t first = by_rows(result) ? bucket->first_row : bucket->first_byte + 1;
    *part = first_wanting(result, first);
    *end = first_wanting(result, first + (by_rows(result) ? bucket->rows : bucket->bytes));
}

static bool is_cut(const mr_result *result, size_t b)
{
    uint64_t part, end;
    parts_in(result, b, &part, &end);
    return part < end;
}

/* Looking for the first bytes of parts [part, end) in a bucket, row by row. */
typedef struct search {
    const mr_result *result;
    uint64_t *cuts;
    uint64_t part, end, wanted;
    uint64_t row, byte;
} search;

static void next_part(search *s)
{
    s->cuts[s->part++] = s->byte;
    s->wanted = wanted(s->result, s->part);
}

static mr_status pass_row(void *context, const char *bytes, size_t size, uint64_t rows)
{
    search *s = context;
    (void)bytes;
    uint64_t place = by_rows(s->result) ? s->row : s->byte;
    while (s->part < s->end && s->wanted <= place)
        next_part(s);
    s->row += rows;
    s->byte += size;
    return s->part < s->end ? MR_OK : MR_FAILED;
}

typedef struct cutter {
    const mr_result *result;
    uint64_t *cuts;
} cutter;

static mr_status cut_bucket(void *context, size_t b, mr_error *error)
{
    const cutter *c = context;
    const mr_bucket *bucket = &c->result->rows->buckets[b];
    search s = {
        .result = c->result, .cuts = c->cuts, .row = bucket->first_row, .byte = bucket->first_byte};
    parts_in(c->result, b, &s.part, &s.end);
    s.wanted = wanted(c->result, s.part);
    mr_status status = mr_result_format(c->result, b, 0, pass_row, &s, error);
    if (s.part == s.end && error->code == MR_OK)
        return MR_OK; /* stopped: the rest has no cut */
    while (status == MR_OK && s.part < s.end)
        next_part(&s);
    return status;
}

/* Finds the cuts that lie in this rank's buckets; the others' are found by the others. */
static mr_status find_cuts(mr_result *result, uint64_t *mine, mr_error *error)
{
    mr_rows *rows = result->rows;
    cutter c = {result, mine};
    for (size_t b = 0, end; b < rows->count; b = end + 1) {
        for (end = b; end < rows->count && is_cut(result, end); end++)
            ;
        MR_TRY(mr_waves_buckets(rows, result->job->threads, b, end, cut_bucket, &c, error));
    }
    return MR_OK;
}

static uint64_t count_parts(const mr_result *result)
{
    if (result->target->kind != MR_TARGET_DIRECTORY || result->rows->writer->layout)
        return 1;
    if (by_rows(result))
        return result->job->settings->partitions;
    return result->bytes ? (result->bytes + MR_PART_BYTES - 1) / MR_PART_BYTES : 1;
}

static mr_status cut_parts(mr_result *result, mr_error *error)
{
    mr_comm *comm = result->job->comm;
    result->parts = count_parts(result);
    size_t count = result->parts + 1;
    uint64_t *mine = calloc(count, sizeof *mine), *before = calloc(count, sizeof *before);
    result->cuts = calloc(count, sizeof *result->cuts);
    if (!mine || !before || !result->cuts)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: %zu parts", count);
    else if (result->parts > 1)
        find_cuts(result, mine, error);
    mr_status status = mr_comm_agree(comm, error);
    if (status == MR_OK) {
        mr_comm_scan(comm, mine, count, before, result->cuts);
        result->cuts[0] = 0;
        result->cuts[result->parts] = result->bytes;
    }
    free(mine);
    free(before);
    return status;
}

uint64_t mr_result_part(const mr_result *result, uint64_t byte)
{
    uint64_t low = 0, high = result->parts;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (result->cuts[middle] <= byte)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void make_frames(mr_result *result, mr_error *error)
{
    const mr_writer *writer = result->rows->writer;
    const mr_layout *layout = writer->layout;
    mr_writer_open(writer, &result->head);
    mr_writer_close(writer, &result->tail);
    if (result->head.failed || result->tail.failed)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: formatting the result");
    result->between = layout && layout->between ? strlen(layout->between) : 0;
}

mr_status mr_result_place(mr_result *result, mr_rows *rows, mr_job *job, const mr_target *target,
                          bool plain, mr_error *error)
{
    *result = (mr_result){.rows = rows, .job = job, .target = target};
    if (!plain)
        make_frames(result, error);
    MR_TRY(mr_comm_agree(job->comm, error));
    place_buckets(result);
    return cut_parts(result, error);
}

void mr_result_free(mr_result *result)
{
    mr_text_free(&result->head);
    mr_text_free(&result->tail);
    free(result->cuts);
}
