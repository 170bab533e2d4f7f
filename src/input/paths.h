/*
 * input/paths.h: from what the user named to a list of files. Touches the file system, nothing
 * else.
 */
#ifndef MR_INPUT_PATHS_H
#define MR_INPUT_PATHS_H

#include "input/plan.h"

/* A list that grows. It owns the names. All zeros is an empty one. */
typedef struct mr_paths {
    mr_file *files;
    size_t count, capacity;
} mr_paths;

/* Adds all files that `input` stands for, as mr_plan_create tells it. */
mr_status mr_paths_add(mr_paths *paths, const char *input, mr_error *error);

/* Adds one file as it is, without a look at the file system. */
mr_status mr_paths_push(mr_paths *paths, const char *path, size_t length, uint64_t size,
                        mr_file_kind kind, mr_error *error);

void mr_paths_clear(mr_paths *paths);

/* The kind of a file that begins like this. Four bytes are enough. */
mr_file_kind mr_paths_kind(const unsigned char *bytes, size_t size);

/* A file's name in a message. */
const char *mr_paths_shown(const char *path);

#endif
