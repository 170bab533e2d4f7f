/*
 * tasks/pool_wait.c: how threads of a pool wait. One thread of a rank looks into the post office,
 * the others sleep until somebody has something for them: who waits for a result looks before a
 * worker without work, a worker before the main thread that closes the pool. So a letter is
 * handled by a thread that needs it, and no two fight for a core.
 */
#include "tasks/pool.h"

#include "base/clock.h"

/* How long to sleep before one looks whether anybody looks. */
#define DEPUTY_NAP 1e-3
#define LONG_NAP   20e-3
#define CLOSER_NAP 5e-3

typedef struct watch {
    mr_pool *pool;
    int level;
    bool (*ready)(void *context);
    void *context;
} watch;

static bool is_below_another(const mr_pool *pool, int level)
{
    for (int above = level + 1; above < LEVELS; above++)
        if (atomic_load(&pool->looking[above]) > 0)
            return true;
    return false;
}

static bool is_over(void *context)
{
    const watch *w = context;
    return w->ready(w->context) || is_below_another(w->pool, w->level);
}

static bool begin_looking(mr_pool *pool, int level)
{
    int nobody = 0;
    return !is_below_another(pool, level) &&
           atomic_compare_exchange_strong(&pool->looking[level], &nobody, 1);
}

static void end_looking(mr_pool *pool, int level)
{
    atomic_store(&pool->looking[level], 0);
    if (level == LEVEL_WAITER)
        mr_pool_wake(pool, level, false);
}

static double nap_of(int level, bool is_deputy)
{
    if (level == LEVEL_CLOSER)
        return CLOSER_NAP;
    return is_deputy ? DEPUTY_NAP : LONG_NAP;
}

static void nap(const watch *w, double now, double deadline)
{
    mr_pool *pool = w->pool;
    bool is_deputy = w->level == LEVEL_WORKER && !atomic_exchange(&pool->has_deputy, true);
    double end = now + nap_of(w->level, is_deputy);
    end = end < deadline ? end : deadline;
    const struct timespec moment = mr_clock_moment(end);
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping[w->level], 1);
    if (!w->ready(w->context))
        pthread_cond_timedwait(&pool->wake[w->level], &pool->lock, &moment);
    atomic_fetch_sub(&pool->sleeping[w->level], 1);
    pthread_mutex_unlock(&pool->lock);
    if (is_deputy)
        atomic_store(&pool->has_deputy, false);
}

mr_status mr_pool_wait(mr_pool *pool, int level, bool (*ready)(void *context), void *context,
                       double deadline)
{
    watch w = {pool, level, ready, context};
    while (!ready(context)) {
        if (mr_post_stopped(pool->post))
            return MR_FAILED;
        if (begin_looking(pool, level)) {
            mr_status status = mr_post_wait(pool->post, is_over, &w, deadline);
            end_looking(pool, level);
            if (status != MR_OK)
                return ready(context) ? MR_OK : status;
            continue;
        }
        double now = mr_clock_now();
        if (now >= deadline)
            return MR_TIMED_OUT;
        nap(&w, now, deadline);
    }
    return MR_OK;
}

void mr_pool_wake_locked(mr_pool *pool, int level, bool all)
{
    if (atomic_load(&pool->sleeping[level]) > 0) {
        if (all)
            pthread_cond_broadcast(&pool->wake[level]);
        else
            pthread_cond_signal(&pool->wake[level]);
    }
    if (atomic_load(&pool->looking[level]) > 0)
        mr_post_wake(pool->post);
}

void mr_pool_wake(mr_pool *pool, int level, bool all)
{
    if (atomic_load(&pool->sleeping[level]) == 0) {
        if (atomic_load(&pool->looking[level]) > 0)
            mr_post_wake(pool->post);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    mr_pool_wake_locked(pool, level, all);
    pthread_mutex_unlock(&pool->lock);
}
