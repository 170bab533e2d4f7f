/*
 * engine/folded.c: the phases of a job that maps and folds: what is done in which order, and
 * nothing of how. Each ends in agreement.
 */
#include "base/clock.h"
#include "base/flight.h"
#include "engine/dense.h"
#include "engine/job.h"

#include <stdlib.h>

/* As records: those that anything was folded into. */
static mr_status dense_to_store(mr_job *job, const unsigned char *dense)
{
    const mr_fold *fold = job->app.fold;
    size_t room = mr_fold_room(fold);
    unsigned char *identity = calloc(2, room);
    if (!identity)
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: dense results");
    unsigned char *value = identity + room;
    mr_fold_fill(fold, identity, 1);
    mr_partition *partition = &job->store->partitions[0];
    mr_status status = MR_OK;
    for (uint64_t i = 0; i < job->app.dense_count && status == MR_OK; i++) {
        memcpy(value, dense + i * fold->size, fold->size);
        if (!job->app.dense_all && memcmp(value, identity, room) == 0)
            continue;
        mr_words key = mr_key_of_i64((int64_t)i);
        mr_entry entry = {.key = &key, .value = value, .size = 8};
        status = mr_store_append(job->store, partition, &entry, job->error);
    }
    free(identity);
    return status;
}

static mr_status combine_dense(mr_job *job)
{
    const void *dense;
    MR_TRY(mr_dense_on(job->dense, 0, &dense));
    if (dense)
        dense_to_store(job, dense);
    return mr_comm_agree(job->comm, job->error);
}

mr_status mr_job_combine(mr_job *job)
{
    double start = mr_clock_now();
    mr_status status = MR_OK;
    mr_flight_phase("combine");
    bool by_key = job->order.sort == MR_SORT_KEY && job->settings->top == 0;
    if (job->app.key == MR_KEY_DENSE) {
        status = combine_dense(job);
    } else {
        status = mr_job_exchange(job, by_key ? &job->order : NULL);
    }
    if (status == MR_OK)
        job->report.keys_owned = mr_store_keys(job->store);
    job->report.seconds[MR_PHASE_COMBINE] += mr_clock_now() - start;
    return status;
}

/* After combining each key is on one rank; now the rows in the order that was asked for. */
mr_status mr_job_arrange(mr_job *job)
{
    double start = mr_clock_now();
    mr_status status = MR_OK;
    mr_flight_phase("sort");
    if (job->settings->top)
        status = mr_job_top(job);
    else if (job->order.sort == MR_SORT_VALUE && job->app.key != MR_KEY_DENSE)
        status = mr_job_exchange(job, &job->order);
    job->report.seconds[MR_PHASE_SORT] += mr_clock_now() - start;
    return status;
}
