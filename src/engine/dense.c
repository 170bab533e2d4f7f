/*
 * engine/dense.c: arrays of accumulators, one for each thread that asks; what merges them within a
 * rank is here, what merges ranks is in comm/dense.c. Where a result is, is remembered: who wants
 * it elsewhere afterwards gets it from there, and nothing is merged twice.
 */
#include "engine/dense.h"

#include "base/memory.h"
#include "base/span.h"
#include "comm/dense.h"
#include "comm/vector.h"
#include "engine/step.h"

#include <pthread.h>
#include <stdlib.h>

#define CHUNK ((uint64_t)64 << 10) /* bytes of an array that a thread merges at a time */

/* The array of a thread; `used` since all of it was the identity. */
typedef struct own {
    unsigned char *accumulators;
    bool used;
} own;

typedef enum place { IN_THREADS, ON_ONE, IN_PARTS, ON_ALL, UNDER_WAY } place;

struct mr_dense {
    mr_job *job;
    const mr_fold *fold;
    uint64_t count;
    unsigned threads;
    own *mine;
    pthread_mutex_t lock; /* the job's error */
    place place;
    unsigned char *merged; /* one of the threads' arrays, unless IN_THREADS */
    int one;               /* the rank of ON_ONE */
    mr_merging *merging;   /* UNDER_WAY */
};

static uint64_t size_of(const mr_dense *dense)
{
    return dense->count * dense->fold->size;
}

/* Of an array's memory: some also where there are no accumulators. */
static uint64_t room_of(const mr_dense *dense)
{
    return size_of(dense) + 8;
}

/* MPI counts the bytes of an accumulator with an int. */
static mr_status check_size(const mr_job *job, const mr_fold *fold, uint64_t count)
{
    if (fold->size == 0 || fold->size > INT32_MAX)
        return mr_error_set(job->error, MR_FAILED,
                            "wrong accumulators: dense results of %s: %u bytes each", fold->name,
                            fold->size);
    if (count > (UINT64_MAX - 8) / fold->size)
        return mr_error_set(job->error, MR_NO_MEMORY, "too many dense results: %s: %llu",
                            fold->name, (unsigned long long)count);
    return MR_OK;
}

static mr_dense *make(mr_job *job, const mr_fold *fold, uint64_t count)
{
    mr_dense *dense = calloc(1, sizeof *dense);
    own *mine = calloc(job->threads, sizeof *mine);
    if (!dense || !mine || check_size(job, fold, count) != MR_OK) {
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: dense results");
        free(dense);
        free(mine);
        return NULL;
    }
    *dense =
        (mr_dense){.job = job, .fold = fold, .count = count, .threads = job->threads, .mine = mine};
    pthread_mutex_init(&dense->lock, NULL);
    return dense;
}

mr_status mr_dense_create(mr_job *job, const mr_fold *fold, uint64_t count, mr_dense **dense)
{
    *dense = make(job, fold, count);
    mr_status status = mr_job_agree(job);
    if (status != MR_OK)
        mr_dense_destroy(dense);
    return status;
}

/* Others may wait for what is under way. */
void mr_dense_destroy(mr_dense **dense)
{
    mr_dense *d = *dense;
    if (!d)
        return;
    mr_merging_finish(&d->merging);
    for (unsigned i = 0; i < d->threads; i++)
        if (d->mine[i].accumulators)
            mr_memory_free(d->mine[i].accumulators, room_of(d));
    pthread_mutex_destroy(&d->lock);
    free(d->mine);
    free(d);
    *dense = NULL;
}

void *mr_dense_take(mr_dense *dense, unsigned thread, mr_error *error)
{
    own *mine = &dense->mine[thread];
    if (mine->used)
        return mine->accumulators;
    if (!mine->accumulators)
        mine->accumulators = mr_memory_allocate(room_of(dense), "dense results", error);
    mine->used = mine->accumulators != NULL;
    if (mine->used)
        mr_fold_fill(dense->fold, mine->accumulators, dense->count);
    return mine->accumulators;
}

void *mr_dense_mine(mr_dense *dense, unsigned thread)
{
    mr_error error = {0};
    void *accumulators = mr_dense_take(dense, thread, &error);
    if (error.code != MR_OK) {
        pthread_mutex_lock(&dense->lock);
        mr_error_set(dense->job->error, error.code, "%s", error.text);
        pthread_mutex_unlock(&dense->lock);
    }
    return accumulators;
}

