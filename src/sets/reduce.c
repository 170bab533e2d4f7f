/* sets/reduce.c: kernels over keys with all their values. */
#include "sets/reduce.h"

#include "sets/groups.h"

#include "base/clock.h"

#include <stdlib.h>

typedef struct reducing {
    mr_making making;
    mr_set *from;
    mr_reduce_kernel *kernel;
    mr_pair_order order;
    bool consume;
    uint64_t most; /* piles with more pairs are left out */
} reducing;

static mr_status open_reducing(mr_worker *w)
{
    const reducing *r = w->feed->self;
    mr_groups *groups = malloc(sizeof *groups);
    if (!groups)
        return mr_error_set(&w->error, MR_NO_MEMORY, "out of memory: starting a thread");
    w->own = groups;
    if (r->making.set)
        mr_making_open(&r->making, w);
    mr_groups_start(groups, &r->order, mr_set_thread_memory(r->making.job, 1),
                    r->making.job->scratch);
    return MR_OK;
}

static void close_reducing(mr_worker *w)
{
    pthread_mutex_lock(&w->feed->lock);
    w->feed->job->report.reduce += w->reduced;
    pthread_mutex_unlock(&w->feed->lock);
    if (w->own) {
        mr_groups_close(w->own);
        mr_groups_free(w->own);
        free(w->own);
    }
}

#define GROUPS_A_LOOK 4096 /* keys between two looks at other ranks */

/* The kernel failed, or could not be given all values of its key. */
static mr_status end_early(mr_worker *w, const mr_groups *groups, mr_status status)
{
    if (groups->status != MR_OK) {
        mr_feed_end(w, MR_OK);
        return groups->status;
    }
    return mr_feed_end(w, status);
}

/* All keys of a pile. */
static mr_status reduce_groups(mr_worker *w, const reducing *r, mr_groups *groups)
{
    mr_out_self *self = w->self;
    mr_feed_begin(w, NULL);
    for (uint64_t turn = 1;; turn++) {
        mr_status status = mr_groups_next(groups);
        if (status != MR_OK || groups->done || mr_feed_stopped(w->feed))
            return mr_feed_end(w, MR_OK) == MR_OK ? status : w->error.code;
        self->group = groups->key;
        self->group_place = mr_groups_place(groups);
        status = r->kernel(&self->out, groups->key, &groups->values);
        if (status != MR_OK || groups->status != MR_OK)
            return end_early(w, groups, status);
        if (w->main && turn % GROUPS_A_LOOK == 0) {
            MR_TRY(mr_feed_end(w, MR_OK));
            mr_feed_serve(w);
            mr_feed_begin(w, NULL);
        }
    }
}

static mr_status reduce_pile(mr_worker *w, uint64_t unit)
{
    reducing *r = w->feed->self;
    mr_groups *groups = w->own;
    uint64_t count = r->from->piles.piles[unit].count;
    double start = mr_clock_thread();
    w->self->pile = (uint32_t)unit;
    if (count == 0 || count > r->most)
        return MR_OK;
    MR_TRY(mr_groups_open(groups, &r->from->piles, (uint32_t)unit, r->consume, &w->error));
    mr_status status = reduce_groups(w, r, groups);
    mr_groups_close(groups);
    w->reduced += mr_clock_thread() - start;
    return status;
}

static void feed_groups(reducing *r)
{
    mr_feed *feed = &r->making.feed;
    feed->share = (mr_range){0, r->from->piles.count};
    feed->open = open_reducing;
    feed->kind = MR_SPAN_REDUCE;
    feed->run = reduce_pile;
    feed->close = close_reducing;
    feed->self = r;
}

mr_pair_order mr_group_order(const mr_set *set, mr_values_order values)
{
    mr_pair_order order = mr_set_key_order(set);
    if (values == MR_VALUES_ANY)
        order.ties = MR_TIES_NONE;
    if (values == MR_VALUES_BY_VALUE)
        order.ties = MR_TIES_VALUE;
    return order;
}

