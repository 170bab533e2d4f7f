/* tasks/fork_kernel.c: what kernels call. */
#include "tasks/fork.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Errors ---- */

static bool is_failed(fork_run *run, const mr_error *error)
{
    fork_lock_take(&run->failing);
    bool first = run->error.code == MR_OK;
    if (first)
        run->error = *error;
    fork_lock_give(&run->failing);
    return !first;
}

/* The first error is the cause: it ends the run on all ranks, which agree on it afterwards. */
static void end_with(mr_fork *fork, const mr_error *error)
{
    fork_run *run = fork->run;
    fork->status = error->code;
    if (is_failed(run, error) || run->at_top)
        return;
    mr_fork_halt(run);
    mr_fork_send_cancel(run);
}

void mr_fork_error(mr_fork *fork, mr_status status, const char *text)
{
    const fork_run *run = fork->run;
    mr_error error = {.code = MR_OK};
    fork_path path;
    char name[1024];
    mr_fork_path(fork->node, &path);
    name[mr_fork_path_text(&path, name, sizeof name - 1)] = 0;
    mr_error_set(&error, status, "task failed: %s: %s on rank %d (%s): %s",
                 run->how.name ? run->how.name : "fork-join", name, run->rank,
                 mr_comm_host(run->comm), text);
    end_with(fork, &error);
}

void mr_fork_no_memory(mr_fork *fork, const mr_error *error)
{
    if (fork->doing != FORK_IDLE)
        mr_fork_error(fork, error->code, error->text);
    else
        end_with(fork, error);
}

mr_status mr_fork_fail(mr_fork *fork, mr_status status, const char *format, ...)
{
    char text[MR_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mr_fork_error(fork, status == MR_OK ? MR_FAILED : status, text);
    return status;
}

/* ---- Parts ---- */

/* The last one that solve has put is filled in by now. */
static void let_go(mr_fork *fork)
{
    fork_node *held = fork->held;
    fork->held = NULL;
    if (held)
        mr_fork_offer(fork, held);
}

void *mr_fork_put_room(mr_fork *fork, size_t size)
{
    fork_node *parent = fork->node;
    let_go(fork);
    if (fork->doing == FORK_JOIN) {
        mr_fork_error(fork, MR_USAGE, "join has put a task: only split and solve may");
        return NULL;
    }
    fork_node *node = mr_fork_node_new(fork, parent, size);
    if (!node)
        return NULL;
    if (fork->last)
        fork->last->next = node;
    else
        parent->first = node;
    fork->last = node;
    parent->count++;
    if (fork->doing == FORK_SOLVE) {
        atomic_fetch_add_explicit(&parent->missing, 1, memory_order_relaxed);
        fork->held = node;
    }
    return node->bytes;
}

mr_status mr_fork_put(mr_fork *fork, mr_bytes task)
{
    void *room = mr_fork_put_room(fork, task.size);
    if (!room)
        return fork->status;
    if (task.size > 0)
        memcpy(room, task.data, task.size);
    let_go(fork);
    return MR_OK;
}

/* ---- The result ---- */

void *mr_fork_return_room(mr_fork *fork, size_t size)
{
    fork->has_returned = true;
    return mr_fork_result_room(fork, &fork->returned, size);
}

mr_status mr_fork_return(mr_fork *fork, const void *bytes, size_t size)
{
    void *room = mr_fork_return_room(fork, size);
    if (!room)
        return fork->status;
    if (size > 0)
        memcpy(room, bytes, size);
    return MR_OK;
}

/* ---- About the thread and its task ---- */

void *mr_fork_context(const mr_fork *fork)
{
    return fork->run->how.context;
}

void *mr_fork_local(const mr_fork *fork)
{
    return fork->local;
}

int mr_fork_rank(const mr_fork *fork)
{
    return fork->run->rank;
}

unsigned mr_fork_thread(const mr_fork *fork)
{
    return fork->thread;
}

unsigned mr_fork_workers(const mr_fork *fork)
{
    return fork->run->workers;
}

unsigned mr_fork_depth(const mr_fork *fork)
{
    return fork->node->depth;
}

const mr_fork_signs *mr_fork_look(const mr_fork *fork)
{
    return &fork->run->signs;
}

void mr_fork_cancel(mr_fork *fork)
{
    fork_run *run = fork->run;
    if (atomic_exchange(&run->cancelled, true))
        return;
    mr_fork_halt(run);
    if (!run->at_top)
        mr_fork_send_cancel(run);
}
