/* engine/step.c: what is left of a piece of work, and when it is saved. */
#include "engine/step.h"

#include <mapred/driver.h>

#include "base/clock.h"
#include "base/span.h"
#include "engine/bad.h"
#include "engine/feed.h"
#include "engine/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A step that took less than this part of the time between two checkpoints is done again rather
 * than saved, until such steps come to as much. */
#define WORTH 0.1

void mr_step_name(const mr_step *step, const char *name, char text[MR_STEP_NAME])
{
    snprintf(text, MR_STEP_NAME, "%sstate/%s", step->prefix, name);
}

void mr_step_pairs_name(const mr_step *step, char text[MR_STEP_NAME])
{
    snprintf(text, MR_STEP_NAME, "%s" MR_STEP_PAIRS, step->prefix);
}

static int compare(const void *left, const void *right)
{
    const mr_range *a = left, *b = right;
    return (a->begin > b->begin) - (a->begin < b->begin);
}

/* Local; the same on all ranks. Ranges of all that saved: how many, then begin and end of each. */
static mr_status load_left(mr_step *step)
{
    char name[MR_STEP_NAME];
    mr_job *job = step->job;
    mr_step_name(step, "left", name);
    size_t count = mr_keep_count(job->keep, name);
    step->resumed = count > 0;
    for (size_t i = 0; i < count; i++) {
        void *bytes;
        const mr_keep_entry *entry = mr_keep_entry_at(job->keep, name, i);
        MR_TRY(mr_keep_load(job->keep, entry, &bytes, job->error));
        size_t more = entry->size / sizeof(mr_range);
        mr_range *all = realloc(step->left, (step->left_count + more + 1) * sizeof *all);
        if (!all) {
            free(bytes);
            return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: what is left to do");
        }
        step->left = all;
        memcpy(all + step->left_count, (char *)bytes + 8, more * sizeof *all);
        step->left_count += more;
        free(bytes);
    }
    if (step->left_count)
        qsort(step->left, step->left_count, sizeof *step->left, compare);
    return MR_OK;
}

static mr_status take_counters(void *job, char *at, size_t size)
{
    const char *end = at + size;
    for (char *value; at < end; at = value + strcspn(value, "\n") + 1) {
        value = strchr(at, '\t');
        if (!value)
            break;
        *value++ = 0;
        mr_job_add(job, at, strtoll(value, NULL, 10));
    }
    return MR_OK;
}

static mr_status take_bad(void *job, char *bytes, size_t size)
{
    return mr_bad_unpack(job, mr_bytes_at(bytes, size));
}

mr_status mr_step_load(const mr_step *step, const char *what, mr_step_take *take, void *context)
{
    char name[MR_STEP_NAME];
    mr_job *job = step->job;
    mr_step_name(step, what, name);
    size_t ranks = (size_t)mr_comm_size(job->comm), count = mr_keep_count(job->keep, name);
    for (size_t i = (size_t)mr_comm_rank(job->comm); i < count; i += ranks) {
        void *bytes;
        const mr_keep_entry *entry = mr_keep_entry_at(job->keep, name, i);
        MR_TRY(mr_keep_load(job->keep, entry, &bytes, job->error));
        mr_status status = take(context, bytes, entry->size);
        free(bytes);
        MR_TRY(status);
    }
    return MR_OK;
}

mr_status mr_step_begin(mr_step *step, mr_job *job, uint64_t unit)
{
    *step = (mr_step){.unit = unit, .start = mr_clock_now()};
    uint64_t number = mr_checkpoint_piece(job);
    if (!job->keep || job->steps_are_plain)
        return MR_OK;
    step->job = job;
    snprintf(step->prefix, sizeof step->prefix, "step/%" PRIu64 "/", number);
    memcpy(step->before, job->counters, sizeof step->before);
    step->before_count = job->counter_count;
    if (load_left(step) == MR_OK && mr_step_load(step, "counters", take_counters, job) == MR_OK)
        mr_step_load(step, "bad", take_bad, job);
    return mr_job_agree(job);
}

bool mr_step_next(const mr_step *step, uint64_t begin, uint64_t end, mr_range *part)
{
    *part = (mr_range){begin, end};
    if (begin >= end || !step || !step->resumed)
        return begin < end;
    size_t low = 0, high = step->left_count;
    while (low < high) { /* the first range that ends behind `begin` */
        size_t middle = (low + high) / 2;
        if (step->left[middle].end <= begin)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == step->left_count || step->left[low].begin >= end)
        return false;
    const mr_range *left = &step->left[low];
    if (left->begin > begin)
        part->begin = left->begin;
    if (left->end < end)
        part->end = left->end;
    return true;
}

bool mr_step_is_wanted(const mr_step *step)
{
    return step && step->job && mr_keep_wish_now(step->job->keep) != MR_KEEP_NOTHING;
}

