/* cli/words.h: options of subcommands that have only a few. */
#ifndef MR_CLI_WORDS_H
#define MR_CLI_WORDS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether word `*at` is `--name=value`, or `--name` with the value in the next word: `*at` then is
 * that one's. `*value` is NULL where there is none. */
bool mr_word_option(char *const *words, int count, int *at, const char *name, const char **value);
/* A value that is a whole number, or a size. MR_USAGE. */
mr_status mr_word_whole(const char *name, const char *text, uint64_t *value, mr_error *error);
mr_status mr_word_size(const char *name, const char *text, uint64_t *value, mr_error *error);

#endif
