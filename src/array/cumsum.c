/*
 * array/cumsum.c: sums of all up to each one. Integers are added up as they are. Of doubles, the
 * sum of whole pieces of MR_TILE_ROWS values is exact and rounded once; within a piece the values
 * that come before are added to it one by one. So no rounding is carried from piece to piece, and
 * bits do not depend on ranks and threads.
 *
 * Along the first axis, where other ranks hold what comes before, columns are done some at a time:
 * each rank adds up its pieces, gets the sums of the ranks before it, and hands on what it has.
 */
#include "array/lanes.h"
#include "base/memory.h"
#include "comm/trade.h"

#include <mapred/exact.h>

#include <omp.h>

/* Rows that a thread goes over at a time. A sum is a few KiB: there are not to be many of them. */
#define STRETCH (16 * MR_TILE_ROWS)
/* Bytes of sums of a rank at a time; of a message at the most. */
#define ROOM ((uint64_t)16 << 20)

/* `count` values, `stride` apart, become sums; `before` is the sum of what stands before them. The
 * first piece of all has none, which is not the same as 0: the sum of -0 alone is -0. */
static void run_f64(double *values, size_t stride, size_t count, const double *before)
{
    double sum = before ? *before + values[0] : values[0];
    values[0] = sum;
    for (size_t i = 1; i < count; i++)
        values[i * stride] = sum += values[i * stride];
}

static void run_c128(double *values, size_t stride, size_t count, const double *before)
{
    run_f64(values, 2 * stride, count, before);
    run_f64(values + 1, 2 * stride, count, before ? before + 1 : NULL);
}

static void run_i64(int64_t *values, size_t stride, size_t count, uint64_t before)
{
    for (size_t i = 0; i < count; i++) {
        before += (uint64_t)values[i * stride];
        values[i * stride] = (int64_t)before;
    }
}

/* The sum of what stands before a piece. */
typedef struct prefix {
    mr_exact sum[2]; /* real and imaginary part */
    uint64_t whole;  /* of integers */
    uint64_t count;
} prefix;

static void add_piece(prefix *p, mr_element element, const void *values, size_t stride,
                      size_t count)
{
    double room[MR_TILE_ROWS];
    const unsigned parts = element == MR_C128 ? 2 : 1;
    p->count += count;
    if (element == MR_I64) {
        for (size_t i = 0; i < count; i++)
            p->whole += (uint64_t)((const int64_t *)values)[i * stride];
        return;
    }
    for (unsigned part = 0; part < parts; part++) {
        for (size_t i = 0; i < count; i++)
            room[i] = ((const double *)values)[i * stride * parts + part];
        mr_exact_add_all(&p->sum[part], room, count);
    }
}

static void run_piece(const prefix *p, mr_element element, void *values, size_t stride,
                      size_t count)
{
    const double before[2] = {element != MR_I64 ? mr_exact_round(&p->sum[0]) : 0,
                              element == MR_C128 ? mr_exact_round(&p->sum[1]) : 0};
    if (element == MR_I64)
        run_i64(values, stride, count, p->whole);
    else if (element == MR_C128)
        run_c128(values, stride, count, p->count ? before : NULL);
    else
        run_f64(values, stride, count, p->count ? before : NULL);
}

static void merge(prefix *to, const prefix *from, mr_element element)
{
    to->whole += from->whole;
    to->count += from->count;
    for (unsigned part = 0; element != MR_I64 && part < (element == MR_C128 ? 2 : 1); part++)
        mr_exact_merge(&to->sum[part], &from->sum[part]);
}

/* Values `stride` apart, behind those that `p` is the sum of; piece by piece. */
static void run_stretch(mr_element element, unsigned char *values, size_t stride, uint64_t size,
                        prefix *p)
{
    for (uint64_t from = 0; from < size; from += MR_TILE_ROWS) {
        const size_t count = size - from < MR_TILE_ROWS ? size - from : MR_TILE_ROWS;
        unsigned char *piece = values + from * stride * mr_element_size(element);
        const prefix now = *p;
        if (from + count < size)
            add_piece(p, element, piece, stride, count);
        run_piece(&now, element, piece, stride, count);
    }
}

/* ---- Along another axis than the first: lanes of a rank ---- */

static void run_lanes(mr_array *a, unsigned axis)
{
    const mr_lanes lanes = mr_lanes_of(&a->dims, mr_kept_rows(a), axis);
    unsigned char *values = mr_array_memory(a)->values;
    const size_t size = mr_element_size(a->element);
#pragma omp parallel for num_threads((int)a->job->threads) schedule(dynamic, 8)
    for (uint64_t lane = 0; lane < lanes.count; lane++) {
        prefix p;
        memset(&p, 0, sizeof p);
        run_stretch(a->element, values + mr_lanes_begin(&lanes, lane) * size, lanes.stride,
                    lanes.size, &p);
    }
}

/* ---- Along the first axis: columns over all ranks ---- */

typedef struct columns {
    mr_array *array;
    unsigned char *values; /* of this rank */
    uint64_t rows, row;    /* this rank's; elements of one */
    uint64_t stretches;    /* of STRETCH rows */
    uint64_t wide;         /* columns at a time */
    prefix *sums;          /* of each stretch and column, then of what stands before it */
    prefix *before;        /* of each column, of the ranks before this one */
} columns;

