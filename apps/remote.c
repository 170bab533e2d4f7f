/*
 * apps/remote.c: calls of a function elsewhere, each of which tells where it ran: what Ray shows
 * first, a few remote functions and where they are.
 */
#include <mapred.h>

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define LINE 512

typedef struct state {
    int64_t calls;
} state;

static mr_status where(mr_task *task)
{
    char line[LINE], host[256] = "";
    int64_t call;
    memcpy(&call, mr_task_argument(task, 0).data, sizeof call);
    gethostname(host, sizeof host - 1);
    int size = snprintf(line, sizeof line, "%lld\t%s\t%ld\t%d\t%u\n", (long long)call, host,
                        (long)getpid(), mr_task_rank(task), mr_task_thread(task));
    return mr_task_return(task, line, (size_t)size);
}

static const mr_task_kind kinds[] = {{.name = "where", .run = where}, {0}};

/* In turn on all ranks, so that there is something to see. Those without a worker are left out. */
static mr_future *call_one(mr_job *job, mr_pool *pool, int64_t call)
{
    const int64_t ranks = mr_job_ranks(job), workers = mr_pool_workers(pool);
    const mr_argument argument = {.data = &call, .size = sizeof call};
    const mr_submit_options options = {.size = sizeof options,
                                       .rank = workers < ranks ? -1 : (int)(call % ranks)};
    return mr_pool_call(pool, where, &argument, 1, &options);
}

/* On rank 0: calls, and then results in their order. A window of calls is under way. */
static void call_all(mr_job *job, mr_pool *pool, mr_text_output *output)
{
    enum { WINDOW = 1024 };
    const state *s = mr_job_state(job);
    mr_future *futures[WINDOW] = {0};
    mr_status status = MR_OK;
    for (int64_t call = 0; call < s->calls + WINDOW; call++) {
        mr_future **future = &futures[call % WINDOW];
        mr_bytes line;
        if (*future && status == MR_OK)
            status = mr_future_get(*future, MR_FOREVER, &line);
        if (*future && status == MR_OK)
            mr_text_output_write(output, line.data, line.size);
        mr_future_free(future);
        if (call < s->calls && status == MR_OK)
            *future = call_one(job, pool, call);
    }
}

static mr_status run(mr_job *job)
{
    const mr_pool_options options = {.size = sizeof options, .kinds = kinds};
    mr_text_output *output;
    mr_pool *pool;
    MR_TRY(mr_pool_open(job, &options, &pool));
    MR_TRY(mr_text_output_begin(job, &output));
    if (mr_job_rank(job) == 0)
        call_all(job, pool, output);
    MR_TRY(mr_pool_close(&pool));
    return mr_text_output_end(&output);
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (mr_job_input_count(job) > 0)
        return mr_job_fail(job, MR_USAGE, "wrong inputs: remote: it takes none");
    if (s->calls < 0)
        return mr_job_fail(job, MR_USAGE, "wrong --calls: %lld: give 0 or more",
                           (long long)s->calls);
    return MR_OK;
}

static const mr_option options[] = {
    {"calls", MR_OPTION_I64, offsetof(state, calls), "10", "how many calls", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "remote",
    .summary = "calls of a function elsewhere, and where they ran",
    .usage = "",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};
