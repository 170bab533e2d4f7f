/*
 * array/panels.c: panels by broadcast, the next one while this one is used. A panel lies within the
 * rows of one rank. What is not kept is evaluated in rounds, a panel on each rank.
 */
#include "array/panels.h"

#include "base/memory.h"

/* Of the rows of a panel together, so that two of them are no burden. */
#define MOST_BYTES ((uint64_t)64 << 20)

static uint64_t row_bytes(const mr_array *array)
{
    return array->dims.size[1] * mr_element_size(array->element);
}

/* Whether the rows of it fit in a quarter of the memory that each rank has left. */
static bool fits(const mr_array *array)
{
    uint64_t left = mr_job_memory_left(array->job) / 4;
    int64_t least = left > INT64_MAX ? INT64_MAX : (int64_t)left;
    mr_all_min_i64(array->job, &least, 1);
    return mr_array_row_start(array->job, array->dims.size[0], 1) <=
           (uint64_t)least / row_bytes(array);
}

static int owner_of(const mr_panels *p, uint64_t number)
{
    int rank = 0, ranks = mr_job_ranks(p->array->job);
    if (!p->kept)
        return (int)(number % (uint64_t)ranks);
    if (p->kept->everywhere)
        return mr_job_rank(p->array->job);
    while (p->kept->starts[rank + 1] <= number * p->depth)
        rank++;
    return rank;
}

static bool travels(const mr_panels *p)
{
    return mr_job_ranks(p->array->job) > 1 && !(p->kept && p->kept->everywhere);
}

static mr_status allocate(mr_panels *p)
{
    mr_error *error = p->array->job->error;
    p->bytes = p->depth * row_bytes(p->array);
    unsigned char **all[] = {&p->arrived[0], &p->arrived[1], &p->made};
    for (int i = 0; i < 3; i++)
        if ((i == 2 ? !p->kept : travels(p)))
            *all[i] = mr_memory_allocate_large(p->bytes, "a part of a matrix", error);
    mr_broadcast_create(&p->broadcast, p->array->job->comm, error);
    return mr_job_agree(p->array->job);
}

mr_status mr_panels_open(mr_panels *p, mr_array *array, uint64_t most)
{
    *p = (mr_panels){.array = array, .depth = most};
    if (!mr_array_memory(array) && fits(array))
        p->array = mr_array_keep(array);
    MR_TRY(mr_job_agree(array->job));
    p->kept = mr_array_memory(p->array);
    while (p->depth > 1 && p->depth * row_bytes(array) > MOST_BYTES)
        p->depth /= 2;
    p->count = (array->dims.size[0] + p->depth - 1) / p->depth;
    return allocate(p);
}

void mr_panels_close(mr_panels *p)
{
    if (p->broadcast)
        mr_broadcast_end(p->broadcast);
    mr_broadcast_destroy(&p->broadcast);
    unsigned char *all[] = {p->arrived[0], p->arrived[1], p->made};
    for (int i = 0; i < 3; i++)
        if (all[i])
            mr_memory_free(all[i], p->bytes);
}

uint64_t mr_panels_rows(const mr_panels *p, uint64_t number)
{
    uint64_t left = p->array->dims.size[0] - number * p->depth;
    return left < p->depth ? left : p->depth;
}

static mr_status take_made(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                           mr_error *error)
{
    mr_panels *p = sweep->self;
    mr_box here = *box;
    const mr_dims dims = {2, {sweep->region->size[0], sweep->region->size[1]}};
    (void)thread;
    (void)error;
    here.from[0] -= sweep->region->from[0];
    mr_box_copy_in(&dims, p->made, &here, values, mr_element_size(p->array->element));
    return MR_OK;
}

/* A panel on each rank. */
static void make_round(mr_panels *p, uint64_t first)
{
    const uint64_t mine = first + (uint64_t)mr_job_rank(p->array->job);
    mr_box region = {.axes = 2, .size = {0, p->array->dims.size[1]}};
    if (mine < p->count) {
        region.from[0] = mine * p->depth;
        region.size[0] = mr_panels_rows(p, mine);
    }
    mr_sweep sweep = {.array = p->array,
                      .region = &region,
                      .mine = true,
                      .take = take_made,
                      .self = p,
                      .phase = "matrix"};
    mr_sweep_run(&sweep);
}

static unsigned char *place_of(const mr_panels *p, uint64_t number)
{
    const int rank = mr_job_rank(p->array->job);
    if (owner_of(p, number) != rank)
        return p->arrived[number % 2];
    if (!p->kept)
        return p->made;
    uint64_t row = number * p->depth - (p->kept->everywhere ? 0 : p->kept->starts[rank]);
    return p->kept->values + row * row_bytes(p->array);
}

static void begin(mr_panels *p, uint64_t number)
{
    p->begun = number + 1;
    if (travels(p))
        mr_broadcast_begin(p->broadcast, owner_of(p, number), place_of(p, number),
                           mr_panels_rows(p, number) * row_bytes(p->array));
}

/* The panel that each rank has made may be overwritten when all of its round have been used. */
static bool starts_round(const mr_panels *p, uint64_t number)
{
    return !p->kept && number % (uint64_t)mr_job_ranks(p->array->job) == 0;
}

const void *mr_panels_next(mr_panels *p, uint64_t number)
{
    if (starts_round(p, number))
        make_round(p, number);
    if (mr_job_agree(p->array->job) != MR_OK)
        return NULL;
    if (p->begun == number)
        begin(p, number);
    mr_broadcast_end(p->broadcast);
    if (number + 1 < p->count && !starts_round(p, number + 1))
        begin(p, number + 1);
    return place_of(p, number);
}
