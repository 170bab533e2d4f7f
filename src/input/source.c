/*
 * input/source.c: reading and decompressing, with zlib and zstd. Touches one descriptor a source.
 *
 * `between` says that everything up to here is whole: nothing was read, or a gzip member or zstd
 * frame has just ended. Only then may the file end. Where it does not, another one begins.
 */
#include "input/source.h"

#include "base/memory.h"
#include "input/paths.h"
#include "input/strings.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { RAW_SIZE = 128 << 10, GZIP_ONLY = 16 };

struct mr_source {
    const mr_file *file;
    mr_file_kind kind; /* of the bytes; MR_FILE_STREAM until they are looked at */
    int fd;
    uint64_t taken;
    unsigned char *raw;
    size_t at, have; /* what is left of `raw` */
    bool between;
    bool padded; /* zeros behind the last gzip member, as on tapes */
    bool has_gzip;
    z_stream gzip;
    ZSTD_DCtx *zstd;
    mr_strings *strings; /* of a dataset: instead of all that */
};

static const char *name_of(const mr_source *source)
{
    return mr_paths_shown(source->file->path);
}

/* Where in the file the next byte is that was not decompressed yet. */
static unsigned long long place_of(const mr_source *source)
{
    return source->taken - (source->have - source->at);
}

static mr_status no_memory(const mr_source *source, mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY,
                        "out of memory: decompressing %s: use a node with more memory",
                        name_of(source));
}

static mr_status damaged(const mr_source *source, const char *why, mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot read input: %s at byte %llu: the compressed data is damaged (%s): "
                        "restore the file",
                        name_of(source), place_of(source), why);
}

mr_status mr_source_open(mr_source **result, const mr_file *file, mr_error *error)
{
    *result = NULL;
    mr_source *source = calloc(1, sizeof *source);
    if (!source)
        return mr_error_set(error, MR_NO_MEMORY,
                            "out of memory: opening %s: use a node with more memory",
                            mr_paths_shown(file->path));
    source->file = file;
    source->kind = file->kind;
    source->between = true;
    source->fd = -1;
    if (file->kind == MR_FILE_STRINGS) {
        if (mr_strings_open(&source->strings, file->path, error) != MR_OK)
            goto failed;
        *result = source;
        return MR_OK;
    }
    source->raw = mr_memory_allocate(RAW_SIZE, "a buffer for compressed input", error);
    if (!source->raw)
        goto failed;
    bool is_stdin = strcmp(file->path, "-") == 0;
    source->fd = is_stdin ? STDIN_FILENO : open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (source->fd < 0) {
        mr_error_set(error, MR_BAD_INPUT,
                     "cannot open input: %s at byte 0: %s: check that it is still there",
                     file->path, strerror(errno));
        goto failed;
    }
    *result = source;
    return MR_OK;
failed:
    mr_source_close(&source);
    return error->code;
}

void mr_source_close(mr_source **source)
{
    mr_source *gone = *source;
    if (!gone)
        return;
    if (gone->has_gzip)
        inflateEnd(&gone->gzip);
    ZSTD_freeDCtx(gone->zstd);
    mr_strings_close(&gone->strings);
    if (gone->fd > STDIN_FILENO)
        close(gone->fd);
    mr_memory_free(gone->raw, RAW_SIZE);
    free(gone);
    *source = NULL;
}

uint64_t mr_source_taken(const mr_source *source)
{
    return source->strings ? mr_strings_taken(source->strings) : source->taken;
}

/* Waits for a descriptor that somebody else has set to non-blocking, as terminals sometimes are. */
static bool wait_for(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return poll(&wanted, 1, -1) >= 0 || errno == EINTR;
}

/* Raw bytes; *got is 0 at the end. Of a file no more than the plan knows of. */
static mr_status read_raw(mr_source *source, void *into, size_t size, size_t *got, mr_error *error)
{
    const mr_file *file = source->file;
    uint64_t left = file->kind == MR_FILE_STREAM ? size : file->size - source->taken;
    size = left < size ? (size_t)left : size;
    ssize_t done = 0;
    while (size > 0 && (done = read(source->fd, into, size)) < 0) {
        if (errno == EINTR || (errno == EAGAIN && wait_for(source->fd)))
            continue;
        return mr_error_set(error, MR_BAD_INPUT, "cannot read input: %s at byte %llu: %s: check it",
                            name_of(source), (unsigned long long)source->taken, strerror(errno));
    }
    if (size > 0 && done == 0 && file->kind != MR_FILE_STREAM)
        return mr_error_set(error, MR_BAD_INPUT,
                            "input changed: %s at byte %llu: it shrank to less than its %llu "
                            "bytes: run again when nobody writes to it",
                            name_of(source), (unsigned long long)source->taken,
                            (unsigned long long)file->size);
    *got = (size_t)done;
    source->taken += *got;
    return MR_OK;
}

/* Looks at the first bytes of a stream, which may come one by one. */
static mr_status sniff(mr_source *source, mr_error *error)
{
    if (source->kind != MR_FILE_STREAM)
        return MR_OK;
    for (size_t got = 1; got > 0 && source->have < 4; source->have += got)
        MR_TRY(read_raw(source, source->raw + source->have, 4 - source->have, &got, error));
    source->kind = mr_paths_kind(source->raw, source->have);
    return MR_OK;
}

