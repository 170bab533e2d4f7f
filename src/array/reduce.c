/*
 * array/reduce.c: reductions over axes. Where all terms of a value fit in a tile, whoever has the
 * tile makes the value. Where they do not, each thread has accumulators of its own for a band of
 * values, which are merged in the end (mr_dense).
 */
#include "array/accumulate.h"
#include "array/grid.h"

#include "base/memory.h"
#include "comm/vector.h"

#include <mapred/dense.h>

#include <stdio.h>
#include <stdlib.h>

/* Terms of a value that may be one tile. */
#define TERMS ((uint64_t)32768)
/* Results up to this size are everywhere. */
#define SMALL ((uint64_t)1 << 20)
/* Accumulators of all threads of a rank. */
#define ACCUMULATORS ((uint64_t)48 << 20)

typedef struct reducing {
    mr_sweep sweep; /* first */
    mr_accumulating how;
    mr_array *a;
    unsigned order[MR_AXES]; /* axes of `a`: those that stay, then those that are reduced */
    unsigned stay, gone;     /* how many of each */
    bool turned;             /* the order is not that of memory */
    mr_dims out, inner;      /* sizes of those that stay, and of the others */
    uint64_t terms;          /* of each value */
    size_t element;          /* bytes of a value */
    unsigned char **scratch; /* one for each thread: a tile in that order */
    size_t scratch_bytes;
    mr_dense *dense; /* NULL: a tile has all terms of its values */
    mr_box band;     /* of values: what the accumulators are of */
    mr_box place;    /* of values: what is in `values` */
    unsigned char *values;
} reducing;

/* ---- Tiles ---- */

static mr_box box_of(const reducing *r, const mr_box *box, unsigned first, unsigned count)
{
    mr_box part = {.axes = count};
    for (unsigned i = 0; i < count; i++) {
        part.from[i] = box->from[r->order[first + i]];
        part.size[i] = box->size[r->order[first + i]];
    }
    return part;
}

/* The terms of each value side by side. */
static const void *turn(const reducing *r, unsigned thread, const mr_box *box, const void *values)
{
    int64_t plain[MR_AXES], from[MR_AXES], to[MR_AXES];
    uint64_t size[MR_AXES];
    size_t element = mr_element_size(r->a->element);
    if (!r->turned)
        return values;
    mr_strides_of(box->axes, box->size, element, plain);
    for (unsigned i = 0; i < box->axes; i++) {
        size[i] = box->size[r->order[i]];
        from[i] = plain[r->order[i]];
    }
    mr_strides_of(box->axes, size, element, to);
    mr_copy_strided(box->axes, size, r->scratch[thread], to, values, from, element);
    return r->scratch[thread];
}

/* The number of a box's element, in C order, within a larger box. */
static uint64_t number_in(const mr_box *whole, const mr_box *box, uint64_t number)
{
    uint64_t result = 0, step = 1;
    for (unsigned axis = box->axes; axis-- > 0;) {
        uint64_t at = number % box->size[axis] + box->from[axis] - whole->from[axis];
        number /= box->size[axis];
        result += at * step;
        step *= whole->size[axis];
    }
    return result;
}

/* Terms of one value into an accumulator that may have others. */
static void add_terms(const reducing *r, void *accumulator, const void *terms, uint64_t count,
                      const mr_box *inner)
{
    mr_extreme extreme = {.state = 0};
    uint64_t place = 0;
    if (!r->how.places) {
        mr_accumulate(&r->how, accumulator, terms, count, &place);
        return;
    }
    const mr_box all = mr_box_of(&r->inner);
    mr_accumulate(&r->how, &extreme, terms, count, &place);
    extreme.place = (int64_t)number_in(&all, inner, place);
    r->how.fold.merge(&r->how.fold, accumulator, &extreme);
}

static mr_status take(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                      mr_error *error)
{
    const reducing *r = (const reducing *)(const void *)sweep;
    mr_box outer = box_of(r, box, 0, r->stay), inner = box_of(r, box, r->stay, r->gone);
    uint64_t count = mr_box_count(&outer), terms = mr_box_count(&inner);
    size_t bytes = terms * mr_element_size(r->a->element);
    const unsigned char *at = turn(r, thread, box, values);
    unsigned char *mine = r->dense ? mr_dense_mine(r->dense, thread) : NULL;
    mr_accumulator own;
    if (r->dense && !mine)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: reducing an array");
    for (uint64_t i = 0; i < count; i++, at += bytes) {
        if (mine) {
            unsigned char *to = mine + number_in(&r->band, &outer, i) * r->how.fold.size;
            add_terms(r, to, at, terms, &inner);
            continue;
        }
        memset(&own, 0, r->how.fold.size);
        add_terms(r, &own, at, terms, &inner);
        mr_accumulated(&r->how, &own, r->terms,
                       r->values + number_in(&r->place, &outer, i) * r->element);
    }
    return MR_OK;
}

