/*
 * array/sort.c: arrays in ascending order along an axis. Lanes that a rank has all of are sorted by
 * a thread each. An array of one axis is sorted by all ranks: each sorts its own, bisection over
 * all of them finds where the order is to be cut so that each rank ends with as many as before, and
 * what the ranks then get from each other is merged.
 */
#include "array/ascending.h"
#include "array/lanes.h"
#include "base/memory.h"
#include "comm/trade.h"

#include <omp.h>
#include <stdlib.h>

/* ---- Lanes of a rank ---- */

static void sort_lane(mr_array *a, const mr_lanes *lanes, uint64_t lane, uint64_t *images)
{
    const size_t element = mr_element_size(a->element);
    void *values = mr_array_memory(a)->values + mr_lanes_begin(lanes, lane) * element;
    mr_ascending_from(a->element, values, lanes->stride, lanes->size, images);
    mr_ascending_sort(images, images + lanes->size, lanes->size);
    mr_ascending_to(a->element, images, lanes->size, values, lanes->stride);
}

static mr_status sort_lanes(mr_array *a, unsigned axis)
{
    mr_job *job = a->job;
    const mr_lanes lanes = mr_lanes_of(&a->dims, mr_kept_rows(a), axis);
    const size_t bytes = 2 * lanes.size * sizeof(uint64_t);
#pragma omp parallel num_threads((int)job->threads)
    {
        mr_error error = {0};
        uint64_t *images =
            lanes.count && bytes ? mr_memory_allocate(bytes, "a sort", &error) : NULL;
#pragma omp for schedule(dynamic, 8)
        for (uint64_t lane = 0; lane < lanes.count; lane++)
            if (images)
                sort_lane(a, &lanes, lane, images);
        if (images)
            mr_memory_free(images, bytes);
#pragma omp critical
        if (error.code != MR_OK)
            mr_error_set(job->error, error.code, "%s", error.text);
    }
    return mr_job_agree(job);
}

/* ---- One axis over all ranks ---- */

typedef struct sorting {
    mr_array *array;
    mr_job *job;
    int ranks;
    uint64_t *images, *scratch; /* `count` of each */
    uint64_t count;
    const uint64_t *starts; /* where the rows of each rank begin; NULL: all are here */
    uint64_t *lists;        /* 8 of ranks + 1 numbers */
} sorting;

static uint64_t *list(const sorting *s, int number)
{
    return s->lists + (size_t)number * ((size_t)s->ranks + 1);
}

/* In pieces that threads share. */
static void convert(sorting *s, bool back)
{
    const size_t element = mr_element_size(s->array->element), piece = (size_t)1 << 16;
    unsigned char *values = mr_array_memory(s->array)->values;
#pragma omp parallel for num_threads((int)s->job->threads) schedule(static)
    for (uint64_t from = 0; from < s->count; from += piece) {
        const size_t now = s->count - from < piece ? s->count - from : piece;
        if (back)
            mr_ascending_to(s->array->element, s->images + from, now, values + from * element, 1);
        else
            mr_ascending_from(s->array->element, values + from * element, 1, now, s->images + from);
    }
}

/* For each cut the smallest image such that up to and with it there are as many numbers, on all
 * ranks together, as lie before the cut. */
static void find_cuts(const sorting *s, uint64_t *cuts)
{
    uint64_t *low = cuts, *high = list(s, 1);
    int64_t *counts = (int64_t *)list(s, 2);
    for (int r = 1; r < s->ranks; r++) {
        low[r] = 0;
        high[r] = UINT64_MAX;
    }
    for (int bit = 0; bit < 64; bit++) {
        for (int r = 1; r < s->ranks; r++) {
            const uint64_t middle = low[r] + (high[r] - low[r]) / 2;
            counts[r] = (int64_t)(middle == UINT64_MAX
                                      ? s->count
                                      : mr_ascending_below(s->images, s->count, middle + 1));
        }
        mr_all_sum_i64(s->job, counts + 1, (size_t)s->ranks - 1);
        for (int r = 1; r < s->ranks; r++) {
            const uint64_t middle = low[r] + (high[r] - low[r]) / 2;
            if ((uint64_t)counts[r] >= s->starts[r])
                high[r] = middle;
            else if (low[r] < high[r])
                low[r] = middle + 1;
        }
    }
}

/* How many of this rank's numbers lie before each cut; of those that are equal to it the first
 * ranks have the first. */
