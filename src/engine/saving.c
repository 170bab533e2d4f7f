/* engine/saving.c: making a file of datasets, and writing boxes to their places in it. */
#include "engine/saved.h"

#include "base/memory.h"
#include "comm/vector.h"
#include "output/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_root(const mr_saving *s)
{
    return mr_comm_rank(s->job->comm) == 0;
}

static bool is_placed(const mr_saved *set)
{
    return set->chunks > 0 && !set->plan.compress;
}

/* An empty dataset has no chunks, and chunks end where the array does when it is smaller. */
static void fit(mr_saved *set, const mr_h5_plan *plan)
{
    *set = (mr_saved){.plan = *plan, .element = mr_h5_element_size(plan)};
    mr_dims *chunk = &set->plan.chunk;
    if (mr_dims_count(&plan->dims) == 0 || plan->dims.axes == 0)
        chunk->axes = 0;
    if (chunk->axes == 0)
        set->plan.compress = 0;
    else
        set->chunks = 1;
    for (unsigned axis = 0; axis < chunk->axes; axis++) {
        uint64_t size = plan->dims.size[axis];
        if (chunk->size[axis] > size || chunk->size[axis] == 0)
            chunk->size[axis] = size;
        set->chunks *= (size + chunk->size[axis] - 1) / chunk->size[axis];
    }
}

static mr_status no_memory(mr_saving *s)
{
    return mr_error_set(s->job->error, MR_NO_MEMORY, "out of memory: opening the output");
}

static mr_status start(mr_saving *s, const mr_h5_plan *plans, size_t count)
{
    s->sets = calloc(count + 1, sizeof *s->sets);
    if (!s->sets)
        return no_memory(s);
    s->count = s->place_count = count;
    for (size_t i = 0; i < count; i++) {
        fit(&s->sets[i], &plans[i]);
        s->place_count += is_placed(&s->sets[i]) ? s->sets[i].chunks : 0;
    }
    s->places =
        mr_memory_allocate(s->place_count * sizeof *s->places, "places of chunks", s->job->error);
    if (!s->places)
        return MR_NO_MEMORY;
    uint64_t *at = s->places + count;
    for (size_t i = 0; i < count; i++)
        if (is_placed(&s->sets[i])) {
            s->sets[i].places = at;
            at += s->sets[i].chunks;
        }
    return MR_OK;
}

/* Rank 0: an HDF5 file with its datasets, and all places there are before anything is written. */
static mr_status make_hdf5(mr_saving *s, const char *path)
{
    mr_error *error = s->job->error;
    MR_TRY(mr_h5_create(&s->file, path, error));
    MR_TRY(mr_saving_tell(s));
    for (size_t i = 0; i < s->count; i++) {
        mr_saved *set = &s->sets[i];
        unsigned number = 0;
        MR_TRY(mr_h5_add(s->file, &set->plan, &number, error));
        s->places[i] = 0;
        if (set->chunks == 0)
            MR_TRY(mr_h5_address(s->file, number, &s->places[i], error));
        uint64_t size = mr_dims_count(&set->plan.chunk) * set->element;
        for (uint64_t chunk = 0; is_placed(set) && chunk < set->chunks; chunk++)
            MR_TRY(mr_h5_place(s->file, number, chunk, size, &set->places[chunk], error));
    }
    return MR_OK;
}

static mr_bytes npy_type(const mr_h5_plan *plan, char text[32])
{
    const char *kind = "u8";
    if (plan->kind == MR_H5_NUMBERS)
        switch (plan->element) {
        case MR_F64:
            kind = "f8";
            break;
        case MR_F32:
            kind = "f4";
            break;
        case MR_I64:
            kind = "i8";
            break;
        case MR_I32:
            kind = "i4";
            break;
        case MR_C128:
            kind = "c16";
            break;
        }
    bool strings = plan->kind == MR_H5_STRINGS || plan->kind == MR_H5_BYTES;
    int size = strings ? snprintf(text, 32, "'|S%llu'", (unsigned long long)plan->string_size)
                       : snprintf(text, 32, "'%c%s'", mr_npy_order(), kind);
    return (mr_bytes){text, (size_t)size};
}

