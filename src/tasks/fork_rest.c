/*
 * tasks/fork_rest.c: how all stand still for a checkpoint. Rank 0 says when, in a letter to all;
 * each thread comes out of its loop after the task that it is at, and when no letter is under way
 * any more the tree lies still: what is to be done is in the deques, the rest hangs on it.
 */
#include "tasks/fork.h"

#include "base/clock.h"
#include "base/span.h"
#include "engine/checkpoint.h"
#include "observe/signals.h"

/* Where tasks take long there is much waiting for the last one: then checkpoints are further apart,
 * so that rests are about this part of the time. */
#define APART 20

/* ---- Before: handlers ---- */

static void call(fork_run *run, mr_keep_wish wish)
{
    const double now = mr_clock_now();
    if (atomic_load(&run->is_called) || run->ranks_done == run->ranks ||
        (wish == MR_KEEP_SAVE && now < run->next_rest))
        return;
    atomic_store(&run->is_called, true);
    run->called = now;
    mr_fork_send_rest(run);
}

/* A stop that waits for a better moment (mr_signals_hold). */
static bool is_held(void)
{
    mr_error error = {.code = MR_OK};
    return mr_signals_check(&error) == MR_OK;
}

void mr_fork_rest_tick(fork_run *run)
{
    if (!run->keeps || atomic_load(&run->over))
        return;
    const mr_keep_wish wish = mr_keep_wish_now(run->job->keep);
    if (wish == MR_KEEP_NOTHING || (wish == MR_KEEP_STOP && is_held()))
        return;
    if (run->rank == 0)
        call(run, wish);
    else if (!run->has_wished)
        mr_fork_send_wish(run);
    run->has_wished = true;
}

/* The next tick sees it. */
void mr_fork_take_wish(void)
{
    mr_signals_stop(NULL);
}

void mr_fork_take_rest(fork_run *run)
{
    atomic_fetch_add(&run->rests_called, 1);
    __atomic_store_n(&run->signs.stopping, 1, __ATOMIC_RELAXED);
    atomic_store(&run->leave, true);
    mr_post_wake(run->post);
}

/* ---- While nobody works ---- */

static mr_status save(fork_run *run)
{
    mr_keep_wish wish;
    mr_keep_file *file = NULL;
    MR_TRY(mr_checkpoint_ask(run->job, &wish));
    const mr_span_kind before = mr_span_begin(MR_SPAN_CHECKPOINT);
    mr_fork_save(run, &file);
    mr_status status = mr_checkpoint_save(run->job, wish);
    mr_keep_file_destroy(&file);
    mr_span_end(before);
    return status;
}

/* Another rest may have been called meanwhile, by a rank that was quicker. */
static void wake_up(fork_run *run)
{
    const double now = mr_clock_now();
    run->next_rest = now + APART * (now - run->called);
    __atomic_store_n(&run->signs.stopping, 0, __ATOMIC_RELAXED);
    atomic_store(&run->leave, false);
    atomic_fetch_add(&run->rests_had, 1);
    if (fork_is_resting(run))
        __atomic_store_n(&run->signs.stopping, 1, __ATOMIC_RELAXED);
    if (fork_is_resting(run) || atomic_load(&run->over))
        atomic_store(&run->leave, true);
    atomic_store(&run->is_called, false);
}

mr_status mr_fork_rest(fork_run *run)
{
    if (mr_post_box_settle(run->post, run->box) != MR_OK) {
        MR_TRY(mr_job_agree(run->job));
        return MR_FAILED;
    }
    MR_TRY(save(run));
    wake_up(run);
    return MR_OK;
}
