/*
 * tasks/failures.c: a driver for failures.py: one rank goes wrong while the others wait in what the
 * headers offer.
 */
#include <mapred.h>

#include <signal.h>
#include <string.h>
#include <time.h>

typedef struct state {
    const char *how, *waits;
    int64_t at;
} state;

static void nap(void)
{
    nanosleep(&(struct timespec){0, 100000000}, NULL);
}

/* A task that ends when it is told to, and one that never does. */
static mr_status patient(mr_task *task)
{
    while (!mr_task_is_cancelled(task))
        nap();
    return MR_OK;
}

static mr_status endless(mr_task *task)
{
    while (mr_task_rank(task) >= 0)
        nap();
    return MR_OK;
}

static mr_status crash(mr_task *task)
{
    nap();
    raise(SIGSEGV);
    return mr_task_fail(task, MR_FAILED, "no crash");
}

static const mr_task_kind kinds[] = {
    {.name = "patient", .run = patient},
    {.name = "endless", .run = endless},
    {.name = "crash", .run = crash},
    {0},
};

typedef struct shared {
    mr_pool *pool;
    mr_queue *queue;
    mr_lock *lock;
    mr_event *event;
    mr_barrier *barrier;
} shared;

static mr_status open_all(mr_job *job, shared *all)
{
    MR_TRY(mr_queue_open(job, "orders", NULL, &all->queue));
    MR_TRY(mr_lock_open(job, "door", &all->lock));
    MR_TRY(mr_event_open(job, "bell", &all->event));
    MR_TRY(mr_pool_open(job, &(mr_pool_options){.size = sizeof(mr_pool_options), .kinds = kinds},
                        &all->pool));
    return mr_barrier_open(job, "meeting", (uint64_t)mr_job_ranks(job) + 1, &all->barrier);
}

static mr_status run_task(shared *all, mr_task_run *task)
{
    mr_future *future = mr_pool_submit(all->pool, task, NULL, 0);
    return future ? mr_future_get(future, MR_FOREVER, NULL) : MR_FAILED;
}

/* None of these ever comes. */
static mr_status wait_for_ever(mr_job *job, shared *all, const char *in)
{
    mr_item item;
    if (strcmp(in, "queue") == 0)
        return mr_queue_get(all->queue, &item, MR_FOREVER);
    if (strcmp(in, "event") == 0)
        return mr_event_wait(all->event, MR_FOREVER);
    if (strcmp(in, "barrier") == 0)
        return mr_barrier_wait(all->barrier, MR_FOREVER, NULL);
    if (strcmp(in, "close") == 0)
        return mr_queue_close(&all->queue);
    if (strcmp(in, "patient") == 0)
        return run_task(all, patient);
    if (strcmp(in, "endless") == 0)
        return run_task(all, endless);
    if (strcmp(in, "agree") == 0)
        return mr_job_agree(job);
    MR_TRY(mr_lock_acquire(all->lock, MR_FOREVER));
    return mr_event_wait(all->event, MR_FOREVER);
}

static mr_status go_wrong(mr_job *job, shared *all, const char *how)
{
    nap();
    if (strcmp(how, "task") == 0)
        return run_task(all, crash);
    if (strcmp(how, "error") == 0)
        return mr_job_fail(job, MR_BAD_INPUT, "does not like it: rank %d", mr_job_rank(job));
    if (strcmp(how, "crash") == 0)
        raise(SIGSEGV);
    return MR_FAILED;
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    mr_text_output *output;
    shared all;
    MR_TRY(open_all(job, &all));
    MR_TRY(mr_text_output_begin(job, &output));
    if (mr_job_rank(job) == 0)
        mr_text_output_write(output, "half ", 5);
    if (strcmp(s->how, "wait") == 0 || mr_job_rank(job) != s->at)
        return wait_for_ever(job, &all, s->waits);
    return go_wrong(job, &all, s->how);
}

static const mr_option options[] = {
    {"how", MR_OPTION_TEXT, offsetof(state, how), "error", "how it goes", false},
    {"waits", MR_OPTION_TEXT, offsetof(state, waits), "queue", "what the others wait in", false},
    {"at", MR_OPTION_I64, offsetof(state, at), "0", "the rank that goes wrong", false},
    {0},
};

MR_APP = {MR_APP_ABI, .name = "failures", .options = options, .state_size = sizeof(state),
          .run = run};
