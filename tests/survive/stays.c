/* survive/stays.c: a driver that stops where it is told to: on all ranks, on the last one, or on
 * none; the others wait for it, in an agreement or for what never comes out of a queue. */
#include <mapred.h>
#include <mapred/sync.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct state {
    const char *where;
} state;

enum { NOBODY, LAST, ALL };

static void stay(mr_job *job, int who)
{
    char name[64];
    snprintf(name, sizeof name, "begun.%d", mr_job_rank(job));
    FILE *begun = fopen(name, "w");
    if (begun)
        fclose(begun);
    if (who == ALL || (who == LAST && mr_job_rank(job) == mr_job_ranks(job) - 1))
        nanosleep(&(struct timespec){60, 0}, NULL);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    if (strcmp(s->where, "queue") == 0 || strcmp(s->where, "nobody") == 0) {
        mr_queue *queue;
        mr_item got;
        mr_queue_options options = {.size = sizeof options};
        MR_TRY(mr_queue_open(job, "never", &options, &queue));
        stay(job, strcmp(s->where, "nobody") == 0 ? NOBODY : LAST);
        return mr_queue_get(queue, &got, MR_FOREVER);
    }
    stay(job, strcmp(s->where, "driver") == 0 ? ALL : LAST);
    return mr_job_agree(job);
}

static const mr_option options[] = {
    {"where", MR_OPTION_TEXT, .offset = offsetof(state, where), .fallback = "driver"},
    {.name = NULL}};

MR_APP = {MR_APP_ABI, .name = "stays",    .usage = "",
          .run = run, .options = options, .state_size = sizeof(state)};
