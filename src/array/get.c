/* array/get.c: results in memory: kept by all ranks together, or all of them on every rank. */
#include "array/evaluate.h"

#include "base/memory.h"
#include "comm/vector.h"

#include <stdlib.h>

/* Where tiles go: rows from `first` on. */
typedef struct keeping {
    mr_sweep sweep; /* first */
    unsigned char *values;
    mr_dims dims;
    uint64_t first;
    size_t element;
} keeping;

static mr_status put(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                     mr_error *error)
{
    keeping *k = (keeping *)(void *)sweep;
    mr_box here = *box;
    (void)thread, (void)error;
    if (here.axes > 0)
        here.from[0] -= k->first;
    mr_box_copy_in(&k->dims, k->values, &here, values, k->element);
    return MR_OK;
}

/* Whole rows are one piece of the result, and are made there. */
static void *place(mr_sweep *sweep, const mr_box *box)
{
    keeping *k = (keeping *)(void *)sweep;
    size_t row = k->element;
    for (unsigned axis = 1; axis < box->axes; axis++) {
        if (box->size[axis] != k->dims.size[axis])
            return NULL;
        row *= box->size[axis];
    }
    return k->values + (box->axes ? (box->from[0] - k->first) * row : 0);
}

/* This rank's rows of an array, first to first + count - 1; each rank may have others. */
static mr_status fill_rows(mr_array *a, uint64_t first, uint64_t count, void *values)
{
    mr_box region = mr_box_of(&a->dims);
    if (region.axes > 0) {
        region.from[0] = first;
        region.size[0] = count;
    }
    keeping k = {.sweep = {.array = a,
                           .region = &region,
                           .mine = true,
                           .take = put,
                           .place = place,
                           .phase = "keep"},
                 .values = values,
                 .dims = a->dims,
                 .first = first,
                 .element = mr_element_size(a->element)};
    if (k.dims.axes > 0)
        k.dims.size[0] = count;
    return mr_sweep_run(&k.sweep);
}

/* Results up to this many bytes are made by each rank for itself. */
#define SMALL ((uint64_t)64 << 10)

mr_array *mr_array_keep(mr_array *a)
{
    if (!a || mr_array_memory(a))
        return a;
    mr_job *job = a->job;
    uint64_t bytes = mr_dims_count(&a->dims) * mr_element_size(a->element), first = 0, count = 0;
    mr_array *result = mr_array_reserve(job, a->element, a->dims, bytes <= SMALL);
    if (!result)
        return NULL;
    mr_kept_array *kept = mr_array_memory(result);
    int rank = mr_comm_rank(job->comm);
    if (a->dims.axes > 0) {
        first = kept->everywhere ? 0 : kept->starts[rank];
        count = (kept->everywhere ? a->dims.size[0] : kept->starts[rank + 1]) - first;
    }
    if (fill_rows(a, first, count, kept->values) != MR_OK) {
        mr_array_free(&result);
        return NULL;
    }
    if (a->chunked) {
        result->chunk = a->chunk;
        result->chunked = true;
    }
    return result;
}

/* Where the rows that each rank fills in begin: those that it has, or as many for each. */
static uint64_t row_of(const mr_array *a, int rank)
{
    const mr_kept_array *kept = mr_array_memory(a);
    uint64_t rows = a->dims.size[0], ranks = (uint64_t)mr_comm_size(a->job->comm);
    if (kept && !kept->everywhere)
        return kept->starts[rank];
    return rows / ranks * (uint64_t)rank + rows % ranks * (uint64_t)rank / ranks;
}

static mr_status get_rows(mr_array *a, unsigned char *values)
{
    mr_job *job = a->job;
    int ranks = mr_comm_size(job->comm), rank = mr_comm_rank(job->comm);
    uint64_t row = mr_dims_count(&a->dims) * mr_element_size(a->element) / a->dims.size[0];
    uint64_t *starts = malloc(((size_t)ranks + 1) * sizeof *starts);
    if (!starts)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: getting an array");
    for (int r = 0; starts && r <= ranks; r++)
        starts[r] = row_of(a, r) * row;
    mr_status status = mr_job_agree(job);
    if (status == MR_OK)
        status = fill_rows(a, starts[rank] / row, (starts[rank + 1] - starts[rank]) / row,
                           values + starts[rank]);
    if (status == MR_OK)
        mr_vector_gather(job->comm, values, starts, 0);
    free(starts);
    return status;
}

mr_status mr_array_get(mr_array *a, void *values)
{
    if (!a)
        return MR_FAILED;
    MR_TRY(mr_job_agree(a->job));
    uint64_t bytes = mr_dims_count(&a->dims) * mr_element_size(a->element);
    const mr_kept_array *kept = mr_array_memory(a);
    if (bytes == 0)
        return MR_OK;
    if (kept && kept->everywhere) {
        memcpy(values, kept->values, bytes);
        return MR_OK;
    }
    if (bytes <= SMALL && !kept)
        return fill_rows(a, 0, a->dims.axes ? a->dims.size[0] : 0, values);
    return get_rows(a, values);
}
