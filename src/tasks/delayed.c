/*
 * tasks/delayed.c: graphs of tasks for users (mapred/delayed.h), run by a pool: tasks are calls of
 * it, results are futures, which stay where they were made and go from task to task by reference.
 */
#include "sync/item.h"
#include "tasks/dag.h"
#include "tasks/pool.h"

#include "observe/note.h"

#include <stdlib.h>

/* What a graph has of its pool. */
typedef struct desk {
    mr_pool *pool;
    mr_argument *arguments; /* of the task that is being submitted */
    size_t room;
    mr_dag_runner runner;
    uint64_t mark; /* what it is called in every run of the job; 0: nothing */
} desk;

/* ---- The runner ---- */

static bool grow(desk *d, size_t count, mr_error *error)
{
    if (count <= d->room)
        return true;
    mr_argument *grown = realloc(d->arguments, count * 2 * sizeof *grown);
    if (!grown) {
        mr_error_set(error, MR_NO_MEMORY, "out of memory: %zu arguments of a task", count);
        return false;
    }
    d->arguments = grown;
    d->room = count * 2;
    return true;
}

/* The task's future may not be known to its graph yet. */
static void end_of_task(mr_future *future, void *context)
{
    mr_delayed *task = context;
    mr_pool *pool = future->pool;
    if (mr_dag_finish(task, future->status, future->where, (double)future->seconds))
        mr_pool_wake(pool, LEVEL_WAITER, true);
}

static uint64_t mark_of(const desk *d, const mr_delayed *task)
{
    return d->mark ? mr_saved_mark_of_graph(d->mark, task->number) : 0;
}

static bool submit(void *context, mr_delayed *task, double priority, mr_error *error)
{
    desk *d = context;
    const mr_submit_options options = {.size = sizeof options,
                                       .rank = -1,
                                       .priority = priority,
                                       .then = end_of_task,
                                       .context = task};
    if (!grow(d, task->count, error))
        return false;
    for (size_t i = 0; i < task->count; i++) {
        const mr_delayed_argument *from = &task->arguments[i];
        d->arguments[i] = (mr_argument){.data = from->data, .size = from->size};
        if (from->from)
            d->arguments[i].future = from->from->handle;
    }
    task->handle = mr_pool_try(d->pool, task->kind->run, d->arguments, task->count, &options,
                               mark_of(d, task), error);
    return task->handle;
}

/* As mr_pool_try would find it; but tasks before this one need no result, if it has one. */
static bool restore(void *context, mr_delayed *task)
{
    const desk *d = context;
    mr_error error = {.code = MR_OK};
    mr_saved_what what;
    if (!d->mark)
        return false;
    mr_saved_begin(&what, task->kind->name);
    for (size_t i = 0; i < task->count; i++) {
        const mr_delayed_argument *from = &task->arguments[i];
        const uint64_t head[2] = {from->from ? mark_of(d, from->from) : 0,
                                  from->from ? 0 : from->size};
        mr_saved_bytes(&what, head, sizeof head);
        if (!from->from && from->size > 0)
            mr_saved_bytes(&what, from->data, from->size);
    }
    const int kind = mr_pool_kind_of(d->pool, task->kind->run, NULL);
    task->handle = mr_pool_restore(d->pool, (unsigned)kind, mark_of(d, task), &what, &error);
    return task->handle;
}

static void release(void *context, mr_delayed *task)
{
    mr_future *future = task->handle;
    (void)context;
    task->handle = NULL;
    mr_future_free(&future);
}

static void cancel(void *context, mr_delayed *task)
{
    (void)context;
    mr_future_cancel(task->handle);
}

static const char *what_went_wrong(void *context, mr_delayed *task)
{
    (void)context;
    return mr_future_error(task->handle);
}

static mr_status wait_until(void *context, bool (*ready)(void *), void *of)
{
    const desk *d = context;
    return mr_pool_await(d->pool, ready, of, MR_FOREVER);
}

/* ---- Which are open ---- */

static void destroy(mr_dag *dag)
{
    desk *d = dag->context;
    mr_dag_destroy(dag);
    free(d->arguments);
    free(d);
}

/* What nobody has closed, when no task can end any more. */
static void forget_all(mr_pool *pool)
{
    for (mr_dag *dag = pool->graphs, *next; dag; dag = next) {
        next = dag->next_open;
        destroy(dag);
    }
}

static void list(mr_pool *pool, mr_dag *dag)
{
    pthread_mutex_lock(&pool->lock);
    pool->forget_graphs = forget_all;
    dag->next_open = pool->graphs;
    pool->graphs = dag;
    pthread_mutex_unlock(&pool->lock);
}

static void unlist(mr_pool *pool, mr_dag *dag)
{
    pthread_mutex_lock(&pool->lock);
    mr_dag **at = &pool->graphs;
    while (*at != dag)
        at = &(*at)->next_open;
    *at = dag->next_open;
    pthread_mutex_unlock(&pool->lock);
}

/* ---- Building ---- */

/* The first error of the graph becomes the job's. */
static mr_status tell(mr_dag *dag, mr_error *error)
{
    const desk *d = dag->context;
    const mr_status status = error->code;
    if (status != MR_OK)
        mr_pool_complain(d->pool, error->code, error->text);
    error->code = MR_OK;
    return status;
}

