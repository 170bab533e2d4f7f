/* output/target.c: where a result goes, and whether it may. Looks at the file system, changes
 * nothing. */
#include "output/commit.h"
#include "output/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mr_status set_format(mr_target *target, const char *path, const char *format,
                            mr_error *error)
{
    target->format = path ? mr_format_of_path(path) : MR_FORMAT_TSV;
    if (format && !mr_format_of_name(format, &target->format))
        return mr_error_set(error, MR_USAGE,
                            "unknown format: %s: choose one of tsv, csv, json, binary, hdf5, npy",
                            format);
    return MR_OK;
}

/* HDF5 is written all over the file, and says in many places where the rest is. */
static mr_status check_kind(const mr_target *target, mr_error *error)
{
    bool whole = target->format == MR_FORMAT_HDF5 ? target->kind == MR_TARGET_FILE
                                                  : target->kind != MR_TARGET_DIRECTORY;
    if (!mr_format_is_typed(target->format) || whole)
        return MR_OK;
    const char *name = target->format == MR_FORMAT_HDF5 ? "hdf5" : "npy";
    if (target->kind == MR_TARGET_STDOUT)
        return mr_error_set(error, MR_USAGE, "wrong options: %s needs a file: give --output a name",
                            name);
    return mr_error_set(error, MR_USAGE,
                        "wrong options: %s needs a file, and %s is %s: choose another name or "
                        "--format",
                        name, target->path, target->kind == MR_TARGET_DEVICE ? "none" : "a folder");
}

/* Without the slashes at its end; *slash tells whether there were any. */
static mr_status set_path(mr_target *target, const char *path, bool *slash, mr_error *error)
{
    size_t size = strlen(path);
    *slash = false;
    for (; size > 1 && path[size - 1] == '/'; size--)
        *slash = true;
    if (size == 0)
        return mr_error_set(error, MR_BAD_OUTPUT,
                            "cannot write output: its name is empty: give --output a name");
    if (size >= sizeof target->path)
        return mr_error_set(
            error, MR_BAD_OUTPUT,
            "cannot write output: %.60s...: the name is too long: choose a shorter one", path);
    memcpy(target->path, path, size);
    target->path[size] = '\0';
    return MR_OK;
}

/* A link stays a link and what it leads to is replaced; "." and ".." get a name that can be
 * renamed. */
static void follow(mr_target *target)
{
    struct stat found;
    char real[PATH_MAX];
    const char *name = mr_place_name(target->path);
    bool is_link = lstat(target->path, &found) == 0 && S_ISLNK(found.st_mode);
    if (!is_link && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return;
    if (realpath(target->path, real) && strlen(real) < sizeof target->path)
        memcpy(target->path, real, strlen(real) + 1);
}

mr_status mr_target_of(mr_target *target, const char *path, const char *format, bool overwrite,
                       mr_error *error)
{
    bool slash;
    struct stat found;
    *target = (mr_target){.kind = MR_TARGET_STDOUT, .overwrite = overwrite};
    if (!path || strcmp(path, "-") == 0) {
        MR_TRY(set_format(target, NULL, format, error));
        return check_kind(target, error);
    }
    MR_TRY(set_path(target, path, &slash, error));
    MR_TRY(set_format(target, target->path, format, error));
    bool exists = stat(target->path, &found) == 0;
    if (slash || (exists && S_ISDIR(found.st_mode)))
        target->kind = MR_TARGET_DIRECTORY;
    else if (exists && !S_ISREG(found.st_mode))
        target->kind = MR_TARGET_DEVICE;
    else
        target->kind = MR_TARGET_FILE;
    if (target->kind != MR_TARGET_DEVICE)
        follow(target);
    return check_kind(target, error);
}

static mr_status cannot(const mr_target *target, const char *cause, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT, "cannot write output: %s: %s", target->path, cause);
}

static mr_status exists_already(const mr_target *target, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "output exists: %s: choose another name or pass --overwrite", target->path);
}

static mr_status check_parent(const mr_target *target, struct stat *found, mr_error *error)
{
    char parent[MR_PLACE_PATH];
    mr_place_parent(target->path, parent);
    if (stat(parent, found) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return cannot(target, strerror(errno), error);
        return mr_error_set(error, MR_BAD_OUTPUT,
                            "cannot write output: %s: there is no folder %s: make it first",
                            target->path, parent);
    }
    if (!S_ISDIR(found->st_mode))
        return mr_error_set(error, MR_BAD_OUTPUT,
                            "cannot write output: %s: %s is not a folder: choose another name",
                            target->path, parent);
    if (faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) != 0)
        return mr_error_set(error, MR_BAD_OUTPUT, "cannot write output: %s: in folder %s: %s",
                            target->path, parent, strerror(errno));
    return MR_OK;
}

static mr_status check_folder(const mr_target *target, mr_error *error)
{
    mr_place place;
    MR_TRY(mr_place_look(target->path, &place, error));
    if (place.empty)
        return MR_OK;
    if (!target->overwrite)
        return exists_already(target, error);
    if (place.other)
        return mr_error_set(error, MR_BAD_OUTPUT,
                            "output folder holds other things: %s has %s: choose another name, or "
                            "move it away",
                            target->path, place.name);
    return MR_OK;
}

mr_status mr_target_check(const mr_target *target, mr_error *error)
{
    struct stat parent, found;
    if (target->kind == MR_TARGET_STDOUT)
        return MR_OK;
    if (target->kind == MR_TARGET_DEVICE) {
        if (faccessat(AT_FDCWD, target->path, W_OK, AT_EACCESS) != 0)
            return cannot(target, strerror(errno), error);
        return MR_OK;
    }
    MR_TRY(check_parent(target, &parent, error));
    if (lstat(target->path, &found) != 0)
        return errno == ENOENT ? MR_OK : cannot(target, strerror(errno), error);
    if (target->kind == MR_TARGET_FILE) {
        if (S_ISDIR(found.st_mode))
            return cannot(target, "it is a folder: choose another name", error);
        return target->overwrite ? MR_OK : exists_already(target, error);
    }
    if (!S_ISDIR(found.st_mode))
        return cannot(target, "it is not a folder: choose another name", error);
    if (found.st_dev != parent.st_dev)
        return cannot(target, "something is mounted there: name a folder inside it", error);
    return check_folder(target, error);
}
