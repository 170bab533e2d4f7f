/* tasks/pool.c: a pool begins: its kinds, its workers, its box. */
#include "tasks/pool.h"

#include "base/clock.h"

#include <mapred/driver.h>

#include <stdio.h>
#include <stdlib.h>

static mr_status check_options(mr_job *job, const mr_pool_options *options)
{
    if (!options || options->size != sizeof *options || !options->kinds)
        return mr_error_set(job->error, MR_USAGE,
                            "cannot open a pool: its options have no kinds, or another size than "
                            "sizeof(mr_pool_options)");
    for (const mr_task_kind *kind = options->kinds; kind->name; kind++)
        if (!kind->run && !kind->each)
            return mr_error_set(job->error, MR_USAGE, "cannot open a pool: kind %s has no function",
                                kind->name);
    return MR_OK;
}

static mr_status copy_kinds(mr_pool *pool, const mr_task_kind *kinds, mr_error *error)
{
    while (kinds[pool->kind_count].name)
        pool->kind_count++;
    pool->kinds = calloc(pool->kind_count + 1, sizeof *pool->kinds);
    pool->means = calloc(pool->kind_count + 1, sizeof *pool->means);
    pool->item_means = calloc(pool->kind_count + 1, sizeof *pool->item_means);
    if (!pool->kinds || !pool->means || !pool->item_means)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening a pool");
    memcpy(pool->kinds, kinds, pool->kind_count * sizeof *kinds);
    for (unsigned i = 0; i < pool->kind_count; i++) {
        atomic_init(&pool->means[i], -1);
        atomic_init(&pool->item_means[i], -1);
    }
    return MR_OK;
}

static void init_locks(mr_pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    for (int level = 0; level < LEVELS; level++)
        mr_clock_condition_init(&pool->wake[level]);
    mr_clock_condition_init(&pool->call_clerk);
}

static mr_pool *make_pool(mr_job *job, const mr_pool_options *options, mr_post *post)
{
    mr_pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: opening a pool");
        return NULL;
    }
    pool->job = job;
    pool->post = post;
    pool->rank = mr_comm_rank(job->comm);
    pool->ranks = mr_comm_size(job->comm);
    pool->turn = (pool->rank + 1) % pool->ranks;
    pool->main = pthread_self();
    pool->is_told = mr_job_is_told(job);
    pool->error = (mr_error){.code = MR_OK};
    snprintf(pool->host, sizeof pool->host, "%s", mr_comm_host(job->comm));
    init_locks(pool);
    pool->peers = calloc((size_t)pool->ranks, sizeof *pool->peers);
    if (!pool->peers)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: opening a pool");
    if (check_options(job, options) == MR_OK && pool->peers) {
        pool->options = *options;
        copy_kinds(pool, options->kinds, job->error);
        mr_pool_count_begin(pool);
    }
    return pool;
}

/* ---- Workers: in turn one more for each rank, first those that are first on their nodes ---- */

static void deal_workers(mr_pool *pool, const int64_t *threads, const int64_t *node_ranks)
{
    uint64_t all = 0;
    int64_t last = 0;
    for (int rank = 0; rank < pool->ranks; rank++) {
        all += (uint64_t)threads[rank];
        last = node_ranks[rank] > last ? node_ranks[rank] : last;
    }
    uint64_t left = pool->options.workers ? pool->options.workers : all;
    left = left < all ? left : all;
    pool->workers = (unsigned)left;
    while (left > 0)
        for (int64_t node_rank = 0; node_rank <= last; node_rank++)
            for (int rank = 0; rank < pool->ranks && left > 0; rank++)
                if (node_ranks[rank] == node_rank &&
                    pool->peers[rank].workers < (uint64_t)threads[rank]) {
                    pool->peers[rank].workers++;
                    left--;
                }
    for (int rank = 0; rank < pool->ranks; rank++)
        pool->idle_peers += rank != pool->rank && pool->peers[rank].workers > 0;
}

/* Collective. */
static mr_status share_workers(mr_pool *pool)
{
    mr_job *job = pool->job;
    int64_t *numbers = calloc(2 * (size_t)pool->ranks, sizeof *numbers);
    if (!numbers)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: opening a pool");
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        numbers[pool->rank] = mr_job_threads(job);
        numbers[pool->ranks + pool->rank] = mr_comm_node_rank(job->comm);
        mr_all_sum_i64(job, numbers, 2 * (size_t)pool->ranks);
        status = mr_job_agree(job);
    }
    if (status == MR_OK)
        deal_workers(pool, numbers, numbers + pool->ranks);
    free(numbers);
    return status;
}

static mr_status start_threads(mr_pool *pool)
{
    for (unsigned i = 0; i < pool->peers[pool->rank].workers; i++)
        MR_TRY(mr_worker_start(pool, i, false, pool->job->error));
    return mr_clerk_start(pool, pool->job->error);
}

mr_status mr_pool_open(mr_job *job, const mr_pool_options *options, mr_pool **result)
{
    mr_post *post;
    *result = NULL;
    MR_TRY(mr_job_post(job, &post));
    mr_pool *pool = make_pool(job, options, post);
    mr_status status = mr_job_agree(job);
    if (status == MR_OK)
        status = share_workers(pool);
    if (status == MR_OK)
        status = mr_saved_open(pool);
    if (status != MR_OK) {
        if (pool)
            mr_pool_destroy(pool);
        return status;
    }
    const mr_post_room room = {
        .handler = mr_pool_handle, .halt = mr_pool_halt, .destroy = mr_pool_destroy};
    if (mr_post_box_open(post, &room, pool, &pool->box, job->error) == MR_OK)
        start_threads(pool);
    MR_TRY(mr_job_agree(job));
    *result = pool;
    return MR_OK;
}

unsigned mr_pool_workers(const mr_pool *pool)
{
    return pool->workers;
}
