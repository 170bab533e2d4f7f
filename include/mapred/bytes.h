/*
 * mapred/bytes.h: a run of bytes that somebody else owns, and how to cut it up.
 *
 * Everything here is local and thread-safe: a function touches nothing but its arguments.
 */
#ifndef MAPRED_BYTES_H
#define MAPRED_BYTES_H

#include <mapred/status.h>
#include <mapred/version.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed bytes: `data` is not terminated by a zero and may hold zeros. */
typedef struct mr_bytes {
    const char *data;
    size_t size;
} mr_bytes;

/* Local. Bytes of a C string, without its terminator. */
static inline mr_bytes mr_bytes_of(const char *text)
{
    mr_bytes bytes = {text, strlen(text)};
    return bytes;
}

/* Local. The bytes from `data` to just before `end`. */
static inline mr_bytes mr_bytes_between(const char *data, const char *end)
{
    mr_bytes bytes = {data, (size_t)(end - data)};
    return bytes;
}

/* Local. Whether two runs hold the same bytes. */
static inline bool mr_bytes_equal(mr_bytes a, mr_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Local. Orders by unsigned bytes, a prefix before what it begins: below, at or above zero. */
static inline int mr_bytes_compare(mr_bytes a, mr_bytes b)
{
    size_t n = a.size < b.size ? a.size : b.size;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* Local. Whether a byte is one of the six of ASCII white space: \t \n \v \f \r and the blank. */
static inline bool mr_byte_is_space(char byte)
{
    unsigned char c = (unsigned char)byte;
    return c == ' ' || (unsigned char)(c - '\t') < 5;
}

/* Local. The first byte equal to `byte` from `at` on, or `end`. */
static inline const char *mr_bytes_seek(const char *at, const char *end, char byte)
{
    const char *hit = at < end ? (const char *)memchr(at, byte, (size_t)(end - at)) : NULL;
    return hit ? hit : end;
}

/* Local. The first byte of white space from `at` on, or `end`. */
static inline const char *mr_bytes_seek_space(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i blank = _mm_set1_epi8(' '), tab = _mm_set1_epi8('\t'), four = _mm_set1_epi8(4);
    for (; end - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i low = _mm_sub_epi8(v, tab);
        __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(low, four), low);
        int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, blank), is_low));
        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && !mr_byte_is_space(*at))
        at++;
    return at;
}

/*
 * Local. Takes the next word, a maximal run of bytes other than white space, off the front of
 * `rest`; false when there is none left.
 */
static inline bool mr_bytes_next_word(mr_bytes *rest, mr_bytes *word)
{
    const char *at = rest->data, *end = rest->data + rest->size;
    while (at < end && mr_byte_is_space(*at))
        at++;
    const char *stop = mr_bytes_seek_space(at, end);
    *word = mr_bytes_between(at, stop);
    *rest = mr_bytes_between(stop, end);
    return word->size > 0;
}

/*
 * Local. Takes the next field, up to `separator` or the end, off the front of `rest`; false once
 * the last one was taken. A line with n separators has n + 1 fields, empty ones included.
 */
static inline bool mr_bytes_next_field(mr_bytes *rest, char separator, mr_bytes *field)
{
    if (rest->data == NULL)
        return false;
    const char *end = rest->data + rest->size, *stop = mr_bytes_seek(rest->data, end, separator);
    *field = mr_bytes_between(rest->data, stop);
    const mr_bytes nothing = {NULL, 0};
    *rest = stop < end ? mr_bytes_between(stop + 1, end) : nothing;
    return true;
}

/* Local. `line` without a carriage return at its end, where it has one. */
static inline mr_bytes mr_bytes_chomp(mr_bytes line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

/* Local. `text` without white space at either end. */
static inline mr_bytes mr_bytes_trim(mr_bytes text)
{
    while (text.size > 0 && mr_byte_is_space(text.data[text.size - 1]))
        text.size--;
    while (text.size > 0 && mr_byte_is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    return text;
}

/* Local. Reads a whole decimal integer, with a sign or without; false if `text` is not just that or
 * does not fit. */
MR_API bool mr_bytes_to_i64(mr_bytes text, int64_t *value);

/* Local. Reads a whole number in any form strtod takes; false if `text` is not just that. */
MR_API bool mr_bytes_to_f64(mr_bytes text, double *value);

#ifdef __cplusplus
}
#endif

#endif