/* ---- Where values go ---- */

static bool is_here(const mr_box *box, uint64_t row)
{
    return box->axes == 0 || (row >= box->from[0] && row - box->from[0] < box->size[0]);
}

/* The values of a band, which all ranks have now, into this rank's part of the result. */
static void end_band(const reducing *r, const unsigned char *accumulators)
{
    uint64_t count = mr_box_count(&r->band), row = 1;
    for (unsigned axis = 1; axis < r->band.axes; axis++)
        row *= r->band.size[axis];
    for (uint64_t i = 0; i < count; i++)
        if (is_here(&r->place, r->band.axes ? r->band.from[0] + i / row : 0))
            mr_accumulated(&r->how, accumulators + i * r->how.fold.size, r->terms,
                           r->values + number_in(&r->place, &r->band, i) * r->element);
}

/* All terms of a band. */
static mr_box region_of(const reducing *r, const mr_box *band)
{
    mr_box region = mr_box_of(&r->a->dims);
    for (unsigned i = 0; i < r->stay; i++) {
        region.from[r->order[i]] = band->from[i];
        region.size[r->order[i]] = band->size[i];
    }
    return region;
}

static mr_status merge_bands(reducing *r)
{
    mr_job *job = r->a->job;
    uint64_t room = ACCUMULATORS / r->how.fold.size / job->threads;
    const mr_box all = mr_box_of(&r->out);
    const mr_dims tile = mr_chunk_long(&r->out, room ? room : 1);
    const mr_tiling bands = mr_tiling_of(&all, &tile);
    mr_status status = mr_dense_create(job, &r->how.fold, mr_dims_count(&tile), &r->dense);
    for (uint64_t i = 0; i < bands.tiles && status == MR_OK; i++) {
        r->band = mr_tiling_at(&bands, i);
        mr_box region = region_of(r, &r->band);
        r->sweep.region = &region;
        status = mr_sweep_run(&r->sweep);
        const void *merged = status == MR_OK ? mr_dense_all(r->dense) : NULL;
        if (!merged && status == MR_OK)
            status = job->error->code ? job->error->code : MR_FAILED;
        if (merged)
            end_band(r, merged);
        mr_dense_clear(r->dense);
    }
    mr_dense_destroy(&r->dense);
    return status;
}

/* Each rank makes the values that it keeps. */
static mr_status make_mine(reducing *r)
{
    mr_box region = region_of(r, &r->place);
    r->sweep.region = &region;
    r->sweep.mine = true;
    return mr_sweep_run(&r->sweep);
}

/* Any rank may make any value; where it did not, there are zeros. */
static mr_status make_everywhere(reducing *r)
{
    mr_job *job = r->a->job;
    uint64_t bytes = mr_dims_count(&r->out) * r->element, words = (bytes + 7) / 8;
    unsigned char *kept = r->values;
    r->values = calloc(words + 1, 8);
    if (!r->values)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: reducing an array");
    mr_status status = mr_sweep_run(&r->sweep);
    if (status == MR_OK) {
        mr_vector_reduce(job->comm, r->values, words, MR_NUMBER_U64, MR_COMBINE_OR, 0);
        memcpy(kept, r->values, bytes);
    }
    free(r->values);
    return status;
}

/* ---- The whole of it ---- */

static const char *name_of(mr_reduction reduction)
{
    static const char *const names[] = {[MR_SUM] = "sum",
                                        [MR_MEAN] = "mean",
                                        [MR_VARIANCE] = "variance",
                                        [MR_DEVIATION] = "deviation",
                                        [MR_VARIANCE_1] = "variance",
                                        [MR_DEVIATION_1] = "deviation",
                                        [MR_LEAST] = "smallest",
                                        [MR_LARGEST] = "largest",
                                        [MR_ARG_LEAST] = "place of the smallest",
                                        [MR_ARG_LARGEST] = "place of the largest",
                                        [MR_NORM] = "norm",
                                        [MR_SUM_FAST] = "sum",
                                        [MR_MEAN_FAST] = "mean"};
    bool known = reduction >= MR_SUM && reduction <= MR_MEAN_FAST;
    return known ? names[reduction] : "reduction";
}

