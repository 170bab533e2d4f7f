/*
 * tasks/pool_close.c: how a pool ends. A rank that closes serves until all ranks have closed and
 * no task is left anywhere. That is so when rank 0 has asked all twice, all were closing and idle
 * both times, and nobody had submitted anything in between.
 */
#include "tasks/pool.h"

#include "base/clock.h"
#include "observe/signals.h"

#include <mapred/driver.h>

#include <stdlib.h>

#define GRACE       0.5  /* seconds, for threads within a kernel */
#define STOP_GRACE  3.0  /* and where what they do will be saved */
#define CANCELLED   1.0  /* seconds that tasks which were cancelled have to end */
#define FIRST_PAUSE 1e-4 /* before rank 0 asks again */
#define LAST_PAUSE  20e-3

static bool is_idle(void *context)
{
    return atomic_load(&((mr_pool *)context)->pending) == 0;
}

mr_status mr_pool_join(mr_pool *pool, double seconds)
{
    if (mr_worker_self(pool)) /* it would wait for its own end */
        return mr_pool_complain(pool, MR_USAGE,
                                "cannot join the pool: within a task of it: wait "
                                "for the futures");
    atomic_fetch_add(&pool->joiners, 1);
    mr_status status = mr_pool_await(pool, is_idle, pool, seconds);
    atomic_fetch_sub(&pool->joiners, 1);
    return status;
}

/* ---- All are done ---- */

void mr_pool_answer(mr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t submitted = pool->submitted;
    pthread_mutex_unlock(&pool->lock);
    bool busy = !atomic_load(&pool->is_closing) || !is_idle(pool);
    const uint64_t numbers[2] = {submitted, busy};
    mr_pool_send(pool, 0, LETTER_ANSWER, numbers, sizeof numbers);
}

static bool have_come(void *context)
{
    mr_pool *pool = context;
    return is_idle(pool) && atomic_load(&pool->come) == (uint64_t)pool->ranks;
}

static bool have_answered(void *context)
{
    mr_pool *pool = context;
    return atomic_load(&pool->answers) == (uint64_t)pool->ranks;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static mr_status ask_all(mr_pool *pool, uint64_t *submitted, uint64_t *busy)
{
    atomic_store(&pool->answers, 0);
    atomic_store(&pool->answered_submitted, 0);
    atomic_store(&pool->answered_busy, 0);
    for (int rank = 0; rank < pool->ranks; rank++)
        mr_pool_send(pool, rank, LETTER_ASK, NULL, 0);
    MR_TRY(mr_pool_wait(pool, LEVEL_CLOSER, have_answered, pool, MR_POST_NEVER));
    *submitted = atomic_load(&pool->answered_submitted);
    *busy = atomic_load(&pool->answered_busy);
    return MR_OK;
}

static mr_status find_end(mr_pool *pool)
{
    uint64_t before = UINT64_MAX, submitted, busy;
    double pause = FIRST_PAUSE;
    MR_TRY(mr_pool_wait(pool, LEVEL_CLOSER, have_come, pool, MR_POST_NEVER));
    for (;;) {
        MR_TRY(ask_all(pool, &submitted, &busy));
        if (!busy && submitted == before)
            break;
        before = busy ? UINT64_MAX : submitted;
        if (!busy)
            continue;
        mr_status status = mr_pool_wait(pool, LEVEL_CLOSER, never, NULL, mr_clock_now() + pause);
        if (status != MR_TIMED_OUT)
            return status;
        pause = pause * 2 < LAST_PAUSE ? pause * 2 : LAST_PAUSE;
    }
    for (int rank = 0; rank < pool->ranks; rank++)
        mr_pool_send(pool, rank, LETTER_END, NULL, 0);
    return MR_OK;
}

static bool is_over(void *context)
{
    return atomic_load(&((mr_pool *)context)->is_over);
}

/* Tasks that don't end though they were cancelled are not waited for. */
static mr_status finish_own(mr_pool *pool)
{
    for (;;) {
        mr_status status =
            mr_pool_wait(pool, LEVEL_CLOSER, is_idle, pool, mr_clock_now() + CANCELLED);
        if (status != MR_TIMED_OUT)
            return status;
        mr_pool_give_up_cancelled(pool);
    }
}

static mr_status serve(mr_pool *pool)
{
    mr_pool_dispatch(pool);
    atomic_fetch_add(&pool->joiners, 1);
    atomic_store(&pool->is_closing, true);
    MR_TRY(finish_own(pool));
    mr_pool_send(pool, 0, LETTER_COME, NULL, 0);
    if (pool->rank == 0)
        MR_TRY(find_end(pool));
    return mr_pool_wait(pool, LEVEL_CLOSER, is_over, pool, MR_POST_NEVER);
}

/* ---- The end ---- */

/* False: a thread did not come back. */
static bool end_workers(mr_pool *pool, double grace)
{
    bool all = true;
    double end = mr_clock_now() + grace;
    atomic_store(&pool->is_ending, true);
    mr_pool_wake(pool, LEVEL_WORKER, true);
    mr_pool_wake(pool, LEVEL_WAITER, true);
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->call_clerk);
    pthread_mutex_unlock(&pool->lock);
    all = mr_crew_end(&pool->clerk, grace);
    for (mr_worker *worker = pool->crew; worker; worker = worker->next) {
        double left = end - mr_clock_now();
        bool has_ended = mr_crew_end(&worker->crew, left > 0 ? left : 0);
        if (!has_ended)
            atomic_store(&worker->is_given_up, true);
        all = all && has_ended;
    }
    return all;
}

