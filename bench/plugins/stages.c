/*
 * bench/plugins/stages.c: as many numbers of 8 bytes as asked for through three trivial stages: the
 * source counts, a parallel stage adds one, one in order adds up. Rank 0 prints the seconds that
 * took, by its own clock, to stderr, and the sum.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include <mapred.h>

#include <stddef.h>
#include <stdio.h>
#include <time.h>

typedef struct state {
    int64_t items;
    uint64_t sum;
} state;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static mr_status count(mr_stage *stage)
{
    const state *s = mr_stage_context(stage);
    for (int64_t i = 0; i < s->items; i++)
        MR_TRY(mr_stage_put(stage, (mr_bytes){(const char *)&i, sizeof i}));
    return MR_OK;
}

static mr_status add_one(mr_stage *stage, mr_bytes item)
{
    uint64_t number;
    memcpy(&number, item.data, sizeof number);
    number++;
    return mr_stage_put(stage, (mr_bytes){(const char *)&number, sizeof number});
}

static mr_status add_up(mr_stage *stage, mr_bytes item)
{
    state *s = mr_stage_context(stage);
    uint64_t number;
    memcpy(&number, item.data, sizeof number);
    s->sum = s->sum * 3 + number;
    return MR_OK;
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const mr_stage_plan stages[] = {
        {.name = "add one", .run = add_one},
        {.name = "add up", .kind = MR_STAGE_IN_ORDER, .run = add_up},
        {0},
    };
    char text[32];
    MR_TRY(mr_job_agree(job)); /* all begin together */
    const double begin = now();
    MR_TRY(mr_pipeline_run(job, &(mr_pipeline){.size = sizeof(mr_pipeline),
                                               .name = "trivial",
                                               .source = count,
                                               .stages = stages,
                                               .context = s}));
    if (mr_job_rank(job) == 0)
        fprintf(stderr, "seconds: %.6f\n", now() - begin);
    const int size = snprintf(text, sizeof text, "%llu\n", (unsigned long long)s->sum);
    return mr_job_write_text(job, text, (size_t)size);
}

static const mr_option options[] = {
    {"items", MR_OPTION_I64, offsetof(state, items), "10000000", "how many", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "stages",
    .summary = "numbers through three trivial stages",
    .options = options,
    .state_size = sizeof(state),
    .run = run,
};
