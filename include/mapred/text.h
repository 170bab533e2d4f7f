/*
 * mapred/text.h: text that grows, for apps that write rows in a way of their own.
 */
#ifndef MAPRED_TEXT_H
#define MAPRED_TEXT_H

#include <mapred/version.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_text mr_text;

/* Local. Appends to a text. */
MR_API void mr_text_add(mr_text *text, const char *bytes, size_t size);
MR_API void mr_text_printf(mr_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif
