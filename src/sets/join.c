/*
 * sets/join.c: joins: a cogroup whose kernel puts the values of two sets side by side.
 */
#include "sets/groups.h"
#include "sets/kept.h"
#include "sets/set.h"

typedef struct joining {
    mr_join_how how;
    mr_join_kernel *kernel;
    void *context;
} joining;

/* The right values of a key when they come from disk: gone through once for each left one. */
static mr_status join_from_disk(mr_out *out, const joining *j, mr_bytes key, mr_values *left,
                                mr_values *right)
{
    mr_out_self *self = out->self;
    const mr_groups *groups = right->self;
    mr_kept kept;
    mr_status status;
    mr_kept_start(&kept, groups->sorted.memory / 4, groups->sorted.scratch);
    status = mr_kept_add_all(&kept, right, &self->error);
    for (mr_bytes value, other; status == MR_OK && mr_values_next(left, &value);) {
        mr_kept_rewind(&kept);
        while ((status = mr_kept_next(&kept, &other, &self->error)) == MR_OK && other.data)
            if ((status = j->kernel(out, key, &value, &other)) != MR_OK)
                break;
    }
    mr_kept_end(&kept);
    return status;
}

/* One left value and any number of right ones need no keeping. */
static mr_status join_one(mr_out *out, const joining *j, mr_bytes key, mr_values *left,
                          mr_values *right)
{
    mr_bytes value, other;
    mr_values_next(left, &value);
    while (mr_values_next(right, &other))
        MR_TRY(j->kernel(out, key, &value, &other));
    return MR_OK;
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

static bool is_in_memory(const mr_values *values)
{
    const mr_groups *groups = values->self;
    return mr_sorted_in_memory(&groups->sorted);
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
        if (is_in_memory(left) && left->end - left->at == 1)
            status = join_one(out, j, key, left, right);
        else if (is_in_memory(right))
            status = join_in_memory(out, j, key, left, right);
        else
            status = join_from_disk(out, j, key, left, right);
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
