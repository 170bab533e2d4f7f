/*
 * apps/kmeans.c: points put into k clusters, each with the centre of its points, so that the sum of
 * squared distances is small: Lloyd's iterations from a start by k-means++.
 *
 * The same bits for any number of ranks and threads. Points are worked by tiles of MR_TILE_ROWS; a
 * distance is computed in one order; a sum within a tile too, and tiles are added by MR_SUM_F64
 * (see table.h). So each coordinate of a sum is off by less than 2^-43 of the sum of the absolute
 * coordinates of a cluster's points.
 *
 * The start needs points drawn with a probability proportional to their squared distance D from the
 * nearest centre so far. First a tile is drawn: the sums of D over tiles become whole numbers,
 * whose prefix sums are exact. Then a point of the tile. A few points are drawn, and the one that
 * leaves the smallest sum of D becomes the next centre: drawn only once, a centre is often the
 * second one of a cluster. What is drawn follows from --seed alone.
 *
 * A cluster that loses all its points gets the point that is farthest from all centres.
 */
#include "table.h"

#include <stdlib.h>

#define WIDE_FILE "kmeans_loops.h"
#include "wide.h"

typedef struct state {
    int64_t clusters, iterations;
    double tolerance;
    const char *start;
} state;

#define PANELS (MR_TILE_ROWS / LANES)
/* Up to so many clusters each one's points are added up on their own, by vectors. */
#define FEW 16

/* The squared distances of a tile's points from the nearest of the first `seen` centres. */
typedef struct near {
    uint64_t seen;
    double squares[MR_TILE_ROWS];
} near;

typedef void kmeans_turn(const double *, size_t, double *, size_t);
typedef void kmeans_nearest(double *, size_t, double *, const double *, size_t, size_t, size_t);
typedef void kmeans_own(const double *, size_t, size_t, const double *, double, double *);

typedef struct finder {
    const state *options;
    table t;
    uint64_t k, axes;    /* clusters, columns */
    uint64_t known;      /* centres that there are, while a start is found */
    double *centres;     /* k of them */
    double *sizes;       /* points of each */
    double *inertia;     /* squared distances of each, summed up */
    mr_dense *sums;      /* for each cluster: coordinates, squared distances, how many */
    unsigned char *room; /* each thread's: panels, labels, sums */
    uint64_t room_size;
    near **near;      /* a tile's, made when it is first seen; NULL: none */
    uint64_t spare;   /* bytes of memory that they leave to others */
    double *drawable; /* sums of them, of all tiles on all ranks */
    uint64_t tiles;
    double *offers, *tries; /* points that may be the next centre; what `drawable` were with each */
    uint64_t offer_count;
    double *far; /* of each thread: the largest squared distance, and the row that has it */
    kmeans_turn *turn;
    kmeans_nearest *nearest;
    kmeans_own *own;
} finder;

static uint64_t columns_of(const finder *f)
{
    return f->axes + 2;
}

/* ---- A tile ---- */

typedef struct tile {
    double *panels, *labels, *sums;
    uint64_t rows, panel_count, first; /* first: row */
} tile;

static tile room_of(const finder *f, unsigned thread, const mr_box *box)
{
    tile a = {.rows = box->size[0], .first = box->from[0]};
    a.panel_count = (a.rows + LANES - 1) / LANES;
    a.panels = (double *)(void *)(f->room + thread * f->room_size);
    a.labels = a.panels + columns_of(f) * MR_TILE_ROWS;
    a.sums = a.labels + MR_TILE_ROWS;
    return a;
}

/* The rows of the last panel may be too few: then those behind them are points at zero. */
static void turn_end(const finder *f, const tile *a, const double *rows)
{
    uint64_t done = a->rows / LANES * LANES;
    double *panel = a->panels + done * columns_of(f);
    for (uint64_t j = 0; j < columns_of(f); j++)
        for (uint64_t l = 0; l < LANES; l++)
            panel[j * LANES + l] = done + l >= a->rows ? 0
                                   : j < f->axes       ? rows[(done + l) * f->axes + j]
                                   : j == f->axes      ? HUGE_VAL
                                                       : 1;
}