static bool refuse(const mr_array *a, mr_reduction reduction, const char *todo)
{
    char what[96];
    snprintf(what, sizeof what, "cannot take the %s of an array", name_of(reduction));
    mr_array_refuse(what, todo, a, NULL);
    return false;
}

static bool plan(reducing *r, mr_array *a, mr_reduction reduction, unsigned axes)
{
    unsigned all = (1u << a->dims.axes) - 1;
    if (axes != MR_ALL_AXES && axes & ~all)
        return refuse(a, reduction, "it has no such axis: give axes of its own");
    if (!mr_accumulating_of(&r->how, reduction, a->element))
        return refuse(a, reduction,
                      a->element == MR_C128 ? "complex numbers have no order"
                                            : "there is no such reduction");
    r->a = a;
    r->element = mr_element_size(r->how.result);
    for (unsigned axis = 0; axis < a->dims.axes; axis++)
        if (!(axes & 1u << axis)) {
            r->out.size[r->out.axes++] = a->dims.size[axis];
            r->order[r->stay++] = axis;
        }
    for (unsigned axis = 0; axis < a->dims.axes; axis++)
        if (axes & 1u << axis) {
            r->inner.size[r->inner.axes++] = a->dims.size[axis];
            r->order[r->stay + r->gone++] = axis;
        }
    for (unsigned i = 0; i < a->dims.axes; i++)
        r->turned = r->turned || (r->order[i] != i && r->stay > 0);
    r->terms = mr_dims_count(&r->inner);
    if (r->how.places && r->terms == 0 && mr_dims_count(&r->out) > 0)
        return refuse(a, reduction, "it has no elements");
    return true;
}

/* Whether a tile is to have all terms of its values. Rows of several ranks stay where they are if
 * what has to be merged instead is little. */
static bool has_all_terms(const reducing *r)
{
    bool rows = r->gone > 0 && r->order[r->stay] == 0;
    if (r->terms > TERMS || r->terms == 0)
        return false;
    return !r->a->spread || !rows || mr_dims_count(&r->out) * r->how.fold.size > ACCUMULATORS / 4;
}

static void choose_tile(reducing *r, bool whole)
{
    const mr_array *a = r->a;
    uint64_t room = MR_CHUNK_BYTES / mr_element_size(a->element);
    mr_dims *tile = &r->sweep.tile;
    if (whole) {
        uint64_t each = r->terms ? room / r->terms : room;
        mr_dims part = mr_chunk_long(&r->out, each ? each : 1);
        *tile = a->dims;
        for (unsigned i = 0; i < r->stay; i++)
            tile->size[r->order[i]] = part.size[i];
    } else if (a->chunked)
        *tile = mr_chunk_parts(&a->chunk, room);
    else if (r->turned || a->moves)
        *tile = mr_chunk_square(&a->dims, room);
    else
        *tile = mr_chunk_long(&a->dims, room);
}

static mr_status make_scratch(reducing *r)
{
    mr_job *job = r->a->job;
    if (!r->turned)
        return MR_OK;
    r->scratch = calloc(job->threads, sizeof *r->scratch);
    r->scratch_bytes = mr_dims_count(&r->sweep.tile) * mr_element_size(r->a->element) + 1;
    for (unsigned i = 0; r->scratch && i < job->threads; i++)
        r->scratch[i] = mr_memory_allocate(r->scratch_bytes, "tiles of an array", job->error);
    if (!r->scratch)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: reducing an array");
    return mr_job_agree(job);
}

static void free_scratch(reducing *r)
{
    for (unsigned i = 0; r->scratch && i < r->a->job->threads; i++)
        if (r->scratch[i])
            mr_memory_free(r->scratch[i], r->scratch_bytes);
    free(r->scratch);
}

/* Sums of the tiles, in the order of their numbers. */
static mr_status take_fast(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                           mr_error *error)
{
    const reducing *r = (const reducing *)(const void *)sweep;
    const mr_box all = mr_box_of(&r->a->dims);
    const mr_tiling tiling = mr_tiling_of(&all, &sweep->tile);
    uint64_t number = 0, place = 0;
    (void)thread, (void)error;
    for (unsigned axis = 0; axis < box->axes; axis++)
        number = number * tiling.counts[axis] + box->from[axis] / tiling.tile.size[axis];
    mr_accumulate(&r->how, r->values + 16 * number, values, mr_box_count(box), &place);
    return MR_OK;
}

