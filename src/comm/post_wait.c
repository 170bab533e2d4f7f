/*
 * comm/post_wait.c: how a thread waits: it serves the office while it does. First in a loop that
 * gives way to whoever wants the core, then in naps that grow to a millisecond, so that a rank that
 * has nothing to do costs next to nothing. Of several that wait on a rank one naps lightly and
 * looks; the others sleep until something happens.
 */
#include "comm/post_internal.h"

#include "base/clock.h"
#include "base/flight.h"
#include "base/span.h"

#include <errno.h>
#include <sched.h>

#define LOOKS         32     /* in a row, before others get the core */
#define EAGER_SECONDS 100e-6 /* after the last page, before the first nap */
#define FIRST_NAP     20e-6
#define LONGEST_NAP   1e-3
#define DEEP_NAP      10e-3 /* of those who leave looking to another */
#define ASK_SECONDS   1e-3  /* between two questions whether to stop */

void mr_post_wake(mr_post *post)
{
    /* What has changed is to be seen by who falls asleep, or who falls asleep by us. */
    atomic_thread_fence(memory_order_seq_cst);
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
    const struct timespec end = mr_clock_moment(until);
    pthread_mutex_lock(&post->sleep);
    const uint64_t before = post->events;
    atomic_fetch_add(&post->sleepers, 1);
    pthread_mutex_unlock(&post->sleep);
    atomic_thread_fence(memory_order_seq_cst);
    const bool is_ready = ready(context);
    pthread_mutex_lock(&post->sleep);
    while (!is_ready && post->events == before &&
           pthread_cond_timedwait(&post->awake, &post->sleep, &end) != ETIMEDOUT)
        ;
    atomic_fetch_sub(&post->sleepers, 1);
    pthread_mutex_unlock(&post->sleep);
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* One who waits. Of what MPI alone knows nobody is told: who waits for that has to look. */
typedef struct waiter {
    bool (*ready)(void *context);
    void *context;
    double deadline;
    bool is_mpi, goes_on; /* goes on when the job is stopping */
    double eager_until, asked, length;
    bool has_watched, is_seen;
    mr_span_kind before;
} waiter;

static void ask_whether_to_stop(mr_post *post, waiter *w, double now)
{
    if (now < w->asked + ASK_SECONDS)
        return;
    w->asked = now;
    if (post->should_stop && post->should_stop(post->stop_context))
        mr_post_stop(post);
}

static void rest(mr_post *post, waiter *w, double now)
{
    const bool watches = !atomic_exchange(&post->watched, true);
    w->has_watched |= watches;
    const double length = watches || w->is_mpi ? w->length : DEEP_NAP;
    nap(post, w->ready, w->context, smaller(w->deadline, now + length));
    if (watches) {
        mr_post_tick(post, false);
        atomic_store(&post->watched, false);
    }
    w->length = smaller(w->length * 1.5, LONGEST_NAP);
}

/* From here on it counts as waiting: what was there at once did not take any. */
static void see(waiter *w, double now)
{
    if (w->is_seen)
        return;
    w->is_seen = true;
    w->before = mr_span_begin_at(MR_SPAN_WAIT, now);
}

static mr_status wait_on(mr_post *post, waiter *w)
{
    for (int looks = 0; !w->ready(w->context);) {
        if (!w->goes_on && mr_post_stopped(post))
            return MR_FAILED;
        const bool moved = mr_post_poll(post);
        looks = moved ? 0 : looks + 1;
        if (!moved && looks < LOOKS)
            continue;
        const double now = mr_clock_now();
        ask_whether_to_stop(post, w, now);
        see(w, now);
        if (now >= w->deadline)
            return w->ready(w->context) ? MR_OK : MR_TIMED_OUT;
        if (moved || w->eager_until == 0) {
            w->eager_until = now + EAGER_SECONDS;
            w->length = FIRST_NAP;
        } else if (now < w->eager_until)
            sched_yield();
        else
            rest(post, w, now);
    }
    return MR_OK;
}

static mr_status wait(mr_post *post, waiter *w)
{
    mr_flight_wait_begin();
    mr_status status = wait_on(post, w);
    mr_flight_wait_end();
    if (status == MR_OK)
        mr_flight_progress();
    if (w->is_seen)
        mr_span_end(w->before);
    if (w->has_watched)
        mr_post_wake_postman(post);
    return status;
}

mr_status mr_post_wait(mr_post *post, bool (*ready)(void *context), void *context, double deadline)
{
    return wait(post, &(waiter){.ready = ready, .context = context, .deadline = deadline});
}

static bool is_done(void *request)
{
    int done;
    MPI_Test(request, &done, MPI_STATUS_IGNORE);
    return done != 0;
}

void mr_post_wait_for_mpi(mr_post *post, MPI_Request *request)
{
    wait(post, &(waiter){.ready = is_done,
                         .context = request,
                         .deadline = MR_POST_NEVER,
                         .is_mpi = true,
                         .goes_on = true});
}

static bool never(void *context)
{
    (void)context;
    return false;
}

void mr_post_pause(mr_post *post, double seconds)
{
    wait(post, &(waiter){.ready = never, .deadline = mr_clock_now() + seconds, .goes_on = true});
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

void mr_post_wake_postman(mr_post *post)
{
    pthread_mutex_lock(&post->sleep);
    pthread_cond_signal(&post->unwatched);
    pthread_mutex_unlock(&post->sleep);
}

/* As long as somebody else watches, he may sleep longer. */
static void nap_of_postman(mr_post *post)
{
    pthread_mutex_lock(&post->sleep);
    const double length = atomic_load(&post->watched) ? DEEP_NAP : LONGEST_NAP;
    const struct timespec end = mr_clock_moment(mr_clock_now() + length);
    if (!atomic_load(&post->is_closing))
        pthread_cond_timedwait(&post->unwatched, &post->sleep, &end);
    pthread_mutex_unlock(&post->sleep);
}

/* Looks when nobody else has for a while; as long as letters come, again and again. He who watches
 * calls ticks: the postman, or a thread that waits. */
void *mr_post_postman(void *context)
{
    mr_post *post = context;
    unsigned long before = atomic_load(&post->looks);
    while (!atomic_load(&post->is_closing)) {
        nap_of_postman(post);
        mr_post_tick(post, true);
        if (atomic_load(&post->looks) == before)
            serve_while_busy(post);
        before = atomic_load(&post->looks);
    }
    return NULL;
}
