/* tasks/task.c: what a kernel of a pool can ask and say. */
#include "tasks/pool.h"

#include <stdarg.h>
#include <stdio.h>

size_t mr_task_argument_count(const mr_task *task)
{
    return task->count;
}

mr_bytes mr_task_argument(const mr_task *task, size_t number)
{
    return number < task->count ? task->arguments[number] : (mr_bytes){0};
}

void *mr_task_result(mr_task *task, size_t size)
{
    if (task->blob) {
        mr_blob_drop(task->blob);
        task->blob = NULL;
    }
    task->result = (mr_bytes){task->bytes, size};
    if (size <= POOL_TRAVELS)
        return task->bytes;
    mr_error error = {.code = MR_OK};
    task->blob = mr_blob_make(task->pool, size, &error);
    if (!task->blob) {
        task->result = (mr_bytes){0};
        mr_task_fail(task, error.code, "%s", error.text);
        return NULL;
    }
    task->result.data = task->blob->data;
    return task->blob->data;
}

mr_status mr_task_return(mr_task *task, const void *bytes, size_t size)
{
    void *room = mr_task_result(task, size);
    if (!room)
        return task->failed;
    if (size > 0)
        memcpy(room, bytes, size);
    return MR_OK;
}

mr_status mr_task_fail(mr_task *task, mr_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(task->text, sizeof task->text, format, arguments);
    va_end(arguments);
    task->failed = status;
    return status;
}

bool mr_task_is_cancelled(const mr_task *task)
{
    const mr_future *record = task->record;
    return (record && (atomic_load_explicit(&record->state, memory_order_relaxed) & FLAG_CANCEL)) ||
           (task->is_unwanted && atomic_load(task->is_unwanted)) || task->is_overdue ||
           mr_post_stopped(task->pool->post);
}

void *mr_task_local(const mr_task *task)
{
    return task->worker->local;
}

void *mr_task_context(const mr_task *task)
{
    return task->pool->options.context;
}

mr_pool *mr_task_pool(const mr_task *task)
{
    return task->pool;
}

uint64_t mr_task_number(const mr_task *task)
{
    return task->number;
}

int mr_task_rank(const mr_task *task)
{
    return task->pool->rank;
}

unsigned mr_task_thread(const mr_task *task)
{
    return task->worker->thread;
}
