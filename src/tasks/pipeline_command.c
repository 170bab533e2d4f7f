/*
 * tasks/pipeline_command.c: commands of the shell as stages. What goes in and what comes out are
 * moved at the same time, so that neither side ever waits for the other. A command is a group of
 * processes of its own, which ends with the pipeline whatever it does.
 */
#include "tasks/pipeline_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define CHUNK     ((size_t)64 * 1024)
#define LOOK_MS   20 /* how often somebody looks whether it is over */
#define LAST_LINE 200

/* Bytes that grow; of the budget. */
typedef struct heap {
    char *data;
    size_t size, capacity;
} heap;

typedef struct pipe_process {
    pid_t pid;
    int in, out, err;
    bool is_deaf; /* it takes nothing more */
    size_t said;
    char last[LAST_LINE + 1]; /* line of its standard error */
    bool is_line_whole;
    heap to, from; /* in order: what is to be fed; what it wrote */
} pipe_process;

/* ---- Bytes ---- */

static mr_status reserve(mr_stage *stage, heap *h, size_t more)
{
    mr_error error = {.code = MR_OK};
    if (h->capacity - h->size >= more)
        return MR_OK;
    const size_t capacity = 2 * h->capacity + more;
    char *data = mr_memory_resize(h->data, h->capacity, capacity, "a command's output", &error);
    if (!data)
        return mr_pipeline_fail(stage->pipe, error.code, "%s", error.text);
    h->data = data;
    h->capacity = capacity;
    return MR_OK;
}

static void release(heap *h)
{
    mr_memory_free(h->data, h->capacity);
    *h = (heap){0};
}

/* ---- Processes ---- */

static void close_one(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

/* Signals that are ignored here would be ignored there. */
static int spawn_shell(pid_t *pid, const char *command, const int in[2], const int out[2],
                       const int err[2])
{
    char *arguments[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t plain, none;
    sigemptyset(&none);
    sigemptyset(&plain);
    sigaddset(&plain, SIGPIPE);
    sigaddset(&plain, SIGXFSZ);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, err[1], STDERR_FILENO);
    posix_spawnattr_init(&how);
    posix_spawnattr_setsigdefault(&how, &plain);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                       POSIX_SPAWN_SETPGROUP);
    const int wrong = posix_spawn(pid, "/bin/sh", &files, &how, arguments, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return wrong;
}

static mr_status start_process(mr_stage *stage, pipe_process *process)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, wrong = 0;
    *process = (pipe_process){.pid = -1, .in = -1, .out = -1, .err = -1};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        wrong = errno;
    if (!wrong)
        wrong = spawn_shell(&process->pid, stage->plan->command, in, out, err);
    close_one(&in[0]);
    close_one(&out[1]);
    close_one(&err[1]);
    process->in = in[1];
    process->out = out[0];
    process->err = err[0];
    if (wrong)
        return mr_stage_fail(stage, MR_FAILED, "cannot start a command: %s", strerror(wrong));
    const int files[] = {process->in, process->out, process->err};
    for (int i = 0; i < 3; i++)
        fcntl(files[i], F_SETFL, O_NONBLOCK);
    return MR_OK;
}

