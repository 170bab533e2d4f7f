/* observe/file.c: a temporary name beside the file's own, and a rename at the end. */
#include "observe/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_piece(int file, mr_file_piece piece)
{
    while (piece.size) {
        ssize_t wrote = write(file, piece.data, piece.size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        piece.data += wrote;
        piece.size -= (size_t)wrote;
    }
    return true;
}

static bool write_all(int file, const mr_file_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!write_piece(file, pieces[i]))
            return false;
    return true;
}

static bool write_through(const char *path, const mr_file_piece *pieces, size_t count)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool ok = write_all(file, pieces, count);
    int cause = errno;
    if (close(file) != 0 && ok)
        return false;
    errno = cause;
    return ok;
}

int mr_file_open_beside(const char *path, char *temporary, size_t size)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash + 1 - path) : 0;
    for (int i = 0; i < 1000; i++) {
        int length =
            snprintf(temporary, size, "%.*s.mapred-report-%ld-%d", folder, path, (long)getpid(), i);
        if (length < 0 || (size_t)length >= size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

static bool replace(const char *path, const mr_file_piece *pieces, size_t count)
{
    char temporary[PATH_MAX];
    int file = mr_file_open_beside(path, temporary, sizeof temporary);
    if (file < 0)
        return false;
    bool ok = write_all(file, pieces, count) && fsync(file) == 0;
    int cause = errno;
    if (close(file) != 0 && ok) {
        cause = errno;
        ok = false;
    }
    if (ok && rename(temporary, path) != 0) {
        cause = errno;
        ok = false;
    }
    if (!ok)
        unlink(temporary);
    errno = cause;
    return ok;
}

bool mr_file_write(const char *path, const mr_file_piece *pieces, size_t count)
{
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return write_through(path, pieces, count);
    char *real = realpath(path, NULL);
    bool ok = replace(real ? real : path, pieces, count);
    int cause = errno;
    free(real);
    errno = cause;
    return ok;
}
