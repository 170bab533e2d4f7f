/*
 * array/fetch.c: pieces of kept arrays from rank to rank. A piece is rows of one rank. Giver and
 * taker note the same pieces in the same order, so that a message needs no words about itself.
 */
#include "array/fetch.h"

#include "base/memory.h"
#include "comm/trade.h"

#include <stdlib.h>

typedef struct piece {
    const mr_array *array;
    mr_box box;
    int rank; /* the other one */
    uint64_t bytes, place;
} piece;

/* Pieces that go one way, and the buffer that they lie in rank by rank. */
typedef struct flow {
    piece *pieces;
    size_t count, room;
    size_t *slots; /* a hash table of numbers of pieces, from 1; 0: empty */
    size_t slot_count;
    uint64_t *starts; /* ranks + 1 */
    unsigned char *bytes;
    size_t size;
} flow;

struct mr_fetched {
    mr_job *job;
    flow give, take;
};

bool mr_kept_band(const mr_kept_array *kept, const mr_box *box, int rank, mr_box *band)
{
    uint64_t begin = box->from[0], end = begin + box->size[0];
    *band = *box;
    if (begin < kept->starts[rank])
        begin = kept->starts[rank];
    if (end > kept->starts[rank + 1])
        end = kept->starts[rank + 1];
    if (begin >= end)
        return false;
    band->from[0] = begin;
    band->size[0] = end - begin;
    return true;
}

static mr_status no_memory(mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY, "out of memory: fetching parts of an array");
}

mr_status mr_fetched_create(mr_fetched **fetched, mr_job *job, mr_error *error)
{
    size_t numbers = (size_t)mr_comm_size(job->comm) + 1;
    mr_fetched *f = *fetched = calloc(1, sizeof *f);
    if (!f)
        return no_memory(error);
    f->job = job;
    f->give.starts = calloc(numbers, sizeof *f->give.starts);
    f->take.starts = calloc(numbers, sizeof *f->take.starts);
    return f->give.starts && f->take.starts ? MR_OK : no_memory(error);
}

static void free_bytes(flow *f)
{
    if (f->bytes)
        mr_memory_free(f->bytes, f->size);
    f->bytes = NULL;
    f->size = 0;
}

static void free_flow(flow *f)
{
    free_bytes(f);
    free(f->pieces);
    free(f->slots);
    free(f->starts);
}

void mr_fetched_destroy(mr_fetched **fetched)
{
    if (!*fetched)
        return;
    free_flow(&(*fetched)->give);
    free_flow(&(*fetched)->take);
    free(*fetched);
    *fetched = NULL;
}

static void clear_flow(flow *f)
{
    free_bytes(f);
    f->count = 0;
    if (f->slots)
        memset(f->slots, 0, f->slot_count * sizeof *f->slots);
}

void mr_fetched_clear(mr_fetched *fetched)
{
    clear_flow(&fetched->give);
    clear_flow(&fetched->take);
}

static uint64_t hash_of(const mr_array *array, const mr_box *box, int rank)
{
    uint64_t hash = array->serial * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)rank;
    for (unsigned axis = 0; axis < box->axes; axis++) {
        hash = (hash ^ box->from[axis]) * UINT64_C(0xbf58476d1ce4e5b9);
        hash = (hash ^ hash >> 29 ^ box->size[axis]) * UINT64_C(0x94d049bb133111eb);
    }
    return hash ^ hash >> 32;
}

/* Where a piece stands in the table, or would. */
static size_t *slot_of(const flow *f, const mr_array *array, const mr_box *box, int rank)
{
    for (size_t at = hash_of(array, box, rank) & (f->slot_count - 1);;
         at = (at + 1) & (f->slot_count - 1)) {
        const piece *p = f->slots[at] ? &f->pieces[f->slots[at] - 1] : NULL;
        if (!p || (p->array == array && p->rank == rank && mr_box_is(&p->box, box)))
            return &f->slots[at];
    }
}

static mr_status grow(flow *f, mr_error *error)
{
    size_t room = f->room * 2 + 64, slots = 256;
    while (slots < room * 2)
        slots *= 2;
    piece *pieces = realloc(f->pieces, room * sizeof *pieces);
    if (!pieces)
        return no_memory(error);
    f->pieces = pieces;
    size_t *table = calloc(slots, sizeof *table);
    if (!table)
        return no_memory(error);
    free(f->slots);
    f->slots = table;
    f->slot_count = slots;
    f->room = room;
    for (size_t i = 0; i < f->count; i++)
        *slot_of(f, pieces[i].array, &pieces[i].box, pieces[i].rank) = i + 1;
    return MR_OK;
}

