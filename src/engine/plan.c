/*
 * engine/plan.c: the plan of what is read, made by rank 0 and known to all, and what is said about
 * it to who wants to know.
 */
#include "base/clock.h"
#include "base/flight.h"
#include "base/memory.h"
#include "base/slurm.h"
#include "base/span.h"
#include "engine/checkpoint.h"
#include "input/sheet.h"
#include "observe/note.h"

#include <stdlib.h>

/* Characters of columns' names, about. */
enum { SHOWN_NAMES = 200 };

mr_status mr_plan_make(mr_job *job, const char *const *paths, size_t count, mr_wanted wanted,
                       mr_plan **plan)
{
    double start = mr_clock_now();
    const char *phase = mr_flight_phase("plan");
    void *bytes = NULL;
    size_t size = 0;
    bool root = mr_comm_rank(job->comm) == 0;
    *plan = NULL;
    const mr_span_kind before = mr_span_begin(MR_SPAN_READ);
    if (root &&
        mr_plan_create(plan, paths, count, job->settings->block, wanted, job->error) == MR_OK)
        mr_plan_pack(*plan, &bytes, &size, job->error);
    mr_span_end(before);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = mr_comm_broadcast(job->comm, &bytes, &size, job->error);
    if (status == MR_OK && !root)
        mr_plan_unpack(plan, bytes, size, job->error);
    free(bytes);
    if (status == MR_OK)
        status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = mr_checkpoint_inputs(job, *plan);
    if (status != MR_OK)
        mr_plan_destroy(plan);
    job->report.seconds[MR_PHASE_PLAN] += mr_clock_now() - start;
    mr_flight_phase(phase);
    return status;
}

/* What was asked for, and what came of it. */
typedef struct mr_rows_plan {
    struct mr_rows_plan *next;
    mr_plan *plan;
    mr_element element;
    mr_text paths; /* one after the other, with their zeros */
} mr_rows_plan;

static const mr_plan *find_rows_plan(const mr_job *job, const mr_text *paths, mr_element element)
{
    for (const mr_rows_plan *old = job->rows_plans; old; old = old->next)
        if (old->element == element && old->paths.size == paths->size &&
            (paths->size == 0 || memcmp(old->paths.data, paths->data, paths->size) == 0))
            return old->plan;
    return NULL;
}

mr_status mr_plan_rows(mr_job *job, const char *const *paths, size_t count, mr_element element,
                       const mr_plan **plan)
{
    mr_rows_plan *made = calloc(1, sizeof *made);
    for (size_t i = 0; made && i < count; i++)
        mr_text_add(&made->paths, paths[i], strlen(paths[i]) + 1);
    if (!made || made->paths.failed)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: making the plan");
    /* From here on all ranks find the same. */
    mr_status status = mr_comm_agree(job->comm, job->error);
    *plan = status == MR_OK ? find_rows_plan(job, &made->paths, element) : NULL;
    if (status == MR_OK && !*plan)
        status = mr_plan_make(job, paths, count, (mr_wanted){MR_INPUT_ROWS, element}, &made->plan);
    if (status == MR_OK && !*plan) {
        made->next = job->rows_plans;
        made->element = element;
        job->rows_plans = made;
        *plan = made->plan;
        return MR_OK;
    }
    if (made)
        mr_text_free(&made->paths);
    free(made);
    return status;
}

void mr_plan_rows_free(mr_job *job)
{
    for (mr_rows_plan *gone; (gone = job->rows_plans);) {
        job->rows_plans = gone->next;
        mr_plan_destroy(&gone->plan);
        mr_text_free(&gone->paths);
        free(gone);
    }
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

static void explain_slurm(void)
{
    mr_slurm slurm;
    char text[256];
    mr_slurm_read(&slurm);
    mr_slurm_describe(&slurm, text, sizeof text);
    if (slurm.job)
        mr_note("slurm: %s", text);
}

void mr_job_explain(const mr_job *job)
{
    const mr_plan *plan = job->rows_plans ? job->rows_plans->plan : job->plan;
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
    explain_slurm();
}
