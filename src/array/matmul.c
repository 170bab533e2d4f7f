/*
 * array/matmul.c: products of matrices. The rows of A and C stay where they are; B comes panel by
 * panel. Each tile of C gets the panels in their order, by calls of sizes that follow from the
 * shapes alone: so its bits do not depend on ranks and threads.
 */
#include "array/gemm.h"
#include "array/panels.h"
#include "base/memory.h"

#include <omp.h>
#include <stdio.h>

typedef struct product {
    mr_job *job;
    mr_array *a, *c;
    mr_panels panels;
    mr_gemm gemm;
    uint64_t first, rows;     /* of C, on this rank */
    unsigned char *from, *to; /* these rows of A and C */
    unsigned char *packed;    /* a panel */
    unsigned char *scratch;   /* of all threads */
    size_t packed_size, scratch_size;
} product;

static mr_array *refuse(mr_array *a, mr_array *b)
{
    if (a->dims.axes != 2 || b->dims.axes != 2)
        return mr_array_refuse("cannot multiply", "give two matrices, of 2 axes each", a, b);
    if (a->dims.size[1] != b->dims.size[0])
        return mr_array_refuse("cannot multiply",
                               "the first one needs as many columns as the second has rows", a, b);
    return mr_array_refuse("cannot multiply", "give real numbers, f64 or f32", a, b);
}

static bool is_good(const mr_array *a, const mr_array *b)
{
    return a->dims.axes == 2 && b->dims.axes == 2 && a->dims.size[1] == b->dims.size[0] &&
           a->element != MR_C128 && b->element != MR_C128;
}

/* The same way on all ranks: those of ours give the same bits on each CPU with fused additions, so
 * that a rank where they are the best one decides for all. */
static void choose(product *p, uint64_t longest)
{
    mr_gemm_choose(&p->gemm, p->c->element, longest);
    int64_t own = p->gemm.micro != NULL;
    mr_all_max_i64(p->job, &own, 1);
    if (own && !p->gemm.micro)
        mr_gemm_choose_own(&p->gemm, p->c->element);
    if (mr_job_rank(p->job) == 0) {
        char counter[64];
        snprintf(counter, sizeof counter, "products by %s", p->gemm.name);
        mr_job_add(p->job, counter, 1);
    }
}

static size_t row_bytes(const mr_array *array)
{
    return array->dims.size[1] * mr_element_size(array->element);
}

/* The rows of C are those that this rank has of A; where all have all of A, its share. */
static mr_status make_room(product *p, uint64_t columns)
{
    const mr_kept_array *a = mr_array_memory(p->a);
    const mr_dims dims = MR_DIMS2(p->a->dims.size[0], columns);
    p->c = a->starts ? mr_array_keep_here(p->job, p->a->element, dims, a->starts)
                     : mr_array_reserve(p->job, p->a->element, dims, false);
    MR_TRY(mr_job_agree(p->job));
    const mr_kept_array *c = mr_array_memory(p->c);
    const int rank = mr_job_rank(p->job);
    p->first = c->starts[rank];
    p->rows = c->starts[rank + 1] - p->first;
    p->from = a->values + (a->starts ? 0 : p->first * row_bytes(p->a));
    p->to = c->values;
    return MR_OK;
}

