/*
 * input/paths_datasets.c: datasets among the inputs: names with a file and something in it, files
 * that are datasets by themselves, and whether they are what is wanted.
 */
#include "input/paths.h"

#include "hdf5/hdf5.h"
#include "input/dataset.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool mr_paths_is_dataset(const char *name)
{
    return strstr(name, ":/") != NULL && mr_h5_is_name(name);
}

static bool begins(const void *bytes, size_t size, const char *with)
{
    return size >= 4 && memcmp(bytes, with, 4) == 0;
}

bool mr_paths_is_dataset_file(const mr_paths *paths, const char *path, const void *bytes,
                              size_t size)
{
    bool is_text = paths->wanted == MR_INPUT_LINES || paths->wanted == MR_INPUT_WORDS;
    if (!is_text && paths->wanted != MR_INPUT_ROWS)
        return false;
    if (begins(bytes, size, "\x89HDF") || begins(bytes, size, "\x93NUM"))
        return true;
    return !is_text && mr_dataset_is_name(path);
}

/* What its elements take in memory. False: more than can be counted. */
static bool size_of(const mr_dataset_info *about, uint64_t *size)
{
    *size = mr_element_size(about->element);
    for (unsigned axis = 0; axis < about->dims.axes; axis++)
        if (about->dims.size[axis] == 0)
            *size = 0;
    for (unsigned axis = 0; axis < about->dims.axes; axis++)
        if (__builtin_mul_overflow(*size, about->dims.size[axis], size))
            return false;
    return true;
}

/* Lines for who wants text, rows for who wants rows: anything else is a mistake. */
static mr_status add_open(mr_paths *paths, const mr_dataset_info *about, mr_error *error)
{
    bool strings = about->element == 0, rows = paths->wanted == MR_INPUT_ROWS;
    uint64_t size;
    if (strings && rows)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read rows: %s: it holds strings, and the app wants numbers: "
                            "name another dataset",
                            about->name);
    if (!strings && !rows)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read text: %s: it holds numbers, and the app wants text: name "
                            "a dataset of strings, or use an app for rows of numbers",
                            about->name);
    if (!size_of(about, &size))
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read rows: %s: it has more than 2^64 bytes: name a part of it",
                            about->name);
    if (strings)
        size = about->bytes ? about->bytes : 1;
    return mr_paths_push(paths, about->name, strlen(about->name), size,
                         strings ? MR_FILE_STRINGS : MR_FILE_NUMBERS, error);
}

static mr_status add_one(void *context, const char *name, mr_error *error)
{
    mr_paths *paths = context;
    mr_dataset *dataset;
    MR_TRY(mr_dataset_open(&dataset, name, error));
    mr_status status = add_open(paths, mr_dataset_info_of(dataset), error);
    mr_dataset_close(&dataset);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each file that the first `length` bytes of the name stand for, with the rest behind it. */
static mr_status add_globbed(mr_paths *paths, const char *name, size_t length, mr_error *error)
{
    glob_t found = {0};
    char *pattern = strndup(name, length);
    mr_status status = MR_OK;
    int rc = pattern ? glob(pattern, GLOB_ERR | GLOB_NOSORT, NULL, &found) : GLOB_NOSPACE;
    if (rc == 0)
        qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_name);
    else
        status = mr_error_set(
            error, rc == GLOB_NOSPACE ? MR_NO_MEMORY : MR_BAD_INPUT,
            "cannot read input: %s: there is no file to read: check what it names", name);
    for (size_t i = 0; status == MR_OK && i < found.gl_pathc; i++) {
        char *one = NULL;
        if (asprintf(&one, "%s%s", found.gl_pathv[i], name + length) < 0)
            status = mr_error_set(error, MR_NO_MEMORY, "out of memory: listing %s", name);
        else
            status = mr_h5_list(one, add_one, paths, error);
        free(one);
    }
    globfree(&found);
    free(pattern);
    return status;
}

mr_status mr_paths_add_datasets(mr_paths *paths, const char *name, mr_error *error)
{
    struct stat about;
    const char *inside = strstr(name, ":/");
    size_t length = inside ? (size_t)(inside - name) : strlen(name);
    char *file = strndup(name, length);
    if (!file)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: listing %s", name);
    bool is_there = stat(file, &about) == 0, is_pattern = strpbrk(file, "*?[") != NULL;
    free(file);
    if (!mr_h5_is_name(name))
        return add_one(paths, name, error);
    if (inside && !is_there && is_pattern)
        return add_globbed(paths, name, length, error);
    return mr_h5_list(name, add_one, paths, error);
}
