/*
 * hosts/everything.c: pool, futures, queue, lock, value and pipeline in one program, written from
 * the headers alone. Tasks on all ranks put squares into a queue; the main threads of all ranks
 * take them out and add them up, by a number that only a lock protects; then a pipeline writes the
 * squares in order, and its stages count with the same lock.
 */
#include <mapred.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct state {
    int64_t count;
} state;

enum { EACH = 50 }; /* numbers of a task */

typedef struct shared {
    mr_queue *queue;
    mr_lock *lock;
    mr_value *sum, *passed;
    mr_text_output *output;
    int64_t count;
} shared;

/* Reads and writes are two things: without the lock some would be lost. */
static mr_status add(shared *s, mr_value *value, int64_t more)
{
    int64_t now;
    MR_TRY(mr_lock_acquire(s->lock, MR_FOREVER));
    mr_status status = mr_value_get(value, &now);
    if (status == MR_OK)
        status = mr_value_set(value, now + more);
    mr_status released = mr_lock_release(s->lock);
    return status == MR_OK ? released : status;
}

/* ---- Tasks ---- */

static mr_status feed(mr_task *task)
{
    const shared *s = mr_task_context(task);
    int64_t first = *(const int64_t *)(const void *)mr_task_argument(task, 0).data, fed = 0;
    for (int64_t i = first; i < first + EACH && i <= s->count; i++, fed++) {
        int64_t square = i * i;
        MR_TRY(mr_queue_put(s->queue, (mr_bytes){(char *)&square, sizeof square}, MR_FOREVER));
    }
    return mr_task_return(task, &fed, sizeof fed);
}

/* Of the results of others, which it gets by their futures. */
static mr_status total(mr_task *task)
{
    int64_t sum = 0;
    for (size_t i = 0; i < mr_task_argument_count(task); i++)
        sum += *(const int64_t *)(const void *)mr_task_argument(task, i).data;
    return mr_task_return(task, &sum, sizeof sum);
}

static const mr_task_kind kinds[] = {
    {.name = "feed", .run = feed}, {.name = "total", .run = total}, {0}};

/* On rank 0. */
static mr_status feed_all(mr_job *job, mr_pool *pool, shared *s)
{
    size_t tasks = (size_t)((s->count + EACH - 1) / EACH);
    mr_argument *fed = calloc(tasks, sizeof *fed);
    mr_bytes result;
    for (size_t i = 0; fed && i < tasks; i++) {
        int64_t first = 1 + (int64_t)i * EACH;
        if (!(fed[i].future = mr_pool_submit(pool, feed, &first, sizeof first)))
            return MR_FAILED;
    }
    mr_future *all = fed ? mr_pool_call(pool, total, fed, tasks, NULL) : NULL;
    mr_status status = all ? mr_future_get(all, MR_FOREVER, &result) : MR_NO_MEMORY;
    if (status == MR_OK && *(const int64_t *)(const void *)result.data != s->count)
        status = mr_job_fail(job, MR_FAILED, "tasks were lost");
    mr_future_free(&all);
    for (size_t i = 0; fed && i < tasks; i++)
        mr_future_free(&fed[i].future);
    free(fed);
    mr_status ended = mr_queue_end(s->queue);
    return status == MR_OK ? ended : status;
}

static mr_status take_all(shared *s)
{
    mr_item item;
    mr_status status;
    while ((status = mr_queue_get(s->queue, &item, MR_FOREVER)) == MR_OK) {
        int64_t square;
        memcpy(&square, item.bytes.data, sizeof square);
        mr_item_free(&item);
        MR_TRY(add(s, s->sum, square));
        MR_TRY(mr_queue_task_done(s->queue));
    }
    return status == MR_CLOSED ? mr_queue_join(s->queue, MR_FOREVER) : status;
}

static mr_status work_in_pool(mr_job *job, shared *s)
{
    mr_pool *pool;
    const mr_pool_options options = {.size = sizeof options, .kinds = kinds, .context = s};
    MR_TRY(mr_pool_open(job, &options, &pool));
    if (mr_job_rank(job) == 0)
        MR_TRY(feed_all(job, pool, s));
    MR_TRY(take_all(s));
    return mr_pool_close(&pool);
}

/* ---- Stages ---- */

static mr_status count_up(mr_stage *stage)
{
    const shared *s = mr_stage_context(stage);
    for (int64_t i = 1; i <= s->count; i++)
        MR_TRY(mr_stage_put(stage, (mr_bytes){(char *)&i, sizeof i}));
    return MR_OK;
}

static mr_status square(mr_stage *stage, mr_bytes item)
{
    char text[64];
    int64_t number;
    memcpy(&number, item.data, sizeof number);
    if (number % 10 == 0)
        MR_TRY(add(mr_stage_context(stage), ((shared *)mr_stage_context(stage))->passed, 10));
    int size = snprintf(text, sizeof text, "%" PRId64 " %" PRId64 "\n", number, number * number);
    return mr_stage_put(stage, (mr_bytes){text, (size_t)size});
}

static mr_status write_line(mr_stage *stage, mr_bytes item)
{
    const shared *s = mr_stage_context(stage);
    return mr_text_output_write(s->output, item.data, item.size);
}

static const mr_stage_plan stages[] = {
    {.name = "square", .run = square},
    {.name = "write", .kind = MR_STAGE_IN_ORDER, .run = write_line},
    {0},
};

static mr_status work_in_pipeline(mr_job *job, shared *s)
{
    const mr_pipeline line = {
        .size = sizeof line, .name = "squares", .source = count_up, .stages = stages, .context = s};
    return mr_pipeline_run(job, &line);
}

/* ---- */

static mr_status tell(mr_job *job, shared *s)
{
    int64_t sum, passed;
    char text[64];
    if (mr_job_rank(job) > 0)
        return MR_OK;
    MR_TRY(mr_value_get(s->sum, &sum));
    MR_TRY(mr_value_get(s->passed, &passed));
    int size = snprintf(text, sizeof text, "%" PRId64 " %" PRId64 "\n", sum, passed);
    return mr_text_output_write(s->output, text, (size_t)size);
}

static mr_status run(mr_job *job)
{
    shared s = {.count = ((const state *)mr_job_state(job))->count};
    MR_TRY(mr_queue_open(job, "squares", NULL, &s.queue));
    MR_TRY(mr_lock_open(job, "sums", &s.lock));
    MR_TRY(mr_value_open(job, "sum", 0, &s.sum));
    MR_TRY(mr_value_open(job, "passed", 0, &s.passed));
    MR_TRY(mr_text_output_begin(job, &s.output));
    MR_TRY(work_in_pool(job, &s));
    MR_TRY(work_in_pipeline(job, &s));
    MR_TRY(tell(job, &s));
    MR_TRY(mr_text_output_end(&s.output));
    MR_TRY(mr_value_close(&s.passed));
    MR_TRY(mr_value_close(&s.sum));
    MR_TRY(mr_lock_close(&s.lock));
    return mr_queue_close(&s.queue);
}

static const mr_option options[] = {
    {"count", MR_OPTION_I64, offsetof(state, count), "1000", "how many numbers", false},
    {0},
};

MR_APP = {MR_APP_ABI, .name = "everything", .options = options, .state_size = sizeof(state),
          .run = run};