/* The next raw bytes. None at the end, which must not come in the middle. */
static mr_status refill(mr_source *source, mr_error *error)
{
    source->at = source->have = 0;
    MR_TRY(read_raw(source, source->raw, RAW_SIZE, &source->have, error));
    if (source->have == 0 && !source->between)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read input: %s at byte %llu: the compressed data ends too "
                            "early: is the file complete?",
                            name_of(source), place_of(source));
    return MR_OK;
}

/* Behind a gzip member there may be another one, or zeros up to the end. */
static mr_status begin_member(mr_source *source, mr_error *error)
{
    if (!source->has_gzip) {
        source->has_gzip = inflateInit2(&source->gzip, MAX_WBITS + GZIP_ONLY) == Z_OK;
        return source->has_gzip ? MR_OK : no_memory(source, error);
    }
    source->padded = source->padded || source->raw[source->at] == 0;
    while (source->padded && source->at < source->have && source->raw[source->at] == 0)
        source->at++;
    if (source->padded && source->at < source->have)
        return damaged(source, "garbage behind its end", error);
    inflateReset(&source->gzip);
    return MR_OK;
}

static mr_status step_gzip(mr_source *source, char *into, size_t size, size_t *got, mr_error *error)
{
    if (source->between)
        MR_TRY(begin_member(source, error));
    if (source->padded)
        return MR_OK;
    z_stream *gzip = &source->gzip;
    uInt room = size < RAW_SIZE * 8 ? (uInt)size : RAW_SIZE * 8;
    gzip->next_in = source->raw + source->at;
    gzip->avail_in = (uInt)(source->have - source->at);
    gzip->next_out = (Bytef *)into;
    gzip->avail_out = room;
    int rc = inflate(gzip, Z_NO_FLUSH);
    source->at = source->have - gzip->avail_in;
    *got = room - gzip->avail_out;
    source->between = rc == Z_STREAM_END;
    if (rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR)
        return MR_OK;
    if (rc == Z_MEM_ERROR)
        return no_memory(source, error);
    return damaged(source, gzip->msg ? gzip->msg : zError(rc), error);
}

/*
 * The decoder's window comes from nobody's budget, and a few bytes of a damaged file can ask for
 * gigabytes: half the budget is the limit. 8 MiB is what every decoder has to have.
 */
static int widest_window(void)
{
    enum { SMALLEST = 23 };
    int log = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound;
    uint64_t budget = mr_memory_budget();
    while (budget > 0 && log > SMALLEST && budget / 2 >> log == 0)
        log--;
    return log;
}

static mr_status begin_zstd(mr_source *source, mr_error *error)
{
    source->zstd = ZSTD_createDCtx();
    if (!source->zstd)
        return no_memory(source, error);
    ZSTD_DCtx_setParameter(source->zstd, ZSTD_d_windowLogMax, widest_window());
    return MR_OK;
}

static mr_status failed_zstd(const mr_source *source, size_t rc, mr_error *error)
{
    ZSTD_ErrorCode code = ZSTD_getErrorCode(rc);
    if (code == ZSTD_error_memory_allocation)
        return no_memory(source, error);
    if (code == ZSTD_error_frameParameter_windowTooLarge)
        return mr_error_set(error, MR_NO_MEMORY,
                            "memory budget exceeded: %s was compressed with a window of more than "
                            "%llu bytes: give the job more with --memory",
                            name_of(source), 1ull << widest_window());
    return damaged(source, ZSTD_getErrorName(rc), error);
}

static mr_status step_zstd(mr_source *source, char *into, size_t size, size_t *got, mr_error *error)
{
    if (!source->zstd)
        MR_TRY(begin_zstd(source, error));
    ZSTD_inBuffer in = {source->raw, source->have, source->at};
    ZSTD_outBuffer out = {into, size, 0};
    size_t rc = ZSTD_decompressStream(source->zstd, &out, &in);
    source->at = in.pos;
    *got = out.pos;
    source->between = rc == 0;
    return ZSTD_isError(rc) ? failed_zstd(source, rc, error) : MR_OK;
}

static size_t take_sniffed(mr_source *source, char *into, size_t size)
{
    size_t left = source->have - source->at, taken = left < size ? left : size;
    memcpy(into, source->raw + source->at, taken);
    source->at += taken;
    return taken;
}

mr_status mr_source_read(mr_source *source, char *into, size_t size, size_t *got, mr_error *error)
{
    *got = 0;
    if (source->strings)
        return mr_strings_read(source->strings, into, size, got, error);
    MR_TRY(sniff(source, error));
    if (source->kind == MR_FILE_PLAIN) {
        *got = take_sniffed(source, into, size);
        return *got ? MR_OK : read_raw(source, into, size, got, error);
    }
    while (*got == 0) {
        /* Not between frames the decoder may hold back bytes: it is asked even without new ones. */
        if (source->at < source->have || !source->between) {
            bool is_gzip = source->kind == MR_FILE_GZIP;
            MR_TRY((is_gzip ? step_gzip : step_zstd)(source, into, size, got, error));
        }
        if (*got > 0 || source->at < source->have)
            continue;
        MR_TRY(refill(source, error));
        if (source->have == 0)
            break;
    }
    return MR_OK;
}
