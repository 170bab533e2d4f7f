/* input/strings.h: a dataset of strings as text: each is a line. Belongs to one thread at a time.
 */
#ifndef MR_INPUT_STRINGS_H
#define MR_INPUT_STRINGS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_strings mr_strings;

mr_status mr_strings_open(mr_strings **strings, const char *name, mr_error *error);
void mr_strings_close(mr_strings **strings);

/* Up to `size` bytes; *got is 0 only at the end. */
mr_status mr_strings_read(mr_strings *strings, char *into, size_t size, size_t *got,
                          mr_error *error);
/* Bytes read from disk so far. */
uint64_t mr_strings_taken(const mr_strings *strings);

#endif
