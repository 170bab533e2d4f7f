/*
 * sets/cogroup.c: two sets key by key. Both are brought to the same piles; each pile of the two is
 * put in order and walked along together, so what is held is one pile of each.
 */
#include "sets/groups.h"
#include "sets/reduce.h"

#include <stdlib.h>

typedef struct pairing {
    mr_making making;
    mr_set *left, *right;
    mr_cogroup_kernel *kernel;
    mr_pair_order left_order, right_order;
    bool consume;
} pairing;

/* What a thread holds: the two piles it is at. */
typedef struct both {
    mr_groups left, right;
} both;

static mr_status open_pairing(mr_worker *w)
{
    const pairing *p = w->feed->self;
    mr_job *job = p->making.job;
    both *b = calloc(1, sizeof *b);
    if (!b)
        return mr_error_set(&w->error, MR_NO_MEMORY, "out of memory: starting a thread");
    w->own = b;
    mr_making_open(&p->making, w);
    size_t memory = mr_set_thread_memory(job, 2);
    mr_groups_start(&b->left, &p->left_order, memory, job->scratch);
    mr_groups_start(&b->right, &p->right_order, memory, job->scratch);
    return MR_OK;
}

static void close_pairing(mr_worker *w)
{
    both *b = w->own;
    if (!b)
        return;
    mr_groups_close(&b->left);
    mr_groups_close(&b->right);
    mr_groups_free(&b->left);
    mr_groups_free(&b->right);
    free(b);
}

/* Which side has the smaller key, or both: below, above or at zero. */
static int compare_heads(const both *b)
{
    if (b->left.done || b->right.done)
        return b->left.done ? 1 : -1;
    return mr_bytes_compare(b->left.key, b->right.key);
}

static mr_status call(mr_worker *w, both *b, int order)
{
    const pairing *p = w->feed->self;
    mr_values none = {.self = NULL};
    mr_out_self *self = w->self;
    const mr_groups *head = order > 0 ? &b->right : &b->left;
    self->group = head->key;
    self->group_place = mr_groups_place(head);
    mr_status status = p->kernel(&self->out, head->key, order <= 0 ? &b->left.values : &none,
                                 order >= 0 ? &b->right.values : &none);
    if (b->left.status != MR_OK)
        return b->left.status;
    return b->right.status != MR_OK ? b->right.status : status;
}

static mr_status walk(mr_worker *w, both *b)
{
    MR_TRY(mr_groups_next(&b->left));
    MR_TRY(mr_groups_next(&b->right));
    while (!b->left.done || !b->right.done) {
        int order = compare_heads(b);
        MR_TRY(call(w, b, order));
        if (order <= 0)
            MR_TRY(mr_groups_next(&b->left));
        if (order >= 0)
            MR_TRY(mr_groups_next(&b->right));
    }
    return MR_OK;
}

static mr_status pair_piles(mr_worker *w, uint64_t unit)
{
    pairing *p = w->feed->self;
    both *b = w->own;
    uint32_t pile = (uint32_t)unit;
    w->self->pile = pile;
    mr_status status = mr_groups_open(&b->left, &p->left->piles, pile, p->consume, &w->error);
    if (status == MR_OK)
        status = mr_groups_open(&b->right, &p->right->piles, pile, p->consume, &w->error);
    if (status == MR_OK) {
        mr_feed_begin(w, NULL);
        status = walk(w, b);
        status = mr_feed_end(w, status);
    }
    mr_groups_close(&b->left);
    mr_groups_close(&b->right);
    return status;
}

/* The two sets in the same piles: the right one comes to the left one where they are not yet. */
static mr_status bring_together(mr_set *left, mr_set *right, bool consume, mr_set **moved_left,
                                mr_set **moved_right)
{
    MR_TRY(mr_set_grouped(left, consume, moved_left));
    left = *moved_left ? *moved_left : left;
    if (mr_set_alike(left, right))
        return MR_OK;
    const mr_set_options how = {.spread = left->spread};
    return mr_set_move(right, &how, left->ranges, NULL, consume, moved_right);
}

static mr_status pair_sets(mr_set *left, mr_set *right, mr_cogroup_kernel *kernel,
                           const mr_set_options *options, mr_set **to)
{
    pairing p = {.left = left,
                 .right = right,
                 .kernel = kernel,
                 .left_order = mr_group_order(left, options->values),
                 .right_order = mr_group_order(right, options->values),
                 .consume = options->consume};
    MR_TRY(mr_making_begin(&p.making, left->job, options, left, options->same_keys, "join"));
    mr_feed *feed = &p.making.feed;
    feed->share = (mr_range){0, left->piles.count};
    feed->open = open_pairing;
    feed->run = pair_piles;
    feed->close = close_pairing;
    feed->self = &p;
    return mr_making_end(&p.making, mr_feed_run(feed), to);
}

mr_status mr_set_cogroup(mr_set *left, mr_set *right, mr_cogroup_kernel *kernel,
                         const mr_set_options *options, mr_set **to)
{
    mr_set *moved_left = NULL, *moved_right = NULL;
    mr_job *job = left->job;
    *to = NULL;
    if (left->shape.key != right->shape.key)
        return mr_error_set(job->error, MR_BAD_PLUGIN,
                            "wrong join: %s: the keys of the two sets are of different kinds",
                            job->app.name);
    mr_status status = bring_together(left, right, options->consume, &moved_left, &moved_right);
    if (status == MR_OK)
        status = pair_sets(moved_left ? moved_left : left, moved_right ? moved_right : right,
                           kernel, options, to);
    mr_set_destroy(&moved_left);
    mr_set_destroy(&moved_right);
    return status;
}