static mr_status add_piece(flow *f, const mr_array *array, const mr_box *box, int rank,
                           mr_error *error)
{
    if (f->count == f->room)
        MR_TRY(grow(f, error));
    size_t *slot = slot_of(f, array, box, rank);
    if (*slot)
        return MR_OK;
    uint64_t bytes = mr_box_count(box) * mr_element_size(array->element);
    f->pieces[f->count] = (piece){.array = array, .box = *box, .rank = rank, .bytes = bytes};
    *slot = ++f->count;
    return MR_OK;
}

mr_status mr_fetched_need(mr_fetched *fetched, int to, const mr_need *need, mr_error *error)
{
    const mr_comm *comm = fetched->job->comm;
    const mr_kept_array *kept = need->array->own;
    int ranks = mr_comm_size(comm), me = mr_comm_rank(comm);
    mr_box band;
    if (to != me)
        return mr_kept_band(kept, &need->box, me, &band)
                   ? add_piece(&fetched->give, need->array, &band, to, error)
                   : MR_OK;
    for (int rank = 0; rank < ranks; rank++)
        if (rank != me && mr_kept_band(kept, &need->box, rank, &band))
            MR_TRY(add_piece(&fetched->take, need->array, &band, rank, error));
    return MR_OK;
}

/* Rank by rank, in the order in which they were noted; and room for all of them. */
static mr_status lay_out(flow *f, int ranks, mr_error *error)
{
    uint64_t *starts = f->starts;
    memset(starts, 0, ((size_t)ranks + 1) * sizeof *starts);
    for (size_t i = 0; i < f->count; i++) {
        f->pieces[i].place = starts[f->pieces[i].rank + 1];
        starts[f->pieces[i].rank + 1] += f->pieces[i].bytes;
    }
    for (int rank = 0; rank < ranks; rank++)
        starts[rank + 1] += starts[rank];
    for (size_t i = 0; i < f->count; i++)
        f->pieces[i].place += starts[f->pieces[i].rank];
    f->size = starts[ranks] ? starts[ranks] : 1;
    f->bytes = mr_memory_allocate_aligned(f->size, 64, "parts of an array", error);
    return f->bytes ? MR_OK : MR_NO_MEMORY;
}

static void pack(flow *f, int me)
{
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < f->count; i++) {
        const piece *p = &f->pieces[i];
        const mr_kept_array *kept = p->array->own;
        mr_dims dims = p->array->dims;
        mr_box box = p->box;
        dims.size[0] = kept->starts[me + 1] - kept->starts[me];
        box.from[0] -= kept->starts[me];
        mr_box_copy_out(&dims, kept->values, &box, f->bytes + p->place,
                        mr_element_size(p->array->element));
    }
}

mr_status mr_fetched_move(mr_fetched *fetched)
{
    mr_job *job = fetched->job;
    int ranks = mr_comm_size(job->comm);
    if (lay_out(&fetched->give, ranks, job->error) == MR_OK)
        lay_out(&fetched->take, ranks, job->error);
    MR_TRY(mr_job_agree(job));
    pack(&fetched->give, mr_comm_rank(job->comm));
    mr_trade(job->comm, fetched->give.bytes, fetched->give.starts, fetched->take.bytes,
             fetched->take.starts);
    free_bytes(&fetched->give);
    return MR_OK;
}

static bool has_box(const mr_box *box, const mr_box *part)
{
    for (unsigned axis = 0; axis < box->axes; axis++)
        if (part->from[axis] < box->from[axis] ||
            part->from[axis] + part->size[axis] > box->from[axis] + box->size[axis])
            return false;
    return true;
}

/* The same box as it was noted, or one that has it: a large box may be asked for in halves. */
static const piece *find(const flow *f, const mr_array *array, const mr_box *box, int rank)
{
    size_t number = f->slot_count ? *slot_of(f, array, box, rank) : 0;
    if (number)
        return &f->pieces[number - 1];
    for (size_t i = 0; i < f->count; i++)
        if (f->pieces[i].array == array && has_box(&f->pieces[i].box, box))
            return &f->pieces[i];
    return NULL;
}

const unsigned char *mr_fetched_find(const mr_fetched *fetched, const mr_array *array,
                                     const mr_box *box, int rank, int64_t *strides)
{
    const piece *p = fetched ? find(&fetched->take, array, box, rank) : NULL;
    if (!p)
        return NULL;
    const unsigned char *at = fetched->take.bytes + p->place;
    mr_strides_of(p->box.axes, p->box.size, mr_element_size(array->element), strides);
    for (unsigned axis = 0; axis < box->axes; axis++)
        at += (int64_t)(box->from[axis] - p->box.from[axis]) * strides[axis];
    return at;
}
