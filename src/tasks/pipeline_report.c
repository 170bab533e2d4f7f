/*
 * tasks/pipeline_report.c: what a pipeline tells about itself: how busy each stage was, and which
 * one held the others up.
 */
#include "tasks/pipeline_internal.h"

#include "engine/job.h"
#include "observe/note.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { IN, OUT, BYTES_IN, BYTES_OUT, BATCHES, BUSY, WAITED, NUMBERS };

static void add_up(const mr_stage *stage, int64_t *sums)
{
    const pipe_counts *c = &stage->counts;
    const int64_t numbers[NUMBERS] = {c->in,
                                      c->out,
                                      c->bytes_in,
                                      c->bytes_out,
                                      c->batches,
                                      (int64_t)(c->busy * 1e9),
                                      (int64_t)(c->waited * 1e9)};
    for (int i = 0; i < NUMBERS; i++)
        sums[stage->number * NUMBERS + (unsigned)i] += numbers[i];
}

static void add_up_rank(const pipeline *p, int64_t *sums)
{
    for (unsigned s = 0; s <= p->stage_count; s++) {
        if (p->ordered[s].pipe)
            add_up(&p->ordered[s], sums);
        for (const pipe_seat *seat = p->seats; seat; seat = seat->next)
            if (seat->stages[s].pipe)
                add_up(&seat->stages[s], sums);
    }
}

/* How many could have worked on it at the same time. */
static unsigned workers_of(const pipeline *p, unsigned stage)
{
    if (pipe_in_order(p, stage))
        return 1;
    const unsigned limit = p->stages[stage - 1].workers;
    return limit && limit < p->all_threads ? limit : p->all_threads;
}

static double use_of(const pipeline *p, unsigned stage, const int64_t *sums)
{
    const double busy = (double)sums[stage * NUMBERS + BUSY] * 1e-9;
    return p->seconds > 0 ? busy / (p->seconds * workers_of(p, stage)) : 0;
}

static const char *name_of(const pipeline *p, unsigned stage)
{
    return stage ? p->stages[stage - 1].name : "source";
}

static const char *kind_of(const pipeline *p, unsigned stage)
{
    return stage == 0 ? "source" : pipe_in_order(p, stage) ? "in order" : "parallel";
}

/* Why nothing was faster than the stage that was busy for the largest part of what it could be. */
static unsigned find_bottleneck(const pipeline *p, const int64_t *sums, char *why, size_t room)
{
    unsigned most = 0;
    for (unsigned s = 1; s <= p->stage_count; s++)
        if (use_of(p, s, sums) > use_of(p, most, sums))
            most = s;
    const int busy = (int)(100 * use_of(p, most, sums) + 0.5);
    const unsigned workers = workers_of(p, most);
    if (pipe_in_order(p, most))
        snprintf(why, room, "%s one item at a time, busy for %d%% of the time",
                 most ? "in order:" : "it makes", busy);
    else if (workers < p->all_threads)
        snprintf(why, room,
                 "all of its %u workers, which is its limit, are busy for %d%% of the "
                 "time",
                 workers, busy);
    else
        snprintf(why, room,
                 "parallel: %d%% of the time of all %u workers: more threads or ranks "
                 "would help",
                 busy, workers);
    return most;
}

static json_t *stage_json(const pipeline *p, unsigned stage, const int64_t *sums)
{
    const int64_t *n = &sums[stage * NUMBERS];
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "name",
                     name_of(p, stage), "kind", kind_of(p, stage), "workers",
                     (json_int_t)workers_of(p, stage), "items_in", (json_int_t)n[IN], "items_out",
                     (json_int_t)n[OUT], "bytes_in", (json_int_t)n[BYTES_IN], "bytes_out",
                     (json_int_t)n[BYTES_OUT], "batches", (json_int_t)n[BATCHES], "busy_seconds",
                     (double)n[BUSY] * 1e-9, "waited_seconds", (double)n[WAITED] * 1e-9,
                     "utilisation", use_of(p, stage, sums));
}

static void write_part(const pipeline *p, const int64_t *sums)
{
    char why[160];
    const unsigned slowest = find_bottleneck(p, sums, why, sizeof why);
    json_t *stages = json_array();
    for (unsigned s = 0; stages && s <= p->stage_count; s++)
        json_array_append_new(stages, stage_json(p, s, sums));
    json_t *part =
        json_pack("{s:s, s:f, s:s, s:s, s:o}", "name", p->plan.name, "seconds", p->seconds,
                  "bottleneck", name_of(p, slowest), "reason", why, "stages", stages);
    char *text = part ? json_dumps(part, JSON_COMPACT) : NULL;
    if (text)
        mr_job_report_part(p->job, "pipelines", text);
    free(text);
    json_decref(part);
}

static void tell(const pipeline *p, const int64_t *sums)
{
    char why[160];
    const unsigned slowest = find_bottleneck(p, sums, why, sizeof why);
    mr_note("pipeline: %s: %lld items in %.3f s; held up by %s (%s)", p->plan.name,
            (long long)sums[OUT], p->seconds, name_of(p, slowest), why);
    for (unsigned s = 0; s <= p->stage_count; s++) {
        const int64_t *n = &sums[s * NUMBERS];
        mr_note("pipeline: %s: %s (%s): %lld items in, %lld out, busy %.3f s, %.0f%% of %u "
                "worker%s, waited %.3f s",
                p->plan.name, name_of(p, s), kind_of(p, s), (long long)n[IN], (long long)n[OUT],
                (double)n[BUSY] * 1e-9, 100 * use_of(p, s, sums), workers_of(p, s),
                workers_of(p, s) == 1 ? "" : "s", (double)n[WAITED] * 1e-9);
    }
}

mr_status mr_pipeline_report(pipeline *p)
{
    int64_t sums[(PIPE_STAGES + 1) * NUMBERS] = {0};
    if (!mr_job_is_told(p->job))
        return MR_OK;
    add_up_rank(p, sums);
    mr_all_sum_i64(p->job, sums, (p->stage_count + 1) * NUMBERS);
    if (p->rank == 0 && p->job->settings->report)
        write_part(p, sums);
    if (p->rank == 0 && p->job->settings->verbose)
        tell(p, sums);
    return mr_job_agree(p->job);
}
