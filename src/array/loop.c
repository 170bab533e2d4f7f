/* array/loop.c: kept arrays that a loop carries (mapred/loop.h): each rank saves its own rows. */
#include "array/array.h"

#include "engine/loop.h"

#include <stdio.h>

/* What an array is; `everywhere`, and whether there is one. */
typedef struct about {
    mr_element element;
    bool is_there, everywhere;
    mr_dims dims;
} about;

static void about_name(const mr_loop_item *item, char *name)
{
    snprintf(name, MR_LOOP_NAME, "%.80s/about", item->name);
}

/* This rank's rows; of an array that all ranks have, all are rank 0's to save. */
static mr_loop_part rows_of(const mr_array *array, const mr_kept_array *kept)
{
    const mr_job *job = array->job;
    const int rank = mr_comm_rank(job->comm);
    uint64_t rows = array->dims.axes ? array->dims.size[0] : 1;
    uint64_t bytes = mr_dims_count(&array->dims) * mr_element_size(array->element);
    mr_loop_part part = {.total = rows, .size = rows ? bytes / rows : 0};
    part.begin = kept->everywhere ? 0 : kept->starts[rank];
    part.count = kept->everywhere ? rows : kept->starts[rank + 1] - part.begin;
    return part;
}

static mr_status put_array(mr_loop *loop, mr_loop_item *item)
{
    char name[MR_LOOP_NAME];
    mr_array *array = *(mr_array **)item->object;
    const bool is_root = mr_comm_rank(loop->job->comm) == 0;
    const mr_kept_array *kept = mr_array_memory(array);
    about what = {.is_there = array != NULL};
    if (array && !kept)
        return mr_error_set(loop->job->error, MR_FAILED,
                            "driver failed: loop %s: %s is no kept array: call mr_array_keep",
                            loop->name, item->name);
    if (array) {
        what.element = array->element;
        what.everywhere = kept->everywhere;
        what.dims = array->dims;
    }
    about_name(item, name);
    if (is_root)
        MR_TRY(mr_loop_put(loop, name, &what, sizeof what));
    if (!array || (kept->everywhere && !is_root))
        return MR_OK;
    mr_loop_part part = rows_of(array, kept);
    return mr_loop_put_part(loop, item->name, &part, kept->values);
}

static mr_status load_array(mr_loop *loop, mr_loop_item *item)
{
    about what;
    char name[MR_LOOP_NAME];
    mr_array **array = item->object;
    about_name(item, name);
    mr_loop_get(loop, name, &what, sizeof what);
    MR_TRY(mr_job_agree(loop->job));
    mr_array_free(array);
    if (!what.is_there)
        return MR_OK;
    *array = mr_array_reserve(loop->job, what.element, what.dims, what.everywhere);
    if (!*array)
        return loop->job->error->code;
    const mr_kept_array *kept = mr_array_memory(*array);
    mr_loop_part part = rows_of(*array, kept);
    return mr_loop_get_part(loop, item->name, &part, kept->values);
}

static const mr_loop_kind array_kind = {.put = put_array, .load = load_array};

void mr_loop_array(mr_loop *loop, const char *name, mr_array **array)
{
    mr_loop_item_get(loop, name, &array_kind, array);
}
