/*
 * engine/job.c: the order of a job's phases, what comes before and after them, and nothing of what
 * they do. All ranks walk through it together; each step ends in agreement.
 */
#include "engine/job.h"

#include "base/clock.h"
#include "base/memory.h"
#include "observe/crash.h"
#include "observe/note.h"
#include "observe/signals.h"

#include <omp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_root(const mr_job *job)
{
    return mr_comm_rank(job->comm) == 0;
}

static bool explains(const mr_job *job)
{
    return job->settings->verbose && is_root(job);
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
    job->report.threads = job->threads;
    job->report.memory_budget = budget;
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
    if (settings->format && job->target.format != MR_FORMAT_TSV)
        return mr_error_set(job->error, MR_USAGE,
                            "wrong options: %s: it writes lines of text: leave out --format",
                            job->app.name);
    job->target.format = MR_FORMAT_TSV;
    return MR_OK;
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
    if (job->error->code == MR_OK && (!app->map || !app->fold))
        mr_error_set(job->error, MR_BAD_PLUGIN,
                     "plugin does not fit: %s: no kernel or no fold after setup", app->name);
    return mr_comm_agree(job->comm, job->error);
}

/* Looks at the target before anything expensive is done. */
static mr_status check_target(mr_job *job)
{
    const mr_settings *settings = job->settings;
    if (is_root(job) &&
        mr_target_of(&job->target, settings->output, settings->format, settings->overwrite,
                     job->error) == MR_OK &&
        !settings->dry_run)
        mr_target_check(&job->target, job->error);
    MR_TRY(mr_comm_agree(job->comm, job->error));
    void *bytes = &job->target;
    size_t size = sizeof job->target;
    MR_TRY(mr_comm_broadcast(job->comm, &bytes, &size, job->error));
    if (!is_root(job)) {
        memcpy(&job->target, bytes, sizeof job->target);
        free(bytes);
    }
    check_order(job);
    return mr_comm_agree(job->comm, job->error);
}

mr_status mr_job_plan(mr_job *job)
{
    double start = mr_clock_now();
    void *bytes = NULL;
    size_t size = 0;
    if (is_root(job) && mr_plan_create(&job->plan, job->inputs, job->input_count,
                                       job->settings->block, job->error) == MR_OK)
        mr_plan_pack(job->plan, &bytes, &size, job->error);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = mr_comm_broadcast(job->comm, &bytes, &size, job->error);
    if (status == MR_OK && !is_root(job))
        mr_plan_unpack(&job->plan, bytes, size, job->error);
    free(bytes);
    job->report.seconds[MR_PHASE_PLAN] = mr_clock_now() - start;
    return status == MR_OK ? mr_comm_agree(job->comm, job->error) : status;
}

static void explain_plan(const mr_job *job)
{
    const mr_plan *plan = job->plan;
    mr_note("plan: %zu files, %llu bytes, %llu splits of %llu bytes", plan->count,
            (unsigned long long)mr_plan_bytes(plan), (unsigned long long)plan->splits,
            (unsigned long long)plan->block);
    mr_note("ranks: %d, %d on this node (%s), %u threads each; %s", mr_comm_size(job->comm),
            mr_comm_node_size(job->comm), mr_comm_host(job->comm), job->threads, job->share.text);
    mr_note("memory: %llu bytes a rank", (unsigned long long)mr_memory_budget());
}

static mr_status begin_output(mr_job *job)
{
    if (is_root(job))
        mr_commit_begin(&job->commit, &job->target, job->error);
    return mr_comm_agree(job->comm, job->error);
}

/* Makes the temporary and removes it: what can't be written is told before the map, and a job that
 * is killed in the middle of it leaves nothing behind. */
static mr_status try_output(mr_job *job)
{
    if (is_root(job) && job->settings->report)
        mr_report_try(job->settings->report, job->error);
    mr_status status = begin_output(job);
    mr_commit_abandon(&job->commit);
    return status;
}

/* Dense results are on rank 0 after the map: as records, those that anything was folded into. */
static mr_status dense_to_store(mr_job *job)
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
        memcpy(value, job->dense + i * fold->size, fold->size);
        if (!job->app.dense_all && memcmp(value, identity, room) == 0)
            continue;
        mr_words key = mr_key_of_i64((int64_t)i);
        mr_entry entry = {.key = &key, .value = value, .size = 8};
        status = mr_store_append(job->store, partition, &entry, job->error);
    }
    free(identity);
    return status;
}

