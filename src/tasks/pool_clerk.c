/*
 * tasks/pool_clerk.c: a thread of a rank's pool that sees to what may not wait until a worker comes
 * by: tasks that take too long, news of finished ones behind which a long one has begun, and tasks
 * that were sent to a rank which has no time for them while another one is idle. Without any of
 * these it sleeps.
 */
#include "tasks/pool.h"

#include "base/clock.h"

#include <stdio.h>

#define ROUND 1e-3
#define QUIET 20 /* rounds without anything to do before it sleeps */

/* ---- Tasks that take too long ---- */

static mr_task *find_overdue(mr_pool *pool, double now)
{
    for (mr_task *frame = pool->timed; frame; frame = frame->timed_next)
        if (frame->deadline <= now)
            return frame;
    return NULL;
}

/* With the lock: its thread is given up, and what it brings, if it ever does, is not wanted. */
static mr_worker *give_up(mr_task *frame)
{
    mr_worker *worker = frame->worker;
    mr_timed_remove(frame);
    frame->is_overdue = true;
    bool is_first = !atomic_exchange(&worker->is_given_up, true);
    if (frame->record) {
        atomic_fetch_or(&frame->record->state, FLAG_STRAY);
        atomic_fetch_add(&frame->record->holds, 1);
    }
    return is_first ? worker : NULL;
}

static void end_overdue(mr_pool *pool, mr_future *record, mr_run *run, unsigned of, uint64_t number)
{
    char text[MR_ERROR_TEXT];
    const mr_task_kind *kind = &pool->kinds[of];
    snprintf(text, sizeof text,
             "task failed: %s %llu on rank %d (%s): it took more than %g seconds", kind->name,
             (unsigned long long)number, pool->rank, pool->host, kind->timeout);
    const mr_outcome outcome = {
        .status = MR_TIMED_OUT, .text = text, .rank = pool->rank, .seconds = (float)kind->timeout};
    if (!record) {
        mr_map_end_late(pool, run, MR_TIMED_OUT, text);
        return;
    }
    if (record->owner == pool->rank) {
        mr_record_end(record, &outcome);
        return;
    }
    mr_news_send(pool, record, &outcome);
    mr_record_drop(record);
}

static void replace(mr_pool *pool, const mr_worker *worker)
{
    mr_error error = {.code = MR_OK};
    if (mr_worker_start(pool, worker->thread, worker->is_extra, &error) != MR_OK)
        mr_post_fail(pool->post, &error);
}

static bool see_to_overdue(mr_pool *pool, double now)
{
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        bool is_any = pool->timed != NULL;
        mr_task *frame = find_overdue(pool, now);
        mr_worker *lost = frame ? give_up(frame) : NULL;
        mr_future *record = frame ? frame->record : NULL;
        mr_run run = frame ? frame->chunk : (mr_run){0};
        uint64_t number = frame ? frame->number : 0;
        unsigned kind = frame ? frame->kind : 0;
        pthread_mutex_unlock(&pool->lock);
        if (!frame)
            return is_any;
        end_overdue(pool, record, &run, kind, number);
        if (lost)
            replace(pool, lost);
    }
}

/* ---- The rest ---- */

static bool see_to_news(mr_pool *pool)
{
    bool is_any = false;
    for (mr_worker *worker = pool->crew; worker; worker = worker->next)
        if (atomic_load(&worker->news.size) > 0) {
            is_any = true;
            mr_news_flush(worker);
        }
    return is_any;
}

static bool is_somebody_idle(mr_pool *pool)
{
    if (!mr_ready_is_empty(&pool->anywhere))
        return false;
    for (int rank = 0; rank < pool->ranks; rank++)
        if (rank != pool->rank && pool->peers[rank].workers > 0 &&
            pool->peers[rank].outstanding == 0)
            return true;
    return pool->peers[pool->rank].workers > 0 && atomic_load(&pool->ready_count) == 0 &&
           atomic_load(&pool->sleeping[LEVEL_WORKER]) + atomic_load(&pool->looking[LEVEL_WORKER]) >
               0;
}

/* A rank that has more than it works on, and from which nothing was heard since the last look. */
static bool see_to_ahead(mr_pool *pool)
{
    bool is_any = false;
    pthread_mutex_lock(&pool->lock);
    bool is_idle = is_somebody_idle(pool);
    pthread_mutex_unlock(&pool->lock);
    for (int rank = 0; rank < pool->ranks; rank++) {
        mr_peer *peer = &pool->peers[rank];
        pthread_mutex_lock(&pool->lock);
        bool is_ahead = rank != pool->rank && peer->outstanding > peer->workers;
        bool is_stuck = is_ahead && peer->heard == peer->heard_before;
        peer->heard_before = peer->heard;
        pthread_mutex_unlock(&pool->lock);
        is_any = is_any || is_ahead;
        if (is_stuck && is_idle)
            mr_pool_recall(pool, rank);
    }
    return is_any;
}

static void nap(mr_pool *pool, bool is_long)
{
    const struct timespec moment = mr_clock_moment(mr_clock_now() + (is_long ? 3600 : ROUND));
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->clerk_sleeps, is_long);
    bool is_needed = atomic_load(&pool->is_ending) || pool->timed != NULL;
    for (int rank = 0; !is_needed && rank < pool->ranks; rank++)
        is_needed = pool->peers[rank].outstanding > pool->peers[rank].workers;
    if (!is_long || !is_needed)
        pthread_cond_timedwait(&pool->call_clerk, &pool->lock, &moment);
    atomic_store(&pool->clerk_sleeps, false);
    pthread_mutex_unlock(&pool->lock);
}

static void work(void *context, unsigned thread)
{
    mr_pool *pool = context;
    (void)thread;
    for (int quiet = 0; !atomic_load(&pool->is_ending);) {
        bool has_timed = see_to_overdue(pool, mr_clock_now());
        bool has_news = see_to_news(pool), is_ahead = see_to_ahead(pool);
        quiet = has_timed || has_news || is_ahead ? 0 : quiet + 1;
        nap(pool, quiet >= QUIET);
    }
}

void mr_clerk_call_locked(mr_pool *pool)
{
    if (atomic_load(&pool->clerk_sleeps))
        pthread_cond_signal(&pool->call_clerk);
}

void mr_clerk_call(mr_pool *pool)
{
    if (!atomic_load(&pool->clerk_sleeps))
        return;
    pthread_mutex_lock(&pool->lock);
    mr_clerk_call_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

mr_status mr_clerk_start(mr_pool *pool, mr_error *error)
{
    bool is_needed = pool->ranks > 1;
    for (unsigned i = 0; i < pool->kind_count; i++)
        is_needed = is_needed || pool->kinds[i].timeout > 0;
    if (!is_needed)
        return MR_OK;
    return mr_crew_start(&pool->clerk, pool->peers[pool->rank].workers, 1, work, pool, error);
}
