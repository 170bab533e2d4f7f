/* base/parse.c: numbers from bytes that nobody terminated. Touches nothing else. */
#include <mapred/bytes.h>

#include <errno.h>
#include <stdlib.h>

bool mr_bytes_to_i64(mr_bytes text, int64_t *value)
{
    const char *at = text.data, *end = text.data + text.size;
    bool negative = at < end && *at == '-';
    uint64_t sum = 0, most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    for (; at < end; at++) {
        unsigned digit = (unsigned)((unsigned char)*at - '0');
        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, digit, &sum) || sum > most)
            return false;
    }
    *value = (int64_t)(negative ? 0 - sum : sum);
    return true;
}

/* Longer than any double is ever written by a program that means well. */
#define LONGEST 511

bool mr_bytes_to_f64(mr_bytes text, double *value)
{
    char copy[LONGEST + 1], *end;
    if (text.size == 0 || text.size > LONGEST || mr_byte_is_space(text.data[0]))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *value = strtod(copy, &end);
    return end == copy + text.size;
}