void mr_dense_clear(mr_dense *dense)
{
    mr_merging_finish(&dense->merging);
    for (unsigned i = 0; i < dense->threads; i++)
        dense->mine[i].used = false;
    dense->place = IN_THREADS;
    dense->merged = NULL;
}

static void merge_some(const mr_fold *fold, unsigned char *to, const unsigned char *from,
                       uint64_t count)
{
    if (fold->flags & MR_FOLD_PLAIN_SUM) {
        uint64_t *sums = (uint64_t *)(void *)to;
        const uint64_t *more = (const uint64_t *)(const void *)from;
        for (uint64_t i = 0; i < count; i++)
            sums[i] += more[i];
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        fold->merge(fold, to + i * fold->size, from + i * fold->size);
}

mr_status mr_dense_save(const mr_dense *dense, mr_step *step)
{
    char name[MR_STEP_NAME];
    mr_step_name(step, "dense", name);
    for (unsigned i = 0; i < dense->threads; i++)
        if (dense->mine[i].used)
            MR_TRY(mr_keep_add(dense->job->keep, name, dense->mine[i].accumulators, size_of(dense),
                               dense->job->error));
    return MR_OK;
}

static mr_status take_dense(void *context, char *bytes, size_t size)
{
    mr_dense *dense = context;
    mr_error *error = dense->job->error;
    unsigned char *to = mr_dense_take(dense, 0, error);
    if (!to)
        return error->code;
    if (size != size_of(dense))
        return mr_error_set(error, MR_BAD_INPUT,
                            "checkpoint does not fit: %s: dense results of another size",
                            mr_keep_folder(dense->job->keep));
    merge_some(dense->fold, to, (unsigned char *)bytes, dense->count);
    return MR_OK;
}

mr_status mr_dense_load(mr_dense *dense, mr_step *step)
{
    return mr_step_load(step, "dense", take_dense, dense);
}

/* One level of the tree: `others` arrays behind the first half go into as many of that. */
static void merge_level(const mr_dense *dense, unsigned char **arrays, unsigned half,
                        unsigned others)
{
    uint64_t most = dense->fold->size < CHUNK ? CHUNK / dense->fold->size : 1;
    uint64_t chunks = dense->count / most + (dense->count % most > 0);
#pragma omp parallel for collapse(2) num_threads((int)dense->threads) schedule(static)
    for (unsigned i = 0; i < others; i++)
        for (uint64_t chunk = 0; chunk < chunks; chunk++) {
            uint64_t first = chunk * most, left = dense->count - first;
            merge_some(dense->fold, arrays[i] + first * dense->fold->size,
                       arrays[half + i] + first * dense->fold->size, left < most ? left : most);
        }
}

/* All threads' into one of them. A rank where no thread asked has nothing but the identity. */
static mr_status merge_threads(mr_dense *dense)
{
    unsigned count = 0;
    unsigned char **arrays = calloc(dense->threads, sizeof *arrays);
    if (!arrays)
        return mr_error_set(dense->job->error, MR_NO_MEMORY, "out of memory: dense results");
    const mr_span_kind before = mr_span_begin(MR_SPAN_FOLD);
    for (unsigned i = 0; i < dense->threads; i++)
        if (dense->mine[i].used)
            arrays[count++] = dense->mine[i].accumulators;
    if (count == 0)
        arrays[count++] = mr_dense_take(dense, 0, dense->job->error);
    for (; count > 1; count -= count / 2)
        merge_level(dense, arrays, count - count / 2, count / 2);
    dense->merged = arrays[0];
    mr_span_end(before);
    free(arrays);
    return dense->merged ? MR_OK : MR_NO_MEMORY;
}

static mr_merged all_of(const mr_dense *dense)
{
    return (mr_merged){.fold = dense->fold, .accumulators = dense->merged, .count = dense->count};
}

/* The parts of all ranks, in bytes. */
static void share_parts(mr_dense *dense, uint64_t *starts)
{
    mr_comm *comm = dense->job->comm;
    for (int rank = 0; rank <= mr_comm_size(comm); rank++)
        starts[rank] = mr_merge_part(comm, dense->count, rank) * dense->fold->size;
    mr_vector_gather(comm, dense->merged, starts, 0);
}

/* From wherever it is. `starts` has room for a number of each rank, and one more. */
static void bring_to_all(mr_dense *dense, uint64_t *starts)
{
    mr_merged all = all_of(dense);
    mr_comm *comm = dense->job->comm;
    switch (dense->place) {
    case IN_THREADS:
        mr_merge_to_all(comm, &all);
        break;
    case ON_ONE:
        mr_vector_broadcast(comm, dense->one, dense->merged, size_of(dense), 0);
        break;
    case IN_PARTS:
        share_parts(dense, starts);
        break;
    case UNDER_WAY:
    case ON_ALL:
        break;
    }
    dense->place = ON_ALL;
}

/* Before anything is sent: what is under way arrives, threads are merged, and memory is had for the
 * next step. All ranks go on, or none does. */
static mr_status prepare(mr_dense *dense, uint64_t size, void **memory)
{
    mr_job *job = dense->job;
    mr_merging_finish(&dense->merging);
    if (dense->place == UNDER_WAY)
        dense->place = ON_ALL;
    if (!dense->merged && !job->failed)
        merge_threads(dense);
    *memory = job->failed ? NULL : mr_memory_allocate(size, "merging dense results", job->error);
    mr_status status = mr_job_agree(job);
    if (status != MR_OK && *memory)
        mr_memory_free(*memory, size);
    return status;
}

static uint64_t room_for_starts(const mr_dense *dense)
{
    return 8 * ((uint64_t)mr_comm_size(dense->job->comm) + 1);
}

const void *mr_dense_all(mr_dense *dense)
{
    void *starts;
    if (prepare(dense, room_for_starts(dense), &starts) != MR_OK)
        return NULL;
    bring_to_all(dense, starts);
    mr_memory_free(starts, room_for_starts(dense));
    return dense->merged;
}

mr_status mr_dense_on(mr_dense *dense, int to, const void **merged)
{
    void *starts;
    mr_comm *comm = dense->job->comm;
    mr_merged all;
    *merged = NULL;
    if (to < 0 || to >= mr_comm_size(comm))
        mr_error_set(dense->job->error, MR_FAILED, "no such rank: %d: dense results of %s", to,
                     dense->fold->name);
    MR_TRY(prepare(dense, room_for_starts(dense), &starts));
    all = all_of(dense);
    if (dense->place == IN_THREADS) {
        mr_merge_to_one(comm, &all, to);
        dense->place = ON_ONE;
        dense->one = to;
    } else if (dense->place != ON_ONE || dense->one != to) {
        bring_to_all(dense, starts);
    }
    mr_memory_free(starts, room_for_starts(dense));
    if (mr_comm_rank(comm) == to)
        *merged = dense->merged;
    return MR_OK;
}

mr_status mr_dense_parts(mr_dense *dense, const void **part, uint64_t *first, uint64_t *count)
{
    void *memory;
    mr_comm *comm = dense->job->comm;
    mr_merged all = all_of(dense);
    uint64_t size = mr_merge_room(comm, &all) + room_for_starts(dense);
    *first = mr_merge_part(comm, dense->count, mr_comm_rank(comm));
    *count = mr_merge_part(comm, dense->count, mr_comm_rank(comm) + 1) - *first;
    *part = NULL;
    MR_TRY(prepare(dense, size, &memory));
    all = all_of(dense);
    if (dense->place == IN_THREADS) {
        mr_merge_to_parts(comm, &all, memory);
        dense->place = IN_PARTS;
    } else if (dense->place != IN_PARTS) {
        bring_to_all(dense, memory);
    }
    mr_memory_free(memory, size);
    *part = dense->merged + *first * dense->fold->size;
    return MR_OK;
}

mr_status mr_dense_begin(mr_dense *dense)
{
    void *memory;
    mr_merging *merging = mr_merging_create(dense->job->error);
    mr_status status = prepare(dense, 1, &memory);
    if (status == MR_OK)
        mr_memory_free(memory, 1);
    if (status != MR_OK || dense->place != IN_THREADS) {
        mr_merging_finish(&merging);
        return status;
    }
    mr_merged all = all_of(dense);
    dense->merging = merging;
    dense->place = UNDER_WAY;
    mr_merging_begin(merging, dense->job->comm, &all);
    return MR_OK;
}

bool mr_dense_poll(mr_dense *dense)
{
    return !dense->merging || mr_merging_poll(dense->merging);
}
