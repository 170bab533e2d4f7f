/*
 * base/error.h: one error, recorded where it happened. Rooms below src/comm take one and fill it;
 * the job then agrees with all ranks on which one is told to the user. Nothing here prints.
 */
#ifndef MR_BASE_ERROR_H
#define MR_BASE_ERROR_H

#include <mapred/status.h>

#define MR_ERROR_TEXT 1024

/* `code` is MR_OK while nothing happened. `text` reads WHAT: WHERE: WHAT TO DO, in one line. */
typedef struct mr_error {
    mr_status code;
    char text[MR_ERROR_TEXT];
} mr_error;

/*
 * Records an error unless one is recorded already: the first is the cause, the rest follow from it.
 * Bytes of the text that a terminal would obey (control characters) become question marks.
 * Returns `code`, for `return mr_error_set(...)`.
 */
mr_status mr_error_set(mr_error *error, mr_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
