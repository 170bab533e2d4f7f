/*
 * tasks/pipeline.c: a pipeline from its plan to its end: who takes part, and how they come to an
 * end together, well or not.
 */
#include "tasks/pipeline_internal.h"

#include "base/span.h"
#include "engine/job.h"
#include "observe/crash.h"
#include "observe/signals.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMORY_OF_RANK ((uint64_t)16 << 20)
#define SMALLEST_PAGE  ((size_t)256)
/* How long kernels may take to notice that it is over. */
#define GRACE 3.0
/* How often a thread that waits looks up, where there are checkpoints. */
#define LOOK 0.2

/* ---- Stopping and waiting ---- */

mr_status mr_pipeline_fail(pipeline *p, mr_status status, const char *format, ...)
{
    char text[MR_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&p->lock);
    mr_error_set(&p->error, status >= MR_TIMED_OUT ? MR_FAILED : status, "%s", text);
    pthread_mutex_unlock(&p->lock);
    mr_post_stop(p->post);
    return status;
}

bool mr_pipeline_is_stopped(pipeline *p)
{
    mr_error error;
    error.code = MR_OK;
    if (mr_post_stopped(p->post))
        return true;
    if (mr_signals_check(&error) == MR_OK)
        return false;
    mr_post_stop(p->post);
    return true;
}

typedef struct awaited {
    pipeline *pipe;
    unsigned long changes;
} awaited;

static bool has_changed(void *context)
{
    const awaited *a = context;
    return atomic_load(&a->pipe->changes) != a->changes || atomic_load(&a->pipe->is_over);
}

void mr_pipeline_await(pipeline *p, unsigned long changes)
{
    awaited a = {p, changes};
    /* A signal changes nothing, and somebody has to notice it. */
    mr_post_wait(p->post, has_changed, &a, p->keeps ? mr_clock_now() + LOOK : MR_POST_NEVER);
}

/* ---- Plans ---- */

static mr_status check_stage(const mr_stage_plan *stage, const char *name, mr_error *error)
{
    const char *wrong = NULL;
    if (!stage->run == !stage->command)
        wrong = "has to have either a kernel or a command";
    else if (stage->kind != MR_STAGE_PARALLEL && stage->kind != MR_STAGE_IN_ORDER)
        wrong = "is of no known kind";
    else if (stage->end && (stage->kind != MR_STAGE_IN_ORDER || stage->command))
        wrong = "has an end, as only kernels in order have";
    if (!wrong)
        return MR_OK;
    return mr_error_set(error, MR_USAGE, "wrong pipeline: %s: stage %s %s", name, stage->name,
                        wrong);
}

static mr_status check_plan(const mr_pipeline *plan, unsigned *count, mr_error *error)
{
    *count = 0;
    if (!plan->name || !plan->source || !plan->stages)
        return mr_error_set(error, MR_USAGE,
                            "wrong pipeline: it needs a name, a source and stages");
    while (*count <= PIPE_STAGES && plan->stages[*count].name)
        MR_TRY(check_stage(&plan->stages[(*count)++], plan->name, error));
    if (*count == 0 || *count > PIPE_STAGES)
        return mr_error_set(error, MR_USAGE, "wrong pipeline: %s: it may have 1 to %d stages",
                            plan->name, PIPE_STAGES);
    return MR_OK;
}

/* ---- One pipeline ---- */

static void free_pipe(pipeline *p)
{
    mr_pipeline_close_stages(p);
    mr_pipeline_away_free(p);
    for (pipe_seat *seat; (seat = p->seats);) {
        p->seats = seat->next;
        free(seat);
    }
    mr_pipeline_pages_free(p);
    free(p->others);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->pages);
    free(p);
}

/* Workers go home. False: one is in a kernel and does not come. */
static bool end_crew(pipeline *p)
{
    atomic_store(&p->is_over, true);
    pipe_changed(p);
    if (!mr_crew_end(&p->crew, GRACE))
        p->is_left = true;
    return !p->is_left;
}

static void halt(void *context)
{
    end_crew(context);
}

static void destroy(void *context)
{
    pipeline *p = context;
    if (!p->is_left)
        free_pipe(p);
}

static void set_sizes(pipeline *p)
{
    p->memory = p->plan.memory ? p->plan.memory : MEMORY_OF_RANK * (uint64_t)p->ranks;
    const uint64_t share = p->memory / (8 * (uint64_t)p->all_threads) & ~(uint64_t)15;
    p->page_size = share < SMALLEST_PAGE ? SMALLEST_PAGE : share < PIPE_PAGE ? share : PIPE_PAGE;
    for (unsigned s = 0; s <= p->stage_count; s++) {
        atomic_store(&p->paces[s].most, 1);
        p->lines[s].limit = pipe_in_order(p, s) ? 0 : p->stages[s - 1].workers;
    }
}