static tile turn(const finder *f, const mr_tile *from)
{
    tile a = room_of(f, from->thread, &from->box);
    f->turn(from->values, a.rows / LANES, a.panels, f->axes);
    if (a.rows % LANES)
        turn_end(f, &a, from->values);
    memset(a.labels, 0, MR_TILE_ROWS * sizeof *a.labels);
    return a;
}

static double *square_of(const finder *f, const tile *a, uint64_t row)
{
    return a->panels + (row / LANES * columns_of(f) + f->axes) * LANES + row % LANES;
}

/* ---- Lloyd's iterations ---- */

/* Sums over the points of every cluster: few clusters by vectors, many of them point by point. */
static void add_few(const finder *f, const tile *a, void *sums)
{
    uint64_t columns = columns_of(f);
    for (uint64_t i = 0; i < f->k; i++) {
        f->own(a->panels, a->panel_count, columns, a->labels, (double)i, a->sums);
        for (uint64_t j = 0; j < columns; j++)
            sums_add(sums, i * columns + j, lanes_sum(a->sums + j * LANES));
    }
}

static void add_many(const finder *f, const tile *a, const double *rows, void *sums)
{
    uint64_t columns = columns_of(f), axes = f->axes;
    memset(a->sums, 0, f->k * columns * sizeof *a->sums);
    for (uint64_t r = 0; r < a->rows; r++) {
        double *sum = a->sums + (uint64_t)a->labels[r] * columns;
        for (uint64_t j = 0; j < axes; j++)
            sum[j] += rows[r * axes + j];
        sum[axes] += *square_of(f, a, r);
        sum[axes + 1] += 1;
    }
    for (uint64_t i = 0; i < f->k; i++)
        for (uint64_t j = 0; j < columns && a->sums[i * columns + axes + 1] > 0; j++)
            sums_add(sums, i * columns + j, a->sums[i * columns + j]);
}

static mr_status assign_tile(void *context, const mr_tile *from)
{
    finder *f = context;
    void *sums = mr_dense_mine(f->sums, from->thread);
    if (!sums)
        return MR_OK;
    tile a = turn(f, from);
    f->nearest(a.panels, a.panel_count, a.labels, f->centres, 0, f->k, f->axes);
    for (uint64_t r = a.rows; r < a.panel_count * LANES; r++)
        *square_of(f, &a, r) = 0;
    if (f->k <= FEW)
        add_few(f, &a, sums);
    else
        add_many(f, &a, from->values, sums);
    return MR_OK;
}

/* Every point to its centre; sizes and inertia are those of the centres there are. */
static mr_status assign(finder *f, const void **sums)
{
    uint64_t columns = columns_of(f);
    mr_dense_clear(f->sums);
    MR_TRY(mr_array_each(f->t.values, assign_tile, f));
    *sums = mr_dense_all(f->sums);
    for (uint64_t i = 0; *sums && i < f->k; i++) {
        f->inertia[i] = sums_get(*sums, i * columns + f->axes);
        f->sizes[i] = sums_get(*sums, i * columns + f->axes + 1);
    }
    return mr_job_agree(f->t.job);
}

/* ---- The farthest point ---- */

static mr_status far_tile(void *context, const mr_tile *from)
{
    finder *f = context;
    double *far = f->far + 2 * from->thread;
    tile a = turn(f, from);
    f->nearest(a.panels, a.panel_count, a.labels, f->centres, 0, f->known, f->axes);
    for (uint64_t r = 0; r < a.rows; r++) {
        double square = *square_of(f, &a, r), row = (double)(a.first + r);
        if (square > far[0] || (square == far[0] && row < far[1])) {
            far[0] = square;
            far[1] = row;
        }
    }
    return MR_OK;
}

static mr_status copy_row(finder *f, uint64_t row, double *to)
{
    mr_arrays_mark mark = mr_arrays_begin(f->t.job);
    mr_slice slices[] = {{(int64_t)row, (int64_t)row + 1, 1}, MR_SLICE_ALL};
    mr_status status = mr_array_get(mr_array_slice(f->t.values, slices), to);
    mr_arrays_end(f->t.job, mark, NULL, 0);
    return status;
}

