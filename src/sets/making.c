/* sets/making.c: what all operators that make a set have in common. */
#include "sets/set.h"

#include <stdlib.h>

static mr_shuffle_plan plan_of(mr_making *making)
{
    mr_set *set = making->set;
    const mr_set_options *options = making->options;
    /* A sample that will do for any order that looks at keys, values and places. */
    mr_pair_order all = mr_set_order_of(set, options->sorted);
    if (all.by != MR_BY_COMPARE)
        all = (mr_pair_order){
            .layout = set->layout, .value = set->shape.value, .ties = MR_TIES_VALUE};
    return (mr_shuffle_plan){.shape = set->shape,
                             .layout = set->layout,
                             .spread = set->spread,
                             .cuts = making->cuts,
                             .owner = options->owner,
                             .context = options->context,
                             .sample_by = all,
                             .piles = set->total,
                             .into = &set->piles,
                             .here = making->same_keys};
}

/* Cuts know how the pairs lie that are looked for. */
static void use_cuts(mr_making *making)
{
    const mr_set *set = making->set;
    mr_error *error = making->job->error;
    void *bytes = NULL;
    size_t size = 0;
    if (!set->ranges)
        return;
    mr_pair_order order = set->ranges->order;
    making->cuts = &set->ranges->cuts;
    if (memcmp(&order.layout, &set->layout, sizeof order.layout) == 0)
        return;
    order.layout = set->layout;
    making->cuts = &making->own;
    if (mr_pair_cuts_pack(&set->ranges->cuts, &bytes, &size, error) == MR_OK)
        mr_pair_cuts_unpack(&making->own, &order, bytes, size, error);
    free(bytes);
}

/* The new set lies as another one does, whose pairs may be laid out in another way. */
static void lie_as(mr_making *making, const mr_set *source)
{
    mr_set *set = making->set;
    set->spread = source->spread;
    set->ranges = source->ranges;
    if (set->ranges)
        set->ranges->users++;
    use_cuts(making);
    set->sorted = source->sorted;
    if (set->sorted)
        set->order = source->order;
}

/* Ranges of a sort look at all of a pair, others at keys alone. */
static bool can_lie_as(const mr_set_options *options, const mr_set *like)
{
    mr_pair_layout layout = mr_pair_layout_of(&options->shape, options->ordered);
    if (like->spread != MR_SPREAD_RANGE || !like->ranges || like->shape.key != options->shape.key)
        return false;
    return !like->sorted || (like->shape.value == options->shape.value &&
                             memcmp(&like->layout, &layout, sizeof layout) == 0);
}

static mr_status check_options(mr_making *making, const mr_set *source)
{
    const mr_set_options *options = making->options;
    mr_job *job = making->job;
    const char *app = job->app.name;
    if (options->shape.key == MR_KEY_DENSE)
        return mr_error_set(job->error, MR_BAD_PLUGIN, "wrong set: %s: its keys are dense", app);
    if (options->spread == MR_SPREAD_OWNER && !options->owner && !making->same_keys)
        return mr_error_set(job->error, MR_BAD_PLUGIN, "wrong set: %s: no owner function", app);
    if (options->ordered && source && !source->ordered)
        return mr_error_set(job->error, MR_BAD_PLUGIN,
                            "wrong set: %s: ordered, and made from one that is not", app);
    if (options->like && !making->same_keys && !can_lie_as(options, options->like))
        return mr_error_set(job->error, MR_BAD_PLUGIN,
                            "wrong set: %s: it cannot have the ranges of the other one", app);
    return MR_OK;
}

static mr_status start(mr_making *making, const mr_set *source, const char *what)
{
    mr_job *job = making->job;
    const mr_set_options *options = making->options;
    MR_TRY(check_options(making, source));
    MR_TRY(mr_set_new(&making->set, job, options, what));
    if (making->same_keys)
        lie_as(making, source);
    else if (options->spread == MR_SPREAD_RANGE && options->like)
        lie_as(making, options->like);
    else if (options->spread == MR_SPREAD_RANGE)
        making->set->spread = MR_SPREAD_LOCAL; /* what there is has to be known first */
    mr_shuffle_plan plan = plan_of(making);
    return mr_shuffle_create(&making->shuffle, job, &plan);
}

