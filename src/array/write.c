/*
 * array/write.c: arrays into files of datasets. Tiles are evaluated and written by whoever is idle.
 * Compressed chunks get their places some at a time, always the same ones together, so that the
 * file is the same bytes for any number of ranks.
 */
#include "array/array.h"

#include "base/clock.h"
#include "engine/saving.h"

#include <stdlib.h>

/* Compressed chunks that are placed together have about so many bytes unpacked. */
#define WINDOW ((uint64_t)64 << 20)

struct mr_array_output {
    mr_job *job;
    mr_target target;
    mr_commit *commit; /* rank 0; of the job's own output it is the job's */
    bool is_own;
    mr_saving *saving;
    mr_h5_plan *plans;
    size_t count;
    double since;
};

/* What is to be written now. */
typedef struct putting {
    mr_array_output *output;
    unsigned number;
    mr_array *array;
} putting;

static bool is_root(const mr_job *job)
{
    return mr_job_rank(job) == 0;
}

/* Whole rows, about a MiB of them. */
static mr_dims usual_chunk(const mr_array_plan *plan)
{
    mr_dims chunk = plan->dims;
    const uint64_t rows = chunk.size[0];
    const uint64_t row = mr_dims_count(&chunk) / rows * mr_element_size(plan->element);
    const uint64_t most = ((uint64_t)1 << 20) / row + 1;
    chunk.size[0] = rows < most ? rows : most;
    return chunk;
}

static mr_h5_plan plan_of(const mr_job *job, const mr_array_plan *plan)
{
    mr_h5_plan made = {.name = plan->dataset ? plan->dataset : "data",
                       .kind = MR_H5_NUMBERS,
                       .element = plan->element,
                       .dims = plan->dims,
                       .chunk = plan->chunk,
                       .compress = plan->compress};
    if (made.compress == 0)
        made.compress = (unsigned)job->settings->compress;
    if (made.dims.axes == 0 || mr_dims_count(&made.dims) == 0) {
        made.chunk.axes = 0;
        made.compress = 0;
    } else if (made.chunk.axes == 0 && made.compress) {
        made.chunk = usual_chunk(plan);
    }
    return made;
}

static mr_status open_own(mr_array_output *o)
{
    mr_job *job = o->job;
    if (job->written)
        return mr_error_set(job->error, MR_FAILED,
                            "written twice: %s: a job has one output of its own", job->app.name);
    o->is_own = true;
    o->target = job->target;
    MR_TRY(mr_job_output_begin(job));
    o->commit = job->commit;
    return MR_OK;
}

static mr_status open_other(mr_array_output *o, const char *path)
{
    mr_job *job = o->job;
    MR_TRY(mr_job_target_of(job, path, &o->target));
    if (is_root(job))
        mr_commit_begin(&o->commit, &o->target, job->error);
    return mr_job_agree(job);
}

static mr_status begin(mr_array_output *o, const char *path, const mr_array_plan *plans)
{
    o->plans = calloc(o->count + 1, sizeof *o->plans);
    if (!o->plans)
        mr_error_set(o->job->error, MR_NO_MEMORY, "out of memory: opening the output");
    MR_TRY(mr_job_agree(o->job));
    for (size_t i = 0; i < o->count; i++)
        o->plans[i] = plan_of(o->job, &plans[i]);
    MR_TRY(path ? open_other(o, path) : open_own(o));
    for (size_t i = 0; i < o->count; i++)
        if (o->target.format == MR_FORMAT_NPY && o->plans[i].compress == 0)
            o->plans[i].chunk.axes = 0; /* tiles of any size will do */
    return mr_saving_begin(&o->saving, o->job, &o->target, o->commit, o->plans, o->count);
}

mr_status mr_array_output_begin(mr_job *job, const char *path, const mr_array_plan *plans,
                                size_t count, mr_array_output **output)
{
    mr_array_output *o = *output = calloc(1, sizeof *o);
    if (!o)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: opening the output");
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        *o = (mr_array_output){.job = job, .count = count, .since = mr_clock_now()};
        status = begin(o, path, plans);
    }
    if (status != MR_OK && o) {
        o->job = job;
        mr_array_output_end(output);
    }
    return status == MR_OK ? MR_OK : mr_job_agree(job);
}

static mr_status take(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                      mr_error *error)
{
    const putting *p = sweep->self;
    (void)thread;
    return mr_saving_box(p->output->saving, p->number, box, values, error);
}

static mr_status put_region(putting *p, const mr_box *region)
{
    const mr_h5_plan *plan = &p->output->plans[p->number];
    mr_sweep sweep = {.array = p->array,
                      .region = region,
                      .tile = plan->chunk,
                      .take = take,
                      .self = p,
                      .phase = "write"};
    MR_TRY(mr_sweep_run(&sweep));
    return plan->compress ? mr_saving_flush(p->output->saving) : MR_OK;
}