static unsigned char *stretch_of(const columns *c, uint64_t stretch, uint64_t column,
                                 uint64_t *count)
{
    const uint64_t from = stretch * STRETCH, left = c->rows - from;
    *count = left < STRETCH ? left : STRETCH;
    return c->values + (from * c->row + column) * mr_element_size(c->array->element);
}

static void add_stretch(const columns *c, uint64_t stretch, uint64_t column, prefix *sum)
{
    uint64_t size;
    const mr_element element = c->array->element;
    const unsigned char *values = stretch_of(c, stretch, column, &size);
    memset(sum, 0, sizeof *sum);
    for (uint64_t from = 0; from < size; from += MR_TILE_ROWS)
        add_piece(sum, element, values + from * c->row * mr_element_size(element), c->row,
                  size - from < MR_TILE_ROWS ? size - from : MR_TILE_ROWS);
}

/* `count` columns from `first` on, on all threads. */
static void add_all(columns *c, uint64_t first, uint64_t count)
{
#pragma omp parallel for collapse(2) num_threads((int)c->array->job->threads) schedule(dynamic)
    for (uint64_t stretch = 0; stretch < c->stretches; stretch++)
        for (uint64_t i = 0; i < count; i++)
            add_stretch(c, stretch, first + i, &c->sums[stretch * count + i]);
}

static void run_all(columns *c, uint64_t first, uint64_t count)
{
#pragma omp parallel for collapse(2) num_threads((int)c->array->job->threads) schedule(dynamic)
    for (uint64_t stretch = 0; stretch < c->stretches; stretch++)
        for (uint64_t i = 0; i < count; i++) {
            uint64_t size;
            unsigned char *values = stretch_of(c, stretch, first + i, &size);
            run_stretch(c->array->element, values, c->row, size, &c->sums[stretch * count + i]);
        }
}

/* Each stretch is left with what stands before it, and `before` with what stands behind them all.
 */
static void chain(columns *c, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t stretch = 0; stretch < c->stretches; stretch++) {
            prefix *at = &c->sums[stretch * count + i], mine = *at;
            *at = c->before[i];
            merge(&c->before[i], &mine, c->array->element);
        }
}

/* Where all ranks have all of it, nobody has to be asked. */
static void run_columns(columns *c, bool everywhere)
{
    mr_comm *comm = c->array->job->comm;
    for (uint64_t first = 0; first < c->row; first += c->wide) {
        const uint64_t left = c->row - first, count = left < c->wide ? left : c->wide;
        memset(c->before, 0, count * sizeof *c->before);
        add_all(c, first, count);
        if (!everywhere)
            mr_chain_receive(comm, c->before, count * sizeof *c->before);
        chain(c, count);
        if (!everywhere)
            mr_chain_send(comm, c->before, count * sizeof *c->before);
        run_all(c, first, count);
    }
}

/* The same on all ranks: as many columns as give the sums of a rank about ROOM bytes. */
static uint64_t columns_at_a_time(const columns *c)
{
    int64_t most = (int64_t)c->stretches + 1;
    mr_all_max_i64(c->array->job, &most, 1);
    const uint64_t wide = ROOM / ((uint64_t)most * sizeof(prefix));
    return wide == 0 ? 1 : wide < c->row ? wide : c->row;
}

static mr_status run_first(mr_array *a)
{
    mr_job *job = a->job;
    const mr_kept_array *memory = mr_array_memory(a);
    const uint64_t elements = mr_dims_count(&a->dims);
    columns c = {.array = a, .values = memory->values, .rows = mr_kept_rows(a)};
    if (elements == 0)
        return MR_OK;
    c.row = elements / a->dims.size[0];
    c.stretches = (c.rows + STRETCH - 1) / STRETCH;
    c.wide = columns_at_a_time(&c);
    const size_t bytes = (c.stretches + 1) * c.wide * sizeof *c.sums;
    c.sums = mr_memory_allocate(bytes, "sums of an array", job->error);
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        c.before = c.sums + c.stretches * c.wide;
        run_columns(&c, memory->everywhere);
    }
    if (c.sums)
        mr_memory_free(c.sums, bytes);
    return status;
}

/* Sums have room: i32 become i64, f32 are added up as doubles. */
static mr_element wide_of(mr_element element)
{
    return element == MR_I32 ? MR_I64 : element == MR_F32 ? MR_F64 : element;
}

mr_array *mr_array_cumsum(mr_array *a, unsigned axis)
{
    if (!a)
        return NULL;
    if (axis >= a->dims.axes)
        return mr_array_refuse("cannot add up", "it has no such axis", a, NULL);
    mr_job *job = a->job;
    const bool single = a->element == MR_F32;
    const mr_element wide = wide_of(a->element);
    const mr_arrays_mark mark = mr_arrays_begin(job);
    mr_array *sums = mr_array_own_copy(a->element == wide ? a : mr_array_cast(a, wide));
    mr_status status = mr_job_agree(job);
    if (status == MR_OK && axis == 0)
        status = run_first(sums);
    else if (status == MR_OK)
        run_lanes(sums, axis);
    if (status == MR_OK && single)
        sums = mr_array_cast(sums, MR_F32);
    mr_arrays_end(job, mark, &sums, status == MR_OK ? 1 : 0);
    return status == MR_OK ? sums : NULL;
}
