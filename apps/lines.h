/*
 * lines.h: lines of a part of a file, for tasks that each read their own part: those lines whose
 * first byte lies in it. Two neighbours agree on the border without talking.
 */
#ifndef APPS_LINES_H
#define APPS_LINES_H

#include <mapred.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MOST 4096 /* bytes of a line */

typedef struct lines_file {
    mr_job *job;
    const char *path;
    int file; /* below 0: not open */
    uint64_t size;
} lines_file;

typedef struct lines_part {
    uint64_t from, to;
} lines_part;

/* The next line is at `at`; behind `end` is a zero. */
typedef struct lines {
    char *memory;
    size_t room;
    const char *at, *end;
    uint64_t offset; /* of `memory` in the file */
} lines;

/* On every rank; the caller agrees. */
static mr_status lines_open(lines_file *f, mr_job *job, const char *path)
{
    struct stat about;
    *f = (lines_file){job, path, open(path, O_RDONLY | O_CLOEXEC), 0};
    if (f->file < 0 || fstat(f->file, &about) != 0)
        return mr_job_fail(job, MR_BAD_INPUT, "cannot open: %s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return mr_job_fail(job, MR_BAD_INPUT,
                           "not a plain file: %s: its parts are read by all ranks: give a file",
                           path);
    f->size = (uint64_t)about.st_size;
    return MR_OK;
}

static void lines_close(lines_file *f)
{
    if (f->file >= 0)
        close(f->file);
    f->file = -1;
}

static void lines_free(const lines_file *f, lines *l)
{
    mr_job_release(f->job, l->memory, l->room);
    l->memory = NULL;
}

static mr_status lines_fill(mr_fork *fork, const lines_file *f, lines *l, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t got = pread(f->file, l->memory + have, size - have, (off_t)(l->offset + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return mr_fork_fail(fork, MR_BAD_INPUT, "cannot read: %s, byte %" PRIu64 ": %s",
                                f->path, l->offset + have,
                                got < 0 ? strerror(errno) : "it became shorter");
        have += (size_t)got;
    }
    return MR_OK;
}

/* Where the first line begins whose first byte is at `place` or behind it. */
static const char *lines_border(const lines *l, uint64_t place, const char *end)
{
    if (place == 0)
        return l->memory;
    const char *before = mr_bytes_seek(l->memory + (place - 1 - l->offset), end, '\n');
    return before < end ? before + 1 : end;
}

/* Reads them, with lines_free afterwards also where it fails. */
static mr_status lines_read(mr_fork *fork, const lines_file *f, lines_part part, lines *l)
{
    const uint64_t from = part.from > 0 ? part.from - 1 : 0;
    const uint64_t to = f->size - part.to > LINE_MOST ? part.to + LINE_MOST : f->size;
    const size_t size = (size_t)(to - from);
    l->room = size + MR_BLOCK_PADDING;
    l->offset = from;
    l->memory = mr_job_allocate(f->job, l->room);
    if (!l->memory)
        return mr_fork_fail(fork, MR_NO_MEMORY,
                            "out of memory: %zu bytes of %s: give the job more with --memory", size,
                            f->path);
    MR_TRY(lines_fill(fork, f, l, size));
    const char *end = l->memory + size;
    l->at = lines_border(l, part.from, end);
    l->end = part.to == f->size ? end : lines_border(l, part.to, end);
    if (l->end == end && to < f->size)
        return mr_fork_fail(fork, MR_BAD_INPUT,
                            "line too long: %s, byte %" PRIu64 ": more than %d bytes", f->path,
                            part.to, LINE_MOST);
    return MR_OK;
}

static bool lines_next(lines *l, mr_bytes *line)
{
    if (l->at >= l->end)
        return false;
    const char *stop = mr_bytes_seek(l->at, l->end, '\n');
    *line = mr_bytes_between(l->at, stop);
    l->at = stop + 1;
    return true;
}

static mr_status lines_wrong(mr_fork *fork, const lines_file *f, const lines *l, mr_bytes line,
                             const char *why)
{
    return mr_fork_fail(fork, MR_BAD_INPUT,
                        "%s: %s, byte %" PRIu64 ": '%.*s': give one number a line", why, f->path,
                        l->offset + (uint64_t)(line.data - l->memory),
                        (int)(line.size < 40 ? line.size : 40), line.data);
}

/* Without white space around it. */
static mr_bytes lines_trim(mr_bytes line)
{
    while (line.size > 0 && mr_byte_is_space(*line.data)) {
        line.data++;
        line.size--;
    }
    while (line.size > 0 && mr_byte_is_space(line.data[line.size - 1]))
        line.size--;
    return line;
}

typedef enum lines_kind { LINES_WHOLE, LINES_NO_WHOLE, LINES_TOO_LARGE } lines_kind;

/* A whole number in decimal. */
static lines_kind lines_whole(mr_bytes text, int64_t *value)
{
    const char *at = text.data, *end = text.data + text.size;
    const bool negative = at < end && *at == '-';
    uint64_t sum = 0;
    at += at < end && (*at == '-' || *at == '+');
    if (at == end)
        return LINES_NO_WHOLE;
    const uint64_t most = (uint64_t)INT64_MAX + negative;
    bool fits = true;
    for (; at < end; at++) {
        const unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9)
            return LINES_NO_WHOLE;
        fits = fits && sum <= (most - digit) / 10;
        sum = sum * 10 + digit;
    }
    *value = (int64_t)(negative ? 0 - sum : sum);
    return fits ? LINES_WHOLE : LINES_TOO_LARGE;
}

/* Parts with less than `grain` bytes are small enough. */
static mr_status lines_split(mr_fork *fork, lines_part part, uint64_t grain)
{
    const uint64_t middle = part.from + (part.to - part.from) / 2;
    const lines_part halves[] = {{part.from, middle}, {middle, part.to}};
    if (part.to - part.from <= grain)
        return MR_OK;
    for (int i = 0; i < 2; i++)
        MR_TRY(mr_fork_put(fork, MR_BYTES(halves[i])));
    return MR_OK;
}

#endif
