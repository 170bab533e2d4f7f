/*
 * cli/value.h: values as users type them. Each is whole text or nothing: false for anything else.
 */
#ifndef MR_CLI_VALUE_H
#define MR_CLI_VALUE_H

#include <mapred/app.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits alone. */
bool mr_value_whole(const char *text, uint64_t *value);
/* Digits, then one of K, M, G, T or nothing: powers of 1024. */
bool mr_value_size(const char *text, uint64_t *value);
/* yes, true, on or 1; no, false, off or 0. */
bool mr_value_flag(const char *text, bool *value);
/* The place of `text` in words with bars between ("auto|always|never"). */
bool mr_value_choice(const char *text, const char *words, unsigned *place);

/* Stores an app's option of that type; TEXT is borrowed. */
bool mr_value_store(mr_option_type type, void *at, const char *text);

#endif
