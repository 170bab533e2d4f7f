/* sets/making.c: what all operators that make a set have in common. */
#include "sets/set.h"

#include <stdlib.h>

static mr_shuffle_plan plan_of(const mr_set *set, const mr_set_options *options, bool here)
{
    /* A sample that will do for any order that looks at keys, values and places. */
    mr_pair_order all = mr_set_order_of(set, options->sorted);
    if (all.by != MR_BY_COMPARE)
        all = (mr_pair_order){
            .layout = set->layout, .value = set->shape.value, .ties = MR_TIES_VALUE};
    return (mr_shuffle_plan){.shape = set->shape,
                             .layout = set->layout,
                             .spread = set->spread,
                             .cuts = set->ranges ? &set->ranges->cuts : NULL,
                             .owner = options->owner,
                             .context = options->context,
                             .sample_by = all,
                             .piles = set->total,
                             .into = &((mr_set *)(uintptr_t)set)->piles,
                             .here = here};
}

/* The new set lies as another one does. */
static void lie_as(mr_set *set, const mr_set *source)
{
    set->spread = source->spread;
    set->total = source->total;
    set->ranges = source->ranges;
    if (set->ranges)
        set->ranges->users++;
}

static mr_status check_options(mr_making *making, const mr_set *source)
{
    const mr_set_options *options = making->options;
    mr_job *job = making->job;
    const char *app = job->app.name;
    if (options->shape.key == MR_KEY_DENSE)
        return mr_error_set(job->error, MR_BAD_PLUGIN, "wrong set: %s: its keys are dense", app);
    if (options->spread == MR_SPREAD_OWNER && !options->owner)
        return mr_error_set(job->error, MR_BAD_PLUGIN, "wrong set: %s: no owner function", app);
    if (options->ordered && source && !source->ordered)
        return mr_error_set(job->error, MR_BAD_PLUGIN,
                            "wrong set: %s: ordered, and made from one that is not", app);
    return MR_OK;
}

static mr_status start(mr_making *making, const mr_set *source, bool alike, const char *what)
{
    mr_job *job = making->job;
    MR_TRY(check_options(making, source));
    MR_TRY(mr_set_new(&making->set, job, making->options, what));
    if (alike)
        lie_as(making->set, source);
    else if (making->options->like)
        lie_as(making->set, making->options->like);
    mr_shuffle_plan plan = plan_of(making->set, making->options, alike);
    return mr_shuffle_create(&making->shuffle, job, &plan);
}

mr_status mr_making_begin(mr_making *making, mr_job *job, const mr_set_options *options,
                          const mr_set *source, bool alike, const char *what)
{
    *making = (mr_making){.job = job, .options = options, .same_keys = alike};
    start(making, source, alike, what);
    making->app = (mr_app){.name = job->app.name};
    making->feed = (mr_feed){.job = job,
                             .app = &making->app,
                             .shuffle = making->shuffle,
                             .context = options->context,
                             .phase = what,
                             .self = making};
    mr_status status = mr_job_agree(job);
    if (status != MR_OK) {
        mr_shuffle_destroy(&making->shuffle);
        mr_set_destroy(&making->set);
    }
    return status;
}

/* How large the set is, over all ranks, and how even. */
static void count_set(mr_set *set)
{
    mr_job *job = set->job;
    uint64_t mine[2] = {mr_set_count_here(set), mr_set_bytes_here(set)}, before[2], total[2];
    int64_t most = (int64_t)mine[1];
    mr_comm_scan(job->comm, mine, 2, before, total);
    mr_all_max_i64(job, &most, 1);
    set->count = total[0];
    set->bytes = total[1];
    double mean = (double)total[1] / mr_comm_size(job->comm);
    set->balance = total[1] ? (double)most / mean : 1;
    job->report.pairs += mine[0];
    job->report.spilled += mr_set_spilled_here(set);
}

mr_status mr_making_resume(mr_making *making, mr_set *set, const mr_set_options *options,
                           bool alike)
{
    mr_job *job = set->job;
    *making = (mr_making){.job = job, .options = options, .set = set, .same_keys = alike};
    mr_shuffle_plan plan = plan_of(set, options, alike);
    mr_shuffle_create(&making->shuffle, job, &plan);
    making->app = (mr_app){.name = job->app.name};
    making->feed = (mr_feed){.job = job,
                             .app = &making->app,
                             .shuffle = making->shuffle,
                             .context = options->context,
                             .phase = "more",
                             .self = making};
    mr_status status = mr_job_agree(job);
    if (status != MR_OK)
        mr_shuffle_destroy(&making->shuffle);
    return status;
}

mr_status mr_making_rest(mr_making *making, mr_status status)
{
    mr_job *job = making->job;
    if (status == MR_OK)
        mr_pair_sample_merge(&making->set->sample, mr_shuffle_sample(making->shuffle), job->error);
    mr_shuffle_destroy(&making->shuffle);
    if (status == MR_OK)
        status = mr_job_agree(job);
    if (status == MR_OK)
        count_set(making->set);
    return status;
}

mr_status mr_making_end(mr_making *making, mr_status status, mr_set **to)
{
    if (making->set && making->shuffle) {
        making->set->sample = *mr_shuffle_sample(making->shuffle);
        *mr_shuffle_sample(making->shuffle) = (mr_pair_sample){.bytes = NULL};
    }
    mr_shuffle_destroy(&making->shuffle);
    if (status == MR_OK)
        count_set(making->set);
    else
        mr_set_destroy(&making->set);
    *to = making->set;
    return status;
}

void mr_making_open(const mr_making *making, mr_worker *worker)
{
    mr_out_self *self = worker->self;
    const mr_shape *shape = &making->set->shape;
    bool fixed = mr_shape_is_fixed(shape);
    self->key_size = mr_shape_key_size(shape);
    self->value_size = mr_shape_value_size(shape);
    self->value_fixed = fixed || self->value_size > 0 || shape->value == MR_VALUE_NONE;
    self->places = making->set->ordered;
    self->same_keys = making->same_keys;
}
