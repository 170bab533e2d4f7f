/*
 * array/sweep.c: going over an array tile by tile, with the threads of all ranks (engine/feed.h).
 */
#include "array/deal.h"
#include "array/evaluate.h"
#include "comm/trade.h"
#include "engine/feed.h"

#include <omp.h>
#include <stdlib.h>

typedef struct sweeping {
    mr_sweep *sweep;
    const mr_array *array;
    mr_tiling tiling;
    uint64_t side; /* tiles come in pairs (i, j), (j, i) of so many by so many; 0: they do not */
    mr_deal *deal; /* NULL: no kept array of several ranks takes part */
    mr_fetched *fetched;
} sweeping;

/* What x + transpose(x) needs for one of a pair it needs for the other one too. */
static uint64_t pairs_side(const mr_tiling *t, const mr_array *array)
{
    bool square = array->moves && t->region.axes == 2 && t->counts[0] == t->counts[1] &&
                  t->counts[0] > 1 && t->tile.size[0] == t->tile.size[1];
    return square ? t->counts[0] : 0;
}

/* Pairs (i, j) with j from i up: rows i and side - 1 - i together have side + 1 of them. */
static void pair_at(uint64_t side, uint64_t unit, uint64_t *i, uint64_t *j)
{
    uint64_t row = unit / (side + 1), place = unit % (side + 1), has = side - row;
    *i = place < has ? row : side - 1 - row;
    *j = *i + (place < has ? place : place - has);
}

static mr_status run_tile(mr_worker *w, const mr_box *box)
{
    const sweeping *s = w->feed->self;
    const void *values;
    void *into = s->sweep->place ? s->sweep->place(s->sweep, box) : NULL;
    if (into)
        return mr_evaluate(w->own, s->array, box, into, &w->error);
    MR_TRY(mr_evaluate_look(w->own, s->array, box, &values, &w->error));
    return s->sweep->take(s->sweep, (unsigned)omp_get_thread_num(), box, values, &w->error);
}

static mr_status run_pair(mr_worker *w, uint64_t unit)
{
    const sweeping *s = w->feed->self;
    uint64_t i, j;
    pair_at(s->side, unit, &i, &j);
    mr_box box = mr_tiling_at(&s->tiling, i * s->side + j);
    MR_TRY(run_tile(w, &box));
    if (i == j)
        return MR_OK;
    box = mr_tiling_at(&s->tiling, j * s->side + i);
    return run_tile(w, &box);
}

static mr_status run_unit(mr_worker *w, uint64_t unit)
{
    const sweeping *s = w->feed->self;
    mr_status status;
    mr_feed_begin(w, NULL);
    if (s->side)
        status = run_pair(w, unit);
    else {
        mr_box box = s->deal ? mr_deal_tile(s->deal, unit) : mr_tiling_at(&s->tiling, unit);
        status = run_tile(w, &box);
    }
    w->self->error = w->error;
    return mr_feed_end(w, status);
}

static mr_status open_worker(mr_worker *w)
{
    const sweeping *s = w->feed->self;
    mr_evaluator *evaluator = NULL;
    MR_TRY(mr_evaluator_create(&evaluator, s->array, s->fetched, &w->error));
    w->own = evaluator;
    return MR_OK;
}

static void close_worker(mr_worker *w)
{
    mr_evaluator *evaluator = w->own;
    mr_evaluator_destroy(&evaluator);
}

/* Units of this rank; `steal`: idle ranks may take them. */
static mr_status run(sweeping *s, mr_range share, bool steal)
{
    mr_job *job = s->array->job;
    const mr_app app = {.name = job->app.name};
    mr_feed feed = {.job = job,
                    .app = &app,
                    .phase = s->sweep->phase,
                    .share = share,
                    .steal = steal,
                    .open = open_worker,
                    .run = run_unit,
                    .close = close_worker,
                    .self = s};
    mr_status status = mr_feed_run(&feed);
    job->failed = status != MR_OK;
    return status;
}

/* Nothing has to come from other ranks. */
static mr_status run_plain(sweeping *s)
{
    uint64_t units = s->tiling.tiles;
    s->side = pairs_side(&s->tiling, s->array);
    if (s->side)
        units = s->side * (s->side + 1) / 2;
    if (s->sweep->mine)
        return run(s, (mr_range){0, units}, false);
    return run(s, mr_feed_share(s->array->job, units), true);
}

static mr_status run_waves(sweeping *s)
{
    for (bool more = true; more;) {
        mr_range share;
        MR_TRY(mr_deal_wave(s->deal, s->fetched, &share.begin, &share.end, &more));
        MR_TRY(run(s, share, false));
    }
    return MR_OK;
}

/* Where each rank has a region of its own, all have to know all of them. */
static mr_status share_tilings(sweeping *s, mr_tiling **tilings)
{
    mr_job *job = s->array->job;
    size_t ranks = (size_t)mr_comm_size(job->comm);
    mr_box *regions = malloc(ranks * sizeof *regions);
    *tilings = malloc(ranks * sizeof **tilings);
    if (!regions || !*tilings)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: dealing out tiles");
    mr_status status = mr_job_agree(job);
    if (status == MR_OK)
        mr_trade_all(job->comm, &s->tiling.region, sizeof *regions, regions);
    for (size_t rank = 0; status == MR_OK && rank < ranks; rank++)
        (*tilings)[rank] = mr_tiling_of(&regions[rank], &s->tiling.tile);
    free(regions);
    return status;
}

static mr_status run_dealt(sweeping *s)
{
    mr_job *job = s->array->job;
    mr_deal deal = {0};
    mr_tiling *tilings = NULL;
    mr_status status = s->sweep->mine ? share_tilings(s, &tilings) : MR_OK;
    mr_fetched_create(&s->fetched, job, job->error);
    s->deal = &deal;
    if (status == MR_OK)
        status = mr_deal_begin(&deal, s->array, tilings ? tilings : &s->tiling, s->sweep->mine);
    if (status == MR_OK)
        status = run_waves(s);
    mr_deal_end(&deal);
    mr_fetched_destroy(&s->fetched);
    free(tilings);
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
    s.tiling = mr_tiling_of(sweep->region ? sweep->region : &all, tile);
    return sweep->array->spread ? run_dealt(&s) : run_plain(&s);
}
