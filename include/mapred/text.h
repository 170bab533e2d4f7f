/*
 * mapred/text.h: text that grows, and numbers as text, for apps that write in a way of their own.
 */
#ifndef MAPRED_TEXT_H
#define MAPRED_TEXT_H

#include <mapred/version.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_text mr_text;

/* Local. Appends to a text. */
MR_API void mr_text_add(mr_text *text, const char *bytes, size_t size);
MR_API void mr_text_printf(mr_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Local. Numbers as results show them: integers in decimal, doubles in the shortest form that reads
 * back as the same bits ("0.1", "1e+300", "inf", "-inf", "nan"; 2 as "2.0", so that it stays a
 * double). At most MR_NUMBER_TEXT bytes, no terminator; returns how many. */
#define MR_NUMBER_TEXT 32
MR_API size_t mr_number_of_i64(int64_t value, char *text);
MR_API size_t mr_number_of_f64(double value, char *text);

#ifdef __cplusplus
}
#endif

#endif
