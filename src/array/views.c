/*
 * array/views.c: other ways to look at an array: transposed, sliced, broadcast, with other tiles.
 * They only say which box of the operand is needed, and how to go through it.
 */
#include "array/box.h"

#include <stdlib.h>

/* ---- Transpose ---- */

static void need_turned(const mr_array *self, const mr_box *box, mr_box *need)
{
    const unsigned *axes = self->own;
    need->axes = box->axes;
    for (unsigned axis = 0; axis < box->axes; axis++) {
        need->from[axes[axis]] = box->from[axis];
        need->size[axes[axis]] = box->size[axis];
    }
}

static void restride_turned(const mr_array *self, const int64_t *operand, int64_t *strides)
{
    const unsigned *axes = self->own;
    for (unsigned axis = 0; axis < self->dims.axes; axis++)
        strides[axis] = operand[axes[axis]];
}

static const mr_array_kind transpose_kind = {.name = "transpose",
                                             .need = need_turned,
                                             .restride = restride_turned,
                                             .destroy = mr_array_free_own};

/* A node of one operand with a copy of `own`. */
static mr_array *create_view(mr_array *a, const mr_array_kind *kind, mr_dims dims, const void *own,
                             size_t size)
{
    if (!mr_array_is_possible(a->job, a->element, &dims))
        return NULL;
    mr_array *array = mr_array_create(a->job, kind, a->element, dims, &a, 1);
    void *copy = array && size ? malloc(size) : NULL;
    if (array && size && !copy) {
        mr_error_set(a->job->error, MR_NO_MEMORY, "out of memory: making an array");
        mr_array_free(&array);
    }
    if (copy)
        array->own = memcpy(copy, own, size);
    return array;
}

mr_array *mr_array_transpose(mr_array *a, const unsigned *axes)
{
    unsigned own[MR_AXES] = {0}, seen = 0;
    if (!a)
        return NULL;
    mr_dims dims = {.axes = a->dims.axes}, chunk = dims;
    for (unsigned axis = 0; axis < dims.axes; axis++) {
        own[axis] = axes ? axes[axis] : dims.axes - 1 - axis;
        if (own[axis] >= dims.axes || seen & 1u << own[axis])
            return mr_array_refuse("cannot transpose an array",
                                   "the axes must be each of its own once", a, NULL);
        seen |= 1u << own[axis];
        dims.size[axis] = a->dims.size[own[axis]];
        chunk.size[axis] = a->chunk.size[own[axis]];
    }
    bool moved = a->moves;
    a->moves = moved || dims.axes > 1;
    mr_array *array = create_view(a, &transpose_kind, dims, own, sizeof own);
    a->moves = moved;
    if (array && a->chunked) {
        array->chunk = chunk;
        array->chunked = true;
    }
    return array;
}

/* ---- Slices ---- */

typedef struct slices {
    uint64_t begin[MR_AXES], step[MR_AXES];
} slices;

static void need_sliced(const mr_array *self, const mr_box *box, mr_box *need)
{
    const slices *s = self->own;
    need->axes = box->axes;
    for (unsigned axis = 0; axis < box->axes; axis++) {
        need->from[axis] = s->begin[axis] + box->from[axis] * s->step[axis];
        need->size[axis] = box->size[axis] ? (box->size[axis] - 1) * s->step[axis] + 1 : 0;
    }
}

static void restride_sliced(const mr_array *self, const int64_t *operand, int64_t *strides)
{
    const slices *s = self->own;
    for (unsigned axis = 0; axis < self->dims.axes; axis++)
        strides[axis] = operand[axis] * (int64_t)s->step[axis];
}

static const mr_array_kind slice_kind = {.name = "slice",
                                         .need = need_sliced,
                                         .restride = restride_sliced,
                                         .destroy = mr_array_free_own};
/* By steps of 1. */
static const mr_array_kind part_kind = {.name = "part",
                                        .need = need_sliced,
                                        .restride = restride_sliced,
                                        .destroy = mr_array_free_own,
                                        .shift = true};

/* A place counted from the end where it is negative, within the axis as Python has it. */
static uint64_t place_in(int64_t place, uint64_t size)
{
    if (place < 0)
        return (uint64_t)-place > size ? 0 : size - (uint64_t)-place;
    return (uint64_t)place < size ? (uint64_t)place : size;
}

mr_array *mr_array_slice(mr_array *a, const mr_slice *slice)
{
    if (!a)
        return NULL;
    slices own = {0};
    bool plain = true;
    mr_dims dims = {.axes = a->dims.axes};
    for (unsigned axis = 0; axis < dims.axes; axis++) {
        uint64_t end = place_in(slice[axis].end, a->dims.size[axis]);
        if (slice[axis].step < 1)
            return mr_array_refuse("cannot slice an array", "steps must be 1 or more", a, NULL);
        own.begin[axis] = place_in(slice[axis].begin, a->dims.size[axis]);
        own.step[axis] = (uint64_t)slice[axis].step;
        if (own.begin[axis] < end)
            dims.size[axis] = (end - own.begin[axis] - 1) / own.step[axis] + 1;
        if (dims.size[axis] <= 1)
            own.step[axis] = 1;
        plain = plain && own.step[axis] == 1;
    }
    return create_view(a, plain ? &part_kind : &slice_kind, dims, &own, sizeof own);
}

/* ---- Broadcast ---- */

static void restride_broadcast(const mr_array *self, const int64_t *operand, int64_t *strides)
{
    const mr_array *a = self->operands[0];
    unsigned more = self->dims.axes - a->dims.axes;
    for (unsigned axis = 0; axis < self->dims.axes; axis++)
        strides[axis] = axis < more || a->dims.size[axis - more] == 1 ? 0 : operand[axis - more];
}

