/*
 * sets/run.c: the way of a job from its app to its result: what all kinds of apps have in common
 * before the work, and who does the work of which kind.
 */
#include "sets/run.h"

#include "sets/sets.h"

/* Apps that map know what they read before they begin. Drivers find out as they run; of those that
 * read rows it can be told. */
static mr_status prepare(mr_job *job)
{
    bool explains = job->settings->verbose || job->settings->dry_run;
    const mr_plan *rows;
    if (!job->app.run)
        MR_TRY(mr_job_plan(job));
    else if (explains && job->app.input == MR_INPUT_ROWS)
        MR_TRY(mr_plan_rows(job, job->inputs, job->input_count, job->app.element, &rows));
    if (explains && mr_comm_rank(job->comm) == 0)
        mr_job_explain(job);
    return job->settings->dry_run ? MR_OK : mr_job_output_try(job);
}

static mr_status work(mr_job *job)
{
    if (job->app.run)
        return mr_job_drive(job);
    return job->app.reduce ? mr_sets_run_reduce(job) : mr_sets_run_fold(job);
}

mr_status mr_run_main(mr_comm *comm, const mr_app *app, void *state, const mr_settings *settings,
                      const char *const *inputs, size_t input_count, mr_error *error)
{
    mr_job job = {.comm = comm,
                  .descriptor = app,
                  .app = *app,
                  .state = state,
                  .settings = settings,
                  .inputs = inputs,
                  .input_count = input_count,
                  .error = error};
    mr_status status = mr_job_begin(&job);
    bool begun = status == MR_OK && !job.done;
    if (begun)
        status = prepare(&job);
    if (begun && status == MR_OK && (!settings->dry_run || (app->run && app->tells_plan)))
        status = work(&job);
    return mr_job_finish(&job, status);
}
