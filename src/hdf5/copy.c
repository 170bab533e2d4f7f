/*
 * hdf5/copy.c: axes that are one run of elements, here and there, are made one; the last axis that
 * is left is converted at once.
 */
#include "hdf5/copy.h"

#include <stdio.h>

#define PIECE 512 /* elements whose parts are converted one after the other */

typedef struct walk {
    unsigned axes;
    uint64_t size[MR_AXES + 1];
    size_t from_step[MR_AXES + 1], to_step[MR_AXES + 1];
} walk;

bool mr_h5_goal_is_plain(const mr_h5_goal *goal)
{
    const mr_h5_type *type = &goal->set->type;
    return type->count == 1 && type->size == goal->size && mr_h5_is_same(type->parts, goal->as);
}

unsigned char *mr_h5_goal_at(const mr_h5_goal *goal, const mr_box *region)
{
    unsigned char *to = goal->into;
    for (unsigned axis = 0; axis < region->axes; axis++)
        to += (region->from[axis] - goal->box.from[axis]) * goal->step[axis];
    return to;
}

/* Axes of one element vanish; others join the one before where nothing lies between. */
static void plan(walk *steps, const mr_h5_goal *goal, const mr_box *region, const size_t *from_step)
{
    steps->axes = 0;
    for (unsigned axis = 0; axis < region->axes; axis++) {
        uint64_t size = region->size[axis];
        unsigned last = steps->axes - 1;
        if (size == 1)
            continue;
        if (steps->axes && steps->from_step[last] == size * from_step[axis] &&
            steps->to_step[last] == size * goal->step[axis])
            size *= steps->size[last];
        else
            last = steps->axes++;
        steps->size[last] = size;
        steps->from_step[last] = from_step[axis];
        steps->to_step[last] = goal->step[axis];
    }
    if (steps->axes == 0) {
        steps->axes = 1;
        steps->size[0] = 1;
        steps->from_step[0] = goal->set->type.size;
        steps->to_step[0] = goal->size * goal->parts;
    }
}

/* `at` is the place in memory of what could not be converted. */
static mr_status does_not_fit(const mr_h5_goal *goal, const unsigned char *at, mr_error *error)
{
    const mr_h5_set *set = goal->set;
    char place[MR_AXES * 22 + 4] = "";
    size_t used = 0, offset = (size_t)(at - goal->into);
    for (unsigned axis = 0; axis < goal->box.axes; axis++) {
        uint64_t index = goal->box.from[axis] + offset / goal->step[axis];
        offset %= goal->step[axis];
        used += (size_t)snprintf(place + used, sizeof place - used, axis ? ", %llu" : "%llu",
                                 (unsigned long long)index);
    }
    return mr_error_set(error, MR_BAD_INPUT, "value does not fit: %s: what is at [%s] is no %s: %s",
                        set->name, place, mr_element_name(goal->as), "read it as another element");
}

static mr_status convert_run(const mr_h5_goal *goal, const unsigned char *from, size_t from_step,
                             unsigned char *to, size_t to_step, uint64_t count, mr_error *error)
{
    const mr_h5_part *parts = goal->set->type.parts;
    for (size_t i = 0; i < goal->parts; i++) {
        unsigned char *at = to + i * goal->size;
        size_t good =
            mr_h5_convert(&parts[goal->part[i]], from, from_step, goal->as, at, to_step, count);
        if (good < count)
            return does_not_fit(goal, at + good * to_step, error);
    }
    return MR_OK;
}

static mr_status copy_run(const mr_h5_goal *goal, const walk *steps, const unsigned char *from,
                          unsigned char *to, mr_error *error)
{
    unsigned last = steps->axes - 1;
    uint64_t count = steps->size[last], piece = goal->parts == 1 ? count : PIECE;
    size_t from_step = steps->from_step[last], to_step = steps->to_step[last];
    mr_status status = MR_OK;
    for (uint64_t done = 0; status == MR_OK && done < count; done += piece)
        status = convert_run(goal, from + done * from_step, from_step, to + done * to_step, to_step,
                             piece < count - done ? piece : count - done, error);
    return status;
}

static mr_status copy_axis(const mr_h5_goal *goal, const walk *steps, unsigned axis,
                           const unsigned char *from, unsigned char *to, mr_error *error)
{
    if (axis + 1 == steps->axes)
        return copy_run(goal, steps, from, to, error);
    mr_status status = MR_OK;
    for (uint64_t i = 0; status == MR_OK && i < steps->size[axis]; i++)
        status = copy_axis(goal, steps, axis + 1, from + i * steps->from_step[axis],
                           to + i * steps->to_step[axis], error);
    return status;
}

mr_status mr_h5_copy(const mr_h5_goal *goal, const mr_box *region, const unsigned char *from,
                     const size_t *from_step, mr_error *error)
{
    walk steps;
    plan(&steps, goal, region, from_step);
    return copy_axis(goal, &steps, 0, from, mr_h5_goal_at(goal, region), error);
}
