/*
 * cli/value.c: reading single values. Pure: text in, value out.
 */
#include "cli/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Reads digits up to the first byte that is none. */
static bool read_digits(const char **at, uint64_t *value)
{
    const char *start = *at;
    uint64_t sum = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(**at - '0'), &sum))
            return false;
    *value = sum;
    return *at > start;
}

bool mr_value_whole(const char *text, uint64_t *value)
{
    uint64_t read;
    if (!read_digits(&text, &read) || *text)
        return false;
    *value = read;
    return true;
}

bool mr_value_size(const char *text, uint64_t *value)
{
    static const char units[] = "KMGTkmgt";
    uint64_t read;
    if (!read_digits(&text, &read))
        return false;
    if (*text) {
        const char *unit = strchr(units, *text);
        if (!unit || text[1])
            return false;
        unsigned power = 1 + (unsigned)(unit - units) % 4;
        if (__builtin_mul_overflow(read, UINT64_C(1) << 10 * power, &read))
            return false;
    }
    *value = read;
    return true;
}

bool mr_value_flag(const char *text, bool *value)
{
    static const char *const words[][2] = {
        {"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int on = 0; on < 2; on++)
            if (strcasecmp(text, words[i][on]) == 0) {
                *value = on;
                return true;
            }
    return false;
}

bool mr_value_choice(const char *text, const char *words, unsigned *place)
{
    size_t size = strlen(text);
    for (unsigned i = 0; *words; i++) {
        size_t word = strcspn(words, "|");
        if (word == size && strncmp(words, text, size) == 0) {
            *place = i;
            return true;
        }
        words += word + (words[word] == '|');
    }
    return false;
}

static bool store_i64(int64_t *at, const char *text)
{
    char *end;
    if (!strchr("+-0123456789", *text))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return false;
    *at = value;
    return true;
}

/* A number too small to be told from zero is taken as what strtod makes of it. */
static bool store_f64(double *at, const char *text)
{
    char *end;
    if (!strchr("+-.0123456789iInN", *text))
        return false;
    errno = 0;
    double value = strtod(text, &end);
    bool is_huge = errno == ERANGE && (value > 1 || value < -1);
    if (end == text || *end || is_huge)
        return false;
    *at = value;
    return true;
}

bool mr_value_store(mr_option_type type, void *at, const char *text)
{
    switch (type) {
    case MR_OPTION_FLAG:
        return mr_value_flag(text, at);
    case MR_OPTION_I64:
        return store_i64(at, text);
    case MR_OPTION_F64:
        return store_f64(at, text);
    case MR_OPTION_SIZE:
        return mr_value_size(text, at);
    case MR_OPTION_TEXT:
        *(const char **)at = text;
        return true;
    }
    return false;
}
