/*
 * engine/job.c: what comes before and after the work of a job, whatever kind of app it runs: its
 * share of the node, its output, its report. All ranks walk through it together; each step ends in
 * agreement.
 */
#include "engine/checkpoint.h"

#include "base/clock.h"
#include "base/flight.h"
#include "base/memory.h"
#include "base/slurm.h"
#include "base/span.h"
#include "comm/post.h"
#include "engine/bad.h"
#include "engine/dense.h"
#include "engine/seeing.h"
#include "observe/crash.h"
#include "observe/guard.h"
#include "observe/signals.h"
#include "observe/trace.h"

#include <errno.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_root(const mr_job *job)
{
    return mr_comm_rank(job->comm) == 0;
}

/* This rank's part of the node: CPUs, threads, memory. */
static mr_status take_share(mr_job *job)
{
    const mr_settings *settings = job->settings;
    mr_topology_share(&job->share, (unsigned)mr_comm_node_rank(job->comm),
                      (unsigned)mr_comm_node_size(job->comm), settings->bind_keep, job->error);
    job->threads = settings->threads ? (unsigned)settings->threads : job->share.cpus;
    if (job->threads == 0)
        job->threads = 1;
    uint64_t budget = settings->memory ? settings->memory : job->share.memory;
    mr_memory_set_budget(budget);
    omp_set_num_threads((int)job->threads); /* for what a driver does in parallel itself */
    job->report.threads = job->threads;
    job->report.memory_budget = budget;
    job->report.node_cpus = job->share.node_cpus;
    snprintf(job->report.host, sizeof job->report.host, "%s", mr_comm_host(job->comm));
    return mr_comm_agree(job->comm, job->error);
}

static mr_status check_order(mr_job *job)
{
    const mr_settings *settings = job->settings;
    job->order = (mr_order){settings->sort, settings->reverse, job->app.fold};
    if (job->app.fold != MR_TEXT)
        return MR_OK;
    if (settings->sort_given || settings->reverse || settings->top)
        return mr_error_set(
            job->error, MR_USAGE,
            "wrong options: %s: it writes lines in the order of the input: leave out "
            "--sort, --reverse and --top",
            job->app.name);
    bool typed = mr_format_is_typed(job->target.format);
    if (typed || (settings->format && job->target.format != MR_FORMAT_TSV))
        return mr_error_set(job->error, MR_USAGE,
                            "wrong options: %s: it writes lines of text: leave out --format%s",
                            job->app.name, typed ? ", and endings such as .h5" : "");
    job->target.format = MR_FORMAT_TSV;
    return MR_OK;
}

static bool is_whole(const mr_app *app)
{
    return app->run || (app->map && (app->fold || app->reduce));
}

/* What the app makes of its options. */
static mr_status set_up(mr_job *job)
{
    mr_app *app = &job->app;
    if (app->setup) {
        mr_status status = app->setup(job, job->state);
        if (status != MR_OK)
            mr_error_set(job->error, status, "cannot start: %s: its setup failed", app->name);
    }
    if (job->error->code == MR_OK && !is_whole(app))
        mr_error_set(job->error, MR_BAD_PLUGIN,
                     "plugin does not fit: %s: no kernel or no fold after setup", app->name);
    return mr_comm_agree(job->comm, job->error);
}

static const char *scratch_of(const mr_settings *settings)
{
    mr_slurm slurm;
    const char *folder = getenv("TMPDIR");
    mr_slurm_read(&slurm);
    return settings->scratch   ? settings->scratch
           : slurm.scratch     ? slurm.scratch
           : folder && *folder ? folder
                               : "/tmp";
}

/* A folder that was asked for is looked at now; another one when it is needed, if it ever is. Each
 * rank looks, since each may have a disk of its own. */
static mr_status check_scratch(mr_job *job)
{
    struct stat about;
    const char *folder = job->scratch = scratch_of(job->settings);
    const char *wrong = NULL;
    if (job->settings->scratch && stat(folder, &about) != 0)
        wrong = strerror(errno);
    else if (job->settings->scratch && !S_ISDIR(about.st_mode))
        wrong = "it is not a folder";
    else if (job->settings->scratch && access(folder, W_OK | X_OK) != 0)
        wrong = strerror(errno);
    if (wrong)
        mr_error_set(job->error, MR_BAD_OUTPUT, "cannot use scratch: %s: %s: choose another folder",
                     folder, wrong);
    return mr_comm_agree(job->comm, job->error);
}

/* Rank 0 looks at the target; all know what it has found. */
static mr_status find_target(mr_job *job, const char *path, mr_target *target)
{
    const mr_settings *settings = job->settings;
    /* Killed when its result was in place already: what is there is its own. */
    bool is_own = path == settings->output && job->keep && mr_keep_was_announced(job->keep);
    if (is_root(job) &&
        mr_target_of(target, path, settings->format, settings->overwrite || is_own, job->error) ==
            MR_OK &&
        !settings->dry_run)
        mr_target_check(target, job->error);
    MR_TRY(mr_comm_agree(job->comm, job->error));
    void *bytes = target;
    size_t size = sizeof *target;
    MR_TRY(mr_comm_broadcast(job->comm, &bytes, &size, job->error));
    if (!is_root(job)) {
        memcpy(target, bytes, sizeof *target);
        free(bytes);
    }
    return MR_OK;
}

mr_status mr_job_target_of(mr_job *job, const char *path, mr_target *target)
{
    return find_target(job, path, target);
}