static void end_process(pipe_process *process)
{
    close_one(&process->in);
    close_one(&process->out);
    close_one(&process->err);
    if (process->pid > 0) {
        kill(-process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    process->pid = -1;
    release(&process->to);
    release(&process->from);
}

void mr_pipeline_command_kill(pipe_process **process)
{
    if (!*process)
        return;
    end_process(*process);
    free(*process);
    *process = NULL;
}

/* ---- What moves ---- */

/* Keeps the last line that has anything in it. */
static void listen(pipe_process *process)
{
    char text[1024];
    const ssize_t got = read(process->err, text, sizeof text);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        close_one(&process->err);
    for (ssize_t i = 0; i < got; i++) {
        if (text[i] == '\n') {
            process->is_line_whole = true;
            continue;
        }
        if (process->is_line_whole)
            process->said = 0;
        process->is_line_whole = false;
        if (process->said < LAST_LINE)
            process->last[process->said++] = text[i];
    }
}

static mr_status take(mr_stage *stage, pipe_process *process)
{
    heap *from = &process->from;
    MR_TRY(reserve(stage, from, CHUNK));
    const ssize_t got = read(process->out, from->data + from->size, CHUNK);
    if (got > 0)
        from->size += (size_t)got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_one(&process->out);
    return MR_OK;
}

static void feed(pipe_process *process, mr_bytes *rest)
{
    const ssize_t gone = write(process->in, rest->data, rest->size);
    if (gone > 0)
        *rest = (mr_bytes){rest->data + gone, rest->size - (size_t)gone};
    else if (gone < 0 && errno != EAGAIN && errno != EINTR) {
        process->is_deaf = true;
        rest->size = 0;
    }
}

static bool is_called_off(const mr_stage *stage)
{
    return mr_pipeline_is_stopped(stage->pipe) || atomic_load(&stage->batch->is_dropped);
}

/* Each line that it wrote is an item; `all`: also the last one without an end. */
static mr_status put_lines(mr_stage *stage, pipe_process *process, bool all)
{
    heap *from = &process->from;
    const char *at = from->data, *end = at + from->size;
    mr_status status = MR_OK;
    while (at < end && status == MR_OK) {
        const char *stop = mr_bytes_seek(at, end, '\n');
        if (stop == end && !all)
            break;
        status = mr_stage_put(stage, mr_bytes_between(at, stop));
        at = stop < end ? stop + 1 : end;
    }
    from->size = (size_t)(end - at);
    if (from->size)
        memmove(from->data, at, from->size);
    return status;
}

/* Waits until something can move, and moves it. */
static mr_status move(mr_stage *stage, pipe_process *process, mr_bytes *rest)
{
    struct pollfd files[3] = {{rest->size ? process->in : -1, POLLOUT, 0},
                              {process->out, POLLIN, 0},
                              {process->err, POLLIN, 0}};
    if (is_called_off(stage))
        return MR_CANCELLED;
    if (poll(files, 3, LOOK_MS) <= 0)
        return MR_OK;
    if (files[2].revents)
        listen(process);
    if (files[1].revents)
        MR_TRY(take(stage, process));
    if (files[0].revents)
        feed(process, rest);
    return MR_OK;
}

/* ---- How it ends ---- */

static mr_status tell_end(mr_stage *stage, const pipe_process *process, int status)
{
    const char *before = process->said ? ": " : "";
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return MR_OK;
    if (WIFEXITED(status))
        return mr_stage_fail(stage, MR_FAILED, "its command ended with exit code %d%s%s",
                             WEXITSTATUS(status), before, process->last);
    return mr_stage_fail(stage, MR_FAILED, "its command was ended by signal %d (%s)%s%s",
                         WTERMSIG(status), strsignal(WTERMSIG(status)), before, process->last);
}

static mr_status await_exit(mr_stage *stage, pipe_process *process)
{
    int status = 0;
    for (long nap = 20;; nap = nap < 2000 ? 2 * nap : nap) {
        const pid_t ended = waitpid(process->pid, &status, WNOHANG);
        if (ended == process->pid)
            break;
        if (ended < 0 && errno != EINTR)
            return mr_stage_fail(stage, MR_FAILED, "its command was lost: %s", strerror(errno));
        if (is_called_off(stage))
            return MR_CANCELLED;
        mr_clock_nap(nap);
    }
    process->pid = -1;
    process->last[process->said] = 0;
    return tell_end(stage, process, status);
}

/* ---- For each item ---- */

static mr_status run_process(mr_stage *stage, pipe_process *process, mr_bytes item)
{
    MR_TRY(start_process(stage, process));
    while (process->out >= 0 || process->err >= 0) {
        MR_TRY(move(stage, process, &item));
        if (item.size == 0)
            close_one(&process->in);
    }
    MR_TRY(await_exit(stage, process));
    return mr_stage_put(stage, (mr_bytes){process->from.data, process->from.size});
}

mr_status mr_pipeline_command_item(mr_stage *stage, mr_bytes item)
{
    pipe_process process;
    const mr_status status = run_process(stage, &process, item);
    end_process(&process);
    return status;
}

/* ---- For all of them ---- */

static mr_status process_of(mr_stage *stage)
{
    if (stage->process)
        return MR_OK;
    stage->process = calloc(1, sizeof *stage->process);
    if (!stage->process)
        return mr_pipeline_fail(stage->pipe, MR_NO_MEMORY, "out of memory: a command");
    return start_process(stage, stage->process);
}

/* Early, and content: it has had enough. */
static mr_status pour(mr_stage *stage, mr_bytes rest)
{
    pipe_process *process = stage->process;
    while (rest.size && !process->is_deaf) {
        MR_TRY(move(stage, process, &rest));
        MR_TRY(put_lines(stage, process, false));
    }
    stage->has_enough = process->is_deaf;
    process->to.size = 0;
    return MR_OK;
}

mr_status mr_pipeline_command_feed(mr_stage *stage, mr_bytes item)
{
    MR_TRY(process_of(stage));
    heap *to = &stage->process->to;
    MR_TRY(reserve(stage, to, item.size + 1));
    if (item.size)
        memcpy(to->data + to->size, item.data, item.size);
    to->size += item.size;
    to->data[to->size++] = '\n';
    return to->size >= CHUNK ? pour(stage, (mr_bytes){to->data, to->size}) : MR_OK;
}

mr_status mr_pipeline_command_settle(mr_stage *stage)
{
    pipe_process *process = stage->process;
    if (!process || stage->has_enough)
        return MR_OK;
    MR_TRY(pour(stage, (mr_bytes){process->to.data, process->to.size}));
    if (process->out >= 0)
        MR_TRY(take(stage, process));
    return put_lines(stage, process, false);
}

mr_status mr_pipeline_command_end(mr_stage *stage)
{
    mr_bytes nothing = {0};
    MR_TRY(process_of(stage));
    pipe_process *process = stage->process;
    close_one(&process->in);
    while (process->out >= 0 || process->err >= 0) {
        MR_TRY(move(stage, process, &nothing));
        MR_TRY(put_lines(stage, process, false));
    }
    MR_TRY(put_lines(stage, process, true));
    return await_exit(stage, process);
}
