/*
 * array/load.c: inputs as rows of f64 in memory. Datasets tell how many rows they have; of text
 * that is known when it has been read. One dataset that does not fit in memory stays in its file.
 */
#include "array/load.h"

#include "engine/feed.h"
#include "input/dataset.h"
#include "input/sheet.h"

#include <stdlib.h>

mr_array *mr_load_reserve(mr_loading *loading, uint64_t rows)
{
    mr_dims dims = MR_DIMS2(rows, loading->columns);
    return loading->array = mr_array_reserve(loading->job, MR_F64, dims, false);
}

/* ---- Datasets ---- */

/* Rows of one file that follow one another, and where they go: read in one go. */
typedef struct piece {
    size_t file;
    uint64_t from, rows, to;
} piece;

typedef struct reading {
    mr_loading *loading;
    uint64_t *starts; /* of the files' rows among all, and their end */
    piece *pieces;    /* of this rank */
    size_t count, capacity;
    double *values; /* of this rank */
} reading;

/* A thread's dataset: the one of its last piece. */
typedef struct opened {
    mr_dataset *dataset;
    mr_dataset_reader *reader;
    size_t file;
} opened;

static void close_dataset(mr_job *job, opened *o)
{
    if (o->reader)
        __atomic_fetch_add(&job->report.bytes_read, mr_dataset_reader_bytes(o->reader),
                           __ATOMIC_RELAXED);
    mr_dataset_reader_destroy(&o->reader);
    mr_dataset_close(&o->dataset);
}

static mr_status open_thread(mr_worker *w)
{
    w->own = calloc(1, sizeof(opened));
    return w->own ? MR_OK : mr_error_set(&w->error, MR_NO_MEMORY, "out of memory: reading");
}

static void close_thread(mr_worker *w)
{
    if (w->own)
        close_dataset(w->feed->job, w->own);
    free(w->own);
}

static mr_status open_dataset(mr_worker *w, const reading *r, size_t file)
{
    opened *o = w->own;
    if (o->reader && o->file == file)
        return MR_OK;
    close_dataset(w->feed->job, o);
    o->file = file;
    MR_TRY(mr_dataset_open(&o->dataset, r->loading->plan->files[file].path, &w->error));
    return mr_dataset_reader_create(&o->reader, o->dataset, &w->error);
}

static mr_status read_piece(mr_worker *w, uint64_t unit)
{
    const reading *r = w->feed->self;
    const piece *p = &r->pieces[unit];
    MR_TRY(open_dataset(w, r, p->file));
    opened *o = w->own;
    const mr_dims *dims = &mr_dataset_info_of(o->dataset)->dims;
    mr_box box = {.axes = dims->axes};
    memcpy(box.size, dims->size, sizeof box.size);
    box.from[0] = p->from;
    box.size[0] = p->rows;
    mr_feed_begin(w, NULL);
    mr_status status = mr_dataset_read(o->reader, &box, MR_F64,
                                       r->values + p->to * r->loading->columns, &w->error);
    w->self->error = w->error;
    return mr_feed_end(w, status);
}

/* Bytes that are read in one go, about. */
#define PIECE ((uint64_t)1 << 20)

static bool add_piece(reading *r, piece p)
{
    if (r->count == r->capacity) {
        size_t capacity = 2 * r->capacity + 64;
        piece *pieces = realloc(r->pieces, capacity * sizeof *pieces);
        if (!pieces)
            return false;
        r->pieces = pieces;
        r->capacity = capacity;
    }
    r->pieces[r->count++] = p;
    return true;
}

/* Rows [begin, end) of a file, cut between bands; row `begin` goes to place `to`. */
static bool cut_file(reading *r, size_t file, const mr_dataset_info *info, uint64_t begin,
                     uint64_t end, uint64_t to)
{
    uint64_t band = info->band * r->loading->columns * sizeof(double);
    uint64_t step = info->band * (band < PIECE ? PIECE / band : 1);
    while (begin < end) {
        uint64_t border = begin < info->band_begin
                              ? info->band_begin
                              : begin + step - (begin - info->band_begin) % step;
        uint64_t stop = border < end ? border : end;
        if (!add_piece(r, (piece){file, begin, stop - begin, to}))
            return false;
        to += stop - begin;
        begin = stop;
    }
    return true;
}

static mr_status cut_rows(reading *r, uint64_t first, uint64_t last)
{
    const mr_plan *plan = r->loading->plan;
    mr_error *error = r->loading->job->error;
    for (size_t file = 0; file < plan->count; file++) {
        uint64_t begin = r->starts[file] > first ? r->starts[file] : first;
        uint64_t end = r->starts[file + 1] < last ? r->starts[file + 1] : last;
        mr_dataset *dataset = NULL;
        if (begin >= end)
            continue;
        MR_TRY(mr_dataset_open(&dataset, plan->files[file].path, error));
        bool cut = cut_file(r, file, mr_dataset_info_of(dataset), begin - r->starts[file],
                            end - r->starts[file], begin - first);
        mr_dataset_close(&dataset);
        if (!cut)
            return mr_error_set(error, MR_NO_MEMORY, "out of memory: reading datasets");
    }
    return MR_OK;
}

