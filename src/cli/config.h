/*
 * cli/config.h: config files: lines of `name = value`; blank ones, and those that begin with #, are
 * skipped.
 */
#ifndef MR_CLI_CONFIG_H
#define MR_CLI_CONFIG_H

#include "base/error.h"

#include <stdbool.h>

/* Takes one line; `place` names it: "mapred.conf line 3". `value` lives as long as the file's text.
 */
typedef mr_status mr_config_take(void *context, const char *name, const char *value,
                                 const char *place);

/*
 * Reads a file whole, up to 1 MiB; to be freed. NULL when there is none, which is an error if it
 * `must_exist`. MR_USAGE.
 */
mr_status mr_config_read(char **text, const char *path, bool must_exist, mr_error *error);

/* Cuts `text` up and hands out its lines, up to the first that is refused. */
mr_status mr_config_parse(char *text, const char *name, mr_config_take *take, void *context,
                          mr_error *error);

#endif