/* Looks at the target before anything expensive is done. */
static mr_status check_target(mr_job *job)
{
    MR_TRY(find_target(job, job->settings->output, &job->target));
    check_order(job);
    return mr_comm_agree(job->comm, job->error);
}

mr_status mr_job_output_begin(mr_job *job)
{
    if (is_root(job))
        mr_commit_begin(&job->commit, &job->target, job->error);
    return mr_comm_agree(job->comm, job->error);
}

mr_status mr_job_output_try(mr_job *job)
{
    if (is_root(job) && job->settings->report)
        mr_report_try(job->settings->report, job->error);
    if (is_root(job) && job->settings->trace)
        mr_trace_try(job->settings->trace, job->error);
    mr_status status = mr_job_output_begin(job);
    job->is_traced = status == MR_OK && job->settings->trace;
    mr_commit_abandon(&job->commit);
    return status;
}

/* The same for any number of ranks, as the result is. */
static mr_status commit_output(mr_job *job)
{
    char summary[1024];
    mr_flight_phase("commit");
    snprintf(summary, sizeof summary,
             "{\"app\": \"%s\", \"version\": \"%s\", \"rows\": %llu, \"bytes\": %llu}\n",
             job->app.name, MR_VERSION, (unsigned long long)job->rows,
             (unsigned long long)job->bytes);
    const mr_span_kind before = mr_span_begin(MR_SPAN_WRITE);
    if (is_root(job) && job->commit && job->keep)
        mr_keep_announce(job->keep, job->error);
    if (is_root(job) && job->commit && job->error->code == MR_OK)
        mr_commit_finish(&job->commit, summary, job->error);
    mr_span_end(before);
    return mr_comm_agree(job->comm, job->error);
}

mr_status mr_job_timed(mr_job *job, int phase, mr_status (*run)(mr_job *))
{
    double start = mr_clock_now();
    mr_signals_check(job->error);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = run(job);
    job->report.seconds[phase] += mr_clock_now() - start;
    return status;
}

mr_status mr_job_begin(mr_job *job)
{
    job->start = mr_clock_now();
    job->report.cpu = -mr_clock_process();
    mr_crash_install(mr_comm_rank(job->comm), mr_comm_host(job->comm), job->app.name);
    mr_signals_install();
    mr_flight *flight = mr_flight_here();
    snprintf(flight->app, sizeof flight->app, "%s", job->app.name);
    flight->can_resume = job->settings->checkpoint != NULL;
    mr_guard_watch(job->settings->watchdog);
    mr_bad_begin(job);
    mr_job_watch(job);
    MR_TRY(take_share(job));
    MR_TRY(set_up(job));
    MR_TRY(mr_checkpoint_open(job, &job->done));
    if (job->done)
        return MR_OK;
    MR_TRY(check_target(job));
    return check_scratch(job);
}

static void end_job(mr_job *job)
{
    if (job->app.teardown)
        job->app.teardown(job, job->state);
    if (job->free_arrays)
        job->free_arrays(job);
    mr_commit_abandon(&job->commit);
    mr_bad_end(job);
    mr_store_destroy(&job->store);
    mr_dense_destroy(&job->dense);
    mr_plan_destroy(&job->plan);
    mr_plan_rows_free(job);
    for (int i = 0; i < job->name_count; i++)
        free(job->names[i]);
    for (int i = 0; i < job->part_count; i++) {
        free(job->parts[i].name);
        free(job->parts[i].json);
    }
    free(job->parts);
    free(job->slowest);
    mr_span_free();
    mr_signals_remove();
    mr_crash_remove();
}

/* Who wants to know what the job did. Of one that failed there is a trace. */
static mr_status tell(mr_job *job, mr_status status)
{
    mr_job_watched(job);
    status = mr_job_trace(job, status);
    if (status == MR_OK && !job->settings->dry_run && !job->done)
        status = mr_job_tell(job);
    return status;
}

static void count_checkpoints(mr_job *job)
{
    if (!job->keep)
        return;
    job->report.checkpoint_bytes = mr_keep_bytes(job->keep);
    if (mr_keep_seconds(job->keep) > job->report.checkpoint_seconds)
        job->report.checkpoint_seconds = mr_keep_seconds(job->keep);
}

mr_status mr_job_finish(mr_job *job, mr_status status)
{
    if (is_root(job) && job->progress.dirty)
        mr_progress_finish(&job->progress, 0);
    mr_post_close(&job->post);
    count_checkpoints(job);
    if (status == MR_OK && job->written)
        status = mr_job_timed(job, MR_PHASE_WRITE, commit_output);
    const bool is_well = status == MR_OK;
    if (is_well)
        status = tell(job, status);
    status = mr_checkpoint_close(job, status);
    if (!is_well && status != MR_INTERRUPTED)
        status = tell(job, status);
    end_job(job);
    return status;
}

mr_app *mr_job_app(mr_job *job)
{
    return &job->app;
}

void *mr_job_state(mr_job *job)
{
    return job->state;
}

int mr_job_rank(const mr_job *job)
{
    return mr_comm_rank(job->comm);
}

int mr_job_ranks(const mr_job *job)
{
    return mr_comm_size(job->comm);
}

mr_status mr_job_fail(mr_job *job, mr_status status, const char *format, ...)
{
    char text[MR_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return mr_error_set(job->error, status, "%s", text);
}
