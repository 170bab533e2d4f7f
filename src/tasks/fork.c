/*
 * tasks/fork.c: fork-join from the root to the result. All ranks divide the top, have their threads
 * solve what is below until nobody has anything left, and join the last levels together.
 */
#include "tasks/fork.h"

#include "base/clock.h"
#include "base/memory.h"
#include "comm/vector.h"
#include "engine/checkpoint.h"
#include "observe/crash.h"
#include "observe/signals.h"
#include "sync/item.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FOREVER 1e9  /* seconds that kernels may take to notice that all is over, */
#define GRACE   10.0 /* and after a failure */

/* ---- The run's memory ---- */

static void free_hand(mr_fork *hand, size_t local_size)
{
    mr_fork_deque_free(&hand->deque);
    mr_fork_pool_free(hand);
    mr_memory_free(hand->results, hand->results_room * sizeof *hand->results);
    mr_memory_free(hand->local, hand->local ? local_size : 0);
    mr_memory_free(hand, sizeof *hand);
}

/* What a thread that never comes back may touch is not freed. */
static void destroy(void *context)
{
    fork_run *run = context;
    if (run->has_strays)
        return;
    for (unsigned i = 0; run->hands && i <= run->threads; i++)
        if (run->hands[i])
            free_hand(run->hands[i], run->how.local_size);
    mr_fork_large_free(run);
    free(run->hands);
    free(run->asked);
    free(run->begs);
    free(run->beggars);
    mr_memory_free(run->tops, run->top_room * sizeof *run->tops);
    mr_memory_free(run->found, run->found_size);
    free(run->revived);
    free(run);
}

static void end_crew(fork_run *run, double grace)
{
    if (!mr_crew_end(&run->crew, grace))
        run->has_strays = true;
}

static void halt(void *context)
{
    fork_run *run = context;
    mr_fork_halt(run);
    end_crew(run, GRACE);
}

/* Signals, and that the job is stopping elsewhere, have to reach kernels that run for long. */
static void tick(void *context)
{
    fork_run *run = context;
    mr_error error;
    error.code = MR_OK;
    if (mr_job_signals(run->job, &error) != MR_OK)
        mr_post_stop(run->post);
    if (mr_post_stopped(run->post))
        mr_fork_halt(run);
    mr_fork_rest_tick(run);
    mr_fork_tick(run);
}

static mr_fork *make_hand(fork_run *run, unsigned thread)
{
    const size_t local_size = run->how.local_size;
    mr_error *error = run->job->error;
    mr_fork *hand = mr_memory_allocate_aligned(sizeof *hand, 64, "fork-join", error);
    if (!hand)
        return NULL;
    memset(hand, 0, sizeof *hand);
    hand->run = run;
    hand->thread = thread;
    hand->random = 0x9E3779B97F4A7C15u * ((uint64_t)run->rank * 4096 + thread + 1);
    if (local_size > 0)
        hand->local = mr_memory_allocate_aligned(local_size, 64, "fork-join", error);
    if (hand->local)
        memset(hand->local, 0, local_size);
    return hand;
}

static void fill(fork_run *run)
{
    const size_t ranks = (size_t)run->ranks;
    run->hands = calloc((size_t)run->threads + 1, sizeof *run->hands);
    run->asked = calloc(ranks, sizeof *run->asked);
    run->begs = calloc(ranks, sizeof *run->begs);
    run->beggars = calloc(ranks, sizeof *run->beggars);
    if (!run->hands || !run->asked || !run->begs || !run->beggars) {
        mr_error_set(run->job->error, MR_NO_MEMORY, "out of memory: starting fork-join");
        return;
    }
    for (unsigned i = 0; i <= run->threads; i++)
        run->hands[i] = make_hand(run, i);
}

static void check(mr_job *job, const mr_fork_join *how)
{
    const char *name = how->name ? how->name : "without a name";
    if (how->size != sizeof *how)
        mr_error_set(job->error, MR_USAGE,
                     "wrong fork-join: %s: its size is %zu, not %zu: set .size, and build the app "
                     "again",
                     name, how->size, sizeof *how);
    else if (!how->solve)
        mr_error_set(job->error, MR_USAGE, "wrong fork-join: %s: it has no solve", name);
}

/* ---- Open and close ---- */

static mr_status open_run(mr_job *job, const mr_fork_join *how, mr_post *post, fork_run **result)
{
    static const mr_post_room room = {
        .handler = mr_fork_handle, .halt = halt, .destroy = destroy, .tick = tick};
    check(job, how);
    MR_TRY(mr_job_agree(job));
    fork_run *run = calloc(1, sizeof *run);
    *result = run;
    if (!run)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: starting fork-join");
    MR_TRY(mr_job_agree(job));
    run->how = *how;
    run->job = job;
    run->comm = job->comm;
    run->post = post;
    run->rank = mr_comm_rank(job->comm);
    run->ranks = mr_comm_size(job->comm);
    run->threads = job->threads;
    fill(run);
    mr_fork_search_begin(run);
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        mr_post_box_open(post, &room, run, &run->box, job->error);
        uint64_t workers = run->threads;
        status = mr_job_agree(job);
        if (status == MR_OK)
            mr_vector_reduce(run->comm, &workers, 1, MR_NUMBER_U64, MR_COMBINE_SUM, 0);
        run->workers = (unsigned)workers;
        return status;
    }
    destroy(run);
    return status;
}

/* When the job fails the box stays open, and its office does this in the end. */
static mr_status close_run(fork_run *run)
{
    MR_TRY(mr_post_box_close(run->post, run->box));
    destroy(run);
    return MR_OK;
}

/* ---- The work ---- */