mr_status mr_set_grouped(mr_set *set, bool consume, mr_set **made)
{
    const mr_set_options by_hash = {.spread = MR_SPREAD_HASH};
    *made = NULL;
    if (set->spread == MR_SPREAD_HASH || (set->spread == MR_SPREAD_RANGE && !set->sorted))
        return MR_OK;
    return mr_set_move(set, &by_hash, NULL, NULL, consume, made);
}

static mr_status run_reducing(reducing *r, mr_set **to)
{
    mr_job *job = r->from->job;
    const mr_set_options *options = r->making.options;
    if (!to) {
        r->making = (mr_making){.job = job, .app = {.name = job->app.name}};
        r->making.feed = (mr_feed){
            .job = job, .app = &r->making.app, .context = options->context, .phase = "reduce"};
        feed_groups(r);
        return mr_feed_run(&r->making.feed);
    }
    bool more = *to != NULL;
    if (more)
        MR_TRY(mr_making_resume(&r->making, *to, options, options->same_keys));
    else
        MR_TRY(mr_making_begin(&r->making, job, options, r->from, options->same_keys, "reduce"));
    feed_groups(r);
    mr_status status = mr_feed_run(&r->making.feed);
    return more ? mr_making_rest(&r->making, status) : mr_making_end(&r->making, status, to);
}

mr_status mr_reduce_piles(mr_set *set, mr_reduce_kernel *kernel, const mr_set_options *options,
                          uint64_t most, mr_set **to)
{
    double start = mr_clock_now();
    reducing r = {.making = {.options = options},
                  .from = set,
                  .kernel = kernel,
                  .order = mr_group_order(set, options->values),
                  .consume = options->consume,
                  .most = most};
    mr_status status = run_reducing(&r, to);
    set->job->report.seconds[MR_PHASE_SORT] += mr_clock_now() - start;
    return status;
}

static mr_status reduce_grouped(mr_set *set, mr_reduce_kernel *kernel,
                                const mr_set_options *options, mr_set **to)
{
    bool uneven = false;
    MR_TRY(mr_set_tell_hot(set));
    if (options->associative && to)
        MR_TRY(mr_set_is_uneven(set, options, &uneven));
    if (uneven)
        return mr_reduce_uneven(set, kernel, options, to);
    return mr_reduce_piles(set, kernel, options, UINT64_MAX, to);
}

mr_status mr_set_reduce(mr_set *set, mr_reduce_kernel *kernel, const mr_set_options *options,
                        mr_set **to)
{
    mr_set *grouped = NULL;
    mr_set_options reading = *options;
    if (to)
        *to = NULL;
    MR_TRY(mr_set_grouped(set, options->consume, &grouped));
    reading.consume = grouped != NULL || options->consume;
    mr_status status = reduce_grouped(grouped ? grouped : set, kernel, &reading, to);
    mr_set_destroy(&grouped);
    return status;
}

/* Each pair once: equal ones are neighbours among the values of their key. */
static mr_status keep_first(mr_out *out, mr_bytes key, mr_values *values)
{
    mr_out_self *self = out->self;
    char *last = NULL;
    size_t size = 0, capacity = 0;
    mr_status status = MR_OK;
    for (mr_bytes value; status == MR_OK && mr_values_next(values, &value);) {
        if (last && size == value.size && memcmp(last, value.data, size) == 0)
            continue;
        status = mr_out_pair(out, key, value);
        if (status == MR_OK && value.size + 1 > capacity) {
            char *room =
                mr_memory_resize(last, capacity, value.size * 2 + 16, "a long value", &self->error);
            status = room ? MR_OK : MR_NO_MEMORY;
            last = room ? room : last;
            capacity = room ? value.size * 2 + 16 : capacity;
        }
        if (status == MR_OK && value.size)
            memcpy(last, value.data, value.size);
        size = value.size;
    }
    mr_memory_free(last, capacity);
    return status;
}

mr_status mr_set_distinct(mr_set *set, mr_set **to)
{
    mr_set_options options = {.shape = set->shape,
                              .same_keys = true,
                              .values = MR_VALUES_BY_VALUE,
                              .fold = NULL,
                              .name = set->name};
    MR_TRY(mr_set_reduce(set, keep_first, &options, to));
    (*to)->fold = set->fold;
    return MR_OK;
}
