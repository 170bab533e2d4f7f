/*
 * sets/join.c: two sets key by key. Both are brought to the same piles; each pile of the two is put
 * in order and walked along together, so what is held is one pile of each.
 */
#include "sets/groups.h"
#include "sets/set.h"

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
                 .left_order = mr_set_key_order(left),
                 .right_order = mr_set_key_order(right),
                 .consume = options->consume};
    if (options->values == MR_VALUES_ANY)
        p.left_order.ties = p.right_order.ties = MR_TIES_NONE;
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

/* A join is a cogroup whose kernel puts values side by side. */
typedef struct joining {
    mr_join_how how;
    mr_join_kernel *kernel;
    void *context;
} joining;

/* The right values of a key, which are gone through once for each left one. */
typedef struct kept {
    unsigned char *bytes;
    size_t size, capacity;
    uint64_t *ends;
    size_t count, room;
} kept;

static void drop(kept *k)
{
    mr_memory_free(k->bytes, k->capacity);
    mr_memory_free(k->ends, k->room * sizeof *k->ends);
}

static mr_status keep(kept *k, mr_bytes value, mr_error *error)
{
    if (k->size + value.size > k->capacity) {
        size_t capacity = (k->size + value.size) * 2 + 256;
        void *bytes = mr_memory_resize(k->bytes, k->capacity, capacity, "values of a join", error);
        if (!bytes)
            return MR_NO_MEMORY;
        k->bytes = bytes;
        k->capacity = capacity;
    }
    if (k->count == k->room) {
        size_t room = k->room * 2 + 16;
        void *ends = mr_memory_resize(k->ends, k->room * sizeof *k->ends, room * sizeof *k->ends,
                                      "values of a join", error);
        if (!ends)
            return MR_NO_MEMORY;
        k->ends = ends;
        k->room = room;
    }
    if (value.size)
        memcpy(k->bytes + k->size, value.data, value.size);
    k->size += value.size;
    k->ends[k->count++] = k->size;
    return MR_OK;
}

static mr_bytes kept_value(const kept *k, size_t i)
{
    uint64_t begin = i ? k->ends[i - 1] : 0;
    return mr_bytes_at(k->bytes + begin, k->ends[i] - begin);
}

static mr_status each_left(mr_out *out, const joining *j, mr_bytes key, mr_values *left,
                           const kept *k)
{
    for (mr_bytes value, other; mr_values_next(left, &value);)
        for (size_t i = 0; i < k->count; i++) {
            other = kept_value(k, i);
            MR_TRY(j->kernel(out, key, &value, &other));
        }
    return MR_OK;
}

/* One left value and many right ones need no keeping. */
static mr_status join_many(mr_out *out, const joining *j, mr_bytes key, mr_values *left,
                           mr_values *right)
{
    kept k = {.bytes = NULL};
    mr_out_self *self = out->self;
    mr_status status = MR_OK;
    for (mr_bytes value; status == MR_OK && mr_values_next(right, &value);)
        status = keep(&k, value, &self->error);
    if (status == MR_OK)
        status = each_left(out, j, key, left, &k);
    drop(&k);
    return status;
}

/* All of one side, which the other has nothing for. */
static mr_status join_alone(mr_out *out, const joining *j, mr_bytes key, mr_values *values,
                            bool is_left)
{
    for (mr_bytes value; mr_values_next(values, &value);)
        MR_TRY(j->kernel(out, key, is_left ? &value : NULL, is_left ? NULL : &value));
    return MR_OK;
}

/* Whether there is at least one value, without taking it. */
static bool any(const mr_values *values)
{
    return values->at != values->end;
}

/* Values in memory can be gone through again as they are. */
static mr_status join_in_memory(mr_out *out, const joining *j, mr_bytes key, mr_values *left,
                                const mr_values *right)
{
    for (mr_bytes value, other; mr_values_next(left, &value);)
        for (const mr_pair_ref *at = right->at; at != right->end; at++) {
            mr_pair pair;
            mr_pair_read(right->layout, at->pair, &pair);
            other = pair.value;
            MR_TRY(j->kernel(out, key, &value, &other));
        }
    return MR_OK;
}

static mr_status join_groups(mr_out *out, mr_bytes key, mr_values *left, mr_values *right)
{
    mr_out_self *self = out->self;
    const joining *j = self->context;
    bool has_left = any(left), has_right = any(right);
    self->context = j->context;
    mr_status status = MR_OK;
    if (j->how == MR_JOIN_SEMI || j->how == MR_JOIN_ANTI) {
        if (has_left && has_right == (j->how == MR_JOIN_SEMI))
            status = join_alone(out, j, key, left, true);
    } else if (has_left && has_right) {
        const mr_groups *groups = right->self;
        status = mr_sorted_in_memory(&groups->sorted) ? join_in_memory(out, j, key, left, right)
                                                      : join_many(out, j, key, left, right);
    } else if (has_left && (j->how == MR_JOIN_LEFT || j->how == MR_JOIN_FULL)) {
        status = join_alone(out, j, key, left, true);
    } else if (has_right && (j->how == MR_JOIN_RIGHT || j->how == MR_JOIN_FULL)) {
        status = join_alone(out, j, key, right, false);
    }
    self->context = (void *)(uintptr_t)j;
    return status;
}

mr_status mr_set_join(mr_set *left, mr_set *right, mr_join_how how, mr_join_kernel *kernel,
                      const mr_set_options *options, mr_set **to)
{
    joining j = {how, kernel, options->context};
    mr_set_options with = *options;
    with.context = &j;
    return mr_set_cogroup(left, right, join_groups, &with, to);
}