static mr_status agree(fork_run *run)
{
    fork_lock_take(&run->failing);
    if (run->error.code != MR_OK)
        mr_error_set(run->job->error, run->error.code, "%s", run->error.text);
    fork_lock_give(&run->failing);
    return mr_job_agree(run->job);
}

/* Until all is done, or there is a rest. */
static mr_status work_once(fork_run *run, bool *rests)
{
    mr_error error = {.code = MR_OK};
    if (mr_crew_start(&run->crew, 1, run->threads - 1, mr_fork_work, run, &error) != MR_OK)
        mr_fork_no_memory(run->hands[0], &error);
    mr_fork_work(run, 0);
    bool failed = run->error.code != MR_OK || mr_post_stopped(run->post);
    end_crew(run, failed ? GRACE : FOREVER);
    run->signs.wanted = 0;
    MR_TRY(agree(run));
    uint64_t flags[2] = {atomic_load(&run->cancelled), fork_is_resting(run)};
    mr_vector_reduce(run->comm, flags, 2, MR_NUMBER_U64, MR_COMBINE_MAX, 0);
    atomic_store(&run->cancelled, flags[0] != 0);
    *rests = flags[1] && !flags[0];
    return MR_OK;
}

static void deal(fork_run *run)
{
    if (run->revived)
        mr_fork_deal(run, run->revived, run->revived_count);
    else if (atomic_load(&run->left) > 0)
        mr_fork_top_deal(run);
}

/* All ranks are at it when this begins, so no letter comes too early. */
static mr_status work(fork_run *run)
{
    const bool has_pieces = atomic_load(&run->left) > 0;
    bool rests = true;
    mr_status status = MR_OK;
    deal(run);
    if (!has_pieces)
        mr_fork_send_done(run);
    while (status == MR_OK && rests) {
        status = work_once(run, &rests);
        if (status == MR_OK && rests)
            status = mr_fork_rest(run);
    }
    return status;
}

/* ---- The result ---- */

static mr_status give_result(fork_run *run, mr_item *item)
{
    const fork_result *result = &run->tops[0].node->result;
    const bool everywhere = run->how.everywhere, has = run->rank == 0;
    uint64_t size = has ? result->size : 0;
    char *room = NULL;
    if (everywhere)
        mr_vector_broadcast(run->comm, 0, &size, sizeof size, 0);
    if (has || everywhere)
        room = mr_item_make(item, (size_t)size, "a result", run->job->error);
    mr_status status = mr_job_agree(run->job);
    if (status != MR_OK)
        mr_item_free(item);
    else if (has && size > 0)
        memcpy(room, fork_result_bytes(result).data, size);
    if (status == MR_OK && everywhere)
        mr_vector_broadcast(run->comm, 0, room, size, 0);
    return status;
}

static mr_status run_all(fork_run *run, mr_bytes task, mr_item *result)
{
    const double start = mr_clock_now();
    MR_TRY(mr_fork_is_saved(run) ? mr_fork_load(run) : mr_fork_top_divide(run, task));
    MR_TRY(work(run));
    if (!atomic_load(&run->cancelled) && result) {
        MR_TRY(mr_fork_last_join(run));
        MR_TRY(give_result(run, result));
    }
    return mr_fork_tell(run, mr_clock_now() - start);
}

/* From here to the end a stop is seen to: either all rests, or the result is saved. */
static mr_status run_and_save(fork_run *run, mr_bytes task, mr_item *result, mr_fork_found *found)
{
    atomic_fetch_add(&run->job->saves, run->keeps);
    mr_crash_thread_begin(0, NULL);
    mr_status status = run_all(run, task, result);
    mr_crash_thread_end();
    if (status == MR_OK && found)
        status = mr_fork_search_end(run, found);
    if (status == MR_OK && run->keeps)
        status = mr_fork_save_result(run, result, found);
    atomic_fetch_sub(&run->job->saves, run->keeps);
    return status;
}

static mr_status open_and_run(mr_job *job, const mr_fork_join *how, mr_bytes task, uint64_t piece,
                              uint64_t hash, mr_item *result, mr_fork_found *found)
{
    mr_post *post;
    fork_run *run;
    MR_TRY(mr_job_post(job, &post));
    MR_TRY(open_run(job, how, post, &run));
    run->keeps = job->keep != NULL;
    run->piece = piece;
    run->hash = hash;
    mr_status status = run_and_save(run, task, result, found);
    return status == MR_OK ? close_run(run) : status;
}

/* Rank 0's, for the task is its own. */
static uint64_t hash_of(const mr_fork_join *how, mr_bytes task)
{
    const char *name = how->name ? how->name : "";
    return XXH3_64bits_withSeed(task.data, task.size, XXH3_64bits(name, strlen(name)));
}

static mr_status run_fork(mr_job *job, const mr_fork_join *how, mr_bytes task, mr_item *result,
                          mr_fork_found *found)
{
    bool done = false;
    const bool root = mr_comm_rank(job->comm) == 0;
    const uint64_t piece = job->keep ? mr_checkpoint_piece(job) : 0;
    const uint64_t hash = job->keep && root ? hash_of(how, task) : 0;
    if (job->keep)
        MR_TRY(mr_fork_load_result(job, how, piece, hash, result, found, &done));
    return done ? MR_OK : open_and_run(job, how, task, piece, hash, result, found);
}

mr_status mr_fork_run(mr_job *job, const mr_fork_join *how, mr_bytes task, mr_item *result)
{
    *result = (mr_item){{NULL, 0}, NULL};
    return run_fork(job, how, task, result, NULL);
}

mr_status mr_fork_search(mr_job *job, const mr_fork_join *how, mr_bytes task, mr_fork_found *found)
{
    *found = (mr_fork_found){false, 0, {{NULL, 0}, NULL}};
    return run_fork(job, how, task, NULL, found);
}
