/*
 * array/stencil.c: values made from their neighbourhoods. What lies beyond the edge is filled in
 * here, where a tile touches it. Around a periodic axis the neighbours come from its other end: an
 * array with `width` more on either side stands for that, for each axis one.
 */
#include "array/evaluate.h"

#include <stdlib.h>

/* ---- An axis continued at both ends by the other end ---- */

typedef struct ring {
    unsigned axis;
    uint64_t width;
} ring;

/* Where a box meets the part of the continued axis that begins at `begin`, `size` long and a copy
 * of the operand from `first` on. */
static mr_box meet(const mr_box *box, unsigned axis, uint64_t begin, uint64_t size, uint64_t first)
{
    mr_box part = *box;
    const uint64_t end = begin + size, box_end = box->from[axis] + box->size[axis];
    const uint64_t low = box->from[axis] > begin ? box->from[axis] : begin;
    const uint64_t high = box_end < end ? box_end : end;
    part.from[axis] = low < high ? low - begin + first : 0;
    part.size[axis] = low < high ? high - low : 0;
    return part;
}

/* The parts in their order along the axis. */
static void need_ring(const mr_array *self, const mr_box *box, mr_box *needs)
{
    const ring *r = self->own;
    const uint64_t size = self->operands[0]->dims.size[r->axis], width = r->width;
    needs[0] = meet(box, r->axis, 0, width, size - width);
    needs[1] = meet(box, r->axis, width, size, 0);
    needs[2] = meet(box, r->axis, width + size, width, 0);
}

static mr_status fill_ring(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                           const void *const *values, void *into, mr_error *error)
{
    const ring *r = self->own;
    mr_dims dims = {.axes = box->axes};
    mr_box needs[3], part = {.axes = box->axes};
    (void)evaluator;
    (void)error;
    need_ring(self, box, needs);
    for (unsigned axis = 0; axis < box->axes; axis++)
        dims.size[axis] = part.size[axis] = box->size[axis];
    for (unsigned i = 0; i < 3; i++) {
        part.size[r->axis] = needs[i].size[r->axis];
        if (part.size[r->axis] > 0)
            mr_box_copy_in(&dims, into, &part, values[i], mr_element_size(self->element));
        part.from[r->axis] += part.size[r->axis];
    }
    return MR_OK;
}

static const mr_array_kind kind_ring = {
    .name = "ring", .need = need_ring, .fill = fill_ring, .destroy = mr_array_free_own};

/* A node with a copy of `own`. */
static mr_array *make(const mr_array_kind *kind, mr_array *const *operands, unsigned count,
                      mr_dims dims, const void *own, size_t size)
{
    mr_job *job = operands[0]->job;
    void *copy = malloc(size);
    mr_array *made =
        copy ? mr_array_create(job, kind, operands[0]->element, dims, operands, count) : NULL;
    if (!made) {
        free(copy);
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: making an array");
        return NULL;
    }
    made->own = memcpy(copy, own, size);
    return made;
}

static mr_array *close_ring(mr_array *a, unsigned axis, uint64_t width)
{
    const ring r = {axis, width};
    mr_array *const operands[3] = {a, a, a};
    mr_dims dims = a->dims;
    dims.size[axis] += 2 * width;
    return make(&kind_ring, operands, 3, dims, &r, sizeof r);
}

/* ---- The stencil ---- */

/* The box grown by the width, as far as there are values: all of it around periodic axes, whose
 * operand is continued by that. */
static void need_grown(const mr_array *self, const mr_box *box, mr_box *needs)
{
    const mr_stencil *s = self->own;
    *needs = *box;
    for (unsigned axis = 0; axis < box->axes; axis++) {
        const uint64_t width = s->width[axis], most = self->operands[0]->dims.size[axis];
        uint64_t begin = box->from[axis], end = begin + box->size[axis];
        if (s->border == MR_BORDER_PERIODIC) {
            end += 2 * width;
        } else {
            begin -= begin < width ? begin : width;
            end += most - end < width ? most - end : width;
        }
        needs->from[axis] = begin;
        needs->size[axis] = end - begin;
    }
}

/* Filling up a grown box: how many elements are missing before the values along each axis. */
typedef struct filling {
    const mr_stencil *stencil;
    size_t element;
    unsigned axes;
    uint64_t before[MR_AXES], there[MR_AXES], grown[MR_AXES];
    uint64_t to_step[MR_AXES], from_step[MR_AXES]; /* in bytes */
    unsigned char value[16];                       /* what stands beyond the edge */
} filling;