mr_status mr_job_combine(mr_job *job)
{
    double start = mr_clock_now();
    mr_status status = MR_OK;
    bool by_key = job->order.sort == MR_SORT_KEY && job->settings->top == 0;
    if (job->app.key == MR_KEY_DENSE) {
        if (is_root(job))
            dense_to_store(job);
        status = mr_comm_agree(job->comm, job->error);
    } else {
        status = mr_job_exchange(job, by_key ? &job->order : NULL);
    }
    if (status == MR_OK)
        job->report.keys_owned = mr_store_keys(job->store);
    job->report.seconds[MR_PHASE_COMBINE] = mr_clock_now() - start;
    return status;
}

/* After combining each key is on one rank; now the rows in the order that was asked for. */
static mr_status arrange(mr_job *job)
{
    double start = mr_clock_now();
    mr_status status = MR_OK;
    if (job->settings->top)
        status = mr_job_top(job);
    else if (job->order.sort == MR_SORT_VALUE && job->app.key != MR_KEY_DENSE)
        status = mr_job_exchange(job, &job->order);
    job->report.seconds[MR_PHASE_SORT] = mr_clock_now() - start;
    return status;
}

/* The same for any number of ranks, as the result is. */
static mr_status finish_output(mr_job *job)
{
    char summary[1024];
    snprintf(summary, sizeof summary,
             "{\"app\": \"%s\", \"version\": \"%s\", \"rows\": %llu, \"bytes\": %llu}\n",
             job->app.name, MR_VERSION, (unsigned long long)job->rows,
             (unsigned long long)job->bytes);
    if (is_root(job) && job->commit)
        mr_commit_finish(&job->commit, summary, job->error);
    return mr_comm_agree(job->comm, job->error);
}

static mr_status timed(mr_job *job, int phase, mr_status (*run)(mr_job *))
{
    double start = mr_clock_now();
    mr_signals_check(job->error);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = run(job);
    job->report.seconds[phase] += mr_clock_now() - start;
    return status;
}

static mr_status run_phases(mr_job *job)
{
    MR_TRY(take_share(job));
    MR_TRY(set_up(job));
    MR_TRY(check_target(job));
    MR_TRY(mr_job_plan(job));
    if (explains(job) || (is_root(job) && job->settings->dry_run))
        explain_plan(job);
    if (job->settings->dry_run)
        return MR_OK;
    MR_TRY(try_output(job));
    if (is_root(job))
        mr_progress_start(&job->progress, job->settings->progress, job->settings->quiet,
                          job->plan->streams ? 0 : mr_plan_bytes(job->plan));
    MR_TRY(timed(job, MR_PHASE_MAP, mr_job_map));
    if (is_root(job))
        mr_progress_finish(&job->progress, mr_plan_bytes(job->plan));
    MR_TRY(mr_job_combine(job));
    MR_TRY(arrange(job));
    MR_TRY(timed(job, MR_PHASE_WRITE, begin_output));
    MR_TRY(timed(job, MR_PHASE_WRITE, mr_job_write));
    return timed(job, MR_PHASE_WRITE, finish_output);
}

static void end_job(mr_job *job)
{
    if (job->app.teardown)
        job->app.teardown(job, job->state);
    mr_commit_abandon(&job->commit);
    mr_store_destroy(&job->store);
    if (job->dense)
        mr_memory_free(job->dense, job->app.dense_count * job->app.fold->size);
    mr_plan_destroy(&job->plan);
    mr_signals_remove();
    mr_crash_remove();
}

mr_status mr_job_main(mr_comm *comm, const mr_app *app, const char *plugin_path, void *state,
                      const mr_settings *settings, const char *const *inputs, size_t input_count,
                      mr_error *error)
{
    mr_job job = {.comm = comm,
                  .app = *app,
                  .state = state,
                  .settings = settings,
                  .inputs = inputs,
                  .input_count = input_count,
                  .error = error,
                  .start = mr_clock_now()};
    (void)plugin_path;
    mr_crash_install(mr_comm_rank(comm), mr_comm_host(comm), app->name);
    mr_signals_install();
    /* What these tell is also told by the call that failed. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    mr_status status = run_phases(&job);
    if (is_root(&job) && job.progress.dirty)
        mr_progress_finish(&job.progress, 0);
    if (status == MR_OK && !settings->dry_run)
        status = mr_job_tell(&job);
    end_job(&job);
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