static mr_status reduce_fast(reducing *r)
{
    mr_job *job = r->a->job;
    const mr_box all = mr_box_of(&r->a->dims);
    const mr_tiling tiling = mr_tiling_of(&all, &r->sweep.tile);
    unsigned char *kept = r->values;
    size_t bytes = (tiling.tiles + 1) * 16;
    r->values = mr_memory_allocate(bytes, "sums of tiles", job->error);
    if (r->values)
        memset(r->values, 0, bytes);
    r->sweep.take = take_fast;
    mr_status status = mr_sweep_run(&r->sweep);
    if (status == MR_OK) {
        const double *sums = (const double *)(const void *)r->values;
        mr_vector_reduce(job->comm, r->values, tiling.tiles * 2, MR_NUMBER_U64, MR_COMBINE_OR, 0);
        const double total[2] = {mr_sum_tree(sums, tiling.tiles, 2),
                                 mr_sum_tree(sums + 1, tiling.tiles, 2)};
        mr_accumulated(&r->how, total, r->terms, kept);
    }
    if (r->values)
        mr_memory_free(r->values, bytes);
    return status;
}

static mr_status reduce_into(reducing *r, const mr_kept_array *kept)
{
    bool whole = has_all_terms(r), fast = r->how.fast;
    mr_job *job = r->a->job;
    r->values = kept->values;
    r->place = mr_box_of(&r->out);
    if (!kept->everywhere) {
        const uint64_t *starts = kept->starts + mr_comm_rank(job->comm);
        r->place.from[0] = starts[0];
        r->place.size[0] = starts[1] - starts[0];
    }
    choose_tile(r, whole && !(fast && r->stay == 0));
    r->sweep.array = r->a;
    r->sweep.take = take;
    r->sweep.phase = "reduce";
    if (fast && r->stay == 0)
        return reduce_fast(r);
    MR_TRY(make_scratch(r));
    if (!whole)
        return merge_bands(r);
    return kept->everywhere ? make_everywhere(r) : make_mine(r);
}

/* Of values of many terms each, rounded as they are added up, an order of its own would have to be
 * kept for each: they are exact instead. */
static mr_reduction choose_reduction(const mr_array *a, mr_reduction reduction, unsigned axes)
{
    uint64_t terms = 1;
    unsigned all = (1u << a->dims.axes) - 1;
    for (unsigned axis = 0; axis < a->dims.axes; axis++)
        terms *= axes & 1u << axis ? a->dims.size[axis] : 1;
    if ((axes & all) == all || (terms <= TERMS && !a->spread))
        return reduction;
    return reduction == MR_SUM_FAST ? MR_SUM : reduction == MR_MEAN_FAST ? MR_MEAN : reduction;
}

mr_array *mr_array_reduce(mr_array *a, mr_reduction reduction, unsigned axes)
{
    reducing r = {.dense = NULL};
    if (!a || !plan(&r, a, choose_reduction(a, reduction, axes), axes))
        return NULL;
    uint64_t bytes = mr_dims_count(&r.out) * r.element;
    mr_array *result = mr_array_reserve(a->job, r.how.result, r.out, bytes <= SMALL);
    if (!result)
        return NULL;
    if (bytes > 0 && reduce_into(&r, mr_array_memory(result)) != MR_OK)
        mr_array_free(&result);
    free_scratch(&r);
    return result;
}

mr_status mr_array_reduce_all(mr_array *a, mr_reduction reduction, double *value)
{
    mr_accumulating how;
    if (a && mr_accumulating_of(&how, reduction, a->element) && how.result == MR_C128) {
        refuse(a, reduction, "as one double: it is complex: take its parts");
        return MR_USAGE;
    }
    mr_array *result = mr_array_reduce(a, reduction, MR_ALL_AXES);
    if (!result)
        return a && a->job->error->code ? a->job->error->code : MR_FAILED;
    mr_array *number = mr_array_cast(result, MR_F64);
    mr_status status = mr_array_get(number, value);
    if (number != result)
        mr_array_free(&number);
    mr_array_free(&result);
    return status;
}