static const mr_array_kind broadcast_kind = {.name = "broadcast", .restride = restride_broadcast};

mr_array *mr_array_broadcast(mr_array *a, mr_dims dims)
{
    if (!a)
        return NULL;
    bool fits = dims.axes <= MR_AXES && a->dims.axes <= dims.axes;
    for (unsigned axis = 0; fits && axis < a->dims.axes; axis++) {
        uint64_t size = a->dims.size[axis];
        fits = size == 1 || size == dims.size[axis + dims.axes - a->dims.axes];
    }
    if (!fits) {
        mr_array like = {.job = a->job, .element = a->element, .dims = dims};
        if (dims.axes > MR_AXES)
            return mr_array_refuse("cannot broadcast an array", "too many axes", a, NULL);
        return mr_array_refuse("cannot broadcast an array to a shape",
                               "sizes must match from the last axis on, or be 1", a, &like);
    }
    return create_view(a, &broadcast_kind, dims, NULL, 0);
}

/* ---- Tiles ---- */

static void need_same(const mr_array *self, const mr_box *box, mr_box *need)
{
    (void)self;
    *need = *box;
}

static void restride_same(const mr_array *self, const int64_t *operand, int64_t *strides)
{
    memcpy(strides, operand, self->dims.axes * sizeof *strides);
}

static const mr_array_kind rechunk_kind = {
    .name = "rechunk", .need = need_same, .restride = restride_same, .shift = true};

mr_array *mr_array_rechunk(mr_array *a, mr_dims chunk)
{
    if (!a)
        return NULL;
    bool fits = chunk.axes == a->dims.axes;
    for (unsigned axis = 0; fits && axis < chunk.axes; axis++)
        fits = chunk.size[axis] > 0;
    if (!fits)
        return mr_array_refuse("cannot rechunk an array",
                               "tiles must have its axes and be 1 or more along each", a, NULL);
    mr_array *array = create_view(a, &rechunk_kind, a->dims, NULL, 0);
    for (unsigned axis = 0; array && axis < chunk.axes; axis++) {
        uint64_t size = a->dims.size[axis];
        array->chunk.size[axis] = chunk.size[axis] < size ? chunk.size[axis] : size;
    }
    if (array)
        array->chunked = true;
    return array;
}

/* ---- Other shapes ---- */

/* The place of an element of `dims` in C order. */
static uint64_t place_of(const mr_dims *dims, const uint64_t *at)
{
    uint64_t place = 0;
    for (unsigned axis = 0; axis < dims->axes; axis++)
        place = place * dims->size[axis] + at[axis];
    return place;
}

static void at_place(const mr_dims *dims, uint64_t place, uint64_t *at)
{
    for (unsigned axis = dims->axes; axis-- > 0;) {
        at[axis] = place % dims->size[axis];
        place /= dims->size[axis];
    }
}

/* All that lies in C order between the first and the last element: along the first axis in which
 * their places differ a part, and all of the axes behind it. */
static void need_reshaped(const mr_array *self, const mr_box *box, mr_box *need)
{
    const mr_dims *dims = &self->operands[0]->dims;
    uint64_t last[MR_AXES], from[MR_AXES], to[MR_AXES];
    *need = (mr_box){.axes = dims->axes};
    if (mr_box_count(box) == 0)
        return;
    for (unsigned axis = 0; axis < box->axes; axis++)
        last[axis] = box->from[axis] + box->size[axis] - 1;
    at_place(dims, place_of(&self->dims, box->from), from);
    at_place(dims, place_of(&self->dims, last), to);
    bool differ = false;
    for (unsigned axis = 0; axis < dims->axes; axis++) {
        need->from[axis] = differ ? 0 : from[axis];
        need->size[axis] = differ ? dims->size[axis] : to[axis] - from[axis] + 1;
        differ = differ || from[axis] != to[axis];
    }
}

/* Line by line: the needed box is one piece of C order, and so is each line of this one. */
static mr_status fill_reshaped(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                               const void *const *values, void *into, mr_error *error)
{
    size_t element = mr_element_size(self->element);
    uint64_t count = mr_box_count(box), at[MR_AXES], run = 1;
    mr_box need;
    (void)evaluator, (void)error;
    need_reshaped(self, box, &need);
    uint64_t first = place_of(&self->operands[0]->dims, need.from);
    unsigned inner = box->axes;
    while (inner > 0 && (inner == box->axes || box->size[inner] == self->dims.size[inner]))
        run *= box->size[--inner];
    memcpy(at, box->from, sizeof at);
    for (uint64_t done = 0; done < count; done += run) {
        uint64_t place = place_of(&self->dims, at) - first;
        memcpy((char *)into + done * element, (const char *)values[0] + place * element,
               run * element);
        for (unsigned axis = inner; axis-- > 0 && ++at[axis] == box->from[axis] + box->size[axis];)
            at[axis] = box->from[axis];
    }
    return MR_OK;
}

static const mr_array_kind reshape_kind = {
    .name = "reshape", .need = need_reshaped, .fill = fill_reshaped};

mr_array *mr_array_reshape(mr_array *a, mr_dims dims)
{
    if (!a || !mr_array_is_possible(a->job, a->element, &dims))
        return NULL;
    if (mr_dims_count(&dims) != mr_dims_count(&a->dims)) {
        mr_array like = {.job = a->job, .element = a->element, .dims = dims};
        return mr_array_refuse("cannot reshape an array", "both shapes must have as many elements",
                               a, &like);
    }
    /* Boxes that are one piece in C order need no more than they have. */
    bool moved = a->moves, chunked = a->chunked;
    a->moves = a->chunked = false;
    mr_array *array = create_view(a, &reshape_kind, dims, NULL, 0);
    a->moves = moved;
    a->chunked = chunked;
    return array;
}
