/*
 * engine/feed.c: the threads of a phase. The main thread also answers other ranks between its
 * units, moves pages of the shuffle, and asks others for work when there is none left here.
 */
#include "engine/feed.h"

#include "base/clock.h"
#include "base/flight.h"
#include "base/memory.h"
#include "engine/dense.h"
#include "engine/map.h"
#include "engine/seeing.h"
#include "engine/step.h"
#include "observe/crash.h"
#include "observe/signals.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>

#define PAUSE 50 /* microseconds between looks for work */

static mr_range give_work(void *context)
{
    mr_feed *feed = context;
    if (atomic_load(&feed->pausing))
        return (mr_range){0, 0};
    return mr_work_give(&feed->work);
}

static void fail(mr_feed *feed, const mr_error *error)
{
    pthread_mutex_lock(&feed->lock);
    if (feed->error.code == MR_OK)
        feed->error = *error;
    pthread_mutex_unlock(&feed->lock);
    atomic_store(&feed->stop, true);
}

bool mr_feed_stopped(const mr_feed *feed)
{
    return atomic_load(&feed->stop);
}

bool mr_feed_pausing(const mr_feed *feed)
{
    return atomic_load(&feed->pausing);
}

void mr_feed_advance(mr_feed *feed, uint64_t bytes)
{
    atomic_fetch_add_explicit(&feed->done, bytes, memory_order_relaxed);
}

static void tell_progress(mr_feed *feed)
{
    mr_job *job = feed->job;
    double now = mr_clock_now();
    /* Rank 0 hears from everybody: the more there are, the less often. */
    double pause = 0.25 + mr_comm_size(job->comm) / 4000.0;
    if (now - feed->told < pause)
        return;
    feed->told = now;
    mr_steal_tell(feed->stealing, atomic_load(&feed->done));
    if (mr_comm_rank(job->comm) == 0 && feed->unit_bytes > 0)
        mr_progress_update(&job->progress, feed->phase, mr_steal_told(feed->stealing));
}

/* Whether a checkpoint is wanted, here or elsewhere. All ranks stand still for it. */
static void look_at_wishes(mr_feed *feed)
{
    if (mr_step_is_wanted(feed->step))
        mr_steal_pause(feed->stealing);
    if (mr_steal_paused(feed->stealing))
        atomic_store(&feed->pausing, true);
}

/* A feed that saves itself does so before it stops. */
static mr_status check_signals(const mr_feed *feed, mr_error *error)
{
    bool saves = feed->step && feed->step->job && mr_signals_stopping();
    return saves ? MR_OK : mr_signals_check(error);
}

/* What the main thread does for the other ranks between its units. */
static void serve(mr_feed *feed)
{
    mr_error error = {0};
    if (check_signals(feed, &error) != MR_OK ||
        (feed->shuffle && mr_shuffle_poll(feed->shuffle, &error) != MR_OK))
        fail(feed, &error);
    mr_steal_poll(feed->stealing);
    if (mr_steal_stopped(feed->stealing))
        atomic_store(&feed->stop, true);
    else if (atomic_load(&feed->stop))
        mr_steal_stop(feed->stealing);
    look_at_wishes(feed);
    tell_progress(feed);
}

void mr_feed_serve(mr_worker *worker)
{
    if (worker->main)
        serve(worker->feed);
}

void mr_feed_begin(mr_worker *worker, const mr_block *block)
{
    const mr_span_kind kind = worker->feed->kind;
    mr_out_begin_block(worker->self, block);
    mr_flight_kernel_begin(block, worker->split);
    worker->began = mr_clock_now();
    worker->before = mr_span_begin_at(kind ? kind : MR_SPAN_MAP, worker->began);
    worker->at = block;
    if (block)
        mr_span_about(block->file, block->offset);
}

mr_status mr_feed_end(mr_worker *worker, mr_status status)
{
    mr_out_self *self = worker->self;
    const double now = mr_clock_now();
    mr_span_end_at(worker->before, now);
    worker->busy += now - worker->began;
    mr_worker_took(worker, now - worker->began);
    worker->calls++;
    mr_flight_kernel_end();
    if (status == MR_BAD_RECORD) /* there is no record of the input that could be set aside */
        status = MR_BAD_INPUT;
    if (status != MR_OK && self->error.code == MR_OK)
        mr_out_fail(&self->out, status, "%s: %s", *self->reason ? self->reason : "kernel failed",
                    worker->feed->app->name);
    mr_out_end_block(self);
    if (self->error.code == MR_OK && worker->feed->relieve)
        return worker->feed->relieve(worker);
    if (self->error.code != MR_OK)
        worker->error = self->error;
    return self->error.code;
}