static void set_threads(pipeline *p, const int64_t *threads)
{
    for (int rank = 0; rank < p->ranks; rank++) {
        p->others[rank].threads = (unsigned)threads[rank];
        p->all_threads += (unsigned)threads[rank];
    }
}

static pipeline *make(mr_job *job, const mr_pipeline *plan, const int64_t *threads)
{
    pipeline *p = calloc(1, sizeof *p);
    pipe_rank *others = calloc((size_t)mr_job_ranks(job), sizeof *others);
    if (!p || !others) {
        free(p);
        free(others);
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: a pipeline");
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->pages, NULL);
    p->others = others;
    p->job = job;
    p->rank = mr_job_rank(job);
    p->ranks = mr_job_ranks(job);
    p->threads = mr_job_threads(job);
    memcpy(&p->plan, plan, plan->size < sizeof p->plan ? plan->size : sizeof p->plan);
    p->stages = plan->stages;
    p->error.code = MR_OK;
    set_threads(p, threads);
    check_plan(&p->plan, &p->stage_count, job->error);
    set_sizes(p);
    return p;
}

/* How many threads each rank has; all know it afterwards. */
static int64_t *count_threads(mr_job *job)
{
    int64_t *threads = calloc((size_t)mr_job_ranks(job), sizeof *threads);
    if (threads)
        threads[mr_job_rank(job)] = mr_job_threads(job);
    else
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: a pipeline");
    mr_all_sum_i64(job, threads, (size_t)mr_job_ranks(job));
    return threads;
}

/* Collective. On success all ranks have theirs, and a box. */
static mr_status open_pipe(mr_job *job, const mr_pipeline *plan, pipeline **result)
{
    mr_post *post;
    MR_TRY(mr_job_post(job, &post));
    int64_t *threads = count_threads(job);
    pipeline *p = threads ? make(job, plan, threads) : NULL;
    free(threads);
    /* Boxes are opened by all, so nobody opens one unless all could. */
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        p->post = post;
        const mr_post_room room = {mr_pipeline_letter, halt, destroy, NULL};
        status = mr_post_box_open(post, &room, p, &p->box, job->error);
        if (status == MR_OK) {
            *result = p;
            return mr_job_agree(job);
        }
        mr_job_agree(job);
    }
    if (p)
        free_pipe(p);
    return status;
}

/* ---- Work ---- */

static void work_home(pipe_seat *seat, bool is_main)
{
    pipeline *p = seat->pipe;
    unsigned long changes;
    while (!atomic_load(&p->is_over) && !mr_pipeline_is_stopped(p)) {
        if (is_main)
            mr_pipeline_keep_pause(&p->ordered[0]);
        if (mr_pipeline_run_one(seat, &changes)) {
            if (p->ranks > 1)
                mr_post_poll(p->post);
            continue;
        }
        if (is_main && mr_pipeline_all_done(p))
            return;
        atomic_fetch_add(&p->idle, 1);
        mr_pipeline_await(p, changes);
        atomic_fetch_sub(&p->idle, 1);
    }
}

static void work(void *context, unsigned thread)
{
    pipeline *p = context;
    pipe_seat *seat = mr_pipeline_seat_new(p, thread, 0);
    mr_span_thread(thread);
    if (!seat)
        return;
    if (p->rank != 0)
        mr_pipeline_work_away(seat);
    else {
        if (thread == 0)
            mr_pipeline_run_source(seat);
        work_home(seat, thread == 0);
    }
}

static void run(pipeline *p)
{
    p->start = mr_clock_now();
    mr_crash_thread_begin(0, NULL);
    work(p, 0);
    mr_crash_thread_end();
    if (p->rank == 0 && !mr_post_stopped(p->post))
        mr_pipeline_tell_end(p);
    end_crew(p);
    p->seconds = mr_clock_now() - p->start;
    if (!p->is_left)
        mr_pipeline_close_stages(p);
    mr_pipeline_keep_end(p);
    if (p->error.code != MR_OK)
        mr_error_set(p->job->error, p->error.code, "%s", p->error.text);
}

/* Collective. Where all went well nobody is sending letters any more. */
static mr_status close_pipe(pipeline *p)
{
    mr_job *job = p->job;
    MR_TRY(mr_job_agree(job));
    if (mr_post_box_close(p->post, p->box) != MR_OK) {
        mr_error_set(job->error, MR_FAILED, "pipeline ended early: %s: the job is stopping",
                     p->plan.name);
        return mr_job_agree(job);
    }
    const mr_status status = mr_pipeline_report(p);
    destroy(p);
    return status;
}

mr_status mr_pipeline_run(mr_job *job, const mr_pipeline *plan)
{
    pipeline *p = NULL;
    MR_TRY(open_pipe(job, plan, &p));
    mr_pipeline_keep_begin(p);
    if (p->threads > 1)
        mr_crew_start(&p->crew, 1, p->threads - 1, work, p, job->error);
    MR_TRY(mr_job_agree(job));
    run(p);
    return close_pipe(p);
}
