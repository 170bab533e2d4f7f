/* sets/ranges.c: where the ranges of a set are cut: rank 0 decides, by a sample of all ranks. */
#include "sets/set.h"

#include <stdlib.h>

void mr_ranges_release(mr_ranges **ranges)
{
    if (*ranges && --(*ranges)->users == 0) {
        mr_pair_cuts_free(&(*ranges)->cuts);
        free(*ranges);
    }
    *ranges = NULL;
}

/* Rank 0: one sample of all that were sent. */
static mr_status merge(const char *all, const uint64_t *sizes, int ranks,
                       const mr_pair_order *order, mr_pair_sample *sample, mr_error *error)
{
    mr_pair_sample_start(sample, order, (size_t)ranks * 8192);
    mr_status status = MR_OK;
    for (int rank = 0; rank < ranks && status == MR_OK; all += sizes[rank++]) {
        mr_pair_sample one = {0};
        status = mr_pair_sample_unpack(&one, all, sizes[rank], error);
        if (status == MR_OK)
            status = mr_pair_sample_merge(sample, &one, error);
        mr_pair_sample_free(&one);
    }
    return status;
}

mr_status mr_sample_gather(mr_job *job, const mr_pair_order *order, const mr_pair_sample *mine,
                           mr_pair_sample *sample)
{
    char *all = NULL;
    uint64_t *sizes = NULL;
    void *packed = NULL;
    size_t size = 0;
    *sample = (mr_pair_sample){.bytes = NULL};
    mr_pair_sample_pack(mine, &packed, &size, job->error);
    MR_TRY(mr_job_agree(job));
    mr_status status = mr_comm_gather_sizes(job->comm, packed, size, &all, &sizes, job->error);
    if (status == MR_OK && mr_comm_rank(job->comm) == 0)
        merge(all, sizes, mr_comm_size(job->comm), order, sample, job->error);
    free(packed);
    free(all);
    free(sizes);
    return status == MR_OK ? mr_job_agree(job) : status;
}

/* Rank 0: the cuts as bytes for everybody. */
static mr_status decide(const mr_pair_sample *sample, const mr_pair_order *order, uint32_t piles,
                        bool whole_keys, void **bytes, size_t *size, mr_error *error)
{
    mr_pair_cuts cuts = {0};
    mr_status status = mr_pair_cuts_create(&cuts, order, sample, piles, whole_keys, error);
    if (status == MR_OK)
        status = mr_pair_cuts_pack(&cuts, bytes, size, error);
    mr_pair_cuts_free(&cuts);
    return status;
}

mr_status mr_ranges_create(mr_ranges **result, mr_job *job, const mr_pair_order *order,
                           const mr_pair_sample *mine, uint32_t piles, bool whole_keys)
{
    void *bytes = NULL;
    size_t size = 0;
    mr_pair_sample sample = {0};
    *result = NULL;
    MR_TRY(mr_job_agree(job));
    mr_ranges *ranges = calloc(1, sizeof *ranges);
    if (!ranges)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: cutting ranges");
    mr_status status = mr_sample_gather(job, order, mine, &sample);
    if (status != MR_OK)
        goto out;
    ranges->users = 1;
    ranges->piles = piles;
    ranges->order = *order;
    if (mr_comm_rank(job->comm) == 0)
        decide(&sample, order, piles, whole_keys, &bytes, &size, job->error);
    status = mr_job_agree(job);
    if (status == MR_OK)
        status = mr_comm_broadcast(job->comm, &bytes, &size, job->error);
    if (status == MR_OK)
        mr_pair_cuts_unpack(&ranges->cuts, order, bytes, size, job->error);
    status = status == MR_OK ? mr_job_agree(job) : status;
    if (status == MR_OK)
        *result = ranges;
out:
    mr_pair_sample_free(&sample);
    free(bytes);
    if (status != MR_OK)
        free(ranges);
    return status;
}