/* The point farthest from the first `known` centres becomes the next one; of several the first. */
static mr_status add_farthest(finder *f)
{
    unsigned threads = mr_job_threads(f->t.job);
    for (unsigned i = 0; i < threads; i++) {
        f->far[2 * i] = -1;
        f->far[2 * i + 1] = 0;
    }
    MR_TRY(mr_array_each(f->t.values, far_tile, f));
    double farthest = -1;
    for (unsigned i = 0; i < threads; i++)
        farthest = f->far[2 * i] > farthest ? f->far[2 * i] : farthest;
    mr_all_max_f64(f->t.job, &farthest, 1);
    int64_t row = INT64_MAX;
    for (unsigned i = 0; i < threads; i++)
        if (f->far[2 * i] == farthest && (int64_t)f->far[2 * i + 1] < row)
            row = (int64_t)f->far[2 * i + 1];
    mr_all_min_i64(f->t.job, &row, 1);
    MR_TRY(mr_job_agree(f->t.job));
    return copy_row(f, (uint64_t)row, f->centres + f->known++ * f->axes);
}

/* ---- Centres that move ---- */

static void mean_of(const finder *f, const void *sums, uint64_t i, double *centre)
{
    for (uint64_t j = 0; j < f->axes; j++)
        centre[j] = sums_get(sums, i * columns_of(f) + j) / f->sizes[i];
}

