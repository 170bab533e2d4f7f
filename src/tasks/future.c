/* tasks/future.c: what holders of futures do: ask, wait, cancel, let go. */
#include "tasks/pool.h"

#include "base/clock.h"

#define DEEPEST 64 /* tasks that wait for tasks, on one thread */

static bool is_done(void *context)
{
    return mr_record_phase(context) == PHASE_DONE;
}

/* ---- Waiting ---- */

typedef struct wanted {
    bool (*ready)(void *context);
    void *context;
    const mr_pool *pool;
    bool helps;
} wanted;

static bool is_ready_or_work(void *context)
{
    const wanted *w = context;
    return w->ready(w->context) || (w->helps && atomic_load(&w->pool->ready_count) > 0);
}

/* A thread that has too many tasks on its stack to work on more: another one does, until then. */
static mr_status wait_deep(mr_worker *worker, bool (*ready)(void *context), void *context,
                           double deadline)
{
    mr_pool *pool = worker->pool;
    mr_error error = {.code = MR_OK};
    unsigned number = pool->peers[pool->rank].workers + atomic_fetch_add(&pool->extras, 1);
    if (mr_worker_start(pool, number, true, &error) != MR_OK) {
        mr_pool_note(pool, error.code, error.text, UINT64_MAX);
        return MR_FAILED;
    }
    mr_status status = mr_pool_wait(pool, LEVEL_WAITER, ready, context, deadline);
    atomic_fetch_add(&pool->surplus, 1);
    mr_pool_wake(pool, LEVEL_WORKER, true);
    return status;
}

/* A worker that waits works on other tasks meanwhile. */
static mr_status help(mr_worker *worker, bool (*ready)(void *context), void *context,
                      double deadline)
{
    mr_pool *pool = worker->pool;
    wanted w = {ready, context, pool, true};
    mr_status status = MR_OK;
    if (worker->depth >= DEEPEST)
        return wait_deep(worker, ready, context, deadline);
    worker->depth++;
    while (status == MR_OK && !ready(context)) {
        w.helps = !atomic_load(&worker->is_given_up);
        if (w.helps && mr_worker_step(worker))
            status = mr_clock_now() < deadline ? MR_OK : MR_TIMED_OUT;
        else
            status = mr_pool_wait(pool, LEVEL_WAITER, is_ready_or_work, &w, deadline);
    }
    worker->depth--;
    return ready(context) ? MR_OK : status;
}

mr_status mr_pool_await(mr_pool *pool, bool (*ready)(void *context), void *context, double seconds)
{
    return ready(context) ? MR_OK
                          : mr_pool_await_until(pool, ready, context, mr_pool_deadline(seconds));
}

mr_status mr_pool_await_until(mr_pool *pool, bool (*ready)(void *context), void *context,
                              double deadline)
{
    if (ready(context))
        return MR_OK;
    mr_worker *worker = mr_worker_self(pool);
    mr_pool_dispatch(pool);
    if (!worker)
        return mr_pool_wait(pool, LEVEL_WAITER, ready, context, deadline);
    mr_news_flush(worker);
    return help(worker, ready, context, deadline);
}

/* Runs it at once, if this thread may: so a task that waits for its own tasks goes down the tree.
 */
static void run_now(mr_future *future)
{
    mr_pool *pool = future->pool;
    if (mr_record_phase(future) != PHASE_READY ||
        (future->wanted >= 0 && future->wanted != pool->rank))
        return;
    mr_worker *worker = mr_worker_self(pool);
    if (!worker || worker->depth >= DEEPEST || atomic_load(&worker->is_given_up) ||
        !mr_record_claim(future))
        return;
    atomic_fetch_add(&future->holds, 1);
    worker->depth++;
    mr_worker_run(worker, future);
    worker->depth--;
}

static mr_status wait_for(mr_future *future, double seconds)
{
    if (mr_record_phase(future) == PHASE_DONE)
        return MR_OK;
    if (seconds >= MR_FOREVER)
        run_now(future);
    if ((atomic_fetch_or(&future->state, FLAG_AWAITED) & PHASE) == PHASE_DONE)
        return MR_OK;
    return mr_pool_await(future->pool, is_done, future, seconds);
}

static bool is_here(void *context)
{
    return mr_fetch_is_here(context);
}

static mr_status fetch(mr_future *future, double seconds)
{
    if (atomic_load(&future->pool->is_over))
        return MR_CLOSED;
    mr_fetch_result(future);
    return mr_pool_await(future->pool, is_here, future, seconds);
}

mr_status mr_future_get(mr_future *future, double seconds, mr_bytes *result)
{
    if (result)
        *result = (mr_bytes){0};
    MR_TRY(wait_for(future, seconds));
    atomic_fetch_or(&future->state, FLAG_SEEN);
    if (future->status == MR_OK && result && !mr_fetch_is_here(future))
        MR_TRY(fetch(future, seconds));
    if (result && future->status == MR_OK)
        *result = future->result;
    return future->status;
}

mr_status mr_wait_all(mr_future *const *futures, size_t count, double seconds)
{
    const double end = mr_clock_now() + (seconds < 1e18 ? seconds : 0);
    for (size_t i = 0; i < count; i++) {
        if (!futures[i] || is_done(futures[i]))
            continue;
        double left = seconds >= MR_FOREVER ? seconds : end - mr_clock_now();
        MR_TRY(wait_for(futures[i], left));
    }
    return MR_OK;
}

typedef struct any {
    mr_future *const *futures;
    size_t count, which;
} any;

static bool is_any_done(void *context)
{
    any *a = context;
    for (size_t i = 0; i < a->count; i++)
        if (a->futures[i] && is_done(a->futures[i])) {
            a->which = i;
            return true;
        }
    return false;
}

mr_status mr_wait_any(mr_future *const *futures, size_t count, double seconds, size_t *which)
{
    any a = {futures, count, 0};
    mr_future *first = NULL;
    for (size_t i = 0; i < count; i++)
        if (futures[i]) {
            first = first ? first : futures[i];
            atomic_fetch_or(&futures[i]->state, FLAG_AWAITED);
        }
    if (!first)
        return MR_CLOSED;
    MR_TRY(mr_pool_await(first->pool, is_any_done, &a, seconds));
    if (which)
        *which = a.which;
    return MR_OK;
}

/* ---- Asking ---- */

bool mr_future_is_done(const mr_future *future)
{
    return mr_record_phase(future) == PHASE_DONE;
}

const char *mr_future_error(const mr_future *future)
{
    if (!mr_future_is_done(future) || !future->text)
        return "";
    atomic_fetch_or((atomic_uint *)(uintptr_t)&future->state, FLAG_SEEN);
    return future->text;
}

int mr_future_rank(const mr_future *future)
{
    return mr_future_is_done(future) ? future->where : -1;
}

/* ---- Letting go ---- */

void mr_future_free(mr_future **future)
{
    mr_future *record = *future;
    if (!record)
        return;
    *future = NULL;
    unsigned before = atomic_fetch_or(&record->state, FLAG_FREED);
    if ((before & PHASE) == PHASE_DONE && !(before & FLAG_SEEN))
        mr_record_blame(record);
    mr_record_drop(record);
}
