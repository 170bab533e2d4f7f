/*
 * engine/top.c: the first N rows of the order. Each thread keeps the best of what it sees, each
 * rank the best of its threads, and the ranks hand theirs on in a tree that ends at rank 0: N rows
 * travel a step, never all of them.
 */
#include "base/memory.h"
#include "engine/job.h"
#include "engine/wire.h"

#include <omp.h>
#include <stdlib.h>

/* Up to `most` refs that matter, and room for as many again. */
typedef struct best {
    mr_ref *refs, *scratch;
    size_t count, most;
    uint64_t worst; /* prefix that a ref may not be above to matter */
} best;

static mr_status best_create(best *b, size_t most, mr_error *error)
{
    *b = (best){.most = most, .worst = UINT64_MAX};
    b->refs = mr_memory_allocate(most * 2 * sizeof *b->refs, "--top", error);
    b->scratch = mr_memory_allocate(most * 2 * sizeof *b->scratch, "--top", error);
    return b->refs && b->scratch ? MR_OK : MR_NO_MEMORY;
}

static void best_destroy(best *b)
{
    mr_memory_free(b->refs, b->most * 2 * sizeof *b->refs);
    mr_memory_free(b->scratch, b->most * 2 * sizeof *b->scratch);
}

static void best_cut(best *b, const mr_order *order)
{
    mr_order_sort(order, b->refs, b->scratch, b->count);
    if (b->count > b->most)
        b->count = b->most;
    for (size_t i = 0; i < b->count; i++)
        b->refs[i].prefix = mr_order_prefix(order, b->refs[i].record);
    if (b->count == b->most)
        b->worst = b->refs[b->most - 1].prefix;
}

static void best_offer(best *b, const mr_order *order, const mr_record *record)
{
    uint64_t prefix = mr_order_prefix(order, record);
    if (prefix > b->worst)
        return;
    b->refs[b->count++] = (mr_ref){prefix, record};
    if (b->count == b->most * 2)
        best_cut(b, order);
}

/* Offers what one list has to another. */
static void best_merge(best *b, const mr_order *order, const best *other)
{
    for (size_t i = 0; i < other->count; i++)
        best_offer(b, order, other->refs[i].record);
}

static void offer_partition(best *b, const mr_order *order, const mr_store *store, unsigned p)
{
    const mr_partition *partition = &store->partitions[p];
    for (size_t at = 0; at < partition->used;) {
        const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
        best_offer(b, order, record);
        at += mr_record_size(record, store->value);
    }
}

/* The best of the whole store, by all threads. */
static void best_of_store(mr_job *job, best *all)
{
    unsigned count = job->store->count;
#pragma omp parallel num_threads((int)job->threads)
    {
        best mine;
        mr_error error = {0};
        mr_status status = best_create(&mine, all->most, &error);
#pragma omp for schedule(dynamic)
        for (unsigned p = 0; p < count; p++)
            if (status == MR_OK)
                offer_partition(&mine, &job->order, job->store, p);
#pragma omp critical
        {
            if (status == MR_OK)
                best_merge(all, &job->order, &mine);
            else if (job->error->code == MR_OK)
                *job->error = error;
        }
        best_destroy(&mine);
    }
    best_cut(all, &job->order);
}

/* The rows as bytes. Owned by the caller (mr_memory_free). */
static unsigned char *pack(const mr_store *store, const best *b, size_t *size, mr_error *error)
{
    *size = 0;
    for (size_t i = 0; i < b->count; i++)
        *size += mr_wire_size(store, b->refs[i].record);
    unsigned char *bytes = mr_memory_allocate(*size + 1, "--top", error);
    for (size_t i = 0, at = 0; bytes && i < b->count; i++)
        at += mr_wire_put(store, b->refs[i].record, bytes + at);
    return bytes;
}

/* Replaces the store by the rows that `bytes` holds, in one partition, as a log. */
static mr_status keep_only(mr_job *job, unsigned char *bytes, size_t size)
{
    mr_store *store = job->store;
    for (unsigned p = 0; p < store->count; p++)
        mr_partition_clear(&store->partitions[p]);
    for (size_t at = 0, step; at < size; at += step) {
        const mr_record *record = mr_wire_get(store, bytes + at, &step);
        mr_entry entry = {mr_record_key(record), mr_record_value(record), record->size,
                          record->check};
        MR_TRY(mr_store_append(store, &store->partitions[0], &entry, job->error));
    }
    return MR_OK;
}

#define PIECE ((size_t)1 << 30)

static void send_all(mr_comm *comm, int to, const unsigned char *bytes, uint64_t size)
{
    mr_comm_send(comm, to, &size, sizeof size);
    for (uint64_t at = 0; at < size; at += PIECE)
        mr_comm_send(comm, to, bytes + at, size - at < PIECE ? size - at : PIECE);
}

/* What was sent has to be received, whether or not the budget has room for it: the tree goes on to
 * the agreement. Owned by the caller (free). */
static unsigned char *receive_all(mr_comm *comm, int from, uint64_t *size)
{
    mr_comm_receive(comm, from, size, sizeof *size);
    unsigned char *bytes = malloc(*size + 1);
    if (!bytes)
        mr_comm_abort(comm, MR_NO_MEMORY, "out of memory: receiving rows");
    for (uint64_t at = 0; at < *size; at += PIECE)
        mr_comm_receive(comm, from, bytes + at, *size - at < PIECE ? *size - at : PIECE);
    return bytes;
}

/* One step of the tree: takes in what another rank has. */
static void take_in(mr_job *job, best *b, int from)
{
    uint64_t size;
    unsigned char *bytes = receive_all(job->comm, from, &size);
    size_t kept_size;
    for (size_t at = 0, step; at < size; at += step)
        best_offer(b, &job->order, mr_wire_get(job->store, bytes + at, &step));
    best_cut(b, &job->order);
    unsigned char *kept = pack(job->store, b, &kept_size, job->error);
    b->count = 0;
    b->worst = UINT64_MAX;
    if (kept && job->error->code == MR_OK && keep_only(job, kept, kept_size) == MR_OK)
        offer_partition(b, &job->order, job->store, 0);
    mr_memory_free(kept, kept_size + 1);
    free(bytes);
}

static void climb(mr_job *job, best *b)
{
    int rank = mr_comm_rank(job->comm), size = mr_comm_size(job->comm);
    for (int step = 1; step < size; step *= 2) {
        if (rank & step) {
            size_t bytes_size = 0;
            unsigned char *bytes = pack(job->store, b, &bytes_size, job->error);
            send_all(job->comm, rank - step, bytes, bytes ? bytes_size : 0);
            mr_memory_free(bytes, bytes_size + 1);
            b->count = 0;
            return;
        }
        if (rank + step < size)
            take_in(job, b, rank + step);
    }
}

mr_status mr_job_top(mr_job *job)
{
    best all;
    uint64_t keys = mr_store_keys(job->store), before, total;
    mr_comm_scan(job->comm, &keys, 1, &before, &total);
    uint64_t most = job->settings->top < total ? job->settings->top : total;
    if (best_create(&all, most ? most : 1, job->error) == MR_OK)
        best_of_store(job, &all);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK) {
        climb(job, &all);
        size_t size = 0;
        unsigned char *bytes = pack(job->store, &all, &size, job->error);
        if (bytes)
            keep_only(job, bytes, size);
        mr_memory_free(bytes, size + 1);
        status = mr_comm_agree(job->comm, job->error);
    }
    best_destroy(&all);
    return status;
}
