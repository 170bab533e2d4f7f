/* output/part.c: bytes on their way to a file or a stream. Every error names the place. */
#include "output/commit.h"

#include "base/span.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The most that is written at once: one call takes no more than 2 GiB on Linux. */
#define AT_ONCE ((size_t)1 << 30)

static mr_status cannot(const char *path, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT, "cannot write output: %s: %s", path, strerror(errno));
}

mr_status mr_part_open(mr_part *part, const mr_target *target, const char *temporary,
                       uint64_t number, mr_error *error)
{
    part->file = -1;
    int size, flags = O_WRONLY | O_CLOEXEC;
    if (target->kind == MR_TARGET_DIRECTORY) {
        flags |= O_CREAT;
        size = snprintf(part->path, sizeof part->path, "%s/part-%05llu", temporary,
                        (unsigned long long)number);
    } else {
        bool through = target->kind == MR_TARGET_DEVICE;
        size = snprintf(part->path, sizeof part->path, "%s", through ? target->path : temporary);
    }
    if (size < 0 || (size_t)size >= sizeof part->path) {
        errno = ENAMETOOLONG;
        return cannot(target->path, error);
    }
    part->file = open(part->path, flags, 0666);
    return part->file < 0 ? cannot(part->path, error) : MR_OK;
}

static mr_status write_all(mr_part *part, const char *at, size_t size, uint64_t offset,
                           mr_error *error)
{
    while (size > 0) {
        ssize_t done = pwrite(part->file, at, size < AT_ONCE ? size : AT_ONCE, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return mr_error_set(error, MR_BAD_OUTPUT, "cannot write output: %s at byte %llu: %s",
                                part->path, (unsigned long long)offset, strerror(errno));
        at += done;
        size -= (size_t)done;
        offset += (uint64_t)done;
    }
    return MR_OK;
}

mr_status mr_part_write(mr_part *part, const void *bytes, size_t size, uint64_t offset,
                        mr_error *error)
{
    const mr_span_kind before = mr_span_begin(MR_SPAN_WRITE);
    mr_status status = write_all(part, bytes, size, offset, error);
    mr_span_end(before);
    return status;
}

/* Devices and pipes cannot be synced, and some file systems do not know how to. */
static bool sync_file(int file)
{
    int result;
    do
        result = fsync(file);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == EROFS || errno == ENOSYS || errno == ENOTSUP;
}

mr_status mr_part_close(mr_part *part, mr_error *error)
{
    if (part->file < 0)
        return MR_OK;
    mr_status status = sync_file(part->file) ? MR_OK : cannot(part->path, error);
    /* Linux has closed the file even when it says that a signal came in between. */
    if (close(part->file) != 0 && errno != EINTR && status == MR_OK)
        status = cannot(part->path, error);
    part->file = -1;
    return status;
}

static bool wait_until_writable(int file)
{
    struct pollfd wait = {.fd = file, .events = POLLOUT};
    return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

mr_status mr_stream_write(int file, const char *name, const void *bytes, size_t size, bool *gone,
                          mr_error *error)
{
    const char *at = bytes;
    while (size > 0 && !*gone) {
        ssize_t done = write(file, at, size < AT_ONCE ? size : AT_ONCE);
        if (done >= 0) {
            at += done;
            size -= (size_t)done;
        } else if (errno == EPIPE) {
            *gone = true;
        } else if (errno == EAGAIN ? !wait_until_writable(file) : errno != EINTR) {
            return cannot(name, error);
        }
    }
    return MR_OK;
}
