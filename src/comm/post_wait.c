/*
 * comm/post_wait.c: how a thread waits: it serves the office while it does. First in a loop that
 * gives way to whoever wants the core, then in naps that grow to a millisecond, so that a rank that
 * has nothing to do costs next to nothing. Of several that wait on a rank one naps lightly and
 * looks; the others sleep until something happens.
 */
#include "comm/post_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <sched.h>

#define EAGER_SECONDS 100e-6 /* after the last letter, before the first nap */
#define FIRST_NAP     20e-6
#define LONGEST_NAP   1e-3
#define DEEP_NAP      10e-3 /* of those who leave looking to another */

static struct timespec moment(double seconds)
{
    time_t whole = (time_t)seconds;
    return (struct timespec){whole, (long)((seconds - (double)whole) * 1e9)};
}

void mr_post_wake(mr_post *post)
{
    if (atomic_load(&post->sleepers) == 0)
        return;
    pthread_mutex_lock(&post->sleep);
    post->events++;
    pthread_cond_broadcast(&post->awake);
    pthread_mutex_unlock(&post->sleep);
}

/* Sleeps until something happens on this rank or the moment comes, unless `ready` already. */
static void nap(mr_post *post, bool (*ready)(void *context), void *context, double until)
{
    const struct timespec end = moment(until);
    pthread_mutex_lock(&post->sleep);
    const uint64_t before = post->events;
    atomic_fetch_add(&post->sleepers, 1);
    pthread_mutex_unlock(&post->sleep);
    bool is_ready = ready(context);
    pthread_mutex_lock(&post->sleep);
    while (!is_ready && post->events == before &&
           pthread_cond_timedwait(&post->awake, &post->sleep, &end) != ETIMEDOUT)
        ;
    atomic_fetch_sub(&post->sleepers, 1);
    pthread_mutex_unlock(&post->sleep);
}

static void ask_whether_to_stop(mr_post *post)
{
    if (post->should_stop && post->should_stop(post->stop_context))
        mr_post_stop(post);
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static mr_status wait(mr_post *post, bool (*ready)(void *context), void *context, double deadline,
                      bool anyway)
{
    double eager_until = 0, length = FIRST_NAP;
    for (unsigned round = 0; !ready(context); round++) {
        if (!anyway && mr_post_stopped(post))
            return MR_FAILED;
        bool handled = mr_post_poll(post);
        if (!handled && round < 32)
            continue;
        double now = mr_clock_now();
        if (handled || eager_until == 0) {
            eager_until = now + EAGER_SECONDS;
            length = FIRST_NAP;
            continue;
        }
        if (now >= deadline)
            return MR_TIMED_OUT;
        if (now < eager_until) {
            sched_yield();
            continue;
        }
        ask_whether_to_stop(post);
        bool looks = !atomic_exchange(&post->watched, true);
        nap(post, ready, context, smaller(deadline, now + (looks ? length : DEEP_NAP)));
        if (looks)
            atomic_store(&post->watched, false);
        length = smaller(length * 1.5, LONGEST_NAP);
    }
    return MR_OK;
}

mr_status mr_post_wait(mr_post *post, bool (*ready)(void *context), void *context, double deadline)
{
    return wait(post, ready, context, deadline, false);
}

void mr_post_wait_anyway(mr_post *post, bool (*ready)(void *context), void *context)
{
    wait(post, ready, context, MR_POST_NEVER, true);
}

static void serve_while_busy(mr_post *post)
{
    for (double until = 0, now = 0; now <= until; now = mr_clock_now()) {
        if (mr_post_poll(post))
            until = mr_clock_now() + EAGER_SECONDS;
        else
            sched_yield();
    }
}

/* Looks when nobody else has for a while; as long as letters come, again and again. Boxes that want
 * to know hear that time goes by. */
void *mr_post_postman(void *context)
{
    mr_post *post = context;
    unsigned long before = atomic_load(&post->looks);
    while (!atomic_load(&post->is_closing)) {
        mr_clock_nap(1000);
        mr_post_tick(post);
        if (atomic_load(&post->looks) == before)
            serve_while_busy(post);
        before = atomic_load(&post->looks);
    }
    return NULL;
}
