/*
 * sets/over.c: kernels over sets, ranges of numbers, inputs and memory: everything that makes a set
 * pair by pair.
 */
#include "sets/fold.h"

#include <stdlib.h>

/* A kernel over the pairs of a set. */
typedef struct over {
    mr_making making; /* first: the feed's self */
    mr_set *from;
    mr_pairs_kernel *kernel;
    bool consume;
    uint64_t least; /* piles with fewer pairs are left out */
} over;

static mr_status open_over(mr_worker *w)
{
    over *o = w->feed->self;
    if (o->making.set)
        mr_making_open(&o->making, w);
    return MR_OK;
}

static mr_status run_page(mr_worker *w, over *o, const unsigned char *begin,
                          const unsigned char *end)
{
    mr_pairs pairs = {.at = begin, .end = end, .layout = &o->from->layout};
    mr_feed_begin(w, NULL);
    w->self->pairs = &pairs;
    mr_status status = mr_feed_end(w, o->kernel(&w->self->out, &pairs));
    w->self->pairs = NULL;
    mr_feed_serve(w);
    return status;
}

/* A unit is a pile. */
static mr_status run_pile(mr_worker *w, uint64_t unit)
{
    over *o = w->feed->self;
    mr_pile_reader reader;
    const unsigned char *begin, *end;
    mr_status status;
    if (o->from->piles.piles[unit].count < o->least)
        return MR_OK;
    w->self->pile = (uint32_t)unit;
    mr_pile_reader_start(&reader, &o->from->piles, (uint32_t)unit, o->consume);
    do {
        status = mr_pile_reader_next(&reader, &begin, &end, &w->error);
        if (status == MR_OK && begin)
            status = run_page(w, o, begin, end);
    } while (status == MR_OK && begin && !mr_feed_stopped(w->feed));
    mr_pile_reader_end(&reader);
    return status;
}

static void feed_piles(mr_feed *feed, const mr_set *from)
{
    feed->share = (mr_range){0, from->piles.count};
    feed->open = open_over;
    feed->run = run_pile;
}

/* No new set: the kernel only looks. */
static mr_status look(mr_set *set, mr_pairs_kernel *kernel, const mr_set_options *options)
{
    over o = {.from = set, .kernel = kernel, .consume = options->consume};
    o.making.app = (mr_app){.name = set->job->app.name};
    mr_feed feed = {.job = set->job,
                    .app = &o.making.app,
                    .context = options->context,
                    .phase = "look",
                    .self = &o};
    feed_piles(&feed, set);
    return mr_feed_run(&feed);
}

mr_status mr_set_map(mr_set *set, mr_pairs_kernel *kernel, const mr_set_options *options,
                     mr_set **to)
{
    over o = {.from = set, .kernel = kernel, .consume = options->consume};
    if (!to)
        return look(set, kernel, options);
    *to = NULL;
    if (options->fold)
        return mr_set_fold_map(set, kernel, options, to);
    MR_TRY(mr_making_begin(&o.making, set->job, options, set, false, "map"));
    feed_piles(&o.making.feed, set);
    o.making.feed.self = &o;
    return mr_making_end(&o.making, mr_feed_run(&o.making.feed), to);
}

/* Every pair as it is. */
static mr_status copy(mr_out *out, mr_pairs *pairs)
{
    for (mr_pair pair; mr_pairs_next(pairs, &pair);)
        MR_TRY(mr_out_pair(out, pair.key, pair.value));
    return MR_OK;
}

static mr_set_options options_of(const mr_set *set)
{
    return (mr_set_options){.shape = set->shape,
                            .spread = set->spread,
                            .ordered = set->ordered,
                            .fold = set->fold,
                            .name = set->name};
}

mr_status mr_set_add(mr_set *set, mr_set *from, mr_pairs_kernel *kernel)
{
    over o = {.from = from, .kernel = kernel};
    mr_set_options options = options_of(set);
    MR_TRY(mr_making_resume(&o.making, set, &options, false));
    feed_piles(&o.making.feed, from);
    o.making.feed.self = &o;
    return mr_making_rest(&o.making, mr_feed_run(&o.making.feed));
}

