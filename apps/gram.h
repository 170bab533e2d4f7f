/*
 * apps/gram.h: sums of products of all pairs of columns of a table, for linreg and pca: for columns
 * a and b the sum over all rows of (a - shift of a) (b - shift of b). With the means as shifts
 * little is lost where a mean is much larger than the deviation.
 *
 * By tiles of MR_TILE_ROWS, each turned into columns; within a tile LANES plain sums a pair, over
 * tiles MR_SUM_F64 (see table.h): an error of less than 2^-43 of the sum of absolute products, and
 * the same bits for any ranks and threads.
 */
#ifndef APPS_GRAM_H
#define APPS_GRAM_H

#include "table.h"

#define GRAM_STRIDE (MR_TILE_ROWS + 8)
#define GRAM_BLOCK  4
/* Blocks of columns that are worked together: what stays in the second cache. */
#define GRAM_MANY 8

#define WIDE_FILE "gram_loops.h"
#include "wide.h"

typedef void gram_multiply(const double *, const double *, size_t, double *);

typedef struct gram {
    const table *t;
    const double *shifts;
    uint64_t columns, blocks; /* blocks: of GRAM_BLOCK columns */
    mr_dense *sums;           /* of columns a <= b: number b (b + 1) / 2 + a */
    unsigned char *room;      /* each thread's */
    uint64_t room_size;
    gram_multiply *multiply;
} gram;

static inline uint64_t gram_number(uint64_t a, uint64_t b)
{
    return a <= b ? b * (b + 1) / 2 + a : a * (a + 1) / 2 + b;
}

/* Rows become columns, less their shifts; a last part of LANES rows is filled up with zeros. */
static void gram_turn(const gram *g, const double *rows, uint64_t count, double *columns)
{
    for (uint64_t r = 0; r < count; r += LANES)
        for (uint64_t j = 0; j < g->columns; j++) {
            const double *from = rows + r * g->columns + j;
            double *to = columns + j * GRAM_STRIDE + r, shift = g->shifts[j];
            if (count - r >= LANES)
                for (uint64_t l = 0; l < LANES; l++)
                    to[l] = from[l * g->columns] - shift;
            else
                for (uint64_t l = 0; l < LANES; l++)
                    to[l] = r + l < count ? from[l * g->columns] - shift : 0;
        }
}

static void gram_add(const gram *g, uint64_t a, uint64_t b, const double *products, void *sums)
{
    for (uint64_t i = 0; i < GRAM_BLOCK; i++)
        for (uint64_t j = 0; j < GRAM_BLOCK; j++) {
            uint64_t one = a * GRAM_BLOCK + i, two = b * GRAM_BLOCK + j;
            if (one <= two && two < g->columns)
                sums_add(sums, gram_number(one, two),
                         lanes_sum(products + (i * GRAM_BLOCK + j) * LANES));
        }
}

static mr_status gram_tile(void *context, const mr_tile *tile)
{
    const gram *g = context;
    double *columns = (double *)(void *)(g->room + tile->thread * g->room_size);
    double *products = columns + g->blocks * GRAM_BLOCK * GRAM_STRIDE;
    void *sums = mr_dense_mine(g->sums, tile->thread);
    if (!sums)
        return MR_OK;
    gram_turn(g, tile->values, tile->box.size[0], columns);
    for (uint64_t many = 0; many < g->blocks; many += GRAM_MANY)
        for (uint64_t b = many; b < g->blocks; b++)
            for (uint64_t a = many; a < many + GRAM_MANY && a <= b; a++) {
                g->multiply(columns + a * GRAM_BLOCK * GRAM_STRIDE,
                            columns + b * GRAM_BLOCK * GRAM_STRIDE, tile->box.size[0], products);
                gram_add(g, a, b, products, sums);
            }
    return MR_OK;
}

/* Collective. Goes over the table once: `*all`, on all ranks, has the sums, of which sums_get reads
 * gram_number(a, b). It stays until the next time, or gram_free. */
static inline mr_status gram_run(gram *g, const void **all)
{
    mr_dense_clear(g->sums);
    MR_TRY(mr_array_each(g->t->values, gram_tile, g));
    *all = mr_dense_all(g->sums);
    return mr_job_agree(g->t->job);
}

/* Collective. `shifts` is borrowed; also after an error, gram_free is to be called. */
static inline mr_status gram_make(gram *g, const table *t, const double *shifts)
{
    *g = (gram){.t = t, .shifts = shifts, .columns = t->columns};
    g->blocks = (t->columns + GRAM_BLOCK - 1) / GRAM_BLOCK;
    g->multiply = WIDE_PICK(multiply);
    g->room_size = (g->blocks * GRAM_BLOCK * GRAM_STRIDE + GRAM_BLOCK * GRAM_BLOCK * LANES) * 8;
    g->room = table_room(t, mr_job_threads(t->job) * g->room_size, "tiles being worked on");
    MR_TRY(mr_job_agree(t->job));
    return mr_dense_create(t->job, MR_SUM_F64, t->columns * (t->columns + 1) / 2, &g->sums);
}

static inline void gram_free(gram *g)
{
    mr_dense_destroy(&g->sums);
    mr_job_release(g->t->job, g->room, mr_job_threads(g->t->job) * g->room_size);
}

#endif