/* The main thread, when there is nothing left to take: asks others; says when this rank is done. */
static void look_for_work(mr_feed *feed)
{
    mr_range range;
    serve(feed);
    if (atomic_load(&feed->stop)) {
        atomic_store(&feed->over, true);
        return;
    }
    mr_steal_state state = MR_STEAL_NOTHING;
    if (feed->steal && !feed->job->settings->no_steal)
        state = mr_steal_ask(feed->stealing, &range);
    if (state == MR_STEAL_GOT)
        mr_work_add(&feed->work, range);
    else if (state == MR_STEAL_NOTHING)
        atomic_store(&feed->over, true);
    else
        mr_clock_nap(PAUSE);
}

static mr_status take_a_unit(mr_worker *w, bool *found)
{
    uint64_t unit;
    mr_feed *feed = w->feed;
    *found = !atomic_load(&feed->pausing) && mr_work_take(&feed->work, &unit);
    if (!*found)
        return feed->idle ? feed->idle(w) : MR_OK;
    mr_span_begin(feed->between);
    if (feed->every > 1 && unit % feed->every != 0)
        return MR_OK;
    w->units++;
    w->unit = unit;
    MR_TRY(feed->run(w, unit));
    mr_feed_advance(feed, feed->unit_bytes);
    return MR_OK;
}

static mr_status work_on(mr_worker *w)
{
    mr_feed *feed = w->feed;
    while (!atomic_load(&feed->stop)) {
        bool found;
        MR_TRY(take_a_unit(w, &found));
        mr_feed_serve(w);
        if (found)
            continue;
        if (atomic_load(&feed->over))
            break;
        /* What others have is waited for: nobody is to think that this rank hangs. */
        mr_flight_wait_begin();
        mr_span_begin(MR_SPAN_WAIT);
        if (w->main)
            look_for_work(feed);
        else
            mr_clock_nap(PAUSE);
        mr_flight_wait_end();
    }
    return MR_OK;
}

/*
 * What a thread's table may grow to. A million keys fit in the largest; all tables of a rank
 * together take little beside what the store of so many keys does, or a small part of a large
 * budget.
 */
#define TABLE_MOST  ((uint64_t)31 << 20)
#define TABLES_MOST ((uint64_t)62 << 20)

static uint64_t table_most(const mr_job *job)
{
    uint64_t budget = mr_memory_budget(), all = TABLES_MOST;
    if (budget / 256 > all)
        all = budget / 256;
    if (budget && budget / 8 < all)
        all = budget / 8;
    uint64_t each = all / job->threads;
    return each < TABLE_MOST ? each : TABLE_MOST;
}

static mr_status open_dense(mr_worker *w)
{
    unsigned thread = (unsigned)omp_get_thread_num();
    void *accumulators = mr_dense_take(w->feed->job->dense, thread, &w->error);
    if (accumulators)
        mr_out_set_dense(w->self, accumulators);
    return accumulators ? MR_OK : MR_NO_MEMORY;
}

static mr_status open_out(mr_worker *w)
{
    const mr_feed *feed = w->feed;
    mr_job *job = feed->job;
    MR_TRY(mr_out_create(&w->self, feed->app, feed->store, job->share.cache / 2, table_most(job),
                         omp_get_thread_num(), omp_get_num_threads(), &w->error));
    w->self->state = job->state;
    w->self->context = feed->context;
    if (job->slowest)
        w->slowest = calloc(1, sizeof *w->slowest);
    if (feed->app->key == MR_KEY_DENSE)
        MR_TRY(open_dense(w));
    if (feed->shuffle)
        MR_TRY(mr_emitter_create(&w->self->emitter, feed->shuffle, &w->error));
    if (!feed->app->local_open)
        return MR_OK;
    mr_status status = feed->app->local_open(&w->self->out, w->self->local);
    if (status != MR_OK) {
        mr_out_fail(&w->self->out, status, "cannot start a thread: %s", feed->app->name);
        w->error = w->self->error;
    }
    return status;
}

static void close_out(mr_worker *w)
{
    mr_feed *feed = w->feed;
    mr_job *job = feed->job;
    if (w->self && feed->app->local_close)
        feed->app->local_close(&w->self->out, w->self->local);
    pthread_mutex_lock(&feed->lock);
    if (w->self) {
        for (int i = 0; i < w->self->counter_count; i++)
            mr_job_count(job, w->self->counters[i].name, w->self->counters[i].value);
        job->report.flushes += w->self->flushes;
    }
    job->report.busy += w->busy;
    job->report.blocks += w->calls;
    job->report.splits += w->units;
    if (w->slowest)
        mr_slowest_merge(job->slowest, w->slowest);
    pthread_mutex_unlock(&feed->lock);
    free(w->slowest);
    if (w->self)
        mr_emitter_destroy(&w->self->emitter);
    mr_out_destroy(&w->self);
}

/* What the thread still holds goes where results go. */
static mr_status flush(mr_worker *w)
{
    mr_status status = mr_out_flush(w->self);
    if (status == MR_OK && w->self->emitter)
        status = mr_emitter_close(w->self->emitter, &w->self->error);
    if (status != MR_OK)
        w->error = w->self->error;
    return status;
}

