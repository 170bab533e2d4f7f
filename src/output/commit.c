/*
 * output/commit.c: the temporary file or folder beside the target, and how it takes the target's
 * place. All renames are atomic: whoever looks sees the old result or the new one. The one
 * exception is replacing a folder on a file system that cannot swap two of them: between two
 * renames there is none, and the old one is beside it.
 */
#include "output/commit.h"
#include "output/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPTS 100
#define NAME_KEPT                                                                                  \
    128 /* of the target's name: the temporary one must not be too long for a folder */

struct mr_commit {
    mr_target target;
    char temporary[MR_PLACE_PATH];
    bool written; /* whether it is there still */
};

static mr_status cannot(const char *path, int cause, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT, "cannot write output: %s: %s", path, strerror(cause));
}

/* .NAME.mapred-PID-xxxxxx.SUFFIX beside the target; false when that is too long. */
static bool name_beside(const mr_target *target, unsigned attempt, const char *suffix,
                        char path[MR_PLACE_PATH])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    unsigned long long mixed =
        ((unsigned long long)now.tv_sec << 30 ^ (unsigned long long)now.tv_nsec) + attempt;
    mixed *= 0x9e3779b97f4a7c15ULL;
    const char *name = mr_place_name(target->path);
    int size =
        snprintf(path, MR_PLACE_PATH, "%.*s.%.*s.mapred-%ld-%06llx.%s", (int)(name - target->path),
                 target->path, NAME_KEPT, name, (long)getpid(), mixed >> 40, suffix);
    return size > 0 && size < MR_PLACE_PATH;
}

/* 0, or what stands in the way. */
static int create(const char *path, bool folder)
{
    if (folder)
        return mkdir(path, 0777) == 0 ? 0 : errno;
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return errno;
    if (close(file) == 0)
        return 0;
    int cause = errno;
    unlink(path);
    return cause;
}

mr_status mr_commit_begin(mr_commit **commit, const mr_target *target, mr_error *error)
{
    *commit = NULL;
    if (target->kind == MR_TARGET_STDOUT || target->kind == MR_TARGET_DEVICE)
        return MR_OK;
    mr_commit *made = calloc(1, sizeof *made);
    if (!made)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening the output");
    made->target = *target;
    int cause = EEXIST;
    for (unsigned i = 0; cause == EEXIST && i < ATTEMPTS; i++)
        cause = name_beside(target, i, "tmp", made->temporary)
                    ? create(made->temporary, target->kind == MR_TARGET_DIRECTORY)
                    : ENAMETOOLONG;
    if (cause) {
        free(made);
        return cannot(target->path, cause, error);
    }
    made->written = true;
    *commit = made;
    return MR_OK;
}

const char *mr_commit_path(const mr_commit *commit)
{
    return commit ? commit->temporary : "";
}

void mr_commit_abandon(mr_commit **commit)
{
    if (!*commit)
        return;
    if ((*commit)->written && (*commit)->target.kind == MR_TARGET_DIRECTORY)
        mr_place_remove((*commit)->temporary);
    else if ((*commit)->written)
        unlink((*commit)->temporary);
    free(*commit);
    *commit = NULL;
}

static mr_status appeared(const mr_target *target, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "output exists: %s, since the job began: choose another name or pass "
                        "--overwrite",
                        target->path);
}

/* Whether a kind of rename is not to be had on this file system or kernel. */
static bool is_missing(int cause)
{
    return cause == EINVAL || cause == ENOSYS || cause == ENOTSUP;
}

/* Renames a file, but not over another: 0, or why not. */
static int rename_to_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (!is_missing(errno))
        return errno;
    if (link(from, to) == 0) {
        unlink(from); /* the result is in place; a second name for it does no harm */
        return 0;
    }
    if (errno != EPERM && !is_missing(errno))
        return errno;
    struct stat found; /* no links here either: a look must do */
    if (lstat(to, &found) == 0)
        return EEXIST;
    return rename(from, to) == 0 ? 0 : errno;
}

static mr_status place_file(mr_commit *commit, mr_error *error)
{
    const char *from = commit->temporary, *to = commit->target.path;
    mr_part file = {.file = -1};
    MR_TRY(mr_part_open(&file, &commit->target, from, 0, error));
    MR_TRY(mr_part_close(&file, error));
    int cause;
    if (commit->target.overwrite)
        cause = rename(from, to) == 0 ? 0 : errno;
    else
        cause = rename_to_new(from, to);
    if (cause == EEXIST)
        return appeared(&commit->target, error);
    return cause ? cannot(to, cause, error) : MR_OK;
}

static mr_status write_success(const mr_commit *commit, const char *summary, mr_error *error)
{
    mr_part file;
    snprintf(file.path, sizeof file.path, "%s/_SUCCESS", commit->temporary);
    file.file = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.file < 0)
        return cannot(file.path, errno, error);
    mr_status status = mr_part_write(&file, summary, strlen(summary), 0, error);
    mr_status closed = mr_part_close(&file, error);
    return status == MR_OK ? closed : status;
}

/* In two steps, where swapping cannot be had: the old one aside, the new one in its place. */
static int replace_in_steps(const mr_commit *commit)
{
    char aside[MR_PLACE_PATH];
    const char *to = commit->target.path;
    if (!name_beside(&commit->target, 0, "old.tmp", aside))
        return ENAMETOOLONG;
    if (rename(to, aside) != 0)
        return errno;
    if (rename(commit->temporary, to) != 0) {
        int cause = errno;
        if (rename(aside, to) != 0)
            return errno;
        return cause;
    }
    mr_place_remove(aside);
    return 0;
}

/* A file that cannot be removed from the old result (in use over NFS, say) stays under the
 * temporary name; the new result is whole and in place all the same. */
static mr_status replace_folder(const mr_commit *commit, mr_error *error)
{
    const char *from = commit->temporary, *to = commit->target.path;
    MR_TRY(mr_target_check(&commit->target, error));
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
        mr_place_remove(from);
        return MR_OK;
    }
    int cause = is_missing(errno) ? replace_in_steps(commit) : errno;
    return cause ? cannot(to, cause, error) : MR_OK;
}

/* A plain rename of a folder replaces nothing but an empty one. */
static mr_status place_folder(mr_commit *commit, const char *summary, mr_error *error)
{
    const char *from = commit->temporary, *to = commit->target.path;
    MR_TRY(write_success(commit, summary ? summary : "", error));
    MR_TRY(mr_place_sync(from, error));
    if (rename(from, to) == 0)
        return MR_OK;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return cannot(to, errno, error);
    if (!commit->target.overwrite)
        return appeared(&commit->target, error);
    return replace_folder(commit, error);
}

mr_status mr_commit_finish(mr_commit **commit, const char *summary, mr_error *error)
{
    if (!*commit)
        return MR_OK;
    char parent[MR_PLACE_PATH];
    mr_place_parent((*commit)->target.path, parent);
    mr_status status = (*commit)->target.kind == MR_TARGET_DIRECTORY
                           ? place_folder(*commit, summary, error)
                           : place_file(*commit, error);
    if (status == MR_OK) {
        (*commit)->written = false;
        status = mr_place_sync(parent, error);
    }
    mr_commit_abandon(commit);
    return status;
}
