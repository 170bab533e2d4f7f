/* observe/trace.c: events as text, and the file they go to. */
#include "observe/trace.h"

#include "observe/file.h"
#include "output/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Events ---- */

/* As JSON: what is not plain ASCII becomes question marks. */
static void add_name(mr_text *text, const char *name)
{
    for (; *name; name++) {
        char byte = *name;
        if (byte == '"' || byte == '\\')
            mr_text_add(text, "\\", 1);
        else if ((unsigned char)byte < ' ' || (unsigned char)byte > 126)
            byte = '?';
        mr_text_add(text, &byte, 1);
    }
}

static void add_meta(mr_text *text, const char *what, int rank, unsigned thread)
{
    mr_text_printf(text,
                   "{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%d,\"tid\":%u,\"args\":{\"name\":\"",
                   what, rank, thread);
}

void mr_trace_name_rank(mr_text *text, int rank, const char *host)
{
    add_meta(text, "process_name", rank, 0);
    mr_text_printf(text, "rank %d (", rank);
    add_name(text, host);
    mr_text_printf(text,
                   ")\"}},\n{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":%d,\"tid\":0,"
                   "\"args\":{\"sort_index\":%d}},\n",
                   rank, rank);
}

void mr_trace_name_thread(mr_text *text, int rank, unsigned thread)
{
    add_meta(text, "thread_name", rank, thread);
    mr_text_printf(text, "thread %u\"}},\n", thread);
}

static void add_arguments(mr_text *text, const mr_spans *spans, size_t i)
{
    const mr_span *span = &spans->list[i];
    if (span->count > 1)
        mr_text_printf(text, ",\"args\":{\"spans\":%u}", (unsigned)span->count);
    if (!span->is_about)
        return;
    mr_text_printf(text, ",\"args\":{\"file\":\"");
    add_name(text, spans->about[i]);
    mr_text_printf(text, "\",\"byte\":%llu}", (unsigned long long)span->at);
}

/* Whole nanoseconds: rounded alike, spans that touch still do. */
static uint64_t nanoseconds(double seconds)
{
    return seconds > 0 ? (uint64_t)(seconds * 1e9 + 0.5) : 0;
}

static void add_text(mr_text *text, const char *plain)
{
    mr_text_add(text, plain, strlen(plain));
}

static void add_time(mr_text *text, const char *name, uint64_t time)
{
    const char fraction[4] = {'.', (char)('0' + time / 100 % 10), (char)('0' + time / 10 % 10),
                              (char)('0' + time % 10)};
    add_text(text, name);
    mr_text_add_u64(text, time / 1000);
    mr_text_add(text, fraction, sizeof fraction);
}

/* By hand: there are many. */
static void add_span(mr_text *text, int rank, unsigned thread, const mr_span *span, double shift)
{
    const uint64_t begin = nanoseconds(span->begin + shift);
    add_text(text, "{\"ph\":\"X\",\"name\":\"");
    add_text(text, mr_span_name((mr_span_kind)span->kind));
    add_text(text, "\",\"pid\":");
    mr_text_add_u64(text, (uint64_t)rank);
    add_text(text, ",\"tid\":");
    mr_text_add_u64(text, thread);
    add_time(text, ",\"ts\":", begin);
    add_time(text, ",\"dur\":", nanoseconds(span->end + shift) - begin);
}

void mr_trace_spans(mr_text *text, int rank, const mr_spans *spans, size_t from, size_t to,
                    double shift)
{
    for (size_t i = from; i < to; i++) {
        add_span(text, rank, spans->thread, &spans->list[i], shift);
        add_arguments(text, spans, i);
        add_text(text, "},\n");
    }
}

/* ---- The file ---- */

struct mr_trace_file {
    const char *path;
    char *real;               /* where a symbolic link leads; NULL: nowhere yet */
    char temporary[PATH_MAX]; /* empty: a pipe or a device, written straight through */
    int file, cause;
};

static mr_status cannot_write(const char *path, int cause, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "cannot write trace: %s: %s: choose a --trace that can be written", path,
                        strerror(cause));
}

static bool is_special(const char *path, struct stat *about)
{
    return stat(path, about) == 0 && !S_ISREG(about->st_mode);
}

mr_status mr_trace_open(mr_trace_file **result, const char *path, mr_error *error)
{
    struct stat about;
    mr_trace_file *file = *result = calloc(1, sizeof *file);
    if (!file)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: writing the trace");
    file->path = path;
    file->real = realpath(path, NULL);
    if (is_special(path, &about))
        file->file = open(path, O_WRONLY | O_CLOEXEC);
    else
        file->file = mr_file_open_beside(file->real ? file->real : path, file->temporary,
                                         sizeof file->temporary);
    if (file->file >= 0)
        return MR_OK;
    cannot_write(path, errno, error);
    free(file->real);
    free(file);
    *result = NULL;
    return error->code;
}

bool mr_trace_put(mr_trace_file *file, const char *events, size_t size)
{
    while (size > 0 && file->cause == 0) {
        ssize_t wrote = write(file->file, events, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            file->cause = wrote < 0 ? errno : EIO;
            break;
        }
        events += wrote;
        size -= (size_t)wrote;
    }
    return file->cause == 0;
}

/* The last event has no comma behind it: it is what the whole is called. */
static void put_tail(mr_trace_file *file, const char *app)
{
    mr_text text = {0};
    mr_text_printf(&text, "{\"ph\":\"M\",\"name\":\"trace_name\",\"pid\":0,\"tid\":0,\"args\":"
                          "{\"name\":\"mapred ");
    add_name(&text, app);
    mr_text_printf(&text, "\"}}\n]}\n");
    mr_trace_put(file, text.data, text.size);
    mr_text_free(&text);
}

static void put_in_place(mr_trace_file *file)
{
    const char *to = file->real ? file->real : file->path;
    if (!file->temporary[0])
        return;
    if (file->cause == 0 && rename(file->temporary, to) != 0)
        file->cause = errno;
    if (file->cause != 0)
        unlink(file->temporary);
}

mr_status mr_trace_end(mr_trace_file **result, const char *app, mr_error *error)
{
    mr_trace_file *file = *result;
    *result = NULL;
    put_tail(file, app);
    if (file->cause == 0 && file->temporary[0] && fsync(file->file) != 0)
        file->cause = errno;
    if (close(file->file) != 0 && file->cause == 0)
        file->cause = errno;
    put_in_place(file);
    if (file->cause != 0)
        cannot_write(file->path, file->cause, error);
    free(file->real);
    free(file);
    return error->code;
}

mr_status mr_trace_try(const char *path, mr_error *error)
{
    struct stat about;
    mr_trace_file *file;
    if (is_special(path, &about) && S_ISDIR(about.st_mode))
        return cannot_write(path, EISDIR, error);
    if (is_special(path, &about))
        return access(path, W_OK) == 0 ? MR_OK : cannot_write(path, errno, error);
    MR_TRY(mr_trace_open(&file, path, error));
    close(file->file);
    unlink(file->temporary);
    free(file->real);
    free(file);
    return MR_OK;
}