/* Rank 0: the header of a file that has only that beside its elements. */
static mr_status make_npy(mr_saving *s, const mr_target *target, const char *path)
{
    mr_text header = {0};
    char type[32];
    const mr_h5_plan *plan = &s->sets[0].plan;
    mr_part part;
    mr_npy_header(npy_type(plan, type), &plan->dims, &header);
    s->places[0] = header.size;
    mr_status status = header.failed ? no_memory(s) : MR_OK;
    if (status == MR_OK)
        status = mr_part_open(&part, target, path, 0, s->job->error);
    if (status == MR_OK) {
        status = mr_part_write(&part, header.data, header.size, 0, s->job->error);
        mr_part_close(&part, s->job->error);
    }
    mr_text_free(&header);
    return status;
}

static mr_status make(mr_saving *s, const mr_target *target, const char *path)
{
    if (target->format == MR_FORMAT_HDF5)
        return make_hdf5(s, path);
    if (s->count != 1 || s->sets[0].chunks > 0)
        return mr_error_set(s->job->error, MR_USAGE,
                            "wrong options: %s: a file of numpy is one array, not compressed: "
                            "write HDF5",
                            target->path);
    return make_npy(s, target, path);
}

/* Collective. All know the path and the places, and have the file open. */
static mr_status share(mr_saving *s, const mr_target *target, const char *path)
{
    mr_job *job = s->job;
    size_t path_size = path ? strlen(path) + 1 : 0, size = s->place_count * sizeof *s->places;
    void *name = (void *)(uintptr_t)path;
    MR_TRY(mr_comm_broadcast(job->comm, &name, &path_size, job->error));
    mr_vector_broadcast(job->comm, 0, s->places, size, 0);
    for (size_t i = 0; i < s->count; i++)
        s->sets[i].begin = s->places[i];
    mr_part_open(&s->part, target, name, 0, job->error);
    if (!is_root(s))
        free(name);
    return mr_comm_agree(job->comm, job->error);
}

static void free_saving(mr_saving **saving)
{
    mr_saving *s = *saving;
    if (!s)
        return;
    mr_saving_drop(s);
    mr_spill_destroy(&s->spill);
    pthread_mutex_destroy(&s->lock);
    mr_memory_free(s->places, s->place_count * sizeof *s->places);
    free(s->held);
    free(s->sets);
    free(s);
    *saving = NULL;
}

static mr_status begin(mr_saving *s, const mr_target *target, const mr_commit *commit,
                       const mr_h5_plan *plans, size_t count)
{
    mr_job *job = s->job;
    const char *path = is_root(s) ? mr_commit_path(commit) : NULL;
    if (target->kind != MR_TARGET_FILE || !mr_format_is_typed(target->format))
        mr_error_set(job->error, MR_USAGE,
                     "wrong options: %s: arrays are written to a file: give --output a name that "
                     "ends in .h5 or .npy",
                     job->app.name);
    if (job->error->code == MR_OK && start(s, plans, count) == MR_OK && is_root(s))
        make(s, target, path);
    MR_TRY(mr_comm_agree(job->comm, job->error));
    return share(s, target, path);
}

