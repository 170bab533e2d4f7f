/*
 * array/picture.c: arrays as pictures. Bands of rows are evaluated and packed by whoever is idle;
 * when all know how large each of them is, everybody writes its own at their places.
 */
#include "array/array.h"

#include "base/memory.h"
#include "output/png.h"

#include <stdlib.h>

/* Of rows that are packed together; less would be packed worse, more be dealt out worse. */
#define BAND_BYTES ((uint64_t)128 << 10)

typedef struct picture {
    mr_job *job;
    mr_array *array;
    mr_target target;
    mr_commit *commit; /* rank 0 */
    uint64_t rows;     /* of a band */
    size_t count;
    mr_png_band *bands;
    int64_t *numbers; /* sizes of all bands, then their sums */
} picture;

/* i32 to bytes; what does not fit is nearest. */
static unsigned char *to_bytes(const int32_t *values, size_t count, mr_error *error)
{
    unsigned char *bytes = mr_memory_allocate(count, "a picture", error);
    for (size_t i = 0; bytes && i < count; i++)
        bytes[i] = (unsigned char)(values[i] < 0 ? 0 : values[i] > 255 ? 255 : values[i]);
    return bytes;
}

static mr_status take(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                      mr_error *error)
{
    picture *p = sweep->self;
    const size_t number = box->from[0] / p->rows, count = mr_box_count(box);
    unsigned char *bytes = to_bytes(values, count, error);
    (void)thread;
    if (!bytes)
        return error->code;
    mr_png_band *band = &p->bands[number];
    mr_status status = mr_png_pack(band, bytes, (uint32_t)box->size[1], box->size[0],
                                   number + 1 == p->count, error);
    mr_memory_free(bytes, count);
    p->numbers[number] = (int64_t)band->size;
    p->numbers[p->count + number] = band->sum;
    return status;
}

static mr_status pack(picture *p)
{
    mr_sweep sweep = {.array = p->array, .take = take, .self = p, .phase = "picture"};
    sweep.tile = p->array->dims;
    sweep.tile.size[0] = p->rows;
    MR_TRY(mr_sweep_run(&sweep));
    mr_all_sum_i64(p->job, p->numbers, 2 * p->count);
    return mr_job_agree(p->job);
}

/* What stands around the bands is rank 0's. */
static void write_frame(const picture *p, mr_part *part, uint64_t end)
{
    const uint64_t *dims = p->array->dims.size;
    unsigned char head[MR_PNG_HEAD], tail[MR_PNG_TAIL];
    uint32_t sum = MR_PNG_SUM_START;
    for (size_t i = 0; i < p->count; i++) {
        const uint64_t from = i * p->rows, left = dims[0] - from;
        const uint64_t rows = left < p->rows ? left : p->rows;
        sum = mr_png_sum(sum, (uint32_t)p->numbers[p->count + i], rows * (dims[1] * 3 + 1));
    }
    mr_png_head((uint32_t)dims[1], (uint32_t)dims[0], head);
    mr_png_tail(sum, tail);
    mr_part_write(part, head, sizeof head, 0, p->job->error);
    mr_part_write(part, tail, sizeof tail, end, p->job->error);
}

static void write_bands(const picture *p, mr_part *part)
{
    uint64_t at = MR_PNG_HEAD, written = 0;
    for (size_t i = 0; i < p->count; i++) {
        const mr_png_band *band = &p->bands[i];
        if (band->chunk)
            mr_part_write(part, band->chunk, band->size, at, p->job->error);
        written += band->size;
        at += (uint64_t)p->numbers[i];
    }
    if (mr_job_rank(p->job) == 0) {
        write_frame(p, part, at);
        written += MR_PNG_HEAD + MR_PNG_TAIL;
    }
    p->job->report.bytes_written += written;
}

static mr_status write_file(picture *p)
{
    mr_job *job = p->job;
    const bool root = mr_job_rank(job) == 0;
    void *path = root ? (void *)(uintptr_t)mr_commit_path(p->commit) : NULL;
    size_t size = root ? strlen(path) + 1 : 0;
    mr_part part;
    MR_TRY(mr_comm_broadcast(job->comm, &path, &size, job->error));
    if (mr_part_open(&part, &p->target, path, 0, job->error) == MR_OK) {
        write_bands(p, &part);
        mr_part_close(&part, job->error);
    }
    if (!root)
        free(path);
    return mr_job_agree(job);
}

static mr_status begin(picture *p, const char *path)
{
    mr_job *job = p->job;
    const uint64_t row = p->array->dims.size[1] * 3;
    MR_TRY(mr_job_target_of(job, path, &p->target));
    if (p->target.kind != MR_TARGET_FILE)
        return mr_error_set(job->error, MR_BAD_OUTPUT,
                            "cannot write picture: %s: it is no file: choose another name", path);
    p->rows = BAND_BYTES / row ? BAND_BYTES / row : 1;
    p->count = (p->array->dims.size[0] + p->rows - 1) / p->rows;
    p->bands = calloc(p->count, sizeof *p->bands);
    p->numbers = calloc(2 * p->count, sizeof *p->numbers);
    if (!p->bands || !p->numbers)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: a picture");
    if (mr_job_rank(job) == 0)
        mr_commit_begin(&p->commit, &p->target, job->error);
    return mr_job_agree(job);
}

static void end(picture *p)
{
    for (size_t i = 0; p->bands && i < p->count; i++)
        if (p->bands[i].chunk)
            mr_memory_free(p->bands[i].chunk, p->bands[i].room);
    free(p->bands);
    free(p->numbers);
    mr_commit_abandon(&p->commit);
}

static bool is_picture(const mr_array *a)
{
    return a->dims.axes == 3 && a->dims.size[2] == 3 && a->element == MR_I32 &&
           a->dims.size[0] > 0 && a->dims.size[0] <= MR_PNG_MOST && a->dims.size[1] > 0 &&
           a->dims.size[1] <= MR_PNG_MOST;
}

mr_status mr_array_picture(mr_array *a, const char *path)
{
    if (!a)
        return MR_FAILED;
    picture p = {.job = a->job, .array = a};
    if (!is_picture(a))
        mr_array_refuse("no picture", "give i32 of rows, columns and 3 colours", a, NULL);
    mr_status status = mr_job_agree(p.job);
    if (status == MR_OK)
        status = begin(&p, path);
    if (status == MR_OK)
        status = pack(&p);
    if (status == MR_OK)
        status = write_file(&p);
    if (status == MR_OK && p.commit)
        mr_commit_finish(&p.commit, "", p.job->error);
    if (status == MR_OK)
        status = mr_job_agree(p.job);
    end(&p);
    return status;
}
