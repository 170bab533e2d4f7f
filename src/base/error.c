/* base/error.c: recording an error. Touches nothing but the record it is given. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

mr_status mr_error_set(mr_error *error, mr_status code, const char *format, ...)
{
    if (error->code != MR_OK)
        return code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    make_printable(error->text);
    error->code = code < MR_TIMED_OUT ? code : MR_FAILED;
    return code;
}