mr_status mr_making_begin(mr_making *making, mr_job *job, const mr_set_options *options,
                          const mr_set *source, bool alike, const char *what)
{
    *making = (mr_making){.job = job, .options = options, .same_keys = alike};
    start(making, source, what);
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
        mr_pair_cuts_free(&making->own);
        mr_set_destroy(&making->set);
    }
    return status;
}

/* What the set holds in memory when there is too little for others goes to disk, too. */
static void make_room(mr_set *set)
{
    mr_spill_buffer buffer = {.stride = set->layout.stride};
    mr_piles_relieve(&set->piles, &buffer, set->job->error);
    mr_spill_buffer_free(&buffer);
}

/* Collective. The end of a set's making: how large it is, over all ranks, and how even. */
static mr_status count_set(mr_set *set)
{
    mr_job *job = set->job;
    make_room(set);
    uint64_t mine[2] = {mr_set_count_here(set), mr_set_bytes_here(set)}, before[2], total[2];
    int64_t most = (int64_t)mine[1];
    mr_comm_scan(job->comm, mine, 2, before, total);
    mr_all_max_i64(job, &most, 1);
    set->count = total[0];
    set->bytes = total[1];
    double mean = (double)total[1] / mr_comm_size(job->comm);
    set->balance = total[1] ? (double)most / mean : 1;
    job->report.pairs += mine[0] - set->told;
    job->report.spilled += mr_set_spilled_here(set) - set->told_spilled;
    set->told = mine[0];
    set->told_spilled = mr_set_spilled_here(set);
    return job->failed ? job->error->code : MR_OK;
}

mr_status mr_making_resume(mr_making *making, mr_set *set, const mr_set_options *options,
                           bool alike)
{
    mr_job *job = set->job;
    *making = (mr_making){.job = job, .options = options, .set = set, .same_keys = alike};
    use_cuts(making);
    mr_shuffle_plan plan = plan_of(making);
    mr_shuffle_create(&making->shuffle, job, &plan);
    making->app = (mr_app){.name = job->app.name};
    making->feed = (mr_feed){.job = job,
                             .app = &making->app,
                             .shuffle = making->shuffle,
                             .context = options->context,
                             .phase = "more",
                             .self = making};
    mr_status status = mr_job_agree(job);
    if (status != MR_OK) {
        mr_shuffle_destroy(&making->shuffle);
        mr_pair_cuts_free(&making->own);
    }
    return status;
}

mr_status mr_making_rest(mr_making *making, mr_status status)
{
    mr_job *job = making->job;
    if (status == MR_OK)
        mr_pair_sample_merge(&making->set->sample, mr_shuffle_sample(making->shuffle), job->error);
    mr_shuffle_destroy(&making->shuffle);
    mr_pair_cuts_free(&making->own);
    if (status == MR_OK)
        status = mr_job_agree(job);
    return status == MR_OK ? count_set(making->set) : status;
}

/* A set that was made where its pairs were, and whose ranges can be found now. */
static bool is_to_be_cut(const mr_making *making)
{
    const mr_set_options *options = making->options;
    return options->spread == MR_SPREAD_RANGE && !options->like && !making->same_keys;
}

static mr_status cut(mr_making *making, mr_set **to)
{
    const mr_set_options *options = making->options,
                         how = {.spread = MR_SPREAD_RANGE, .consume = true};
    mr_status status;
    if (options->sorted) {
        mr_sort_options sort = *options->sorted;
        sort.consume = true;
        status = mr_set_sort(making->set, &sort, to);
    } else {
        status = mr_set_spread(making->set, &how, to);
    }
    mr_set_destroy(&making->set);
    return status;
}

mr_status mr_making_end(mr_making *making, mr_status status, mr_set **to)
{
    if (making->set && making->shuffle) {
        making->set->sample = *mr_shuffle_sample(making->shuffle);
        *mr_shuffle_sample(making->shuffle) = (mr_pair_sample){.bytes = NULL};
        mr_pair_sample_trim(&making->set->sample);
    }
    mr_shuffle_destroy(&making->shuffle);
    mr_pair_cuts_free(&making->own);
    if (status == MR_OK)
        status = count_set(making->set);
    if (status != MR_OK)
        mr_set_destroy(&making->set);
    *to = making->set;
    return status == MR_OK && is_to_be_cut(making) ? cut(making, to) : status;
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
