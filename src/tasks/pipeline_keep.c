/*
 * tasks/pipeline_keep.c: checkpoints of pipelines, by item of the source. What nobody has begun to
 * work on is held back, all before it flows out to the end; then all ranks save together how many
 * items are done, and what stages in order, and the text that is the result, have come to. A
 * resumed job's source begins anew, and its first items are dropped, or it begins where it is told.
 */
#include "tasks/pipeline_internal.h"

#include "engine/checkpoint.h"
#include "observe/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

/* How long items that are under way may take, once the job is to stop. */
#define PATIENCE 20.0

#define NAME 64

/* What a checkpoint has of a pipeline, besides the states of stages. */
typedef struct pipe_saved {
    uint64_t items, digest; /* of the source */
    uint64_t text;          /* bytes */
    struct {
        uint64_t came, put;
    } stages[PIPE_STAGES + 1];
} pipe_saved;

static void name_of(const pipeline *p, char *name, const char *what, unsigned stage)
{
    snprintf(name, NAME, "pipe/%llu/%s%u", (unsigned long long)p->number, what, stage);
}

static uint64_t digest_of(uint64_t before, mr_bytes item)
{
    return XXH3_64bits_withSeed(item.data, item.size, before);
}

void mr_pipeline_keep_count(pipeline *p, pipe_page *page)
{
    mr_bytes item;
    page->digest = p->digest;
    for (size_t at = 0; p->keeps && pipe_page_next(page, &at, &item);)
        p->digest = digest_of(p->digest, item);
}

/* ---- Whether, and from where ---- */

static bool can_keep(const pipeline *p)
{
    for (unsigned s = 0; s < p->stage_count; s++)
        if (p->stages[s].kind == MR_STAGE_IN_ORDER && p->stages[s].command &&
            !p->stages[s].stateless)
            return false;
    return p->plan.resumes;
}

void mr_pipeline_keep_begin(pipeline *p)
{
    char name[NAME];
    mr_job *job = p->job;
    p->number = mr_checkpoint_piece(job);
    p->keeps = job->keep && can_keep(p);
    if (!p->keeps)
        return;
    name_of(p, name, "items", 0);
    p->is_resumed = mr_keep_count(job->keep, name) > 0;
    p->held = mr_signals_hold(PATIENCE);
}

void mr_pipeline_keep_end(pipeline *p)
{
    if (!p->keeps)
        return;
    mr_signals_hold(p->held);
    /* Whoever is still about to save together with others hears that this rank will not. */
    if (!mr_post_stopped(p->post))
        return;
    if (p->error.code != MR_OK)
        mr_error_set(p->job->error, p->error.code, "%s", p->error.text);
    else if (mr_signals_check(p->job->error) == MR_OK)
        mr_error_set(p->job->error, MR_FAILED, "%s", "");
}

static mr_status load_bytes(pipeline *p, const char *name, void **bytes, size_t *size)
{
    mr_keep *keep = p->job->keep;
    const mr_keep_entry *entry = mr_keep_entry_at(keep, name, 0);
    *size = entry ? entry->size : 0;
    *bytes = NULL;
    return entry ? mr_keep_load(keep, entry, bytes, p->job->error) : MR_OK;
}

static mr_status load_stage(mr_stage *stage, const pipe_saved *saved)
{
    char name[NAME];
    void *bytes;
    size_t size;
    stage->came = saved->stages[stage->number].came;
    stage->put = saved->stages[stage->number].put;
    name_of(stage->pipe, name, "stage", stage->number);
    MR_TRY(load_bytes(stage->pipe, name, &bytes, &size));
    mr_status status = MR_OK;
    if (bytes && stage->plan->load)
        status = stage->plan->load(stage, (mr_bytes){bytes, size});
    free(bytes);
    return status;
}

