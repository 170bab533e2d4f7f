/* array/kept.c: arrays in memory: rows of the first axis over the ranks, or all of it everywhere.
 */
#include "array/box.h"

#include "base/memory.h"

#include <stdlib.h>

mr_kept_array *mr_array_memory(const mr_array *array)
{
    return array && array->kind == &mr_array_kept ? array->own : NULL;
}

static void destroy(mr_array *self)
{
    mr_kept_array *kept = self->own;
    if (!kept)
        return;
    if (kept->values)
        mr_memory_free(kept->values, kept->bytes);
    free(kept->starts);
    free(kept);
}

const mr_array_kind mr_array_kept = {.name = "kept", .destroy = destroy};

/* Whole tiles of rows, as many for each rank; the first ranks have one more. */
uint64_t mr_array_row_start(const mr_job *job, uint64_t rows, int rank)
{
    uint64_t tiles = rows / MR_TILE_ROWS + (rows % MR_TILE_ROWS != 0);
    uint64_t ranks = (uint64_t)mr_comm_size(job->comm), number = (uint64_t)rank;
    uint64_t more = tiles % ranks;
    uint64_t first = tiles / ranks * number + (number < more ? number : more);
    return first < tiles ? first * MR_TILE_ROWS : rows;
}

/* How many bytes of it this rank has. */
static uint64_t bytes_here(const mr_array *array, const uint64_t *starts)
{
    uint64_t bytes = mr_dims_count(&array->dims) * mr_element_size(array->element);
    int rank = mr_comm_rank(array->job->comm);
    if (!starts || bytes == 0)
        return bytes;
    return bytes / array->dims.size[0] * (starts[rank + 1] - starts[rank]);
}

/* By all threads: the system hands out memory as it is touched. */
static void clear(unsigned char *values, size_t bytes)
{
    const size_t piece = (size_t)1 << 20;
#pragma omp parallel for if (bytes > 16 * piece)
    for (size_t at = 0; at < bytes; at += piece)
        memset(values + at, 0, bytes - at < piece ? bytes - at : piece);
}

static mr_status fill_in(mr_kept_array *kept, const mr_array *array, const uint64_t *starts)
{
    mr_job *job = array->job;
    size_t numbers = ((size_t)mr_comm_size(job->comm) + 1) * sizeof *starts;
    kept->everywhere = !starts;
    kept->starts = starts ? malloc(numbers) : NULL;
    if (starts && !kept->starts)
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: keeping an array");
    if (starts)
        memcpy(kept->starts, starts, numbers);
    size_t bytes = bytes_here(array, starts);
    /* One byte at least: NULL is an array that there was no memory for. */
    bytes = bytes ? bytes : 1;
    kept->values = mr_memory_allocate_large(bytes, "an array", job->error);
    if (!kept->values)
        return MR_NO_MEMORY;
    kept->bytes = bytes;
    clear(kept->values, bytes);
    return MR_OK;
}

mr_array *mr_array_keep_here(mr_job *job, mr_element element, mr_dims dims, const uint64_t *starts)
{
    mr_kept_array *kept = calloc(1, sizeof *kept);
    mr_array *array = kept ? mr_array_create(job, &mr_array_kept, element, dims, NULL, 0) : NULL;
    if (!array) {
        free(kept);
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: keeping an array");
        return NULL;
    }
    array->own = kept;
    array->spread = starts && mr_comm_size(job->comm) > 1;
    fill_in(kept, array, starts);
    return array;
}

mr_array *mr_array_reserve(mr_job *job, mr_element element, mr_dims dims, bool everywhere)
{
    int ranks = mr_comm_size(job->comm);
    uint64_t *starts = NULL;
    mr_array *array = NULL;
    everywhere = everywhere || dims.axes == 0;
    if (!everywhere)
        starts = malloc(((size_t)ranks + 1) * sizeof *starts);
    for (int rank = 0; starts && rank <= ranks; rank++)
        starts[rank] = mr_array_row_start(job, dims.size[0], rank);
    if (starts || everywhere)
        array = mr_array_keep_here(job, element, dims, starts);
    else
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: keeping an array");
    free(starts);
    if (mr_job_agree(job) != MR_OK)
        mr_array_free(&array);
    return array;
}
