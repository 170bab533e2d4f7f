/*
 * plugin/depends.h: which files a plugin was made from, and whether they are still the same.
 */
#ifndef MR_PLUGIN_DEPENDS_H
#define MR_PLUGIN_DEPENDS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The hash of a file's bytes. False, with errno set, when it can't be read. */
bool mr_file_hash(const char *path, uint64_t *hash);

/* Writes a hash for every file that the compiler's dependency rules (-MMD) name. MR_BAD_OUTPUT. */
mr_status mr_depends_record(const char *rules, const char *list, mr_error *error);

/* Whether a list is there and all that it names is as it was. */
bool mr_depends_unchanged(const char *list);

#endif
