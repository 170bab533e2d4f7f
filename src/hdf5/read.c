/*
 * hdf5/read.c: boxes of a dataset, whatever way it is read.
 */
#include "base/memory.h"
#include "hdf5/internal.h"
#include "hdf5/reader.h"
#include "hdf5/spans.h"

#include <stdlib.h>

#define SPAN (256u << 10) /* bytes: within the cache of one core */

mr_status mr_h5_reader_create(mr_h5_reader **reader, mr_h5_set *set, mr_error *error)
{
    mr_h5_reader *made = calloc(1, sizeof *made);
    *reader = made;
    if (made)
        made->part = malloc(set->type.count * sizeof *made->part);
    if (!made || !made->part) {
        mr_h5_reader_destroy(reader);
        return mr_error_set(error, MR_NO_MEMORY,
                            "out of memory: making a reader: use a node with more memory");
    }
    made->set = made->chunks.set = set;
    if (set->way != MR_H5_BY_ADDRESS)
        return MR_OK;
    made->span_room = set->type.size > SPAN ? set->type.size : SPAN;
    made->span = mr_memory_allocate(made->span_room, "reading a dataset", error);
    if (!made->span)
        mr_h5_reader_destroy(reader);
    return made->span ? MR_OK : error->code;
}

void mr_h5_reader_destroy(mr_h5_reader **reader)
{
    mr_h5_reader *old = *reader;
    *reader = NULL;
    if (!old)
        return;
    if (old->span)
        mr_memory_free(old->span, old->span_room);
    if (old->set)
        mr_h5_chunks_free(&old->chunks);
    mr_h5_heap_free(&old->heap);
    free(old->part);
    free(old);
}

uint64_t mr_h5_reader_bytes(const mr_h5_reader *reader)
{
    return reader->chunks.bytes + reader->heap.bytes;
}

/* ---- Chunk by chunk ---- */

/* What of the box lies in the chunk at `at`; false: not all of what the hyperslab has of it. */
static bool cut_chunk(const mr_h5_goal *goal, const uint64_t *at, mr_box *region)
{
    const mr_h5_set *set = goal->set;
    bool is_all = true;
    region->axes = goal->box.axes;
    for (unsigned axis = 0; axis < region->axes; axis++) {
        uint64_t begin = at[axis] * set->chunk.size[axis], end = begin + set->chunk.size[axis];
        uint64_t from = goal->box.from[axis], to = from + goal->box.size[axis];
        uint64_t cut = set->cut.from[axis], cut_end = cut + set->cut.size[axis];
        region->from[axis] = from > begin ? from : begin;
        region->size[axis] = (to < end ? to : end) - region->from[axis];
        is_all =
            is_all && from <= (cut > begin ? cut : begin) && to >= (cut_end < end ? cut_end : end);
    }
    return is_all;
}

static mr_status read_chunk(mr_h5_reader *reader, const mr_h5_goal *goal, const uint64_t *at,
                            mr_error *error)
{
    const mr_h5_set *set = goal->set;
    mr_h5_slot *slot;
    mr_box region;
    bool is_all = cut_chunk(goal, at, &region);
    if (mr_h5_chunks_get(&reader->chunks, at, &slot, error) != MR_OK)
        return error->code;
    size_t steps[MR_AXES], step = set->type.size;
    const unsigned char *from = slot->bytes;
    for (unsigned axis = set->dims.axes; axis-- > 0;) {
        from += (region.from[axis] - at[axis] * set->chunk.size[axis]) * step;
        steps[axis] = step;
        step *= set->chunk.size[axis];
    }
    if (is_all)
        slot->used = 0;
    return mr_h5_copy(goal, &region, from, steps, error);
}

/* To the next chunk that the box meets, in C order; false behind the last. */
static bool next_chunk(const mr_h5_goal *goal, uint64_t *at)
{
    for (unsigned axis = goal->box.axes; axis-- > 0;) {
        uint64_t size = goal->set->chunk.size[axis];
        if (++at[axis] <= (goal->box.from[axis] + goal->box.size[axis] - 1) / size)
            return true;
        at[axis] = goal->box.from[axis] / size;
    }
    return false;
}

static mr_status read_chunks(mr_h5_reader *reader, const mr_h5_goal *goal, mr_error *error)
{
    uint64_t at[MR_AXES];
    mr_status status;
    for (unsigned axis = 0; axis < goal->box.axes; axis++)
        at[axis] = goal->box.from[axis] / goal->set->chunk.size[axis];
    do
        status = read_chunk(reader, goal, at, error);
    while (status == MR_OK && next_chunk(goal, at));
    return status;
}

/* ---- Boxes ---- */

/* Numbers of the parts that `box` has along the type's own axes, in C order. */
static size_t choose_parts(const mr_h5_set *set, const mr_box *box, size_t *part)
{
    size_t count = 1;
    part[0] = 0;
    for (unsigned inner = 0; inner < set->type.inner.axes; inner++) {
        unsigned axis = set->dims.axes + inner;
        size_t size = box->size[axis], from = box->from[axis] + set->cut.from[axis];
        for (size_t i = count; i-- > 0;)
            for (size_t j = size; j-- > 0;)
                part[i * size + j] = part[i] * set->type.inner.size[inner] + from + j;
        count *= size;
    }
    return count;
}

static bool is_within(const mr_box *box, const mr_dims *dims)
{
    bool is = box->axes == dims->axes;
    for (unsigned axis = 0; is && axis < dims->axes; axis++)
        is = box->from[axis] <= dims->size[axis] &&
             box->size[axis] <= dims->size[axis] - box->from[axis];
    return is;
}

mr_status mr_h5_read_box(mr_h5_reader *reader, const mr_box *box, mr_element as, void *into,
                         mr_error *error)
{
    const mr_h5_set *set = reader->set;
    if (!is_within(box, &set->info.dims))
        return mr_error_set(error, MR_BAD_INPUT,
                            "wrong shape: %s: a box reaches out of the dataset: name one inside",
                            set->name);
    if (mr_box_count(box) == 0)
        return MR_OK;
    mr_h5_goal goal = {.set = set, .as = as, .into = into, .part = reader->part};
    goal.parts = choose_parts(set, box, reader->part);
    goal.size = as ? mr_element_size(as) : set->type.parts->number.size;
    goal.box.axes = set->dims.axes;
    size_t step = goal.parts * goal.size;
    for (unsigned axis = set->dims.axes; axis-- > 0;) {
        goal.box.from[axis] = box->from[axis] + set->cut.from[axis];
        goal.box.size[axis] = box->size[axis];
        goal.step[axis] = step;
        step *= box->size[axis];
    }
    return set->way == MR_H5_BY_ADDRESS ? mr_h5_spans_read(reader, &goal, error)
                                        : read_chunks(reader, &goal, error);
}

mr_status mr_h5_read(mr_h5_reader *reader, const mr_box *box, mr_element as, void *into,
                     mr_error *error)
{
    if (reader->set->type.strings || mr_element_size(as) == 0)
        return mr_error_set(error, MR_BAD_INPUT,
                            "wrong type: %s: its elements are strings and no numbers: name another "
                            "dataset",
                            reader->set->name);
    return mr_h5_read_box(reader, box, as, into, error);
}
