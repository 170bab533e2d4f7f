/*
 * sets/declared.c: apps that say what they do instead of driving: map and fold, or map and reduce.
 * A folded job stays in its tables and its store as long as they fit; one that does not goes on as
 * a set.
 */
#include "sets/sets.h"

#include "base/clock.h"
#include "engine/dense.h"
#include "sets/saved.h"
#include "sets/write.h"

static void start_progress(mr_job *job)
{
    if (mr_comm_rank(job->comm) == 0)
        mr_progress_start(&job->progress, job->settings->progress, job->settings->quiet,
                          job->plan->streams ? 0 : mr_plan_bytes(job->plan));
}

static void finish_progress(mr_job *job)
{
    if (mr_comm_rank(job->comm) == 0)
        mr_progress_finish(&job->progress, mr_plan_bytes(job->plan));
}

static mr_status map(mr_job *job, mr_feed *feed)
{
    double start = mr_clock_now();
    mr_records records = {job->app.input, job->app.record_size};
    start_progress(job);
    MR_TRY(mr_map_input(feed, job->plan, records, job->app.map));
    finish_progress(job);
    job->report.keys = mr_store_keys(feed->store);
    job->report.seconds[MR_PHASE_MAP] += mr_clock_now() - start;
    return MR_OK;
}

static mr_status write_result(mr_job *job)
{
    mr_status status = mr_job_write(job);
    job->written = status == MR_OK;
    return status;
}

/* What is in the job's store, on its way out. */
static mr_status finish_in_memory(mr_job *job)
{
    MR_TRY(mr_job_combine(job));
    MR_TRY(mr_job_arrange(job));
    MR_TRY(mr_job_timed(job, MR_PHASE_WRITE, mr_job_output_begin));
    return mr_job_timed(job, MR_PHASE_WRITE, write_result);
}

/* Dense results never outgrow what they were made as. */
static mr_status fold_dense(mr_job *job)
{
    mr_store_create(&job->store, job->app.fold, 0, job->error);
    MR_TRY(mr_job_agree(job));
    mr_feed feed = {.job = job, .app = &job->app, .store = job->store};
    mr_step step;
    MR_TRY(mr_dense_create(job, job->app.fold, job->app.dense_count, &job->dense));
    MR_TRY(mr_dense_step(job, &feed, &step, job->plan->block));
    MR_TRY(mr_step_end(&step, map(job, &feed)));
    return finish_in_memory(job);
}

/* Lines in the order of the input are what their set's values are. */
static void write_lines(void *context, mr_pair pair, mr_text *text)
{
    mr_first lines;
    (void)context;
    mr_folded_get(MR_TEXT, pair.value, &lines);
    mr_text_add(text, lines.data, lines.size);
}

/* Too much for memory: what is folded is a set by now. */
static mr_status finish_as_set(mr_job *job, mr_set *set)
{
    const mr_settings *settings = job->settings;
    mr_set *ordered = NULL;
    mr_write_options how = {.key_name = job->app.key_name,
                            .columns = job->app.columns,
                            .text = job->app.fold == MR_TEXT ? write_lines : NULL,
                            .consume = true};
    mr_sort_options by = {.by = settings->sort == MR_SORT_VALUE ? MR_BY_VALUE : MR_BY_KEY,
                          .descending = settings->reverse,
                          .consume = true};
    mr_status status = settings->top ? mr_set_top(set, &by, settings->top, &ordered)
                                     : mr_set_sort(set, &by, &ordered);
    if (status == MR_OK)
        status = mr_set_write(ordered, &how);
    mr_set_destroy(&ordered);
    return status;
}

static mr_status fold_keys(mr_job *job)
{
    mr_folding f;
    mr_set *set = NULL;
    mr_set_options options = {.shape = {.key = job->app.key}, .fold = job->app.fold};
    if (job->app.key == MR_KEY_I64)
        options.shape.key_size = 8;
    MR_TRY(mr_folding_begin(&f, job, &options));
    f.app = job->app;
    mr_step step;
    mr_status status = mr_folding_step(&f, &step, job->plan->block);
    if (status == MR_OK)
        status = mr_making_step_end(&f.making, &step, map(job, &f.making.feed));
    if (status == MR_OK && !mr_folding_relieved(&f)) {
        job->store = f.store;
        f.store = NULL;
        mr_folding_drop(&f);
        return finish_in_memory(job);
    }
    MR_TRY(mr_folding_end(&f, status, &set));
    status = finish_as_set(job, set);
    mr_set_destroy(&set);
    return status;
}

mr_status mr_sets_run_fold(mr_job *job)
{
    return job->app.key == MR_KEY_DENSE ? fold_dense(job) : fold_keys(job);
}

/* Map and reduce. */
static mr_status write_reduced(mr_job *job, mr_set *reduced)
{
    const mr_settings *settings = job->settings;
    mr_write_options how = {
        .key_name = job->app.key_name, .columns = job->app.columns, .consume = true};
    mr_sort_options by = {.by = settings->sort == MR_SORT_VALUE ? MR_BY_VALUE : MR_BY_KEY,
                          .descending = settings->reverse,
                          .consume = true};
    mr_set *ordered = NULL;
    bool plain = !settings->reverse && settings->sort != MR_SORT_VALUE && !settings->top;
    if (plain)
        return mr_set_write(reduced, &how);
    mr_status status = settings->top ? mr_set_top(reduced, &by, settings->top, &ordered)
                                     : mr_set_sort(reduced, &by, &ordered);
    if (status == MR_OK)
        status = mr_set_write(ordered, &how);
    mr_set_destroy(&ordered);
    return status;
}

/* What the kernel has put for one block. */
static mr_status write_pairs(mr_job *job, mr_set *pairs)
{
    mr_write_options how = {.key_name = job->app.key_name, .consume = true};
    mr_sort_options by = {.by = MR_BY_KEY, .consume = true};
    mr_set *ordered = NULL;
    mr_status status = mr_set_sort(pairs, &by, &ordered);
    if (status == MR_OK)
        status = mr_set_write(ordered, &how);
    mr_set_destroy(&ordered);
    return status;
}

mr_status mr_sets_run_reduce(mr_job *job)
{
    const mr_app *app = &job->app;
    mr_input_options input = {
        .records = app->input, .record_size = app->record_size, .element = app->element};
    mr_set_options pairs = {
        .shape = app->pairs, .ordered = app->ordered, .associative = app->associative};
    mr_set_options result = {.shape = app->result,
                             .values = app->values,
                             .associative = app->associative,
                             .same_keys = app->same_keys,
                             .consume = true};
    mr_set *mapped = NULL, *reduced = NULL;
    mr_status status = mr_set_from_input(job, &input, app->map, &pairs, &mapped);
    if (status == MR_OK && job->settings->replay)
        status = write_pairs(job, mapped);
    else if (status == MR_OK)
        status = mr_set_reduce(mapped, app->reduce, &result, &reduced);
    mr_set_destroy(&mapped);
    if (status == MR_OK && reduced)
        status = write_reduced(job, reduced);
    mr_set_destroy(&reduced);
    return status;
}