mr_status mr_set_move(mr_set *set, const mr_set_options *how, const mr_ranges *ranges,
                      const mr_pair_order *order, bool consume, mr_set **to)
{
    over o = {.from = set, .kernel = copy, .consume = consume};
    mr_set_options options = options_of(set);
    options.spread = how->spread;
    options.owner = how->owner;
    options.context = how->context;
    mr_set like = {.spread = MR_SPREAD_RANGE,
                   .shape = set->shape,
                   .layout = set->layout,
                   .ranges = (mr_ranges *)(uintptr_t)ranges,
                   .sorted = order != NULL};
    if (order)
        like.order = *order;
    options.like = ranges ? &like : how->like;
    *to = NULL;
    MR_TRY(mr_making_begin(&o.making, set->job, &options, set, false, "move"));
    feed_piles(&o.making.feed, set);
    o.making.feed.self = &o;
    return mr_making_end(&o.making, mr_feed_run(&o.making.feed), to);
}

mr_status mr_set_deal(mr_set *set, uint64_t most, bool consume, mr_set **to)
{
    over o = {.from = set, .kernel = copy, .consume = consume, .least = most + 1};
    mr_set_options options = options_of(set);
    options.spread = MR_SPREAD_LOCAL;
    *to = NULL;
    MR_TRY(mr_making_begin(&o.making, set->job, &options, set, false, "deal"));
    mr_shuffle_deal(o.making.shuffle);
    feed_piles(&o.making.feed, set);
    o.making.feed.self = &o;
    return mr_making_end(&o.making, mr_feed_run(&o.making.feed), to);
}

mr_status mr_set_spread(mr_set *set, const mr_set_options *options, mr_set **to)
{
    *to = NULL;
    if (options->spread != MR_SPREAD_RANGE || options->like)
        return mr_set_move(set, options, NULL, NULL, options->consume, to);
    mr_pair_order order = mr_set_key_order(set);
    mr_ranges *ranges;
    MR_TRY(mr_ranges_create(&ranges, set->job, &order, &set->sample, set->total, true));
    mr_status status = mr_set_move(set, options, ranges, NULL, options->consume, to);
    mr_ranges_release(&ranges);
    return status;
}

/* Ranges by a function of the user's, which may look at all of a pair: by a sample of whole ones.
 */
static mr_status sample_again(mr_set *set, const mr_sort_options *sort, mr_ranges **ranges)
{
    over o = {.from = set, .kernel = copy};
    mr_set_options options = options_of(set);
    mr_set *none = NULL;
    options.spread = MR_SPREAD_LOCAL;
    options.sorted = sort;
    MR_TRY(mr_making_begin(&o.making, set->job, &options, set, false, "sample"));
    mr_shuffle_only_sample(o.making.shuffle);
    feed_piles(&o.making.feed, set);
    o.making.feed.self = &o;
    mr_pair_order order = mr_set_order_of(set, sort);
    mr_status status = mr_feed_run(&o.making.feed);
    if (status == MR_OK)
        status = mr_ranges_create(ranges, set->job, &order, mr_shuffle_sample(o.making.shuffle),
                                  set->total, false);
    status = mr_making_end(&o.making, status, &none);
    mr_set_destroy(&none);
    return status;
}

mr_status mr_set_sort(mr_set *set, const mr_sort_options *options, mr_set **to)
{
    mr_pair_order order = mr_set_order_of(set, options);
    mr_set_options how = {.spread = MR_SPREAD_RANGE};
    mr_ranges *ranges;
    *to = NULL;
    if (order.by == MR_BY_COMPARE)
        MR_TRY(sample_again(set, options, &ranges));
    else
        MR_TRY(mr_ranges_create(&ranges, set->job, &order, &set->sample, set->total, false));
    mr_status status = mr_set_move(set, &how, ranges, &order, options && options->consume, to);
    mr_ranges_release(&ranges);
    return status;
}

/* Filters: pairs stay in their piles. */
typedef struct sieve {
    bool (*keep)(void *context, mr_pair pair);
    void *context;
} sieve;

static mr_status keep_some(mr_out *out, mr_pairs *pairs)
{
    const sieve *s = mr_out_context(out);
    mr_out_self *self = out->self;
    for (mr_pair pair; mr_pairs_next(pairs, &pair);) {
        if (!s->keep(s->context, pair))
            continue;
        self->group = pair.key;
        MR_TRY(mr_out_pair(out, pair.key, pair.value));
    }
    return MR_OK;
}

mr_status mr_set_filter(mr_set *set, bool (*keep)(void *context, mr_pair pair), void *context,
                        mr_set **to)
{
    sieve s = {keep, context};
    over o = {.from = set, .kernel = keep_some};
    mr_set_options options = options_of(set);
    options.context = &s;
    *to = NULL;
    MR_TRY(mr_making_begin(&o.making, set->job, &options, set, true, "filter"));
    feed_piles(&o.making.feed, set);
    o.making.feed.self = &o;
    return mr_making_end(&o.making, mr_feed_run(&o.making.feed), to);
}
