/* sets/gather.c: all of a set in the memory of one rank or of each, in order. */
#include "sets/set.h"

#include <stdlib.h>

#define PIECE ((uint64_t)1 << 30) /* bytes a message */

/* This rank's pairs in order, as one piece of memory: key size, value size, key, value. */
typedef struct packing {
    unsigned char *bytes;
    size_t size, capacity;
    uint64_t count;
} packing;

static mr_status pack(packing *p, mr_pair pair, mr_error *error)
{
    size_t need = p->size + 8 + mr_round8(pair.key.size) + mr_round8(pair.value.size);
    if (need > p->capacity) {
        size_t capacity = need + need / 2 + 4096;
        void *bytes = mr_memory_resize(p->bytes, p->capacity, capacity, "gathering a set", error);
        if (!bytes)
            return MR_NO_MEMORY;
        p->bytes = bytes;
        p->capacity = capacity;
    }
    const mr_pair_layout plain = {.stride = 0};
    mr_pair_put(&plain, p->bytes + p->size, pair.key, pair.value, 0);
    p->size = need;
    p->count++;
    return MR_OK;
}

static mr_status pack_piles(mr_set *set, packing *p)
{
    mr_job *job = set->job;
    mr_sorted sorted;
    mr_status status = MR_OK;
    mr_sorted_start(&sorted, &set->order, mr_set_thread_memory(job, 1), job->scratch);
    for (uint32_t pile = 0; pile < set->piles.count && status == MR_OK; pile++) {
        const unsigned char *at = NULL;
        status = mr_sorted_open(&sorted, &set->piles, pile, false, job->error);
        do {
            mr_pair pair;
            if (status == MR_OK)
                status = mr_sorted_next(&sorted, &at, job->error);
            if (status != MR_OK || !at)
                break;
            mr_pair_read(&set->layout, at, &pair);
            status = pack(p, pair, job->error);
        } while (status == MR_OK);
        mr_sorted_close(&sorted);
    }
    mr_sorted_free(&sorted);
    return status;
}

/* Where each rank's bytes will lie: ranks + 1 places. */
static mr_status place_all(mr_job *job, const packing *mine, uint64_t *starts)
{
    uint64_t sizes[2] = {mine->size, mine->count}, before[2], total[2];
    int ranks = mr_comm_size(job->comm);
    mr_comm_scan(job->comm, sizes, 2, before, total);
    for (int rank = 0; rank <= ranks; rank++)
        starts[rank] = 0;
    starts[mr_comm_rank(job->comm)] = before[0];
    starts[ranks] = mr_comm_rank(job->comm) == 0 ? total[0] : 0;
    mr_all_sum_i64(job, (int64_t *)(void *)starts, (size_t)ranks + 1);
    return mr_job_agree(job);
}

/* Pairs as they are handed out, pointing into the memory. */
static mr_status list_pairs(mr_gathered *all, uint64_t count, mr_error *error)
{
    const mr_pair_layout plain = {.stride = 0};
    const unsigned char *at = all->memory;
    all->pairs = mr_memory_allocate(count * sizeof *all->pairs + 1, "gathering a set", error);
    if (!all->pairs)
        return error->code;
    all->count = count;
    for (uint64_t i = 0; i < count; i++)
        at = mr_pair_read(&plain, at, &all->pairs[i]);
    return MR_OK;
}

void mr_gathered_free(mr_gathered *gathered)
{
    if (gathered->pairs)
        mr_memory_free(gathered->pairs, gathered->count * sizeof *gathered->pairs + 1);
    mr_memory_free(gathered->memory, gathered->size);
    *gathered = (mr_gathered){.pairs = NULL};
}

/* Pieces of all ranks to one of them. */
static void send_all(mr_job *job, int to, const packing *mine, const uint64_t *starts,
                     unsigned char *all)
{
    int rank = mr_comm_rank(job->comm), ranks = mr_comm_size(job->comm);
    for (int from = 0; from < ranks; from++) {
        uint64_t size = starts[from + 1] - starts[from];
        for (uint64_t at = 0; at < size; at += PIECE) {
            size_t piece = size - at < PIECE ? size - at : PIECE;
            if (rank == to && from != to)
                mr_comm_receive(job->comm, from, all + starts[from] + at, piece);
            else if (rank == from && from != to)
                mr_comm_send(job->comm, to, mine->bytes + at, piece);
        }
    }
    if (rank == to && mine->size)
        memcpy(all + starts[rank], mine->bytes, mine->size);
}

static mr_status bring(mr_job *job, int to, const packing *mine, const uint64_t *starts,
                       mr_gathered *all)
{
    int rank = mr_comm_rank(job->comm), ranks = mr_comm_size(job->comm);
    bool gets = to < 0 || rank == to;
    size_t size = starts[ranks] + 8;
    if (gets && (all->memory = mr_memory_allocate(size, "gathering a set", job->error)))
        all->size = size;
    MR_TRY(mr_job_agree(job));
    if (to >= 0) {
        send_all(job, to, mine, starts, all->memory);
        return MR_OK;
    }
    if (mine->size)
        memcpy((unsigned char *)all->memory + starts[rank], mine->bytes, mine->size);
    mr_all_gather(job, all->memory, starts);
    return MR_OK;
}

static mr_status gather_sorted(mr_set *set, int to, mr_gathered *all)
{
    mr_job *job = set->job;
    packing mine = {.bytes = NULL};
    int ranks = mr_comm_size(job->comm);
    uint64_t *starts = calloc((size_t)ranks + 1, sizeof *starts);
    if (!starts)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: gathering a set");
    else
        pack_piles(set, &mine);
    mr_status status = mr_job_agree(job);
    if (status == MR_OK)
        status = place_all(job, &mine, starts);
    if (status == MR_OK)
        status = bring(job, to, &mine, starts, all);
    mr_memory_free(mine.bytes, mine.capacity);
    if (status == MR_OK && all->memory)
        list_pairs(all, set->count, job->error);
    free(starts);
    return status == MR_OK ? mr_job_agree(job) : status;
}

mr_status mr_set_gather(mr_set *set, int to, mr_gathered *all)
{
    mr_set *sorted = NULL;
    *all = (mr_gathered){.pairs = NULL};
    if (set->spread != MR_SPREAD_RANGE)
        MR_TRY(mr_set_sort(set, NULL, &sorted));
    mr_status status = gather_sorted(sorted ? sorted : set, to, all);
    if (status != MR_OK)
        mr_gathered_free(all);
    mr_set_destroy(&sorted);
    return status;
}