mr_status mr_dag_open(mr_pool *pool, const mr_dag_options *given, mr_dag **dag)
{
    mr_dag_options options = {.size = sizeof options};
    mr_error error = {.code = MR_OK};
    desk *d = calloc(1, sizeof *d);
    *dag = NULL;
    if (given)
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    if (!d) {
        mr_error_set(&error, MR_NO_MEMORY, "out of memory: opening a graph of tasks");
    } else {
        d->pool = pool;
        d->mark = mr_saved_mark(pool, MARK_GRAPH);
        d->runner = (mr_dag_runner){
            submit, release, cancel, what_went_wrong, wait_until, mr_pool_workers(pool), restore};
        mr_dag_create(options.name, options.eager, pool->kinds, &d->runner, d, dag, &error);
    }
    if (*dag) {
        list(pool, *dag);
        return MR_OK;
    }
    free(d);
    mr_pool_complain(pool, error.code, error.text);
    return error.code;
}

mr_delayed *mr_dag_add(mr_dag *dag, mr_task_run *run, const mr_delayed_argument *arguments,
                       size_t count, const mr_delayed_options *options)
{
    mr_dag_enter(dag);
    const uint64_t tasks = dag->count;
    mr_delayed *task = mr_dag_add_task(dag, run, arguments, count, options);
    if (task && dag->eager && dag->count > tasks)
        mr_dag_begin(task);
    mr_dag_leave(dag);
    tell(dag, &dag->error);
    return task;
}

mr_status mr_dag_order(mr_dag *dag, mr_delayed *earlier, mr_delayed *later)
{
    mr_dag_enter(dag);
    mr_dag_add_order(dag, earlier, later);
    mr_dag_leave(dag);
    return tell(dag, &dag->error);
}

void mr_dag_keep(mr_delayed *task)
{
    mr_dag_enter(task->dag);
    mr_dag_keep_task(task);
    mr_dag_leave(task->dag);
}

/* ---- Running ---- */

static mr_status check_wanted(const mr_dag *dag, mr_delayed *const *wanted, size_t count,
                              mr_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!wanted[i] || wanted[i]->dag != dag)
            return mr_error_set(error, MR_USAGE, "cannot run graph %s: wanted %zu is no task of it",
                                dag->name, i);
    return MR_OK;
}

mr_status mr_dag_run(mr_dag *dag, mr_delayed *const *wanted, size_t count)
{
    mr_error error = {.code = MR_OK};
    if (check_wanted(dag, wanted, wanted ? count : 0, &error) != MR_OK)
        return tell(dag, &error);
    mr_status status = mr_dag_run_tasks(dag, wanted, wanted ? count : 0, &error);
    tell(dag, &error);
    return status;
}

mr_status mr_delayed_get(mr_delayed *task, mr_bytes *result)
{
    mr_dag *dag = task->dag;
    char name[MR_DAG_NAME];
    *result = (mr_bytes){NULL, 0};
    if (dag->eager && task->keep)
        MR_TRY(mr_dag_wait_for(task));
    mr_dag_enter(dag);
    mr_future *future = task->keep && task->state == MR_DAG_DONE ? task->handle : NULL;
    if (!future) {
        mr_dag_name_task(task, name);
        mr_error_set(&dag->error, MR_USAGE,
                     "no result: graph %s: %s: run it, and say before that it is kept", dag->name,
                     name);
    }
    mr_dag_leave(dag);
    MR_TRY(tell(dag, &dag->error));
    return mr_future_get(future, MR_FOREVER, result);
}

/* ---- Telling ---- */

static mr_status give(const mr_dag *dag, mr_text *text, mr_item *item)
{
    const desk *d = dag->context;
    mr_error error = {.code = MR_OK};
    char *room = text->failed ? NULL : mr_item_make(item, text->size, "a graph as text", &error);
    if (text->failed)
        mr_error_set(&error, MR_NO_MEMORY, "out of memory: writing down a graph");
    if (room)
        memcpy(room, text->data, text->size);
    else
        mr_pool_complain(d->pool, error.code, error.text);
    mr_text_free(text);
    return error.code;
}

mr_status mr_dag_dot(const mr_dag *dag, mr_item *item)
{
    mr_text text = {0};
    mr_dag_draw(dag, &text);
    return give(dag, &text, item);
}

mr_status mr_dag_critical_path(const mr_dag *dag, mr_item *item)
{
    mr_text text = {0};
    mr_dag_path_text(dag, &text);
    return give(dag, &text, item);
}

/* Of graphs of the main thread: the job's report is its own. */
static void report(const mr_dag *dag)
{
    const desk *d = dag->context;
    mr_job *job = d->pool->job;
    if (!mr_job_is_told(job) || mr_job_rank(job) != 0 ||
        !pthread_equal(pthread_self(), d->pool->main))
        return;
    char *json = mr_dag_path_json(dag);
    if (json)
        mr_job_report_part(job, "graphs", json);
    free(json);
    mr_text text = {0};
    mr_dag_path_text(dag, &text);
    if (job->settings->verbose && !text.failed)
        mr_note("%.*s", (int)text.size, text.data);
    mr_text_free(&text);
}

/* ---- The end ---- */

/* An eager graph has promised to run what was added. One that the job's end has interrupted is
 * freed with the pool: its tasks may still end. */
void mr_dag_close(mr_dag **closed)
{
    mr_dag *dag = *closed;
    *closed = NULL;
    if (!dag)
        return;
    if (dag->eager && !dag->is_stuck)
        mr_dag_run(dag, NULL, 0);
    if (dag->is_stuck)
        return;
    desk *d = dag->context;
    report(dag);
    for (mr_delayed *task = dag->first; task; task = task->next)
        if (task->handle)
            release(d, task);
    unlist(d->pool, dag);
    destroy(dag);
}