static mr_status load_saved(pipeline *p, pipe_saved *saved)
{
    char name[NAME];
    void *bytes;
    size_t size;
    name_of(p, name, "items", 0);
    MR_TRY(load_bytes(p, name, &bytes, &size));
    if (size == sizeof *saved)
        memcpy(saved, bytes, size);
    free(bytes);
    return size == sizeof *saved
               ? MR_OK
               : mr_error_set(p->job->error, MR_BAD_INPUT,
                              "checkpoint does not fit: %s: pipeline %s: begin anew with "
                              "--overwrite in place of --resume",
                              mr_keep_folder(p->job->keep), p->plan.name);
}

static mr_status load_all(pipeline *p, pipe_seat *seat, mr_stage *source, pipe_saved *saved)
{
    MR_TRY(load_saved(p, saved));
    MR_TRY(mr_text_output_restore(p->job, saved->text));
    for (unsigned s = 1; s <= p->stage_count; s++) {
        if (!pipe_in_order(p, s))
            continue;
        mr_stage *stage = mr_pipeline_stage_open(seat, s);
        if (!stage)
            return MR_FAILED;
        MR_TRY(load_stage(stage, saved));
    }
    p->saved = saved->items;
    if (!p->plan.seek) {
        source->skip = saved->items;
        source->skip_digest = saved->digest;
        return MR_OK;
    }
    source->put = saved->items;
    p->digest = saved->digest;
    return p->plan.seek(source, saved->items);
}

bool mr_pipeline_keep_load(pipe_seat *seat, mr_stage *source)
{
    pipe_saved saved;
    pipeline *p = seat->pipe;
    if (!p->is_resumed)
        return true;
    const mr_status status = load_all(p, seat, source, &saved);
    if (status != MR_OK && p->job->error->code != MR_OK)
        mr_pipeline_fail(p, p->job->error->code, "%s", p->job->error->text);
    else if (status != MR_OK)
        mr_stage_fail(source, status, "it could not go on from a checkpoint");
    return status == MR_OK;
}

/* ---- Items that a checkpoint has ---- */

/* The one in the page was dropped: it is only looked at. */
void mr_pipeline_keep_drop(mr_stage *stage)
{
    pipeline *p = stage->pipe;
    size_t at = 0;
    mr_bytes item;
    if (!pipe_page_next(stage->page, &at, &item))
        return;
    p->digest = digest_of(p->digest, item);
    stage->page->size = 0;
    stage->page->count = 0;
    stage->put++;
    if (--stage->skip == 0 && p->digest != stage->skip_digest)
        mr_stage_fail(stage, MR_BAD_INPUT,
                      "its first %llu items are not what they were when the job was begun: bring "
                      "the inputs back, or begin anew with --overwrite in place of --resume",
                      (unsigned long long)stage->put);
}

mr_status mr_stage_keep(mr_stage *stage, const void *bytes, size_t size)
{
    pipeline *p = stage->pipe;
    return p->file ? mr_keep_file_write(p->file, bytes, size) : MR_FAILED;
}

/* ---- Saving ---- */

static mr_status put_stage(mr_stage *stage)
{
    char name[NAME];
    pipeline *p = stage->pipe;
    if (!stage->plan->save || !stage->is_open)
        return MR_OK;
    const mr_status status = stage->plan->save(stage);
    if (status != MR_OK)
        return mr_error_set(p->job->error, status, "stage failed: %s: it could not be saved",
                            stage->plan->name);
    name_of(p, name, "stage", stage->number);
    return mr_keep_add_file(p->job->keep, name, p->file, p->job->error);
}

static mr_status put_items(pipeline *p, uint64_t items, uint64_t digest)
{
    char name[NAME];
    pipe_saved saved = {.items = items, .digest = digest};
    MR_TRY(mr_text_output_keep(p->job, &saved.text));
    for (unsigned s = 1; s <= p->stage_count; s++) {
        saved.stages[s].came = p->ordered[s].came;
        saved.stages[s].put = p->ordered[s].put;
    }
    name_of(p, name, "items", 0);
    mr_keep_file_write(p->file, &saved, sizeof saved);
    return mr_keep_add_file(p->job->keep, name, p->file, p->job->error);
}

