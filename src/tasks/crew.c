/* tasks/crew.c: pthreads with what a crash wants to know, and an end that does not wait for ever.
 */
#include "tasks/crew.h"

#include "base/clock.h"
#include "base/span.h"
#include "base/stray.h"
#include "observe/crash.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct hand {
    struct mr_crew *crew;
    unsigned number;
} hand;

struct mr_crew {
    void (*work)(void *context, unsigned thread);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    unsigned count, working;
    bool is_left; /* behind: whoever returns last frees it */
    hand hands[];
};

static void free_crew(mr_crew *crew)
{
    pthread_mutex_destroy(&crew->lock);
    pthread_cond_destroy(&crew->returned);
    free(crew);
}

static void *run(void *context)
{
    hand *h = context;
    mr_crew *crew = h->crew;
    mr_crash_thread_begin((int)h->number, NULL);
    crew->work(crew->context, h->number);
    mr_crash_thread_end();
    mr_span_thread_end();
    pthread_mutex_lock(&crew->lock);
    const bool is_last = --crew->working == 0 && crew->is_left;
    pthread_cond_signal(&crew->returned);
    pthread_mutex_unlock(&crew->lock);
    if (is_last)
        free_crew(crew);
    return NULL;
}

static bool start_hand(mr_crew *crew, unsigned number)
{
    pthread_t thread;
    crew->hands[crew->count] = (hand){crew, number};
    if (pthread_create(&thread, NULL, run, &crew->hands[crew->count]) != 0)
        return false;
    pthread_detach(thread);
    crew->count++;
    return true;
}

mr_status mr_crew_start(mr_crew **result, unsigned first, unsigned count,
                        void (*work)(void *context, unsigned thread), void *context,
                        mr_error *error)
{
    mr_crew *crew = calloc(1, sizeof *crew + count * sizeof(hand));
    *result = crew;
    if (!crew)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting threads");
    crew->work = work;
    crew->context = context;
    pthread_mutex_init(&crew->lock, NULL);
    mr_clock_condition_init(&crew->returned);
    pthread_mutex_lock(&crew->lock);
    mr_status status = MR_OK;
    for (unsigned i = 0; i < count && status == MR_OK; i++)
        if (!start_hand(crew, first + i))
            status = mr_error_set(error, MR_NO_MEMORY,
                                  "cannot start threads: %u of %u: lower --threads", i, count);
    crew->working = crew->count;
    pthread_mutex_unlock(&crew->lock);
    return status;
}

bool mr_crew_end(mr_crew **result, double grace)
{
    mr_crew *crew = *result;
    if (!crew)
        return true;
    const double end = mr_clock_now() + grace;
    const struct timespec moment = mr_clock_moment(end);
    *result = NULL;
    pthread_mutex_lock(&crew->lock);
    while (crew->working > 0 && mr_clock_now() < end)
        pthread_cond_timedwait(&crew->returned, &crew->lock, &moment);
    const unsigned left = crew->working;
    crew->is_left = left > 0;
    pthread_mutex_unlock(&crew->lock);
    if (left > 0) {
        mr_stray_add((int)left);
        return false;
    }
    free_crew(crew);
    return true;
}
