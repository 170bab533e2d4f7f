/* observe/note.c: one line at a time to stderr. */
#include "observe/note.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void mr_note(const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dprintf(STDERR_FILENO, "mapred: %s\n", text);
}
