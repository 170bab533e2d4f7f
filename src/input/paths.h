/*
 * input/paths.h: from what the user named to a list of files. Touches the file system, nothing
 * else.
 */
#ifndef MR_INPUT_PATHS_H
#define MR_INPUT_PATHS_H

#include "input/plan.h"

#include <stdbool.h>

/* A list that grows. It owns the names. All zeros is an empty one. */
typedef struct mr_paths {
    mr_file *files;
    size_t count, capacity;
    mr_input wanted; /* which files are datasets depends on it */
} mr_paths;

/* Adds all files that `input` stands for, as mr_plan_create tells it. */
mr_status mr_paths_add(mr_paths *paths, const char *input, mr_error *error);

/* Adds one file as it is, without a look at the file system. */
mr_status mr_paths_push(mr_paths *paths, const char *path, size_t length, uint64_t size,
                        mr_file_kind kind, mr_error *error);

void mr_paths_clear(mr_paths *paths);

/* Adds a dataset, or all that a name with globs in it stands for (paths_datasets.c). */
mr_status mr_paths_add_datasets(mr_paths *paths, const char *name, mr_error *error);
/* Whether an input that nobody has looked for yet is such a name: `FILE:/...`. */
bool mr_paths_is_dataset(const char *name);
/* Whether a file that is there, and begins with these bytes, is one by itself for who wants it. */
bool mr_paths_is_dataset_file(const mr_paths *paths, const char *path, const void *bytes,
                              size_t size);

/* The kind of a file that begins like this. Four bytes are enough. */
mr_file_kind mr_paths_kind(const unsigned char *bytes, size_t size);

/* A file's name in a message. */
const char *mr_paths_shown(const char *path);

#endif