static mr_status allocate(product *p)
{
    p->packed_size = mr_gemm_packed_size(&p->gemm, p->panels.depth, p->c->dims.size[1]);
    p->scratch_size = mr_gemm_scratch_size(&p->gemm) * p->job->threads;
    if (p->packed_size > 0)
        p->packed = mr_memory_allocate_large(p->packed_size, "a part of a matrix", p->job->error);
    if (p->scratch_size > 0)
        p->scratch = mr_memory_allocate_large(p->scratch_size, "a part of a matrix", p->job->error);
    return mr_job_agree(p->job);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What moves between ranks moves only when the main thread looks. */
static void poke(product *p)
{
    if (omp_get_thread_num() == 0)
        mr_broadcast_poke(p->panels.broadcast);
}

static void multiply_tile(product *p, const mr_matrix *panel, uint64_t depth, uint64_t row,
                          uint64_t column)
{
    const size_t size = mr_element_size(p->c->element);
    const size_t k = p->a->dims.size[1], n = p->c->dims.size[1];
    const size_t rows = least(MR_GEMM_ROWS, p->rows - row);
    const mr_matrix a = {p->from + (row * k + depth) * size, rows, panel->rows, k};
    const mr_matrix c = {p->to + (row * n + column) * size, rows,
                         least(MR_GEMM_COLUMNS, n - column), n};
    unsigned char *scratch = p->scratch;
    if (scratch)
        scratch += p->scratch_size / p->job->threads * (size_t)omp_get_thread_num();
    mr_gemm_tile(&p->gemm, &a, panel, p->packed, column, &c, scratch);
    poke(p);
}

/* C += columns `depth` and following of A, times the panel. */
static void multiply_panel(product *p, const mr_matrix *panel, uint64_t depth)
{
    const size_t pieces = p->rows ? mr_gemm_pieces(&p->gemm, panel->columns) : 0;
#pragma omp parallel num_threads((int)p->job->threads)
    {
#pragma omp for schedule(dynamic, 8)
        for (size_t piece = 0; piece < pieces; piece++)
            mr_gemm_pack(&p->gemm, panel, piece, p->packed);
#pragma omp for collapse(2) schedule(dynamic)
        for (uint64_t row = 0; row < p->rows; row += MR_GEMM_ROWS)
            for (uint64_t column = 0; column < panel->columns; column += MR_GEMM_COLUMNS)
                multiply_tile(p, panel, depth, row, column);
    }
}

static mr_status multiply(product *p)
{
    const uint64_t columns = p->c->dims.size[1];
    for (uint64_t number = 0; number < p->panels.count; number++) {
        const void *values = mr_panels_next(&p->panels, number);
        if (!values)
            return p->job->error->code;
        const mr_matrix panel = {(void *)values, mr_panels_rows(&p->panels, number), columns,
                                 columns};
        multiply_panel(p, &panel, number * p->panels.depth);
    }
    return mr_job_agree(p->job);
}

static mr_status run(product *p, mr_array *a, mr_array *b)
{
    p->a = mr_array_keep(a);
    MR_TRY(mr_job_agree(p->job));
    MR_TRY(make_room(p, b->dims.size[1]));
    if (mr_dims_count(&p->c->dims) == 0 || a->dims.size[1] == 0)
        return MR_OK;
    choose(p, b->dims.size[1] > a->dims.size[1] ? b->dims.size[1] : a->dims.size[1]);
    MR_TRY(mr_panels_open(&p->panels, b, MR_GEMM_DEPTH));
    MR_TRY(allocate(p));
    return multiply(p);
}

static void end(product *p)
{
    mr_panels_close(&p->panels);
    if (p->packed)
        mr_memory_free(p->packed, p->packed_size);
    if (p->scratch)
        mr_memory_free(p->scratch, p->scratch_size);
}

mr_array *mr_array_matmul(mr_array *a, mr_array *b)
{
    if (!a || !b)
        return NULL;
    if (!is_good(a, b))
        return refuse(a, b);
    product p = {.job = a->job};
    const bool single = a->element == MR_F32 && b->element == MR_F32;
    const mr_element element = single ? MR_F32 : MR_F64;
    const mr_arrays_mark mark = mr_arrays_begin(p.job);
    a = a->element == element ? a : mr_array_cast(a, element);
    b = b->element == element ? b : mr_array_cast(b, element);
    mr_status status = mr_job_agree(p.job);
    if (status == MR_OK)
        status = run(&p, a, b);
    end(&p);
    mr_arrays_end(p.job, mark, &p.c, status == MR_OK ? 1 : 0);
    return status == MR_OK ? p.c : NULL;
}
