/*
 * engine/stream.c: rows to a pipe, a device or standard output, in order: rank 0 writes what it
 * has, then what the others send, one rank after the other. Threads format as many buckets at once
 * as fit; one that alone is too large goes through piece by piece.
 */
#include "base/memory.h"
#include "engine/result.h"
#include "engine/waves.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE    ((size_t)1 << 20)
#define PIECE      ((size_t)1 << 18)
#define ROOM       ((size_t)64 << 20)
#define ROOM_SHARE 16 /* of the budget, at most */

typedef struct stream {
    mr_result *result;
    const char *name;
    int file;  /* rank 0: the descriptor of stdout or a device; -1 elsewhere */
    bool gone; /* its reader has left */
    char *room;
    size_t size;
    uint64_t begin; /* the byte of the result that the room begins with */
} stream;

/* To the stream: directly on rank 0, as messages to it elsewhere. */
static mr_status put(stream *s, const char *bytes, size_t size, mr_error *error)
{
    if (s->file >= 0)
        return mr_stream_write(s->file, s->name, bytes, size, &s->gone, error);
    for (size_t at = 0; at < size; at += MESSAGE)
        mr_comm_send(s->result->job->comm, 0, bytes + at,
                     size - at < MESSAGE ? size - at : MESSAGE);
    return MR_OK;
}

typedef struct place {
    stream *stream;
    char *at;
    mr_error *error;
} place;

static mr_status copy_piece(void *context, const char *bytes, size_t size, uint64_t rows)
{
    place *p = context;
    (void)rows;
    if (size > 0)
        memcpy(p->at, bytes, size);
    p->at += size;
    return MR_OK;
}

/* Formats a bucket to its place in the room. */
static mr_status fill(void *context, size_t b, mr_error *error)
{
    stream *s = context;
    place p = {s, s->room + (s->result->rows->buckets[b].first_byte - s->begin), error};
    return mr_result_format(s->result, b, PIECE, copy_piece, &p, error);
}

static mr_status make_room(stream *s, size_t size, mr_error *error)
{
    if (size <= s->size)
        return MR_OK;
    mr_memory_free(s->room, s->size);
    s->room = mr_memory_allocate(size, "formatting the result", error);
    s->size = s->room ? size : 0;
    return s->room ? MR_OK : MR_NO_MEMORY;
}

static mr_status put_together(stream *s, size_t from, size_t to, uint64_t size, mr_error *error)
{
    s->begin = s->result->rows->buckets[from].first_byte;
    if (size == 0)
        return MR_OK;
    MR_TRY(make_room(s, size, error));
    MR_TRY(mr_waves_share(s->result->job->threads, from, to, fill, s, error));
    return put(s, s->room, size, error);
}

static mr_status put_piece(void *context, const char *bytes, size_t size, uint64_t rows)
{
    const place *p = context;
    (void)rows;
    return put(p->stream, bytes, size, p->error);
}

/* How many buckets from `from` on fit in the room, and their size; 0: not even that one. */
static size_t count_fitting(const stream *s, size_t from, size_t to, uint64_t *size)
{
    const mr_result *result = s->result;
    uint64_t most = mr_memory_budget() / ROOM_SHARE;
    if (most == 0 || most > ROOM)
        most = ROOM;
    *size = mr_result_size(result, &result->rows->buckets[from]);
    if (*size > most)
        return 0;
    for (size_t b = from + 1; b < to; b++) {
        uint64_t next = mr_result_size(result, &result->rows->buckets[b]);
        if (*size + next > most)
            return b - from;
        *size += next;
    }
    return to - from;
}

static mr_status put_wave(void *context, size_t from, size_t to, mr_error *error)
{
    stream *s = context;
    for (uint64_t size; from < to && !s->gone;) {
        size_t count = count_fitting(s, from, to, &size);
        place whole = {.stream = s, .error = error};
        MR_TRY(count > 0 ? put_together(s, from, from + count, size, error)
                         : mr_result_format(s->result, from, MESSAGE, put_piece, &whole, error));
        from += count > 0 ? count : 1;
    }
    return MR_OK;
}

static mr_status put_buckets(stream *s, mr_error *error)
{
    mr_rows *rows = s->result->rows;
    mr_status status = mr_waves_run(rows, 0, rows->count, put_wave, s, error);
    mr_memory_free(s->room, s->size);
    s->room = NULL;
    s->size = 0;
    return status;
}

/* Rank 0: what another rank has, up to an empty message. It is taken in even if nobody wants it. */
static void pass_on(stream *s, int rank, char *message, mr_error *error)
{
    mr_comm *comm = s->result->job->comm;
    size_t size;
    mr_comm_send(comm, rank, "", 0);
    while ((size = mr_comm_receive(comm, rank, message, MESSAGE)) > 0)
        if (error->code == MR_OK)
            put(s, message, size, error);
}

static mr_status put_text(stream *s, const mr_text *text, mr_error *error)
{
    return put(s, text->data, text->size, error);
}

static mr_status open_stream(stream *s, mr_error *error)
{
    const mr_target *target = s->result->target;
    s->name = "standard output";
    s->file = STDOUT_FILENO;
    if (target->kind == MR_TARGET_STDOUT)
        return MR_OK;
    s->name = target->path;
    s->file = open(target->path, O_WRONLY | O_CLOEXEC);
    return s->file < 0 ? mr_error_set(error, MR_BAD_OUTPUT, "cannot write output: %s: %s", s->name,
                                      strerror(errno))
                       : MR_OK;
}

static void close_stream(stream *s, mr_error *error)
{
    if (s->file >= 0 && s->file != STDOUT_FILENO && close(s->file) != 0)
        mr_error_set(error, MR_BAD_OUTPUT, "cannot write output: %s: %s", s->name, strerror(errno));
}

static void write_all(stream *s, char *message, mr_error *error)
{
    mr_comm *comm = s->result->job->comm;
    if (put_text(s, &s->result->head, error) == MR_OK)
        put_buckets(s, error);
    for (int other = 1; other < mr_comm_size(comm); other++)
        pass_on(s, other, message, error);
    if (error->code == MR_OK)
        put_text(s, &s->result->tail, error);
}

static void send_all(stream *s, mr_error *error)
{
    mr_comm *comm = s->result->job->comm;
    mr_comm_receive(comm, 0, &(char){0}, 1);
    put_buckets(s, error);
    mr_comm_send(comm, 0, "", 0);
}

mr_status mr_result_stream(mr_result *result, mr_error *error)
{
    mr_comm *comm = result->job->comm;
    bool root = mr_comm_rank(comm) == 0;
    stream s = {.result = result, .file = -1};
    char *message = root ? malloc(MESSAGE) : NULL;
    if (root && !message)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: writing the result");
    else if (root)
        open_stream(&s, error);
    if (mr_comm_agree(comm, error) == MR_OK) {
        if (root)
            write_all(&s, message, error);
        else
            send_all(&s, error);
    }
    close_stream(&s, error);
    free(message);
    return mr_comm_agree(comm, error);
}
