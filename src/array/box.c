/* array/box.c: boxes, and copying them between arrays. */
#include "array/box.h"

bool mr_box_is(const mr_box *a, const mr_box *b)
{
    size_t bytes = a->axes * sizeof *a->from;
    return a->axes == b->axes && memcmp(a->from, b->from, bytes) == 0 &&
           memcmp(a->size, b->size, bytes) == 0;
}

mr_box mr_box_of(const mr_dims *dims)
{
    mr_box box = {.axes = dims->axes};
    memcpy(box.size, dims->size, sizeof box.size);
    return box;
}

void mr_strides_of(unsigned axes, const uint64_t *size, size_t element, int64_t *strides)
{
    int64_t stride = (int64_t)element;
    for (unsigned axis = axes; axis-- > 0;) {
        strides[axis] = stride;
        stride *= (int64_t)size[axis];
    }
}

/* Elements with any distance between them. */
#define GATHER(type)                                                                               \
    do {                                                                                           \
        for (uint64_t i = 0; i < count; i++)                                                       \
            memcpy(to + i * (uint64_t)to_step, from + (int64_t)i * from_step, sizeof(type));       \
    } while (0)

typedef struct number16 {
    uint64_t half[2];
} number16;

static void copy_line(unsigned char *to, int64_t to_step, const unsigned char *from,
                      int64_t from_step, uint64_t count, size_t element)
{
    if (from_step == (int64_t)element && to_step == from_step)
        memcpy(to, from, count * element);
    else if (element == 8)
        GATHER(uint64_t);
    else if (element == 4)
        GATHER(uint32_t);
    else
        GATHER(number16);
}

/* Where neighbours in `from` lie along another axis than in `to`: a block of a few lines of each,
 * so that what is read is used before the cache loses it. */
#define BLOCK 8
static void turn(unsigned char *to, const unsigned char *from, const uint64_t *size,
                 const int64_t *to_steps, const int64_t *from_steps, size_t element)
{
    for (uint64_t j = 0; j < size[1]; j += BLOCK) {
        uint64_t columns = size[1] - j < BLOCK ? size[1] - j : BLOCK;
        for (uint64_t i = 0; i < size[0]; i++)
            copy_line(to + (int64_t)i * to_steps[0] + (int64_t)j * to_steps[1], to_steps[1],
                      from + (int64_t)i * from_steps[0] + (int64_t)j * from_steps[1], from_steps[1],
                      columns, element);
    }
}

/* What is left of the axes when those of size 1 are gone and those that lie end to end are one. */
typedef struct plan {
    unsigned axes;
    uint64_t size[MR_AXES];
    int64_t to[MR_AXES], from[MR_AXES];
} plan;

static void add_axis(plan *p, uint64_t size, int64_t to, int64_t from)
{
    unsigned last = p->axes - 1;
    if (size == 1)
        return;
    if (p->axes > 0 && p->to[last] == to * (int64_t)size && p->from[last] == from * (int64_t)size) {
        p->size[last] *= size;
        p->to[last] = to;
        p->from[last] = from;
        return;
    }
    p->size[p->axes] = size;
    p->to[p->axes] = to;
    p->from[p->axes++] = from;
}

static bool is_turned(const plan *p, size_t element)
{
    unsigned last = p->axes - 1;
    return p->axes > 1 && p->from[last] != (int64_t)element && p->from[last] != 0 &&
           p->from[last - 1] == (int64_t)element;
}

static void copy_axes(const plan *p, unsigned axis, unsigned char *to, const unsigned char *from,
                      size_t element)
{
    if (p->axes == 0)
        memcpy(to, from, element);
    else if (axis + 1 == p->axes)
        copy_line(to, p->to[axis], from, p->from[axis], p->size[axis], element);
    else if (axis + 2 == p->axes && is_turned(p, element))
        turn(to, from, p->size + axis, p->to + axis, p->from + axis, element);
    else
        for (uint64_t i = 0; i < p->size[axis]; i++)
            copy_axes(p, axis + 1, to + (int64_t)i * p->to[axis], from + (int64_t)i * p->from[axis],
                      element);
}

void mr_copy_strided(unsigned axes, const uint64_t *size, void *to, const int64_t *to_strides,
                     const void *from, const int64_t *from_strides, size_t element)
{
    plan p = {0};
    for (unsigned axis = 0; axis < axes; axis++) {
        if (size[axis] == 0)
            return;
        add_axis(&p, size[axis], to_strides[axis], from_strides[axis]);
    }
    copy_axes(&p, 0, to, from, element);
}

/* The address of a box's first element. */
static uint64_t place_of(const mr_box *box, const int64_t *strides)
{
    int64_t place = 0;
    for (unsigned axis = 0; axis < box->axes; axis++)
        place += (int64_t)box->from[axis] * strides[axis];
    return (uint64_t)place;
}

void mr_box_copy_out(const mr_dims *dims, const void *array, const mr_box *box, void *into,
                     size_t element)
{
    int64_t from[MR_AXES], to[MR_AXES];
    mr_strides_of(dims->axes, dims->size, element, from);
    mr_strides_of(box->axes, box->size, element, to);
    mr_copy_strided(box->axes, box->size, into, to,
                    (const unsigned char *)array + place_of(box, from), from, element);
}

void mr_box_copy_in(const mr_dims *dims, void *array, const mr_box *box, const void *values,
                    size_t element)
{
    int64_t from[MR_AXES], to[MR_AXES];
    mr_strides_of(dims->axes, dims->size, element, to);
    mr_strides_of(box->axes, box->size, element, from);
    mr_copy_strided(box->axes, box->size, (unsigned char *)array + place_of(box, to), to, values,
                    from, element);
}