/* Cuts a region between chunks until what is written together is no more than WINDOW: along one
 * axis, and what is too large still along the next one. */
static mr_status put_windows(putting *p, const mr_box *region, unsigned axis)
{
    const uint64_t bytes = mr_box_count(region) * mr_element_size(p->array->element);
    if (bytes <= WINDOW || axis == region->axes)
        return put_region(p, region);
    const uint64_t chunk = p->output->plans[p->number].chunk.size[axis];
    const uint64_t most = WINDOW / (bytes / region->size[axis]) / chunk * chunk;
    const uint64_t step = most ? most : chunk;
    for (uint64_t at = 0; at < region->size[axis]; at += step) {
        mr_box part = *region;
        part.from[axis] += at;
        part.size[axis] = region->size[axis] - at < step ? region->size[axis] - at : step;
        MR_TRY(put_windows(p, &part, axis + 1));
    }
    return MR_OK;
}

static bool is_as_said(const mr_array *array, const mr_h5_plan *plan)
{
    return array->element == plan->element && array->dims.axes == plan->dims.axes &&
           memcmp(array->dims.size, plan->dims.size, plan->dims.axes * sizeof *plan->dims.size) ==
               0;
}

mr_status mr_array_output_put(mr_array_output *output, size_t number, mr_array *array)
{
    mr_job *job = output->job;
    if (!array)
        return mr_job_agree(job);
    if (number >= output->count || !is_as_said(array, &output->plans[number])) {
        mr_array_refuse("cannot write", "it is not as the output was begun", array, NULL);
        return mr_job_agree(job);
    }
    putting p = {output, (unsigned)number, array};
    mr_box all = {.axes = array->dims.axes};
    memcpy(all.size, array->dims.size, sizeof all.size);
    if (output->plans[number].compress)
        return put_windows(&p, &all, 0);
    return put_region(&p, &all);
}

static mr_status finish(mr_array_output *o)
{
    mr_job *job = o->job;
    mr_status status = mr_job_agree(job);
    if (o->saving)
        status = mr_saving_end(&o->saving, status);
    if (o->is_own) {
        job->written = job->written || status == MR_OK;
        for (size_t i = 0; i < o->count; i++)
            job->rows += o->plans[i].dims.axes ? o->plans[i].dims.size[0] : 1;
        return status;
    }
    if (status == MR_OK && o->commit)
        mr_commit_finish(&o->commit, "{}\n", job->error);
    mr_commit_abandon(&o->commit);
    return mr_job_agree(job);
}

mr_status mr_array_output_end(mr_array_output **output)
{
    mr_array_output *o = *output;
    if (!o)
        return MR_OK;
    mr_status status = finish(o);
    o->job->report.seconds[MR_PHASE_WRITE] += mr_clock_now() - o->since;
    free(o->plans);
    free(o);
    *output = NULL;
    return status;
}

static mr_array_plan plan_for(const mr_array *array, const mr_array_file *file)
{
    mr_array_plan plan = {.dataset = file->dataset,
                          .element = array->element,
                          .dims = array->dims,
                          .compress = file->compress};
    if (array->chunked || file->compress || array->job->settings->compress)
        plan.chunk = array->chunk;
    return plan;
}

mr_status mr_arrays_write(mr_array *const *arrays, const mr_array_file *files, size_t count)
{
    const mr_array *first = count ? arrays[0] : NULL;
    for (size_t i = 0; i < count; i++)
        if (!arrays[i])
            return first ? mr_job_agree(first->job) : MR_FAILED;
    if (!first)
        return MR_OK;
    mr_job *job = first->job;
    mr_array_output *output = NULL;
    mr_array_plan *plans = calloc(count, sizeof *plans);
    if (!plans)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: writing arrays");
    mr_status status = mr_job_agree(job);
    for (size_t i = 0; status == MR_OK && i < count; i++)
        plans[i] = plan_for(arrays[i], &files[i]);
    if (status == MR_OK)
        status = mr_array_output_begin(job, files[0].path, plans, count, &output);
    for (size_t i = 0; status == MR_OK && i < count; i++)
        status = mr_array_output_put(output, i, arrays[i]);
    mr_status ended = mr_array_output_end(&output);
    free(plans);
    return status == MR_OK ? ended : status;
}

mr_status mr_array_write(mr_array *a, const mr_array_file *file)
{
    const mr_array_file plain = {.path = NULL};
    return mr_arrays_write(&a, file ? file : &plain, 1);
}
