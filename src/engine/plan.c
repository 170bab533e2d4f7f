/*
 * engine/plan.c: the plan of what is read, made by rank 0 and known to all, and what is said about
 * it to who wants to know.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/job.h"
#include "observe/note.h"

#include <stdlib.h>

mr_status mr_plan_make(mr_job *job, const char *const *paths, size_t count, mr_plan **plan)
{
    double start = mr_clock_now();
    void *bytes = NULL;
    size_t size = 0;
    bool root = mr_comm_rank(job->comm) == 0;
    *plan = NULL;
    if (root && mr_plan_create(plan, paths, count, job->settings->block, job->error) == MR_OK)
        mr_plan_pack(*plan, &bytes, &size, job->error);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = mr_comm_broadcast(job->comm, &bytes, &size, job->error);
    if (status == MR_OK && !root)
        mr_plan_unpack(plan, bytes, size, job->error);
    free(bytes);
    if (status == MR_OK)
        status = mr_comm_agree(job->comm, job->error);
    if (status != MR_OK)
        mr_plan_destroy(plan);
    job->report.seconds[MR_PHASE_PLAN] += mr_clock_now() - start;
    return status;
}

mr_status mr_job_plan(mr_job *job)
{
    return mr_plan_make(job, job->inputs, job->input_count, &job->plan);
}

void mr_job_explain(const mr_job *job)
{
    const mr_plan *plan = job->plan;
    if (plan)
        mr_note("plan: %zu files, %llu bytes, %llu splits of %llu bytes", plan->count,
                (unsigned long long)mr_plan_bytes(plan), (unsigned long long)plan->splits,
                (unsigned long long)plan->block);
    else
        mr_note("plan: %s decides as it runs: %zu inputs are named", job->app.name,
                job->input_count);
    mr_note("ranks: %d, %d on this node (%s), %u threads each; %s", mr_comm_size(job->comm),
            mr_comm_node_size(job->comm), mr_comm_host(job->comm), job->threads, job->share.text);
    mr_note("memory: %llu bytes a rank", (unsigned long long)mr_memory_budget());
}
