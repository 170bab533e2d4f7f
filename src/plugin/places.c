/*
 * plugin/places.c: from the path of the executable to the folders of its installation or build
 * tree. Looks at folders only.
 */
#include "plugin/places.h"

#include "plugin/mr_paths.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

mr_status mr_path_format(char path[MR_PATH], mr_status code, mr_error *error, const char *format,
                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(path, MR_PATH, format, arguments);
    va_end(arguments);
    if (size < 0 || size >= MR_PATH)
        return mr_error_set(error, code, "path too long: %.80s...: use a shorter one", path);
    return MR_OK;
}

/* `relative` from `folder`, or as it is when it is absolute; without its "..", where it exists. */
static mr_status resolve(char path[MR_PATH], const char *folder, const char *relative,
                         mr_error *error)
{
    if (relative[0] == '/')
        MR_TRY(mr_path_format(path, MR_FAILED, error, "%s", relative));
    else
        MR_TRY(mr_path_format(path, MR_FAILED, error, "%s/%s", folder, relative));
    char *real = realpath(path, NULL);
    mr_status status = real ? mr_path_format(path, MR_FAILED, error, "%s", real) : MR_OK;
    free(real);
    return status;
}

static bool is_build_tree(const char *folder)
{
    const char *name = strrchr(folder, '/');
    char library[MR_PATH];
    mr_error ignored = {MR_OK, ""};
    return name && strcmp(name, "/src") == 0 &&
           mr_path_format(library, MR_FAILED, &ignored, "%s/libmapred.so", folder) == MR_OK &&
           access(library, F_OK) == 0;
}

static mr_status find_executable(char path[MR_PATH], const char *executable, mr_error *error)
{
    if (executable)
        return mr_path_format(path, MR_FAILED, error, "%s", executable);
    ssize_t size = readlink("/proc/self/exe", path, MR_PATH - 1);
    if (size < 0)
        return mr_error_set(error, MR_FAILED, "cannot find this program: /proc/self/exe: %s",
                            strerror(errno));
    path[size] = '\0';
    return MR_OK;
}

mr_status mr_places_find(mr_places *places, const char *executable, mr_error *error)
{
    char folder[MR_PATH];
    MR_TRY(find_executable(folder, executable, error));
    char *name = strrchr(folder, '/');
    if (!name)
        return mr_error_set(error, MR_FAILED, "cannot find this program: %s: not a whole path",
                            folder);
    *name = '\0';
    places->build_tree = is_build_tree(folder);
    bool tree = places->build_tree;
    MR_TRY(resolve(places->apps, folder, tree ? "../apps" : MR_APPS_FROM_BIN, error));
    MR_TRY(resolve(places->include, folder, tree ? MR_SOURCE_INCLUDE : MR_INCLUDE_FROM_BIN, error));
    return resolve(places->library, folder, tree ? "." : MR_LIBRARY_FROM_BIN, error);
}
