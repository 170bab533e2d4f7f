/*
 * survive/flow.c: a pipeline whose stages have states: items of any length, some of which become
 * none or many, a running sum in order, a command if --through says so, text at the end.
 */
#include <mapred.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MARK 500 /* the item that a test waits for (FLOW_TOUCH) */

typedef struct options {
    int64_t items, naps; /* microseconds a worker needs for one */
    bool seek, shift;    /* the source can begin anywhere; makes others when it is asked again */
    const char *through, *forgetful;
    mr_text_output *output;
    mr_job *job;
    uint64_t from; /* the source begins there */
} options;

typedef struct running {
    uint64_t sum, count;
} running;

static uint64_t mix(uint64_t a)
{
    a = (a + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return a ^ a >> 31;
}

static mr_status make(mr_stage *stage)
{
    const options *o = mr_stage_context(stage);
    for (uint64_t i = o->from; i < (uint64_t)o->items; i++) {
        const size_t size = 8 + mix(i) % (i % 50 == 0 ? 3000 : 40);
        char *room = mr_stage_put_room(stage, size);
        if (!room)
            return MR_CANCELLED;
        memset(room, 'a' + (int)(i % 26) + o->shift, size);
        memcpy(room, &i, sizeof i);
    }
    return MR_OK;
}

static mr_status seek(mr_stage *stage, uint64_t item)
{
    options *o = mr_stage_context(stage);
    o->from = item;
    return MR_OK;
}

static mr_status work(mr_stage *stage, mr_bytes item)
{
    uint64_t number;
    char text[64];
    int64_t *worked = mr_stage_local(stage);
    const options *o = mr_stage_context(stage);
    memcpy(&number, item.data, sizeof number);
    if (number != mr_stage_item(stage))
        return mr_stage_fail(stage, MR_FAILED, "it is number %" PRIu64, number);
    if (number == MARK && getenv("FLOW_TOUCH"))
        close(open(getenv("FLOW_TOUCH"), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (o->naps)
        usleep((useconds_t)o->naps);
    ++*worked;
    for (uint64_t i = 0; i < mix(number) % 4; i++) {
        const int size = snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64 " %zu %c", number, i,
                                  item.size, item.data[item.size - 1]);
        MR_TRY(mr_stage_put(stage, mr_bytes_at(text, (size_t)size)));
    }
    return MR_OK;
}

static void worked(mr_stage *stage, void *local)
{
    const options *o = mr_stage_context(stage);
    mr_job_add(o->job, "worked", *(int64_t *)local);
}

/* ---- In order: what came before is in each item ---- */

static mr_status sum(mr_stage *stage, mr_bytes item)
{
    char text[200];
    running *r = mr_stage_local(stage);
    for (size_t i = 0; i < item.size; i++)
        r->sum = mix(r->sum ^ (unsigned char)item.data[i]);
    if (r->count++ != mr_stage_item(stage))
        return mr_stage_fail(stage, MR_FAILED, "it came as number %" PRIu64, r->count);
    const int size =
        snprintf(text, sizeof text, "%.*s %" PRIx64, (int)item.size, item.data, r->sum);
    return mr_stage_put(stage, mr_bytes_at(text, (size_t)size));
}

static mr_status end_sum(mr_stage *stage)
{
    char text[64];
    const running *r = mr_stage_local(stage);
    const int size = snprintf(text, sizeof text, "end %" PRIu64, r->count);
    return mr_stage_put(stage, mr_bytes_at(text, (size_t)size));
}

static mr_status save_sum(mr_stage *stage)
{
    return mr_stage_keep(stage, mr_stage_local(stage), sizeof(running));
}

static mr_status load_sum(mr_stage *stage, mr_bytes state)
{
    memcpy(mr_stage_local(stage), state.data, sizeof(running));
    return MR_OK;
}

static mr_status mark(mr_stage *stage, mr_bytes item)
{
    char text[256];
    const int size = snprintf(text, sizeof text, "%.*s!", (int)item.size, item.data);
    return mr_stage_put(stage, mr_bytes_at(text, (size_t)size));
}

static mr_status write_line(mr_stage *stage, mr_bytes item)
{
    const options *o = mr_stage_context(stage);
    MR_TRY(mr_text_output_write(o->output, item.data, item.size));
    return mr_text_output_write(o->output, "\n", 1);
}

static mr_status run_pipeline(mr_job *job, options *o)
{
    mr_stage_plan stages[6] = {
        {.name = "work", .run = work, .local_size = sizeof(int64_t), .local_close = worked},
        {.name = "sum",
         .kind = MR_STAGE_IN_ORDER,
         .run = sum,
         .end = end_sum,
         .local_size = sizeof(running),
         .save = save_sum,
         .load = load_sum}};
    int count = 2;
    if (o->through || o->forgetful)
        stages[count++] = (mr_stage_plan){.name = "command",
                                          .kind = MR_STAGE_IN_ORDER,
                                          .command = o->through ? o->through : o->forgetful,
                                          .stateless = !o->through};
    stages[count++] = (mr_stage_plan){.name = "mark", .run = mark};
    stages[count] = (mr_stage_plan){.name = "write", .kind = MR_STAGE_IN_ORDER, .run = write_line};
    return mr_pipeline_run(job, &(mr_pipeline){.size = sizeof(mr_pipeline),
                                               .name = "flow",
                                               .source = make,
                                               .stages = stages,
                                               .context = o,
                                               .resumes = true,
                                               .seek = o->seek ? seek : NULL});
}

static mr_status run(mr_job *job)
{
    options *o = mr_job_state(job);
    o->job = job;
    MR_TRY(mr_text_output_begin(job, &o->output));
    if (mr_job_rank(job) == 0)
        mr_text_output_write(o->output, "begin\n", 6);
    MR_TRY(run_pipeline(job, o));
    return mr_text_output_end(&o->output);
}

static mr_status setup(mr_job *job, void *data)
{
    options *o = data;
    (void)job;
    o->shift = getenv("FLOW_SHIFT") != NULL;
    return MR_OK;
}

static const mr_option option_list[] = {
    {"items", MR_OPTION_I64, offsetof(options, items), "20000", "how many", false},
    {"naps", MR_OPTION_I64, offsetof(options, naps), "0", "microseconds for each", false},
    {"seek", MR_OPTION_FLAG, offsetof(options, seek), NULL, "begin where it is told", false},
    {"through", MR_OPTION_TEXT, offsetof(options, through), NULL, "a command", false},
    {"forgetful", MR_OPTION_TEXT, offsetof(options, forgetful), NULL, "one without a state", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "flow",
    .summary = "a pipeline with states",
    .options = option_list,
    .state_size = sizeof(options),
    .setup = setup,
    .run = run,
};
