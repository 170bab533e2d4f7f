/*
 * hdf5/lock.c: the one lock around the HDF5 library, and its error stack as one line.
 */
#include "hdf5/internal.h"

#include <hdf5.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_started;

/* Without the library's own handler at exit: a job that leaves early must not wait there for, or
 * meet, a thread that is still inside. */
static void start(void)
{
    is_started = true;
    H5dont_atexit();
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void mr_h5_lock(void)
{
    pthread_mutex_lock(&lock);
    if (!is_started)
        start();
}

void mr_h5_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

/* Called from the innermost failure outwards: keeps the first that says something. */
static herr_t keep_first(unsigned number, const H5E_error2_t *fault, void *context)
{
    (void)number;
    char *text = context;
    if (!*text && fault->desc && *fault->desc)
        snprintf(text, MR_ERROR_TEXT / 2, "%s", fault->desc);
    return 0;
}

bool mr_h5_failed_because(const char *text)
{
    char why[MR_ERROR_TEXT / 2] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, why);
    bool is_so = strcmp(why, text) == 0;
    if (is_so)
        H5Eclear2(H5E_DEFAULT);
    return is_so;
}

mr_status mr_h5_fail(mr_error *error, mr_status code, const char *format, ...)
{
    char what[MR_ERROR_TEXT], why[MR_ERROR_TEXT / 2] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, why);
    H5Eclear2(H5E_DEFAULT);
    if (!*why)
        return mr_error_set(error, code, "%s", what);
    return mr_error_set(error, code, "%s (HDF5: %s)", what, why);
}