/* Rank 0 looks how many rows each file has. */
static mr_status count_rows(reading *r)
{
    mr_job *job = r->loading->job;
    const mr_plan *plan = r->loading->plan;
    for (size_t file = 0; mr_comm_rank(job->comm) == 0 && file < plan->count; file++) {
        mr_dataset *dataset = NULL;
        if (mr_dataset_open(&dataset, plan->files[file].path, job->error) != MR_OK)
            break;
        r->starts[file + 1] = r->starts[file] + mr_dataset_info_of(dataset)->dims.size[0];
        mr_dataset_close(&dataset);
    }
    mr_all_broadcast(job, 0, r->starts, (plan->count + 1) * sizeof *r->starts);
    return mr_job_agree(job);
}

static mr_status run_pieces(reading *r)
{
    mr_job *job = r->loading->job;
    const mr_app app = {.name = job->app.name};
    mr_feed feed = {.job = job,
                    .app = &app,
                    .phase = "read",
                    .share = {0, r->count},
                    .unit_bytes = PIECE,
                    .open = open_thread,
                    .run = read_piece,
                    .close = close_thread,
                    .self = r};
    mr_status status = mr_feed_run(&feed);
    job->failed = status != MR_OK;
    return status;
}

/* Collective. Whether all ranks have room for their rows, and an eighth of it to work in. */
static bool has_room(const mr_loading *loading, uint64_t rows)
{
    mr_job *job = loading->job;
    int rank = mr_comm_rank(job->comm);
    uint64_t here = mr_array_row_start(job, rows, rank + 1) - mr_array_row_start(job, rows, rank);
    uint64_t left = mr_job_memory_left(job) / 8 * 7;
    return !mr_comm_any(job->comm, here > left / (loading->columns * sizeof(double)));
}

/* Collective. A dataset that stays where it is, and is read each time it is gone over. */
static mr_status leave_in_file(mr_loading *loading, uint64_t rows)
{
    mr_job *job = loading->job;
    mr_array *file = mr_array_open(job, loading->plan->files[0].path);
    mr_array *array = mr_array_cast(file, MR_F64);
    if (array && mr_array_dims(array).axes != 2)
        array = mr_array_reshape(array, MR_DIMS2(rows, loading->columns));
    loading->array = array;
    return mr_job_agree(job);
}

static mr_status read_datasets(reading *r)
{
    mr_job *job = r->loading->job;
    int rank = mr_comm_rank(job->comm);
    MR_TRY(count_rows(r));
    uint64_t rows = r->starts[r->loading->plan->count];
    if (r->loading->plan->count == 1 && !has_room(r->loading, rows))
        return leave_in_file(r->loading, rows);
    mr_array *array = mr_load_reserve(r->loading, rows);
    if (!array)
        return mr_job_agree(job);
    r->values = (double *)(void *)mr_array_memory(array)->values;
    cut_rows(r, mr_array_row_start(job, rows, rank), mr_array_row_start(job, rows, rank + 1));
    MR_TRY(mr_job_agree(job));
    return run_pieces(r);
}

mr_status mr_load_datasets(mr_loading *loading)
{
    reading r = {.loading = loading};
    r.starts = calloc(loading->plan->count + 1, sizeof *r.starts);
    if (!r.starts)
        mr_error_set(loading->job->error, MR_NO_MEMORY, "out of memory: reading datasets");
    mr_status status = mr_job_agree(loading->job);
    if (status == MR_OK)
        status = read_datasets(&r);
    free(r.starts);
    free(r.pieces);
    return status;
}

/* ---- Either ---- */

static bool are_datasets(const mr_plan *plan)
{
    for (size_t file = 0; file < plan->count; file++)
        if (plan->files[file].kind != MR_FILE_NUMBERS)
            return false;
    return plan->count > 0;
}

mr_array *mr_array_load(mr_job *job, const char *const *paths, size_t count,
                        const char *const **names)
{
    const mr_plan *plan;
    if (mr_job_agree(job) != MR_OK)
        return NULL;
    mr_status status = mr_plan_rows(job, paths, count, MR_F64, &plan);
    job->failed = status != MR_OK;
    if (status != MR_OK)
        return NULL;
    mr_loading loading = {.job = job, .plan = plan, .columns = plan->sheet->columns};
    if (are_datasets(plan))
        status = mr_load_datasets(&loading);
    else
        status = mr_load_rows(&loading);
    if (names)
        *names = (const char *const *)plan->sheet->names;
    job->read.bytes += mr_plan_bytes(plan);
    job->read.files += plan->count;
    if (status != MR_OK)
        mr_array_free(&loading.array);
    return loading.array;
}