static double square_between(const double *a, const double *b, uint64_t axes)
{
    double sum = 0;
    for (uint64_t j = 0; j < axes; j++)
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* Centres without points are found while the others stand first in `centres`, and then all get
 * their places again. */
static mr_status fill_empty(finder *f, double *moved)
{
    uint64_t size = f->axes * sizeof *moved, others = 0;
    for (uint64_t i = 0; i < f->k; i++)
        others += f->sizes[i] > 0;
    if (others == f->k) {
        memcpy(f->centres, moved, f->k * size);
        return MR_OK;
    }
    f->known = 0;
    for (uint64_t i = 0; i < f->k; i++)
        if (f->sizes[i] > 0)
            memcpy(f->centres + f->known++ * f->axes, moved + i * f->axes, size);
    while (f->known < f->k)
        MR_TRY(add_farthest(f));
    for (uint64_t i = 0, next = others; i < f->k; i++)
        if (f->sizes[i] == 0)
            memcpy(moved + i * f->axes, f->centres + next++ * f->axes, size);
    memcpy(f->centres, moved, f->k * size);
    mr_job_add(f->t.job, "clusters without points",
               mr_job_rank(f->t.job) == 0 ? (int64_t)(f->k - others) : 0);
    return MR_OK;
}

/* Moves all centres; *far: the largest squared distance that one of them moved by. */
static mr_status move(finder *f, const void *sums, double *room, double *far)
{
    double *moved = room, *before = room + f->k * f->axes;
    memcpy(before, f->centres, f->k * f->axes * sizeof *before);
    for (uint64_t i = 0; i < f->k; i++)
        if (f->sizes[i] > 0)
            mean_of(f, sums, i, moved + i * f->axes);
    MR_TRY(fill_empty(f, moved));
    *far = 0;
    for (uint64_t i = 0; i < f->k; i++) {
        double square = square_between(before + i * f->axes, f->centres + i * f->axes, f->axes);
        *far = square > *far ? square : *far;
    }
    return MR_OK;
}

/* Centres, sizes and inertia lie one behind the other. */
static uint64_t centres_size(const finder *f)
{
    return f->k * (f->axes + 2) * sizeof *f->centres;
}

static mr_status iterate(finder *f, double *room)
{
    double enough = f->options->tolerance * f->options->tolerance, far = HUGE_VAL;
    int64_t done = 0;
    const void *sums;
    mr_loop *loop;
    MR_TRY(mr_loop_begin(f->t.job, "iterations", &loop));
    mr_loop_value(loop, "done", &done, sizeof done);
    mr_loop_value(loop, "far", &far, sizeof far);
    mr_loop_whole(loop, "centres", f->centres, centres_size(f));
    MR_TRY(mr_loop_load(loop, NULL));
    while (done < f->options->iterations && far > enough) {
        MR_TRY(assign(f, &sums));
        MR_TRY(move(f, sums, room, &far));
        done++;
        mr_job_add(f->t.job, "iterations", mr_job_rank(f->t.job) == 0);
        MR_TRY(mr_loop_round(loop));
    }
    MR_TRY(mr_loop_end(&loop));
    return far > 0 ? assign(f, &sums) : MR_OK;
}

/* ---- The start ---- */

static near *near_of(finder *f, uint64_t number)
{
    if (!f->near[number] && mr_job_memory_left(f->t.job) > f->spare)
        f->near[number] = mr_job_allocate(f->t.job, sizeof(near));
    return f->near[number];
}

/* A tile's squared distances: those it had, and what is nearer now. Another rank may have done this
 * tile before, and there may be no memory: then it has to be compared with more centres. */
static void measure(finder *f, tile *a)
{
    near *before = near_of(f, a->first / MR_TILE_ROWS);
    uint64_t seen = before ? before->seen : 0;
    for (uint64_t r = 0; r < a->rows && seen; r++)
        *square_of(f, a, r) = before->squares[r];
    f->nearest(a->panels, a->panel_count, a->labels, f->centres, seen, f->known, f->axes);
    for (uint64_t r = 0; r < a->rows && before; r++)
        before->squares[r] = *square_of(f, a, r);
    if (before)
        before->seen = f->known;
}

static mr_status measure_tile(void *context, const mr_tile *from)
{
    finder *f = context;
    tile a = turn(f, from);
    double sum = 0;
    measure(f, &a);
    for (uint64_t r = 0; r < a.rows; r++)
        sum += *square_of(f, &a, r);
    f->drawable[a.first / MR_TILE_ROWS] = sum;
    return MR_OK;
}

/* The tile in which `part`, from 0 to below 1, of all squared distances lies; false: there are
 * none. */
static bool draw_tile(const finder *f, double part, uint64_t *number)
{
    double largest = 0;
    uint64_t total = 0, bits = 62;
    for (uint64_t i = 0; i < f->tiles; i++)
        largest = f->drawable[i] > largest ? f->drawable[i] : largest;
    if (largest == 0)
        return false;
    while (f->tiles >> (62 - bits))
        bits--;
    for (uint64_t i = 0; i < f->tiles; i++)
        total += (uint64_t)ldexp(f->drawable[i] / largest, (int)bits);
    uint64_t left = (uint64_t)(part * (double)total);
    left = left < total ? left : total - 1;
    for (uint64_t i = 0; i < f->tiles; i++) {
        uint64_t weight = (uint64_t)ldexp(f->drawable[i] / largest, (int)bits);
        if (left < weight) {
            *number = i;
            return true;
        }
        left -= weight;
    }
    return false;
}

/* The row in which `part` of a tile's squared distances lies. */
static uint64_t draw_row(const finder *f, const double *rows, uint64_t count, double part,
                         double *squares)
{
    double total = 0;
    for (uint64_t r = 0; r < count; r++) {
        squares[r] = HUGE_VAL;
        for (uint64_t i = 0; i < f->known; i++) {
            double square = square_between(rows + r * f->axes, f->centres + i * f->axes, f->axes);
            squares[r] = square < squares[r] ? square : squares[r];
        }
        total += squares[r];
    }
    uint64_t last = 0;
    double sum = 0;
    for (uint64_t r = 0; r < count && sum <= part * total; r++) {
        sum += squares[r];
        last = squares[r] > 0 ? r : last;
    }
    return last;
}

/* A point out of a tile; all ranks get the tile and draw the same. */
static mr_status draw_from(finder *f, uint64_t number, double part, double *point)
{
    uint64_t first = number * MR_TILE_ROWS, left = f->t.rows - first;
    uint64_t count = left < MR_TILE_ROWS ? left : MR_TILE_ROWS;
    double squares[MR_TILE_ROWS], *rows = (double *)(void *)f->room;
    mr_arrays_mark mark = mr_arrays_begin(f->t.job);
    mr_slice slices[] = {{(int64_t)first, (int64_t)(first + count), 1}, MR_SLICE_ALL};
    mr_status status = mr_array_get(mr_array_slice(f->t.values, slices), rows);
    mr_arrays_end(f->t.job, mark, NULL, 0);
    MR_TRY(status);
    uint64_t row = draw_row(f, rows, count, part, squares);
    memcpy(point, rows + row * f->axes, f->axes * sizeof *rows);
    return MR_OK;
}

/* What a tile's squared distances would add up to with each of the points offered. */
static mr_status try_tile(void *context, const mr_tile *from)
{
    finder *f = context;
    tile a = turn(f, from);
    double squares[MR_TILE_ROWS];
    measure(f, &a);
    for (uint64_t r = 0; r < a.rows; r++)
        squares[r] = *square_of(f, &a, r);
    for (uint64_t i = 0; i < f->offer_count; i++) {
        double sum = 0;
        f->nearest(a.panels, a.panel_count, a.labels, f->offers, i, i + 1, f->axes);
        for (uint64_t r = 0; r < a.rows; r++) {
            sum += *square_of(f, &a, r);
            *square_of(f, &a, r) = squares[r];
        }
        f->tries[i * f->tiles + a.first / MR_TILE_ROWS] = sum;
    }
    return MR_OK;
}

/* The best of the points offered becomes the next centre; of equal ones the first. What is drawable
 * then has just been found out. */
static mr_status take_best(finder *f)
{
    memset(f->tries, 0, f->offer_count * f->tiles * sizeof *f->tries);
    MR_TRY(mr_array_each(f->t.values, try_tile, f));
    mr_all_sum_f64(f->t.job, f->tries, f->offer_count * f->tiles); /* one of the terms is not 0 */
    MR_TRY(mr_job_agree(f->t.job));
    double least = HUGE_VAL;
    uint64_t best = 0;
    for (uint64_t i = 0; i < f->offer_count; i++) {
        double total = 0;
        for (uint64_t t = 0; t < f->tiles; t++)
            total += f->tries[i * f->tiles + t];
        best = total < least ? i : best;
        least = total < least ? total : least;
    }
    memcpy(f->centres + f->known++ * f->axes, f->offers + best * f->axes,
           f->axes * sizeof *f->centres);
    memcpy(f->drawable, f->tries + best * f->tiles, f->tiles * sizeof *f->drawable);
    return MR_OK;
}

static mr_status measure_all(finder *f)
{
    memset(f->drawable, 0, f->tiles * sizeof *f->drawable);
    MR_TRY(mr_array_each(f->t.values, measure_tile, f));
    mr_all_sum_f64(f->t.job, f->drawable, f->tiles); /* one of the terms is not 0 */
    return mr_job_agree(f->t.job);
}

static mr_status draw_next(finder *f, const double *parts)
{
    for (uint64_t i = 0, number; i < f->offer_count; i++) {
        if (!draw_tile(f, parts[2 * i], &number))
            return mr_job_fail(f->t.job, MR_BAD_INPUT,
                               "too few points: only %" PRIu64 " different ones for --k %" PRIu64
                               ": give a smaller --k",
                               f->known, f->k);
        MR_TRY(draw_from(f, number, parts[2 * i + 1], f->offers + i * f->axes));
    }
    return take_best(f);
}

/* Two random numbers for each point that is drawn. */
static mr_status draw_parts(finder *f, double *parts)
{
    mr_dims dims = MR_DIMS1(2 * f->k * f->offer_count);
    mr_arrays_mark mark = mr_arrays_begin(f->t.job);
    mr_status status = mr_array_get(mr_array_uniform(f->t.job, dims, 0, 1, 0), parts);
    mr_arrays_end(f->t.job, mark, NULL, 0);
    return status;
}

static mr_status draw_first(finder *f, double part)
{
    uint64_t row = (uint64_t)(part * (double)f->t.rows);
    MR_TRY(copy_row(f, row < f->t.rows ? row : f->t.rows - 1, f->centres));
    f->known = 1;
    return f->k > 1 ? measure_all(f) : MR_OK;
}

static mr_status draw_start(finder *f, double *parts)
{
    bool resumed;
    mr_loop *loop;
    MR_TRY(draw_parts(f, parts));
    MR_TRY(mr_loop_begin(f->t.job, "start", &loop));
    mr_loop_value(loop, "known", &f->known, sizeof f->known);
    mr_loop_whole(loop, "centres", f->centres, f->k * f->axes * sizeof *f->centres);
    mr_loop_whole(loop, "drawable", f->drawable, f->tiles * sizeof *f->drawable);
    MR_TRY(mr_loop_load(loop, &resumed));
    if (!resumed)
        MR_TRY(draw_first(f, parts[0]));
    while (f->known < f->k) {
        MR_TRY(draw_next(f, parts + 2 * f->known * f->offer_count));
        mr_job_add(f->t.job, "centres drawn", mr_job_rank(f->t.job) == 0);
        MR_TRY(mr_loop_round(loop));
    }
    return mr_loop_end(&loop);
}

/* Memory for that: of all tiles, but only those that this rank does are filled. */
static mr_status start_by_drawing(finder *f)
{
    f->offer_count = 2 + (uint64_t)log((double)f->k);
    uint64_t parts_count = 2 * f->k * f->offer_count, offers_count = f->offer_count * f->axes;
    uint64_t near_size = f->tiles * sizeof(near *);
    uint64_t sums_size =
        ((f->offer_count + 1) * f->tiles + offers_count + parts_count) * sizeof(double);
    f->near = table_room(&f->t, near_size, "tiles of the input");
    f->drawable = table_room(&f->t, sums_size, "tiles of the input");
    f->spare = mr_job_memory_left(f->t.job) / 2;
    mr_status status = mr_job_agree(f->t.job);
    if (status == MR_OK) {
        f->tries = f->drawable + f->tiles;
        f->offers = f->tries + f->offer_count * f->tiles;
        status = draw_start(f, f->offers + offers_count);
    }
    for (uint64_t i = 0; f->near && i < f->tiles; i++)
        mr_job_release(f->t.job, f->near[i], sizeof(near));
    mr_job_release(f->t.job, f->near, near_size);
    mr_job_release(f->t.job, f->drawable, sums_size);
    return status;
}

static mr_status start_from(finder *f, mr_array *start)
{
    mr_dims dims = mr_array_dims(start);
    if (dims.axes != 2 || dims.size[0] != f->k || dims.size[1] != f->axes)
        return mr_job_fail(f->t.job, MR_BAD_INPUT,
                           "wrong centroids: %s: it has to have %" PRIu64 " rows of %" PRIu64
                           " columns",
                           f->options->start, f->k, f->axes);
    MR_TRY(mr_array_get(start, f->centres));
    for (uint64_t i = 0; i < f->k * f->axes; i++)
        if (!(fabs(f->centres[i]) <= TABLE_LARGEST))
            return mr_job_fail(f->t.job, MR_BAD_INPUT,
                               "no number to work with: %s: row %" PRIu64
                               ", the first being 1: %g: give another centroid",
                               f->options->start, i / f->axes + 1, f->centres[i]);
    return MR_OK;
}

static mr_status read_start(finder *f)
{
    mr_array *start = mr_array_load(f->t.job, &f->options->start, 1, NULL);
    MR_TRY(mr_job_agree(f->t.job));
    mr_status status = start_from(f, start);
    mr_array_free(&start);
    return status;
}

/* ---- The result ---- */

static void show_cluster(void *context, uint64_t number, mr_row *row)
{
    const finder *f = context;
    mr_row_add_u64(row, number);
    mr_row_add_u64(row, (uint64_t)f->sizes[number]);
    for (uint64_t j = 0; j < f->axes; j++)
        mr_row_add_f64(row, f->centres[number * f->axes + j]);
    mr_row_add_f64(row, f->inertia[number]);
}

static mr_status write_rows(finder *f)
{
    return table_write_wide(&f->t, "cluster", "size", "inertia", f->k, show_cluster, f);
}

static mr_status write_datasets(finder *f)
{
    mr_job *job = f->t.job;
    double inertia = 0;
    for (uint64_t i = 0; i < f->k; i++)
        inertia += f->inertia[i];
    mr_array *arrays[] = {
        mr_array_of(job, MR_F64, MR_DIMS2(f->k, f->axes), f->centres),
        mr_array_cast(mr_array_of(job, MR_F64, MR_DIMS1(f->k), f->sizes), MR_I64),
        mr_array_of(job, MR_F64, MR_DIMS1(1), &inertia),
    };
    const mr_array_file files[] = {
        {.dataset = "centroids"}, {.dataset = "sizes"}, {.dataset = "inertia"}};
    return mr_arrays_write(arrays, files, 3);
}

static mr_status find(finder *f, double *room)
{
    MR_TRY(f->options->start ? read_start(f) : start_by_drawing(f));
    MR_TRY(iterate(f, room));
    return mr_job_writes_arrays(f->t.job) ? write_datasets(f) : write_rows(f);
}

/* ---- Memory ---- */

static uint64_t lines(uint64_t size)
{
    return (size + 63) & ~(uint64_t)63;
}

/* Bytes of what each thread works in, and of what a rank has besides. */
static uint64_t thread_room(const finder *f)
{
    uint64_t sums = f->k <= FEW ? LANES : f->k;
    return lines((columns_of(f) * (MR_TILE_ROWS + sums) + MR_TILE_ROWS) * sizeof(double));
}

static mr_status find_in_room(finder *f)
{
    unsigned threads = mr_job_threads(f->t.job);
    uint64_t centres = f->k * (f->axes + 2) * sizeof(double);
    uint64_t sizes[] = {threads * f->room_size, centres, (2 * f->k + 2) * f->axes * 8,
                        threads * 16};
    f->room = table_room(&f->t, sizes[0], "tiles being worked on");
    f->centres = table_room(&f->t, sizes[1], "centroids");
    double *room = table_room(&f->t, sizes[2], "centroids");
    f->far = table_room(&f->t, sizes[3], "centroids");
    if (f->centres) {
        f->sizes = f->centres + f->k * f->axes;
        f->inertia = f->sizes + f->k;
    }
    mr_status status = mr_job_agree(f->t.job);
    if (status == MR_OK)
        status = mr_dense_create(f->t.job, MR_SUM_F64, f->k * columns_of(f), &f->sums);
    if (status == MR_OK)
        status = find(f, room);
    mr_dense_destroy(&f->sums);
    mr_job_release(f->t.job, f->room, sizes[0]);
    mr_job_release(f->t.job, f->centres, sizes[1]);
    mr_job_release(f->t.job, room, sizes[2]);
    mr_job_release(f->t.job, f->far, sizes[3]);
    return status;
}

static mr_status find_clusters(finder *f)
{
    if (f->k > f->t.rows)
        return mr_job_fail(f->t.job, MR_BAD_INPUT,
                           "too few points: %" PRIu64 " for --k %" PRIu64 ": give a smaller --k",
                           f->t.rows, f->k);
    f->axes = f->t.columns;
    f->tiles = (f->t.rows + MR_TILE_ROWS - 1) / MR_TILE_ROWS;
    f->room_size = thread_room(f);
    f->turn = WIDE_PICK(turn);
    f->nearest = WIDE_PICK(nearest);
    f->own = WIDE_PICK(own);
    MR_TRY(table_fits_rows(&f->t, 3));
    return find_in_room(f);
}

static mr_status run(mr_job *job)
{
    finder f = {.options = mr_job_state(job)};
    f.k = (uint64_t)f.options->clusters;
    mr_status status = table_load(job, &f.t);
    if (status == MR_OK)
        status = find_clusters(&f);
    table_free(&f.t);
    return status;
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (s->clusters < 1 || s->clusters > INT32_MAX)
        return mr_job_fail(job, MR_USAGE, "wrong --k: %lld: give 1 or more",
                           (long long)s->clusters);
    if (s->iterations < 0)
        return mr_job_fail(job, MR_USAGE, "wrong --iterations: %lld: give 0 or more",
                           (long long)s->iterations);
    if (!(s->tolerance >= 0))
        return mr_job_fail(job, MR_USAGE, "wrong --tolerance: %g: give 0 or more", s->tolerance);
    return MR_OK;
}

static const mr_option options[] = {
    {"k", MR_OPTION_I64, offsetof(state, clusters), NULL, "how many clusters", true},
    {"iterations", MR_OPTION_I64, offsetof(state, iterations), "300",
     "stop after so many iterations at the latest", false},
    {"tolerance", MR_OPTION_F64, offsetof(state, tolerance), "0",
     "stop when no centroid moves farther than this", false},
    {"start", MR_OPTION_TEXT, offsetof(state, start), NULL,
     "centroids to begin with, as an input is named; otherwise drawn by k-means++", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,           .name = "kmeans",   .summary = "put points into clusters",
    .usage = "POINTS...", .options = options, .state_size = sizeof(state),
    .setup = setup,       .run = run,
};
