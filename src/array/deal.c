/* array/deal.c: a tile is done by the rank that has the first row of the most that it needs. */
#include "array/deal.h"

#include "base/memory.h"

#include <stdlib.h>

static mr_error *error_of(const mr_deal *d)
{
    return d->array->job->error;
}

static int ranks_of(const mr_deal *d)
{
    return mr_comm_size(d->array->job->comm);
}

/* The rank whose row of a kept array it is. */
static int owner_of(const mr_kept_array *kept, uint64_t row, int ranks)
{
    int low = 0, high = ranks - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (kept->starts[middle + 1] > row)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static mr_status find_owner(mr_deal *d, uint64_t tile, int *owner)
{
    mr_box box = mr_tiling_at(d->tilings, tile);
    uint64_t most = 0;
    *owner = 0;
    MR_TRY(mr_needs_of(&d->needs, d->array, &box, error_of(d)));
    for (size_t i = 0; i < d->needs.count; i++) {
        const mr_need *need = &d->needs.list[i];
        uint64_t bytes = mr_box_count(&need->box) * mr_element_size(need->array->element);
        if (!mr_array_is_spread(need->array) || bytes <= most)
            continue;
        most = bytes;
        *owner = owner_of(need->array->own, need->box.from[0], ranks_of(d));
    }
    return MR_OK;
}

/* Numbers of tiles, rank by rank. */
static mr_status deal_out(mr_deal *d)
{
    uint64_t tiles = d->tilings->tiles;
    int ranks = ranks_of(d);
    d->bytes = (tiles ? tiles : 1) * sizeof *d->tiles;
    d->tiles = mr_memory_allocate(d->bytes, "tiles of an array", error_of(d));
    int *owners = d->tiles ? malloc((tiles + 1) * sizeof *owners) : NULL;
    if (!owners)
        return mr_error_set(error_of(d), MR_NO_MEMORY, "out of memory: dealing out tiles");
    mr_status status = MR_OK;
    for (uint64_t tile = 0; tile < tiles && status == MR_OK; tile++) {
        status = find_owner(d, tile, &owners[tile]);
        if (status == MR_OK)
            d->starts[owners[tile] + 1]++;
    }
    for (int rank = 0; rank < ranks; rank++)
        d->starts[rank + 1] += d->starts[rank];
    memcpy(d->give, d->starts, (size_t)ranks * sizeof *d->starts);
    for (uint64_t tile = 0; tile < tiles && status == MR_OK; tile++)
        d->tiles[d->give[owners[tile]]++] = tile;
    free(owners);
    return status;
}

static uint64_t tiles_of(const mr_deal *d, int rank)
{
    return d->mine ? d->tilings[rank].tiles : d->starts[rank + 1] - d->starts[rank];
}

static mr_box tile_of(const mr_deal *d, int rank, uint64_t number)
{
    if (d->mine)
        return mr_tiling_at(&d->tilings[rank], number);
    return mr_tiling_at(d->tilings, d->tiles[d->starts[rank] + number]);
}

mr_box mr_deal_tile(const mr_deal *deal, uint64_t number)
{
    return tile_of(deal, mr_comm_rank(deal->array->job->comm), number);
}

/* A part of what the rank has left that has least: what is fetched is there twice for a while. */
static uint64_t choose_most(mr_job *job)
{
    const uint64_t least = (uint64_t)1 << 20, most = (uint64_t)256 << 20;
    int64_t left = (int64_t)(mr_job_memory_left(job) >> 3 & INT64_MAX);
    mr_all_min_i64(job, &left, 1);
    uint64_t part = (uint64_t)left;
    return part < least ? least : part > most ? most : part;
}

mr_status mr_deal_begin(mr_deal *deal, const mr_array *array, const mr_tiling *tilings, bool mine)
{
    mr_job *job = array->job;
    size_t numbers = (size_t)mr_comm_size(job->comm) + 1;
    *deal = (mr_deal){.array = array, .tilings = tilings, .mine = mine};
    deal->starts = calloc(numbers, sizeof *deal->starts);
    deal->give = calloc(numbers, sizeof *deal->give);
    deal->take = calloc(numbers, sizeof *deal->take);
    if (!deal->starts || !deal->give || !deal->take)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: dealing out tiles");
    else if (!mine)
        deal_out(deal);
    deal->most = choose_most(job);
    return mr_job_agree(job);
}

void mr_deal_end(mr_deal *deal)
{
    if (deal->tiles)
        mr_memory_free(deal->tiles, deal->bytes);
    free(deal->starts);
    free(deal->give);
    free(deal->take);
    mr_needs_free(&deal->needs);
}

/* What a need of one rank is for it and for those that have it. */
static void count_need(mr_deal *d, int to, const mr_need *need)
{
    const mr_kept_array *kept = need->array->own;
    int ranks = ranks_of(d);
    mr_box band;
    for (int rank = owner_of(kept, need->box.from[0], ranks);
         rank < ranks && mr_kept_band(kept, &need->box, rank, &band); rank++) {
        uint64_t bytes = mr_box_count(&band) * mr_element_size(need->array->element);
        d->give[rank] += rank == to ? 0 : bytes;
        d->take[to] += rank == to ? 0 : bytes;
    }
}

/* What rank `rank` needs for a tile of its own. */
static mr_status add_tile(mr_deal *d, mr_fetched *fetched, int rank, uint64_t number)
{
    mr_box box = tile_of(d, rank, number);
    MR_TRY(mr_needs_of(&d->needs, d->array, &box, error_of(d)));
    for (size_t i = 0; i < d->needs.count; i++) {
        const mr_need *need = &d->needs.list[i];
        if (!mr_array_is_spread(need->array) || mr_box_count(&need->box) == 0)
            continue;
        count_need(d, rank, need);
        MR_TRY(mr_fetched_need(fetched, rank, need, error_of(d)));
    }
    return MR_OK;
}

/* The next tile of each rank that has one; *any tells whether one has. */
static mr_status add_turn(mr_deal *d, mr_fetched *fetched, bool *any)
{
    int ranks = ranks_of(d);
    *any = false;
    for (int rank = 0; rank < ranks; rank++) {
        if (d->turn >= tiles_of(d, rank))
            continue;
        *any = true;
        MR_TRY(add_tile(d, fetched, rank, d->turn));
    }
    return MR_OK;
}

/* Whether enough is noted for one exchange; *moved tells whether there is anything. */
static bool is_full(const mr_deal *d, bool *moved)
{
    bool full = false;
    int ranks = ranks_of(d);
    for (int rank = 0; rank < ranks; rank++) {
        *moved = *moved || d->take[rank] > 0;
        full = full || d->take[rank] >= d->most || d->give[rank] >= d->most;
    }
    return full;
}

mr_status mr_deal_wave(mr_deal *deal, mr_fetched *fetched, uint64_t *first, uint64_t *end,
                       bool *more)
{
    mr_job *job = deal->array->job;
    size_t numbers = (size_t)ranks_of(deal) * sizeof *deal->give;
    uint64_t has = tiles_of(deal, mr_comm_rank(job->comm));
    bool any = true, moved = false;
    mr_status status = MR_OK;
    memset(deal->give, 0, numbers);
    memset(deal->take, 0, numbers);
    mr_fetched_clear(fetched);
    *first = deal->turn;
    while (status == MR_OK && any && !is_full(deal, &moved)) {
        status = add_turn(deal, fetched, &any);
        deal->turn += any;
    }
    *more = any;
    *first = *first < has ? *first : has;
    *end = deal->turn < has ? deal->turn : has;
    MR_TRY(mr_job_agree(job));
    return moved ? mr_fetched_move(fetched) : MR_OK;
}