static void find_places(const sorting *s, const uint64_t *cuts, uint64_t *places)
{
    const size_t ranks = (size_t)s->ranks;
    uint64_t *below = list(s, 1), *equal = list(s, 2), *before = list(s, 3), *total = list(s, 4);
    for (size_t r = 1; r < ranks; r++) {
        below[r] = mr_ascending_below(s->images, s->count, cuts[r]);
        equal[r] = (cuts[r] == UINT64_MAX ? s->count
                                          : mr_ascending_below(s->images, s->count, cuts[r] + 1)) -
                   below[r];
        places[r] = below[r];
    }
    mr_comm_scan(s->job->comm, below + 1, ranks - 1, before + 1, total + 1);
    for (size_t r = 1; r < ranks; r++)
        below[r] = s->starts[r] > total[r] ? s->starts[r] - total[r] : 0; /* equal ones wanted */
    mr_comm_scan(s->job->comm, equal + 1, ranks - 1, before + 1, total + 1);
    for (size_t r = 1; r < ranks; r++) {
        const uint64_t more = below[r] > before[r] ? below[r] - before[r] : 0;
        places[r] += more < equal[r] ? more : equal[r];
    }
    places[0] = 0;
    places[ranks] = s->count;
}

static void exchange(sorting *s)
{
    const size_t ranks = (size_t)s->ranks;
    uint64_t *cuts = list(s, 0), *places = list(s, 5), *sizes = list(s, 6), *takes = list(s, 7);
    find_cuts(s, cuts);
    if (mr_job_agree(s->job) != MR_OK)
        return;
    find_places(s, cuts, places);
    for (size_t r = 0; r < ranks; r++)
        sizes[r] = (places[r + 1] - places[r]) * sizeof *s->images;
    mr_trade_numbers(s->job->comm, sizes);
    for (size_t r = 0; r <= ranks; r++) {
        places[r] *= sizeof *s->images;
        takes[r] = r > 0 ? takes[r - 1] + sizes[r - 1] : 0;
    }
    mr_trade(s->job->comm, s->images, places, s->scratch, takes);
    for (size_t r = 0; r <= ranks; r++)
        takes[r] /= sizeof *s->images;
    uint64_t *other = s->images;
    s->images = s->scratch;
    s->scratch = other;
    mr_ascending_merge(s->images, s->scratch, takes, ranks, s->job->threads);
}

static mr_status sort_ranks(mr_array *a)
{
    sorting s = {.array = a, .job = a->job, .ranks = mr_job_ranks(a->job)};
    s.count = mr_kept_rows(a);
    s.starts = mr_array_memory(a)->starts;
    const size_t bytes = 2 * s.count * sizeof *s.images;
    uint64_t *room = bytes ? mr_memory_allocate(bytes, "a sort", s.job->error) : NULL;
    s.lists = calloc(8 * ((size_t)s.ranks + 1), sizeof *s.lists);
    if (!s.lists)
        mr_error_set(s.job->error, MR_NO_MEMORY, "out of memory: a sort");
    mr_status status = mr_job_agree(s.job);
    if (status == MR_OK) {
        s.images = room;
        s.scratch = room ? room + s.count : NULL;
        convert(&s, false);
        mr_ascending_sort_shared(s.images, s.scratch, s.count, s.job->threads);
        if (s.starts && s.ranks > 1)
            exchange(&s);
        convert(&s, true);
    }
    free(s.lists);
    if (room)
        mr_memory_free(room, bytes);
    return status == MR_OK ? mr_job_agree(s.job) : status;
}

/* ---- Any ---- */

/* Axes moved on by one, so that the first is the last; and back. */
static mr_array *turn(mr_array *a, bool back)
{
    unsigned axes[MR_AXES], count = a ? a->dims.axes : 0;
    for (unsigned i = 0; i < count; i++)
        axes[i] = back ? (i + count - 1) % count : (i + 1) % count;
    return mr_array_transpose(a, axes);
}

mr_array *mr_array_sort(mr_array *a, unsigned axis)
{
    if (!a)
        return NULL;
    if (axis >= a->dims.axes)
        return mr_array_refuse("cannot sort", "it has no such axis", a, NULL);
    if (!mr_ascending_can(a->element))
        return mr_array_refuse("cannot sort", "complex numbers have no order", a, NULL);
    mr_job *job = a->job;
    const bool turned = axis == 0 && a->dims.axes > 1;
    const mr_arrays_mark mark = mr_arrays_begin(job);
    mr_array *sorted = mr_array_own_copy(turned ? turn(a, false) : a);
    mr_status status = mr_job_agree(job);
    if (status == MR_OK)
        status = a->dims.axes == 1 ? sort_ranks(sorted)
                                   : sort_lanes(sorted, turned ? a->dims.axes - 1 : axis);
    if (status == MR_OK && turned)
        sorted = turn(sorted, true);
    mr_arrays_end(job, mark, &sorted, status == MR_OK ? 1 : 0);
    return status == MR_OK ? sorted : NULL;
}
