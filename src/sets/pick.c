/* sets/pick.c: some of a set: its first pairs, a sample, all of it in one place; sets put together;
 * and pairs by number. */
#include "sets/groups.h"
#include "sets/set.h"

#include <omp.h>
#include <stdlib.h>
#include <xxhash.h>

/* A sample: which pairs are in it depends on them and on the seed alone. */
typedef struct lottery {
    uint64_t seed, limit;
    const mr_set *set;
} lottery;

static bool is_drawn(void *context, mr_pair pair)
{
    const lottery *l = context;
    uint64_t place = 0;
    if (l->set->layout.place) {
        const char *before = pair.key.data - sizeof place;
        memcpy(&place, before, sizeof place);
    }
    uint64_t hash = XXH3_64bits_withSeed(pair.key.data, pair.key.size, l->seed ^ place);
    return XXH3_64bits_withSeed(pair.value.data, pair.value.size, hash) < l->limit;
}

mr_status mr_set_sample(mr_set *set, double fraction, uint64_t seed, mr_set **to)
{
    double all = 18446744073709551616.0, limit = fraction * all;
    lottery l = {.seed = seed, .set = set};
    l.limit = limit >= all ? UINT64_MAX : limit > 0 ? (uint64_t)limit : 0;
    return mr_set_filter(set, is_drawn, &l, to);
}

/* Both sets' pairs in one: those of the second join the piles of a copy of the first. */
static mr_status put_all(mr_out *out, mr_pairs *pairs)
{
    for (mr_pair pair; mr_pairs_next(pairs, &pair);)
        MR_TRY(mr_out_pair(out, pair.key, pair.value));
    return MR_OK;
}

static bool same_shape(const mr_set *left, const mr_set *right)
{
    const mr_shape *a = &left->shape, *b = &right->shape;
    return a->key == b->key && a->key_size == b->key_size && a->value == b->value &&
           a->value_size == b->value_size && left->ordered == right->ordered &&
           left->fold == right->fold;
}

mr_status mr_set_union(mr_set *left, mr_set *right, mr_set **to)
{
    mr_job *job = left->job;
    *to = NULL;
    if (!same_shape(left, right))
        return mr_error_set(job->error, MR_BAD_PLUGIN,
                            "wrong union: %s: the two sets have pairs of different shapes",
                            job->app.name);
    mr_set_options options = {.shape = left->shape, .ordered = left->ordered, .name = left->name};
    if (left->spread == MR_SPREAD_LOCAL && right->spread == MR_SPREAD_LOCAL)
        options.spread = MR_SPREAD_LOCAL;
    if (left->spread == MR_SPREAD_RANGE && mr_set_alike(left, right)) {
        options.spread = MR_SPREAD_RANGE;
        options.like = left;
    }
    MR_TRY(mr_set_map(left, put_all, &options, to));
    mr_status status = mr_set_add(*to, right, put_all);
    (*to)->fold = left->fold;
    if (status != MR_OK)
        mr_set_destroy(to);
    return status;
}

/* The first pairs of this rank: the first of each pile, then the first of those. */
typedef struct first_pairs {
    mr_set *set;
    mr_pair_order order;
    uint64_t count;
} first_pairs;

static mr_status first_of_pile(mr_out *out, mr_sorted *sorted, uint64_t count)
{
    mr_out_self *self = out->self;
    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *at;
        mr_pair pair;
        MR_TRY(mr_sorted_next(sorted, &at, &self->error));
        if (!at)
            break;
        mr_pair_read(&sorted->order.layout, at, &pair);
        self->group_place = mr_pair_place(&sorted->order.layout, at);
        MR_TRY(mr_out_pair(out, pair.key, pair.value));
    }
    return MR_OK;
}

typedef struct topping {
    mr_making making;
    first_pairs want;
} topping;

static mr_status open_topping(mr_worker *w)
{
    const topping *t = w->feed->self;
    mr_job *job = t->making.job;
    mr_sorted *sorted = malloc(sizeof *sorted);
    if (!sorted)
        return mr_error_set(&w->error, MR_NO_MEMORY, "out of memory: starting a thread");
    w->own = sorted;
    mr_making_open(&t->making, w);
    mr_sorted_start(sorted, &t->want.order, mr_set_thread_memory(job, 1), job->scratch);
    return MR_OK;
}

static void close_topping(mr_worker *w)
{
    if (w->own)
        mr_sorted_free(w->own);
    free(w->own);
}

static mr_status top_of_pile(mr_worker *w, uint64_t unit)
{
    topping *t = w->feed->self;
    mr_sorted *sorted = w->own;
    mr_status status =
        mr_sorted_open(sorted, &t->want.set->piles, (uint32_t)unit, false, &w->error);
    mr_feed_begin(w, NULL);
    if (status == MR_OK)
        status = first_of_pile(&w->self->out, sorted, t->want.count);
    mr_sorted_close(sorted);
    mr_status ended = mr_feed_end(w, MR_OK);
    return status != MR_OK ? status : ended;
}

static uint64_t to_rank_0(void *context, mr_bytes key, uint64_t owners)
{
    (void)context;
    (void)key;
    (void)owners;
    return 0;
}

static uint64_t to_itself(void *context, mr_bytes key, uint64_t owners)
{
    (void)key;
    (void)owners;
    return (uint64_t)mr_job_rank(context);
}

/* The first pairs of each pile, into one pile of the owner. */
static mr_status top_once(mr_set *set, const mr_pair_order *order, uint64_t count,
                          mr_set_options *options, mr_set **to)
{
    topping t = {.want = {.set = set, .order = *order, .count = count}};
    MR_TRY(mr_making_begin(&t.making, set->job, options, set, false, "top"));
    mr_shuffle_one_pile(t.making.shuffle);
    mr_feed *feed = &t.making.feed;
    feed->share = (mr_range){0, set->piles.count};
    feed->open = open_topping;
    feed->run = top_of_pile;
    feed->close = close_topping;
    feed->self = &t;
    return mr_making_end(&t.making, mr_feed_run(feed), to);
}

mr_status mr_set_top(mr_set *set, const mr_sort_options *sort, uint64_t count, mr_set **to)
{
    mr_pair_order order = mr_set_order_of(set, sort);
    mr_set *ours = NULL, *all = NULL;
    mr_set_options options = {.shape = set->shape,
                              .spread = MR_SPREAD_OWNER,
                              .ordered = set->ordered,
                              .owner = to_itself,
                              .context = set->job,
                              .name = set->name};
    *to = NULL;
    /* The first of each pile, of them the first of each rank, of them the first of all. */
    mr_status status = top_once(set, &order, count, &options, &ours);
    options.owner = to_rank_0;
    if (status == MR_OK)
        status = top_once(ours, &order, count, &options, &all);
    mr_set_destroy(&ours);
    if (status == MR_OK)
        status = top_once(all, &order, count, &options, to);
    mr_set_destroy(&all);
    if (status != MR_OK)
        return status;
    (*to)->fold = set->fold;
    (*to)->spread = MR_SPREAD_RANGE; /* one pile is in any order that it is read in */
    (*to)->sorted = true;
    (*to)->order = order;
    return MR_OK;
}