static void run_worker(mr_feed *feed)
{
    mr_worker w = {.feed = feed,
                   .main = omp_get_thread_num() == 0,
                   .block = &w.spare,
                   .split = MR_FLIGHT_NO_NUMBER};
    mr_flight_thread *place = mr_flight_thread_begin(omp_get_thread_num());
    if (place)
        w.block = &place->block;
    *w.block = (mr_block){.data = NULL};
    mr_crash_thread_begin(omp_get_thread_num(), w.block);
    mr_span_thread((unsigned)omp_get_thread_num());
    const mr_span_kind before = mr_span_begin(feed->between);
    mr_status status = open_out(&w);
    if (status == MR_OK && feed->open)
        status = feed->open(&w);
    if (status == MR_OK)
        status = work_on(&w);
    if (status == MR_OK)
        status = flush(&w);
    if (w.error.code != MR_OK)
        fail(feed, &w.error);
    if (feed->close)
        feed->close(&w);
    close_out(&w);
    /* Other ranks may be waiting for an answer: the main thread stays until the last one leaves. */
    mr_span_begin(w.main ? MR_SPAN_WAIT : MR_SPAN_NONE);
    if (!w.main)
        atomic_fetch_sub(&feed->at_work, 1);
    mr_flight_wait_begin();
    while (w.main && atomic_load(&feed->at_work) > 0) {
        serve(feed);
        mr_clock_nap(PAUSE);
    }
    mr_flight_wait_end();
    mr_span_end(before);
    mr_crash_thread_end();
    w.block->data = NULL;
    mr_flight_thread_end();
}

/* Until all ranks are done and every page has arrived. */
static void wait_for_others(mr_feed *feed)
{
    mr_error error = {0};
    if (feed->error.code != MR_OK)
        mr_steal_stop(feed->stealing);
    bool idle = false, arrived = feed->shuffle == NULL;
    mr_flight_wait_begin();
    const double since = mr_clock_now();
    const mr_span_kind before = mr_span_begin_at(MR_SPAN_WAIT, since);
    while (!idle || !arrived) {
        idle = idle || mr_steal_end(feed->stealing);
        arrived = arrived || mr_shuffle_end(feed->shuffle, &error);
        look_at_wishes(feed);
        tell_progress(feed);
        if (!arrived)
            sched_yield();
        else if (!idle)
            mr_clock_nap(PAUSE);
    }
    mr_flight_wait_end();
    const double now = mr_clock_now();
    mr_span_end_at(before, now);
    mr_span_met(now - since);
    if (error.code != MR_OK)
        fail(feed, &error);
}

mr_range mr_feed_share(const mr_job *job, uint64_t count)
{
    __extension__ typedef unsigned __int128 wide;
    wide units = count, rank = (wide)mr_comm_rank(job->comm), size = (wide)mr_comm_size(job->comm);
    return (mr_range){(uint64_t)(units * rank / size), (uint64_t)(units * (rank + 1) / size)};
}

/* From threads that begin to threads that have ended, on all ranks. */
static mr_status run_round(mr_feed *feed)
{
    mr_job *job = feed->job;
    atomic_store(&feed->over, false);
    atomic_store(&feed->pausing, false);
    mr_steal_create(&feed->stealing, job->comm, give_work, feed, job->error);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK) {
#pragma omp parallel num_threads((int)job->threads)
        {
#pragma omp single
            atomic_store(&feed->at_work, omp_get_num_threads() - 1);
            run_worker(feed);
        }
        wait_for_others(feed);
        if (feed->error.code != MR_OK && job->error->code == MR_OK)
            *job->error = feed->error;
        status = mr_comm_agree(job->comm, job->error);
    }
    mr_steal_destroy(&feed->stealing);
    return status;
}

/* Collective. Whether the ranks stand still before all is done. */
static bool stands_still(mr_feed *feed)
{
    bool saves = feed->step && feed->step->job;
    if (!saves || !mr_comm_any(feed->job->comm, mr_feed_pausing(feed)))
        return false;
    bool left = mr_work_left(&feed->work) > 0 || mr_map_is_reading(feed->step);
    return mr_comm_any(feed->job->comm, left);
}

mr_status mr_feed_run(mr_feed *feed)
{
    mr_job *job = feed->job;
    const char *before = mr_flight_phase(feed->phase ? feed->phase : "feed");
    pthread_mutex_init(&feed->lock, NULL);
    mr_work_start(&feed->work, feed->share);
    mr_status status = run_round(feed);
    while (status == MR_OK && stands_still(feed)) {
        status = mr_step_save(feed->step, feed);
        if (status == MR_OK)
            status = run_round(feed);
    }
    job->report.splits_stolen += feed->work.stolen;
    mr_work_end(&feed->work);
    pthread_mutex_destroy(&feed->lock);
    mr_flight_phase(before);
    return status;
}