static mr_status put_all(pipeline *p, uint64_t items, uint64_t digest)
{
    mr_job *job = p->job;
    MR_TRY(mr_keep_file_create(job->keep, &p->file, job->error));
    MR_TRY(put_items(p, items, digest));
    for (unsigned s = 1; s <= p->stage_count; s++)
        if (pipe_in_order(p, s) && p->ordered[s].pipe)
            MR_TRY(put_stage(&p->ordered[s]));
    return MR_OK;
}

/* Collective: all main threads come here, rank 0's out of the source. */
static mr_status save_together(pipeline *p, mr_keep_wish wish, uint64_t items, uint64_t digest)
{
    char name[NAME];
    mr_job *job = p->job;
    snprintf(name, sizeof name, "pipe/%llu/", (unsigned long long)p->number);
    if (mr_post_stopped(p->post))
        mr_error_set(job->error, MR_FAILED, "%s", "");
    MR_TRY(mr_job_agree(job));
    mr_keep_drop(job->keep, name);
    if (p->rank == 0)
        put_all(p, items, digest);
    if (wish == MR_KEEP_STOP)
        mr_signals_stop(NULL);
    mr_status status = mr_checkpoint_save(job, wish);
    job->failed = status != MR_OK;
    mr_keep_file_destroy(&p->file);
    return status;
}

void mr_pipeline_keep_join(pipeline *p)
{
    const mr_keep_wish wish = (mr_keep_wish)atomic_exchange(&p->pause, MR_KEEP_NOTHING);
    if (wish != MR_KEEP_NOTHING && save_together(p, wish, 0, 0) != MR_OK)
        mr_post_stop_here(p->post);
}

/* ---- Standing still ---- */

/* Commands in order end with what they were given, and begin anew with what comes next. */
static bool has_commands(const pipeline *p)
{
    for (unsigned s = 1; s <= p->stage_count; s++)
        if (pipe_in_order(p, s) && p->stages[s - 1].command)
            return true;
    return false;
}

static mr_status hold_back(mr_stage *source)
{
    pipeline *p = source->pipe;
    pipe_page *page = NULL;
    if (has_commands(p)) {
        page = mr_pipeline_page_get(p, 0);
        if (!page)
            return MR_NO_MEMORY;
        page->is_pause = true;
    }
    return mr_pipeline_hold(p, page, source->put);
}

static bool is_still(pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    const bool is = !p->oldest || p->oldest->state == PIPE_HELD;
    pthread_mutex_unlock(&p->lock);
    return is;
}

/* All that was begun is done. False: the pipeline comes to its end in another way. */
static bool flow_out(mr_stage *source)
{
    pipeline *p = source->pipe;
    for (;;) {
        const unsigned long changes = atomic_load(&p->changes);
        if (mr_pipeline_is_stopped(p) || atomic_load(&p->is_cut))
            return false;
        if (is_still(p))
            return true;
        if (!mr_pipeline_run_below(source))
            mr_pipeline_await(p, changes);
    }
}

static mr_status save_still(mr_stage *source, mr_keep_wish wish)
{
    pipeline *p = source->pipe;
    const pipe_batch *next = p->oldest;
    const uint64_t items = next ? next->first : source->put;
    const uint64_t digest = next ? next->digest : p->digest;
    if (wish == MR_KEEP_SAVE && items == p->saved)
        return MR_OK;
    mr_pipeline_tell_pause(p, (int)wish);
    p->saved = items;
    const mr_status status = save_together(p, wish, items, digest);
    if (status != MR_OK)
        mr_post_stop_here(p->post);
    return status;
}

mr_status mr_pipeline_keep_pause(mr_stage *source)
{
    pipeline *p = source->pipe;
    if (!p->keeps || atomic_load(&p->is_cut))
        return MR_OK;
    const mr_keep_wish wish = mr_keep_wish_now(p->job->keep);
    if (wish == MR_KEEP_NOTHING)
        return MR_OK;
    mr_status status = hold_back(source);
    if (status == MR_OK && flow_out(source))
        status = save_still(source, wish);
    mr_pipeline_let_go(p);
    return status == MR_OK ? MR_OK : MR_CANCELLED;
}