static void free_blobs(mr_pool *pool)
{
    mr_fetch_free_all(pool);
    for (mr_blob *blob = pool->kept, *next; blob; blob = next) {
        next = blob->next;
        mr_blob_drop(blob);
    }
}

void mr_pool_free(mr_pool *pool)
{
    free_blobs(pool);
    if (pool->forget_graphs)
        pool->forget_graphs(pool);
    for (mr_worker *worker = pool->crew, *next; worker; worker = next) {
        next = worker->next;
        mr_worker_free(worker);
    }
    for (int rank = 0; pool->peers && rank < pool->ranks; rank++)
        mr_ready_free(&pool->peers[rank].bound);
    mr_ready_free(&pool->here);
    mr_ready_free(&pool->anywhere);
    mr_shelf_free(&pool->own);
    mr_shelf_free(&pool->foreign);
    free(pool->peers);
    free(pool->kinds);
    free(pool->means);
    free(pool->item_means);
    free(pool->told);
    mr_saved_free(pool);
    for (int level = 0; level < LEVELS; level++)
        pthread_cond_destroy(&pool->wake[level]);
    pthread_cond_destroy(&pool->call_clerk);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void mr_pool_halt(void *context)
{
    mr_pool *pool = context;
    mr_error error = {.code = MR_OK};
    const bool saves = pool->saved && mr_signals_stopping();
    if (!end_workers(pool, saves ? STOP_GRACE : GRACE))
        pool->has_strays = true;
    mr_saved_end(pool, &error);
}

void mr_pool_destroy(void *context)
{
    mr_pool *pool = context;
    atomic_store(&pool->is_over, true);
    if (!pool->has_strays)
        mr_pool_free(pool);
}

/* Futures may be held longer than their pool. */
static void let_go(mr_pool *pool)
{
    atomic_store(&pool->alive, mr_shelf_count(&pool->own));
    if (pool->has_strays)
        return;
    if (atomic_load(&pool->alive) > 0)
        pool->is_husk = true;
    else
        mr_pool_free(pool);
}

mr_status mr_pool_close(mr_pool **result)
{
    mr_pool *pool = *result;
    if (!pool)
        return MR_OK;
    *result = NULL;
    mr_job *job = pool->job;
    mr_status status = serve(pool);
    if (status == MR_OK) {
        mr_shelf_blame(&pool->own);
        mr_saved_end(pool, job->error);
        if (pool->error.code != MR_OK)
            mr_error_set(job->error, pool->error.code, "%s", pool->error.text);
        status = mr_job_agree(job);
    }
    if (status != MR_OK)
        return job->error->code != MR_OK ? job->error->code : status;
    mr_pool_halt(pool);
    MR_TRY(mr_pool_report(pool));
    MR_TRY(mr_post_box_close(pool->post, pool->box));
    let_go(pool);
    return MR_OK;
}
