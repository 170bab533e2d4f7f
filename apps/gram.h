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

#define GRAM_BLOCK 4
/* Blocks of columns that are worked together: what stays in the second cache. */
#define GRAM_MANY 8

#define WIDE_FILE "gram_loops.h"
#include "wide.h"

/* Rows that are worked together, where columns are so few that these stay in the first cache while
 * the next ones are fetched from memory; otherwise a whole tile. */
#define GRAM_STRIP 64
#define GRAM_FEW   64

typedef void gram_turn(const double *, size_t, size_t, const double *, double *, size_t);
typedef void gram_multiply(const double *, const double *, size_t, size_t, double *);

typedef struct gram {
    const table *t;
    const double *shifts;
    uint64_t columns, blocks; /* blocks: of GRAM_BLOCK columns */
    uint64_t strip, stride;   /* rows that are worked together; from one column to the next */
    mr_dense *sums;           /* of columns a <= b: number b (b + 1) / 2 + a */
    unsigned char *room;      /* each thread's */
    uint64_t room_size;
    gram_turn *turn;
    gram_multiply *multiply;
} gram;

static inline uint64_t gram_number(uint64_t a, uint64_t b)
{
    return a <= b ? b * (b + 1) / 2 + a : a * (a + 1) / 2 + b;
}

/* Of one thread: columns, and LANES sums of the products of each block of them with each. */
typedef struct gram_room {
    double *columns, *products;
} gram_room;

static gram_room gram_room_of(const gram *g, unsigned thread)
{
    gram_room room = {.columns = (double *)(void *)(g->room + thread * g->room_size)};
    room.products = room.columns + g->blocks * GRAM_BLOCK * g->stride;
    return room;
}

#define GRAM_PRODUCTS (GRAM_BLOCK * GRAM_BLOCK * LANES)

static double *gram_block(const gram *g, const gram_room *room, uint64_t block)
{
    return room->columns + block * GRAM_BLOCK * g->stride;
}

/* Rows of a tile as columns, less their shifts; behind the last one zeros up to a multiple of
 * LANES. */
static void gram_fill(const gram *g, const mr_tile *tile, uint64_t first, uint64_t rows,
                      double *columns)
{
    const double *values = tile->values;
    g->turn(values + first * g->columns, rows, g->columns, g->shifts, columns, g->stride);
    for (uint64_t r = rows; r % LANES; r++)
        for (uint64_t j = 0; j < g->columns; j++)
            columns[j * g->stride + r] = 0;
}

/* Products of all blocks a <= b, a few blocks with all others at a time. */
static void gram_multiply_all(const gram *g, uint64_t rows, const gram_room *room)
{
    for (uint64_t many = 0; many < g->blocks; many += GRAM_MANY)
        for (uint64_t b = many; b < g->blocks; b++)
            for (uint64_t a = many; a < many + GRAM_MANY && a <= b; a++)
                g->multiply(gram_block(g, room, a), gram_block(g, room, b), g->stride, rows,
                            room->products + gram_number(a, b) * GRAM_PRODUCTS);
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
    gram_room room = gram_room_of(g, tile->thread);
    uint64_t rows = tile->box.size[0], pairs = g->blocks * (g->blocks + 1) / 2;
    void *sums = mr_dense_mine(g->sums, tile->thread);
    if (!sums)
        return MR_OK;
    memset(room.products, 0, pairs * GRAM_PRODUCTS * sizeof *room.products);
    for (uint64_t first = 0; first < rows; first += g->strip) {
        uint64_t some = rows - first < g->strip ? rows - first : g->strip;
        gram_fill(g, tile, first, some, room.columns);
        gram_multiply_all(g, some, &room);
    }
    for (uint64_t b = 0; b < g->blocks; b++)
        for (uint64_t a = 0; a <= b; a++)
            gram_add(g, a, b, room.products + gram_number(a, b) * GRAM_PRODUCTS, sums);
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
    g->strip = t->columns <= GRAM_FEW ? GRAM_STRIP : MR_TILE_ROWS;
    g->stride = g->strip + LANES;
    g->turn = WIDE_PICK(turn);
    g->multiply = WIDE_PICK(multiply);
    g->room_size =
        (g->blocks * GRAM_BLOCK * g->stride + g->blocks * (g->blocks + 1) / 2 * GRAM_PRODUCTS) *
        sizeof(double);
    g->room = table_room(t, mr_job_threads(t->job) * g->room_size, "tiles being worked on");
    MR_TRY(mr_job_agree(t->job));
    return mr_dense_create(t->job, MR_SUM_F64, t->columns * (t->columns + 1) / 2, &g->sums);
}

/* Also of one that was never made. */
static inline void gram_free(gram *g)
{
    if (!g->t)
        return;
    mr_dense_destroy(&g->sums);
    mr_job_release(g->t->job, g->room, mr_job_threads(g->t->job) * g->room_size);
}

#endif
