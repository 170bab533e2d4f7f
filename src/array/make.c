/* array/make.c: arrays out of nothing: constants, ranges, values in memory, functions. */
#include "array/box.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

bool mr_array_is_possible(mr_job *job, mr_element element, const mr_dims *dims)
{
    const uint64_t most = UINT64_C(1) << 60;
    uint64_t bytes = mr_element_size(element);
    if (bytes == 0) {
        mr_error_set(job->error, MR_USAGE, "cannot make an array: element %d: there is no such one",
                     (int)element);
        return false;
    }
    if (dims->axes > MR_AXES) {
        mr_error_set(job->error, MR_USAGE, "cannot make an array: %u axes: there may be up to %d",
                     dims->axes, MR_AXES);
        return false;
    }
    for (unsigned axis = 0; axis < dims->axes; axis++) {
        uint64_t size = dims->size[axis];
        if (size > most || (size > 0 && bytes > most / size)) {
            mr_error_set(job->error, MR_USAGE,
                         "cannot make an array: %llu elements along axis %u: too many",
                         (unsigned long long)size, axis);
            return false;
        }
        bytes *= size ? size : 1;
    }
    return true;
}

/* Converts a number as C does; what does not fit an integer is its nearest. */
static int64_t integer_of(double value)
{
    if (value >= 0x1p63)
        return INT64_MAX;
    if (value < -0x1p63)
        return INT64_MIN;
    return value == value ? (int64_t)value : 0;
}

static int32_t small_integer_of(double value)
{
    int64_t integer = integer_of(value);
    return integer > INT32_MAX ? INT32_MAX : integer < INT32_MIN ? INT32_MIN : (int32_t)integer;
}

/* values[i] = first + (place + i) * step. */
static void put_range(mr_element element, double first, double step, uint64_t place, uint64_t count,
                      void *values)
{
    for (uint64_t i = 0; i < count; i++) {
        double value = first + (double)(place + i) * step;
        switch (element) {
        case MR_F64:
            ((double *)values)[i] = value;
            break;
        case MR_F32:
            ((float *)values)[i] = (float)value;
            break;
        case MR_I64:
            ((int64_t *)values)[i] = integer_of(value);
            break;
        case MR_I32:
            ((int32_t *)values)[i] = small_integer_of(value);
            break;
        case MR_C128:
            ((double _Complex *)values)[i] = value;
            break;
        }
    }
}

typedef struct range {
    double first, step, last;
    uint64_t whole; /* the place of `last`; 0: there is none */
    int64_t integer_first, integer_step;
    bool is_whole; /* first and step are: then integers are exact beyond 2^53 */
} range;

void mr_array_free_own(mr_array *self)
{
    free(self->own);
}

static mr_status fill_constant(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                               const void *const *values, void *into, mr_error *error)
{
    const range *r = self->own;
    (void)evaluator, (void)values, (void)error;
    uint64_t count = mr_box_count(box);
    if (r->first == 0 && !signbit(r->first))
        memset(into, 0, count * mr_element_size(self->element));
    else
        put_range(self->element, r->first, 0, 0, count, into);
    return MR_OK;
}

static mr_status fill_range(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                            const void *const *values, void *into, mr_error *error)
{
    const range *r = self->own;
    uint64_t place = box->from[0], count = box->size[0];
    (void)evaluator, (void)values, (void)error;
    if (self->element == MR_I64 && r->is_whole)
        for (uint64_t i = 0; i < count; i++)
            ((int64_t *)into)[i] =
                (int64_t)((uint64_t)r->integer_first + (place + i) * (uint64_t)r->integer_step);
    else
        put_range(self->element, r->first, r->step, place, count, into);
    if (r->whole && place <= r->whole && r->whole - place < count)
        ((double *)into)[r->whole - place] = r->last;
    return MR_OK;
}

static const mr_array_kind constant_kind = {
    .name = "constant", .fill = fill_constant, .destroy = mr_array_free_own, .strips = true};
static const mr_array_kind range_kind = {
    .name = "range", .fill = fill_range, .destroy = mr_array_free_own, .strips = true};

mr_array *mr_array_create_with(mr_job *job, const mr_array_kind *kind, mr_element element,
                               mr_dims dims, const void *own, size_t size)
{
    if (!mr_array_is_possible(job, element, &dims))
        return NULL;
    void *copy = malloc(size);
    mr_array *array = copy ? mr_array_create(job, kind, element, dims, NULL, 0) : NULL;
    if (!copy)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: making an array");
    if (!array) {
        free(copy);
        return NULL;
    }
    array->own = memcpy(copy, own, size);
    return array;
}

mr_array *mr_array_full(mr_job *job, mr_element element, mr_dims dims, double value)
{
    const range r = {.first = value};
    return mr_array_create_with(job, &constant_kind, element, dims, &r, sizeof r);
}

mr_array *mr_array_zeros(mr_job *job, mr_element element, mr_dims dims)
{
    return mr_array_full(job, element, dims, 0);
}

mr_array *mr_array_number(mr_job *job, double value)
{
    return mr_array_full(job, MR_F64, (mr_dims){0}, value);
}

mr_array *mr_array_arange(mr_job *job, mr_element element, double first, double step,
                          uint64_t count)
{
    range r = {.first = first, .step = step};
    r.integer_first = integer_of(first);
    r.integer_step = integer_of(step);
    r.is_whole = (double)r.integer_first == first && (double)r.integer_step == step;
    return mr_array_create_with(job, &range_kind, element, MR_DIMS1(count), &r, sizeof r);
}

mr_array *mr_array_linspace(mr_job *job, double first, double last, uint64_t count)
{
    range r = {.first = first, .last = last};
    if (count > 1) {
        r.step = (last - first) / (double)(count - 1);
        r.whole = count - 1;
    }
    return mr_array_create_with(job, &range_kind, MR_F64, MR_DIMS1(count), &r, sizeof r);
}

/* Values in memory: a kept array that is everywhere. Where there is no memory the error is recorded
 * and the values are zeros: all ranks have the same nodes, and agree before anything is computed.
 */
mr_array *mr_array_of(mr_job *job, mr_element element, mr_dims dims, const void *values)
{
    if (!mr_array_is_possible(job, element, &dims))
        return NULL;
    mr_array *array = mr_array_keep_here(job, element, dims, NULL);
    if (!array)
        return NULL;
    mr_kept_array *kept = mr_array_memory(array);
    uint64_t bytes = mr_dims_count(&dims) * mr_element_size(element);
    if (kept->values && bytes > 0)
        memcpy(kept->values, values, bytes);
    return array;
}

typedef struct made {
    mr_array_source *source;
    void *context;
} made;

static mr_status fill_made(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                           const void *const *values, void *into, mr_error *error)
{
    const made *m = self->own;
    (void)evaluator, (void)values;
    mr_status status = m->source(m->context, box, into);
    if (status != MR_OK)
        mr_error_set(error, status, "cannot make an array: %s: its function failed",
                     self->job->app.name);
    return status;
}

static const mr_array_kind made_kind = {
    .name = "function", .fill = fill_made, .destroy = mr_array_free_own, .strips = true};

mr_array *mr_array_made(mr_job *job, mr_element element, mr_dims dims, mr_array_source *source,
                        void *context)
{
    const made m = {source, context};
    return mr_array_create_with(job, &made_kind, element, dims, &m, sizeof m);
}
