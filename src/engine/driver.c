/*
 * engine/driver.c: what a driver has besides sets (mapred/driver.h), and how it is run: on every
 * rank, and to one end even when a rank fails alone.
 */
#include <mapred/driver.h>

#include "base/flight.h"
#include "base/memory.h"
#include "comm/post.h"
#include "comm/vector.h"
#include "engine/job.h"
#include "engine/loop.h"
#include "observe/signals.h"

#include <stdio.h>
#include <stdlib.h>

unsigned mr_job_threads(const mr_job *job)
{
    return job->threads;
}

uint64_t mr_job_seed(const mr_job *job)
{
    return job->settings->seed;
}

size_t mr_job_input_count(const mr_job *job)
{
    return job->input_count;
}

const char *mr_job_input(const mr_job *job, size_t number)
{
    return number < job->input_count ? job->inputs[number] : NULL;
}

const char *mr_job_output(const mr_job *job)
{
    return job->settings->output;
}

uint64_t mr_job_memory_left(const mr_job *job)
{
    (void)job;
    uint64_t budget = mr_memory_budget(), used = mr_memory_used();
    if (budget == 0)
        return UINT64_MAX;
    return used < budget ? budget - used : 0;
}

void *mr_job_allocate(mr_job *job, uint64_t size)
{
    (void)job;
    mr_error error = {.code = MR_OK};
    void *memory = mr_memory_allocate_aligned(size, 64, "a driver", &error);
    return memory ? memset(memory, 0, size) : NULL;
}

void mr_job_release(mr_job *job, void *memory, uint64_t size)
{
    (void)job;
    mr_memory_free(memory, size);
}

bool mr_job_writes_arrays(const mr_job *job)
{
    return job->target.format == MR_FORMAT_HDF5 || job->target.format == MR_FORMAT_NPY;
}

/* Once all know of an error nobody communicates any more: a rank that has left its driver does not
 * come to what another one would wait in. */
mr_status mr_job_agree(mr_job *job)
{
    if (job->failed)
        return job->error->code;
    mr_job_signals(job, job->error);
    if (job->settle && job->error->code == MR_OK)
        job->settle(job);
    mr_status status = mr_comm_agree(job->comm, job->error);
    job->failed = status != MR_OK;
    if (job->failed && job->post)
        mr_post_stop_here(job->post); /* its threads; all ranks know */
    return status;
}

/* The counter's own copy of its name, which the driver may have made up. NULL: no room. */
static const char *keep_name(mr_job *job, const char *name)
{
    for (int i = 0; i < job->counter_count; i++)
        if (strcmp(job->counters[i].name, name) == 0)
            return job->counters[i].name;
    if (job->counter_count == MR_JOB_COUNTERS || job->name_count == MR_JOB_COUNTERS)
        return NULL;
    char *copy = strdup(name);
    if (copy)
        job->names[job->name_count++] = copy;
    return copy;
}

void mr_job_add(mr_job *job, const char *counter, int64_t value)
{
    const char *name = keep_name(job, counter);
    if (name)
        mr_job_count(job, name, value);
}

/* A rank that has failed is noticed before anything is sent: it may have left its driver, and would
 * take these numbers for news of another kind. */
static void reduce(mr_job *job, void *numbers, size_t count, mr_number number, mr_combine combine)
{
    if (mr_job_agree(job) == MR_OK)
        mr_vector_reduce(job->comm, numbers, count, number, combine, 0);
}

void mr_all_sum_i64(mr_job *job, int64_t *numbers, size_t count)
{
    reduce(job, numbers, count, MR_NUMBER_I64, MR_COMBINE_SUM);
}

void mr_all_sum_f64(mr_job *job, double *numbers, size_t count)
{
    reduce(job, numbers, count, MR_NUMBER_F64, MR_COMBINE_SUM);
}

void mr_all_min_i64(mr_job *job, int64_t *numbers, size_t count)
{
    reduce(job, numbers, count, MR_NUMBER_I64, MR_COMBINE_MIN);
}

void mr_all_max_i64(mr_job *job, int64_t *numbers, size_t count)
{
    reduce(job, numbers, count, MR_NUMBER_I64, MR_COMBINE_MAX);
}

void mr_all_min_f64(mr_job *job, double *numbers, size_t count)
{
    reduce(job, numbers, count, MR_NUMBER_F64, MR_COMBINE_MIN);
}

void mr_all_max_f64(mr_job *job, double *numbers, size_t count)
{
    reduce(job, numbers, count, MR_NUMBER_F64, MR_COMBINE_MAX);
}

void mr_all_or_u64(mr_job *job, uint64_t *numbers, size_t count)
{
    reduce(job, numbers, count, MR_NUMBER_U64, MR_COMBINE_OR);
}

uint64_t mr_all_before(mr_job *job, uint64_t number)
{
    uint64_t before = 0, total;
    if (mr_job_agree(job) == MR_OK)
        mr_comm_scan(job->comm, &number, 1, &before, &total);
    return before;
}

void mr_all_broadcast(mr_job *job, int from, void *bytes, uint64_t size)
{
    if (mr_job_agree(job) == MR_OK)
        mr_vector_broadcast(job->comm, from, bytes, size, 0);
    else if (mr_comm_rank(job->comm) != from && size > 0)
        memset(bytes, 0, size);
}

void mr_all_gather(mr_job *job, void *bytes, const uint64_t *starts)
{
    if (mr_job_agree(job) == MR_OK)
        mr_vector_gather(job->comm, bytes, starts, 0);
    else
        for (int rank = 0; rank < mr_comm_size(job->comm); rank++)
            if (rank != mr_comm_rank(job->comm) && starts[rank + 1] > starts[rank])
                memset((char *)bytes + starts[rank], 0, starts[rank + 1] - starts[rank]);
}

/* A rank that fails without a word, because it waited for one that has failed, say, leaves the word
 * to others. */
static mr_status agree_on_end(mr_job *job, mr_status status)
{
    if (job->post && (status != MR_OK || job->error->code != MR_OK))
        mr_post_stop(job->post); /* others may be waiting for this rank */
    mr_signals_check(job->error);
    if (status != MR_OK)
        mr_error_set(job->error, status, "%s", "");
    status = mr_job_agree(job);
    if (status != MR_OK && !job->error->text[0])
        snprintf(job->error->text, sizeof job->error->text,
                 "driver failed: %s: it does not say why", job->app.name);
    return status;
}

mr_status mr_job_drive(mr_job *job)
{
    mr_flight_phase("driver");
    mr_status status = job->app.run(job);
    mr_flight_phase("end of the driver");
    atomic_store(&job->left, true);
    const bool half_written = job->text != NULL;
    mr_text_output_abandon(job);
    mr_loops_abandon(job);
    MR_TRY(agree_on_end(job, status));
    if (half_written)
        mr_error_set(job->error, MR_FAILED,
                     "driver did not end its result: %s: call mr_text_output_end", job->app.name);
    const bool is_wanted = job->settings->output && !job->settings->dry_run;
    if (mr_comm_rank(job->comm) == 0 && is_wanted && !job->written)
        mr_error_set(job->error, MR_FAILED,
                     "driver wrote no result: %s: run it without --output, if it has none",
                     job->app.name);
    return mr_comm_agree(job->comm, job->error);
}
