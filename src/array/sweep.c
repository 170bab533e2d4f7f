/*
 * array/sweep.c: going over an array tile by tile, with the threads of all ranks (engine/feed.h).
 */
#include "array/evaluate.h"

#include "engine/feed.h"

#include <omp.h>

/* Tiles of a box: how many along each axis. */
typedef struct grid {
    mr_box region;
    mr_dims tile;
    uint64_t counts[MR_AXES];
    uint64_t tiles;
    uint64_t side; /* tiles come in pairs (i, j), (j, i) of so many by so many; 0: they do not */
} grid;

typedef struct sweeping {
    mr_sweep *sweep;
    const mr_array *array;
    grid grid;
} sweeping;

static grid grid_of(const mr_box *region, const mr_dims *tile)
{
    grid g = {.region = *region, .tile = *tile, .tiles = 1};
    g.tile.axes = region->axes;
    for (unsigned axis = 0; axis < region->axes; axis++) {
        uint64_t size = tile->size[axis] ? tile->size[axis] : 1;
        g.tile.size[axis] = size;
        g.counts[axis] = region->size[axis] / size + (region->size[axis] % size != 0);
        g.tiles *= g.counts[axis];
    }
    return g;
}

static mr_box tile_at(const grid *g, uint64_t number)
{
    mr_box box = {.axes = g->region.axes};
    for (unsigned axis = box.axes; axis-- > 0;) {
        uint64_t from = number % g->counts[axis] * g->tile.size[axis];
        uint64_t left = g->region.size[axis] - from;
        number /= g->counts[axis];
        box.from[axis] = g->region.from[axis] + from;
        box.size[axis] = left < g->tile.size[axis] ? left : g->tile.size[axis];
    }
    return box;
}

/* What x + transpose(x) needs for one of a pair it needs for the other one too. */
static void pair_tiles(grid *g, const mr_array *array)
{
    if (array->moves && g->region.axes == 2 && g->counts[0] == g->counts[1] && g->counts[0] > 1 &&
        g->tile.size[0] == g->tile.size[1])
        g->side = g->counts[0];
}

static uint64_t units_of(const grid *g)
{
    return g->side ? g->side * (g->side + 1) / 2 : g->tiles;
}

/* Pairs (i, j) with j from i up: rows i and side - 1 - i together have side + 1 of them. */
static void pair_at(const grid *g, uint64_t unit, uint64_t *i, uint64_t *j)
{
    uint64_t row = unit / (g->side + 1), place = unit % (g->side + 1), has = g->side - row;
    *i = place < has ? row : g->side - 1 - row;
    *j = *i + (place < has ? place : place - has);
}

static mr_status run_tile(mr_worker *w, const mr_box *box)
{
    const sweeping *s = w->feed->self;
    const void *values;
    MR_TRY(mr_evaluate_look(w->own, s->array, box, &values, &w->error));
    return s->sweep->take(s->sweep, (unsigned)omp_get_thread_num(), box, values, &w->error);
}

static mr_status run_unit(mr_worker *w, uint64_t unit)
{
    const sweeping *s = w->feed->self;
    uint64_t i, j;
    mr_status status = MR_OK;
    mr_box box;
    mr_feed_begin(w, NULL);
    if (s->grid.side) {
        pair_at(&s->grid, unit, &i, &j);
        box = tile_at(&s->grid, i * s->grid.side + j);
        status = run_tile(w, &box);
        box = tile_at(&s->grid, j * s->grid.side + i);
        if (status == MR_OK && i != j)
            status = run_tile(w, &box);
    } else {
        box = tile_at(&s->grid, unit);
        status = run_tile(w, &box);
    }
    w->self->error = w->error;
    return mr_feed_end(w, status);
}

static mr_status open_worker(mr_worker *w)
{
    const sweeping *s = w->feed->self;
    mr_evaluator *evaluator = NULL;
    MR_TRY(mr_evaluator_create(&evaluator, s->array, NULL, &w->error));
    w->own = evaluator;
    return MR_OK;
}

static void close_worker(mr_worker *w)
{
    mr_evaluator *evaluator = w->own;
    mr_evaluator_destroy(&evaluator);
}

static mr_status run(sweeping *s)
{
    mr_job *job = s->array->job;
    const mr_app app = {.name = job->app.name};
    uint64_t units = units_of(&s->grid);
    mr_feed feed = {.job = job,
                    .app = &app,
                    .phase = s->sweep->phase,
                    .share = s->sweep->mine ? (mr_range){0, units} : mr_feed_share(job, units),
                    .steal = !s->sweep->mine,
                    .open = open_worker,
                    .run = run_unit,
                    .close = close_worker,
                    .self = s};
    mr_status status = mr_feed_run(&feed);
    job->failed = status != MR_OK;
    return status;
}

mr_status mr_sweep_run(mr_sweep *sweep)
{
    sweeping s = {.sweep = sweep, .array = sweep->array};
    if (!sweep->array)
        return MR_FAILED;
    MR_TRY(mr_job_agree(sweep->array->job));
    mr_box all = mr_box_of(&sweep->array->dims);
    const mr_dims *tile = sweep->tile.axes ? &sweep->tile : &sweep->array->chunk;
    s.grid = grid_of(sweep->region ? sweep->region : &all, tile);
    pair_tiles(&s.grid, sweep->array);
    return run(&s);
}