static void repeat(unsigned char *to, const unsigned char *element, size_t size, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        memcpy(to + i * size, element, size);
}

static void fill_line(const filling *f, unsigned axis, unsigned char *to, const unsigned char *from)
{
    const size_t size = f->element, there = f->there[axis] * size;
    const bool nearest = f->stencil->border == MR_BORDER_NEAREST;
    const uint64_t before = f->before[axis], after = f->grown[axis] - before - f->there[axis];
    repeat(to, nearest ? from : f->value, size, before);
    to += before * size;
    memcpy(to, from, there);
    repeat(to + there, nearest ? from + there - size : f->value, size, after);
}

static void fill_axis(const filling *f, unsigned axis, unsigned char *to, const unsigned char *from)
{
    if (axis + 1 >= f->axes) {
        fill_line(f, axis, to, from);
        return;
    }
    for (uint64_t i = 0; i < f->grown[axis]; i++, to += f->to_step[axis]) {
        const bool low = i < f->before[axis], high = i >= f->before[axis] + f->there[axis];
        const uint64_t row = low ? 0 : high ? f->there[axis] - 1 : i - f->before[axis];
        if ((low || high) && f->stencil->border == MR_BORDER_VALUE)
            repeat(to, f->value, f->element, f->to_step[axis] / f->element);
        else
            fill_axis(f, axis + 1, to, from + row * f->from_step[axis]);
    }
}

static void put_value(filling *f, mr_element element)
{
    const double f64 = f->stencil->value;
    const float f32 = (float)f64;
    const bool is_integer = element == MR_I64 || element == MR_I32;
    const int64_t i64 = is_integer ? (int64_t)f64 : 0;
    const int32_t i32 = (int32_t)i64;
    const void *from = element == MR_F32   ? (const void *)&f32
                       : element == MR_I64 ? (const void *)&i64
                       : element == MR_I32 ? (const void *)&i32
                                           : (const void *)&f64;
    memcpy(f->value, from, element == MR_C128 ? sizeof f64 : f->element);
}

static filling start(const mr_array *self, const mr_box *box, const mr_box *need)
{
    filling f = {.stencil = self->own, .element = mr_element_size(self->element)};
    uint64_t to = f.element, from = f.element;
    f.axes = box->axes;
    put_value(&f, self->element);
    for (unsigned axis = box->axes; axis-- > 0;) {
        f.before[axis] = f.stencil->width[axis] - (box->from[axis] - need->from[axis]);
        f.there[axis] = need->size[axis];
        f.grown[axis] = box->size[axis] + 2 * f.stencil->width[axis];
        f.to_step[axis] = to;
        f.from_step[axis] = from;
        to *= f.grown[axis];
        from *= f.there[axis];
    }
    return f;
}

static mr_status fill_grown(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                            const void *const *values, void *into, mr_error *error)
{
    const mr_stencil *s = self->own;
    mr_box need, grown = *box;
    need_grown(self, box, &need);
    for (unsigned axis = 0; axis < box->axes; axis++)
        grown.size[axis] += 2 * s->width[axis];
    const size_t bytes = mr_box_count(&grown) * mr_element_size(self->element);
    if (mr_box_count(&need) == mr_box_count(&grown)) {
        s->kernel(s->context, box, values[0], into);
        return MR_OK;
    }
    unsigned char *room = mr_evaluator_room(evaluator, bytes, error);
    if (!room)
        return MR_NO_MEMORY;
    const filling f = start(self, box, &need);
    fill_axis(&f, 0, room, values[0]);
    s->kernel(s->context, box, room, into);
    return MR_OK;
}

static const mr_array_kind kind_stencil = {
    .name = "stencil", .need = need_grown, .fill = fill_grown, .destroy = mr_array_free_own};

mr_array *mr_array_stencil(mr_array *a, const mr_stencil *stencil)
{
    mr_array *from = a;
    if (!a)
        return NULL;
    if (a->dims.axes == 0)
        return mr_array_refuse("no stencil", "a single number has no neighbours", a, NULL);
    for (unsigned axis = 0; axis < a->dims.axes && stencil->border == MR_BORDER_PERIODIC; axis++) {
        if (stencil->width[axis] > a->dims.size[axis])
            return mr_array_refuse("stencil too wide", "a periodic axis has to be as long", a,
                                   NULL);
        if (from && stencil->width[axis] > 0)
            from = close_ring(from, axis, stencil->width[axis]);
    }
    return from ? make(&kind_stencil, &from, 1, a->dims, stencil, sizeof *stencil) : NULL;
}