/* What this rank's work list still holds, without what had been done before. */
static mr_status put_left(mr_step *step, const mr_feed *feed)
{
    char name[MR_STEP_NAME];
    mr_job *job = step->job;
    uint64_t head = 0;
    mr_text text = {0};
    mr_text_add(&text, (const char *)&head, sizeof head);
    for (int i = 0; feed && i < feed->work.count; i++) {
        uint64_t begin = feed->work.ranges[i].begin * step->unit,
                 end = feed->work.ranges[i].end * step->unit;
        for (mr_range part; mr_step_next(step, begin, end, &part); begin = part.end)
            mr_text_add(&text, (const char *)&part, sizeof part);
    }
    if (text.failed)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: saving what is left to do");
    mr_step_name(step, "left", name);
    mr_status status = job->error->code == MR_OK
                           ? mr_keep_put(job->keep, name, text.data, text.size, job->error)
                           : job->error->code;
    mr_text_free(&text);
    return status;
}

static int64_t before(const mr_step *step, const char *name)
{
    for (int i = 0; i < step->before_count; i++)
        if (strcmp(step->before[i].name, name) == 0)
            return step->before[i].value;
    return 0;
}

/* A line a counter: what it has grown by since the step began. */
static mr_status put_counters(const mr_step *step)
{
    char name[MR_STEP_NAME], value[32];
    mr_job *job = step->job;
    mr_text text = {0};
    for (int i = 0; i < job->counter_count; i++) {
        const mr_out_counter *counter = &job->counters[i];
        int64_t grown = counter->value - before(step, counter->name);
        if (grown == 0)
            continue;
        mr_text_add(&text, counter->name, strlen(counter->name));
        mr_text_add(&text, value, (size_t)snprintf(value, sizeof value, "\t%" PRId64 "\n", grown));
    }
    mr_step_name(step, "counters", name);
    mr_status status = MR_OK;
    if (text.size > 0)
        status = mr_keep_put(job->keep, name, text.data, text.size, job->error);
    mr_text_free(&text);
    return status;
}

static mr_status put_bad(const mr_step *step)
{
    char name[MR_STEP_NAME];
    mr_job *job = step->job;
    mr_text text = {0};
    mr_step_name(step, "bad", name);
    mr_status status = mr_bad_pack(job, &text);
    if (status == MR_OK && text.size > 0)
        status = mr_keep_put(job->keep, name, text.data, text.size, job->error);
    mr_text_free(&text);
    return status;
}

/* Local, the same on all ranks: all that this rank has of the step. */
static mr_status put(mr_step *step, const mr_feed *feed)
{
    char name[MR_STEP_NAME];
    mr_job *job = step->job;
    mr_step_name(step, "", name);
    mr_keep_drop(job->keep, name);
    MR_TRY(put_left(step, feed));
    MR_TRY(put_counters(step));
    MR_TRY(put_bad(step));
    if (step->map)
        MR_TRY(mr_map_save(step));
    if (step->pairs) {
        mr_step_pairs_name(step, name);
        MR_TRY(mr_keep_add_file(job->keep, name, step->pairs, job->error));
    }
    return step->calls.save ? step->calls.save(step) : MR_OK;
}

mr_status mr_step_save(mr_step *step, mr_feed *feed)
{
    mr_job *job = step->job;
    mr_keep_wish wish;
    double start = mr_clock_now();
    MR_TRY(mr_checkpoint_ask(job, &wish));
    mr_span_kind before = mr_span_begin(MR_SPAN_CHECKPOINT);
    put(step, feed);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = mr_checkpoint_save(job, wish);
    if (status == MR_OK && step->calls.again)
        status = step->calls.again(step);
    mr_span_end(before);
    job->report.checkpoint_seconds += mr_clock_now() - start;
    return status;
}

/* Whether it would take long to do again; all ranks decide as rank 0 does. */
static bool is_worth_it(mr_step *step)
{
    mr_job *job = step->job;
    double every = mr_keep_every(job->keep);
    job->unsaved += mr_clock_now() - step->start;
    bool worth = mr_comm_rank(job->comm) == 0 && job->unsaved >= WORTH * every;
    worth = mr_comm_any(job->comm, worth);
    if (worth && mr_clock_now() - step->start < WORTH * every)
        return true;
    if (worth)
        job->unsaved = 0;
    return worth;
}

static mr_status save_end(mr_step *step)
{
    mr_job *job = step->job;
    mr_keep_wish wish;
    bool was_done = step->resumed && step->left_count == 0;
    if (was_done)
        return MR_OK;
    MR_TRY(mr_checkpoint_ask(job, &wish));
    if (wish != MR_KEEP_NOTHING)
        return mr_step_save(step, NULL);
    if (!is_worth_it(step))
        return MR_OK;
    put(step, NULL);
    return mr_comm_agree(job->comm, job->error);
}

mr_status mr_step_end(mr_step *step, mr_status status)
{
    if (!step->job)
        return status;
    step->calls.again = NULL;
    if (status == MR_OK)
        status = save_end(step);
    mr_keep_file_destroy(&step->pairs);
    free(step->left);
    *step = (mr_step){.unit = 0};
    return status;
}