mr_status mr_saving_begin(mr_saving **saving, mr_job *job, const mr_target *target,
                          const mr_commit *commit, const mr_h5_plan *plans, size_t count)
{
    mr_saving *s = *saving = calloc(1, sizeof *s);
    if (!s)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: opening the output");
    else
        *s = (mr_saving){.job = job, .part.file = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = begin(s, target, commit, plans, count);
    if (status != MR_OK && s)
        mr_saving_end(saving, status);
    return status;
}

mr_status mr_saving_put(mr_saving *saving, const void *bytes, size_t size, uint64_t at,
                        mr_error *error)
{
    MR_TRY(mr_part_write(&saving->part, bytes, size, at, error));
    atomic_fetch_add_explicit(&saving->written, size, memory_order_relaxed);
    return MR_OK;
}

/* The axes from which on a box takes all of the array: those elements lie side by side. */
static unsigned whole_from(const mr_dims *dims, const mr_box *box)
{
    unsigned axis = dims->axes;
    while (axis > 0 && box->size[axis - 1] == dims->size[axis - 1])
        axis--;
    return axis;
}

/* The next line of a box: the axes before `last` are counted like the digits of a number. */
static bool next_line(const mr_box *box, unsigned last, uint64_t step[MR_AXES])
{
    for (unsigned axis = last; axis-- > 0;) {
        if (++step[axis] < box->size[axis])
            return true;
        step[axis] = 0;
    }
    return false;
}

static uint64_t element_at(const mr_dims *dims, const mr_box *box, const uint64_t step[MR_AXES])
{
    uint64_t at = 0;
    for (unsigned axis = 0; axis < dims->axes; axis++)
        at = at * dims->size[axis] + box->from[axis] + step[axis];
    return at;
}

/* Line by line; a line is all that lies side by side in the file. */
static mr_status put_contiguous(mr_saving *s, const mr_saved *set, const mr_box *box,
                                const char *values, mr_error *error)
{
    const mr_dims *dims = &set->plan.dims;
    uint64_t step[MR_AXES] = {0}, size = set->element;
    unsigned last = whole_from(dims, box);
    last = last > 0 ? last - 1 : 0; /* the axis of which a line has a part */
    for (unsigned axis = last; axis < dims->axes; axis++)
        size *= box->size[axis];
    do {
        uint64_t at = element_at(dims, box, step) * set->element;
        MR_TRY(mr_saving_put(s, values, size, set->begin + at, error));
        values += size;
    } while (next_line(box, last, step));
    return MR_OK;
}

/* A chunk that is cut off where the array ends is as large on disk as the others. */
static char *pad(const mr_saved *set, const mr_box *box, const char *values, mr_error *error)
{
    const mr_dims *chunk = &set->plan.chunk;
    size_t bytes = mr_dims_count(chunk) * set->element;
    char *padded = mr_memory_allocate(bytes, "a chunk of the output", error);
    if (!padded)
        return NULL;
    memset(padded, 0, bytes);
    uint64_t step[MR_AXES] = {0};
    const mr_box inside = {.axes = box->axes};
    size_t line = box->size[box->axes - 1] * set->element;
    do {
        memcpy(padded + element_at(chunk, &inside, step) * set->element, values, line);
        values += line;
    } while (next_line(box, box->axes - 1, step));
    return padded;
}

static uint64_t chunk_of(const mr_saved *set, const mr_box *box)
{
    uint64_t number = 0;
    for (unsigned axis = 0; axis < box->axes; axis++) {
        uint64_t size = set->plan.chunk.size[axis];
        number = number * ((set->plan.dims.size[axis] + size - 1) / size) + box->from[axis] / size;
    }
    return number;
}

static mr_status put_chunk(mr_saving *s, unsigned number, const mr_box *box, const char *values,
                           mr_error *error)
{
    const mr_saved *set = &s->sets[number];
    size_t bytes = mr_dims_count(&set->plan.chunk) * set->element;
    uint64_t chunk = chunk_of(set, box);
    char *padded = NULL;
    if (mr_box_count(box) * set->element < bytes) {
        padded = pad(set, box, values, error);
        if (!padded)
            return MR_NO_MEMORY;
        values = padded;
    }
    mr_status status = set->plan.compress
                           ? mr_saving_hold(s, number, chunk, values, error)
                           : mr_saving_put(s, values, bytes, set->places[chunk], error);
    mr_memory_free(padded, padded ? bytes : 0);
    return status;
}

mr_status mr_saving_box(mr_saving *saving, unsigned number, const mr_box *box, const void *values,
                        mr_error *error)
{
    const mr_saved *set = &saving->sets[number];
    if (mr_box_count(box) == 0)
        return MR_OK;
    if (set->chunks > 0)
        return put_chunk(saving, number, box, values, error);
    return put_contiguous(saving, set, box, values, error);
}

/* What all ranks have written: the whole file counts once. */
static void count_bytes(mr_saving *s)
{
    struct stat about;
    uint64_t mine = 0, before, all;
    uint64_t written = atomic_load(&s->written);
    if (is_root(s) && fstat(s->part.file, &about) == 0)
        mine = (uint64_t)about.st_size;
    mr_comm_scan(s->job->comm, &written, 1, &before, &all);
    if (is_root(s) && mine > all)
        written += mine - all;
    mr_comm_scan(s->job->comm, &mine, 1, &before, &all);
    s->job->bytes += all;
    s->job->report.bytes_written += written;
}

mr_status mr_saving_end(mr_saving **saving, mr_status status)
{
    mr_saving *s = *saving;
    if (!s)
        return status;
    mr_error *error = s->job->error;
    if (status == MR_OK)
        status = mr_saving_flush(s);
    if (status == MR_OK)
        status = mr_saving_tell_counters(s);
    mr_h5_finish(&s->file, error);
    if (status == MR_OK) {
        count_bytes(s);
        mr_part_close(&s->part, error);
        status = mr_comm_agree(s->job->comm, error);
    } else {
        mr_error ignored = {0};
        mr_part_close(&s->part, &ignored);
    }
    free_saving(saving);
    return status;
}
