/* array/lanes.c: lanes of kept arrays, and copies of these to be changed. */
#include "array/lanes.h"

mr_lanes mr_lanes_of(const mr_dims *dims, uint64_t rows, unsigned axis)
{
    mr_lanes lanes = {.count = rows, .size = dims->size[axis], .stride = 1};
    for (unsigned i = 1; i < dims->axes; i++)
        if (i != axis)
            lanes.count *= dims->size[i];
    for (unsigned i = axis + 1; i < dims->axes; i++)
        lanes.stride *= dims->size[i];
    return lanes;
}

uint64_t mr_lanes_begin(const mr_lanes *lanes, uint64_t lane)
{
    return lane / lanes->stride * lanes->stride * lanes->size + lane % lanes->stride;
}

uint64_t mr_kept_rows(const mr_array *kept)
{
    const mr_kept_array *memory = mr_array_memory(kept);
    const int rank = mr_job_rank(kept->job);
    if (!memory->starts)
        return kept->dims.size[0];
    return memory->starts[rank + 1] - memory->starts[rank];
}

mr_array *mr_array_own_copy(mr_array *a)
{
    const mr_kept_array *memory = mr_array_memory(a);
    if (!memory)
        return mr_array_keep(a);
    mr_array *copy = mr_array_keep_here(a->job, a->element, a->dims, memory->starts);
    if (mr_job_agree(a->job) != MR_OK)
        return NULL;
    const uint64_t elements = mr_dims_count(&a->dims);
    const uint64_t row = a->dims.size[0] ? elements / a->dims.size[0] : 0;
    memcpy(mr_array_memory(copy)->values, memory->values,
           mr_kept_rows(a) * row * mr_element_size(a->element));
    return copy;
}
