/*
 * engine/plan.c: the plan of what is read, made by rank 0 and known to all, and what is said about
 * it to who wants to know.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/job.h"
#include "input/sheet.h"
#include "observe/note.h"

#include <stdlib.h>

/* Characters of columns' names, about. */
enum { SHOWN_NAMES = 200 };

mr_status mr_plan_make(mr_job *job, const char *const *paths, size_t count, mr_wanted wanted,
                       mr_plan **plan)
{
    double start = mr_clock_now();
    void *bytes = NULL;
    size_t size = 0;
    bool root = mr_comm_rank(job->comm) == 0;
    *plan = NULL;
    if (root &&
        mr_plan_create(plan, paths, count, job->settings->block, wanted, job->error) == MR_OK)
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
    const mr_wanted wanted = {job->app.input, job->app.element};
    return mr_plan_make(job, job->inputs, job->input_count, wanted, &job->plan);
}

static void explain_rows(const mr_plan *plan)
{
    const mr_sheet *sheet = plan->sheet;
    mr_text names = {.data = NULL};
    for (uint64_t i = 0; sheet->names && i < sheet->columns && names.size < SHOWN_NAMES; i++)
        mr_text_printf(&names, i ? ", %s" : ": %s", sheet->names[i]);
    mr_note("rows: %llu values each, as %s%.*s", (unsigned long long)sheet->columns,
            plan->element ? mr_element_name(plan->element) : "they are", (int)names.size,
            names.data ? names.data : "");
    mr_text_free(&names);
}

void mr_job_explain(const mr_job *job)
{
    const mr_plan *plan = job->plan;
    if (plan && plan->sheet)
        explain_rows(plan);
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
