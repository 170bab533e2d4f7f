/*
 * array/open.c: arrays that are datasets in files, read box by box as they are needed. Each thread
 * has a reader of its own, made when it reads first.
 */
#include "array/array.h"

#include "input/dataset.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>

/* A reader and the thread that uses it; a lock, should more threads than these read. */
typedef struct seat {
    pthread_mutex_t lock;
    mr_dataset_reader *reader;
} seat;

typedef struct opened {
    mr_dataset *dataset;
    seat *seats;
    unsigned count;
} opened;

/* Bands of rows that are read together, in as many bytes as this. */
#define TILE_BYTES ((uint64_t)4 << 20)

static mr_status fill(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                      const void *const *values, void *into, mr_error *error)
{
    opened *o = self->own;
    seat *s = &o->seats[(unsigned)omp_get_thread_num() % o->count];
    mr_status status = MR_OK;
    (void)evaluator;
    (void)values;
    pthread_mutex_lock(&s->lock);
    if (!s->reader)
        status = mr_dataset_reader_create(&s->reader, o->dataset, error);
    if (status == MR_OK)
        status = mr_dataset_read(s->reader, box, self->element, into, error);
    pthread_mutex_unlock(&s->lock);
    return status;
}

static void destroy(mr_array *self)
{
    opened *o = self->own;
    for (unsigned i = 0; i < o->count; i++) {
        if (o->seats[i].reader)
            self->job->report.bytes_read += mr_dataset_reader_bytes(o->seats[i].reader);
        mr_dataset_reader_destroy(&o->seats[i].reader);
        pthread_mutex_destroy(&o->seats[i].lock);
    }
    mr_dataset_close(&o->dataset);
    free(o->seats);
    free(o);
}

static const mr_array_kind kind_opened = {.name = "file", .fill = fill, .destroy = destroy};

/* Tiles of whole bands, as long as a few of them make one: a band is then unpacked once. */
static void choose_chunk(mr_array *array, uint64_t band)
{
    const uint64_t rows = array->dims.axes ? array->dims.size[0] : 0;
    if (band < 2 || rows == 0)
        return;
    mr_dims chunk = array->dims;
    const uint64_t row = mr_dims_count(&array->dims) / rows * mr_element_size(array->element),
                   bytes = band * row;
    const uint64_t bands = bytes > 0 && bytes < TILE_BYTES ? TILE_BYTES / bytes : 1;
    chunk.size[0] = band * bands < rows ? band * bands : rows;
    if (bytes > 8 * TILE_BYTES)
        return;
    array->chunk = chunk;
    array->chunked = true;
}

static opened *open_dataset(mr_job *job, const char *path)
{
    opened *o = calloc(1, sizeof *o);
    if (o)
        o->seats = calloc(job->threads, sizeof *o->seats);
    if (!o || !o->seats) {
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: opening %s", path);
        free(o);
        return NULL;
    }
    for (; o->count < job->threads; o->count++)
        pthread_mutex_init(&o->seats[o->count].lock, NULL);
    if (mr_dataset_open(&o->dataset, path, job->error) == MR_OK &&
        mr_dataset_info_of(o->dataset)->element == 0)
        mr_error_set(job->error, MR_BAD_INPUT, "no numbers: %s: an array needs some", path);
    return o;
}

mr_array *mr_array_open(mr_job *job, const char *path)
{
    opened *o = open_dataset(job, path);
    mr_array *made = NULL;
    if (o && job->error->code == MR_OK) {
        const mr_dataset_info *info = mr_dataset_info_of(o->dataset);
        made = mr_array_create(job, &kind_opened, info->element, info->dims, NULL, 0);
        if (made)
            choose_chunk(made, info->band);
    }
    if (made) {
        made->own = o;
        job->read.files++;
    } else if (o) {
        mr_array none = {.job = job, .own = o};
        destroy(&none);
    }
    return made;
}
