/* graph/edges.c: reading lines: with care, whatever stands there, and fast, where it is two plain
 * numbers. */
#include "graph/edges.h"

#include <math.h>

/* Digits up to the end of the text; false when that is not all, or does not fit. */
static bool read_digits(const char *at, const char *end, uint64_t *number)
{
    uint64_t sum = 0;
    if (at == end)
        return false;
    for (; at < end; at++) {
        unsigned digit = (unsigned)((unsigned char)*at - '0');
        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *number = sum;
    return true;
}

mr_id mr_id_of(mr_bytes text)
{
    mr_id id = {.text = text};
    const char *at = text.data, *end = text.data + text.size;
    bool negative = text.size > 0 && *at == '-', sign = negative || (text.size > 0 && *at == '+');
    uint64_t number;
    at += sign;
    if (!read_digits(at, end, &number) || (negative && number > (uint64_t)1 << 63))
        return id;
    bool below = negative && number > 0;
    id.kind = below ? MR_ID_BELOW_0 : number > INT64_MAX ? MR_ID_LARGE : MR_ID_SMALL;
    id.bits = negative ? 0 - number : number;
    id.plain = sign == below && (*at != '0' || end - at == 1);
    return id;
}

/* Numbers such as 0.25: both halves of the fraction are exact in a double, so one division rounds
 * as it has to. False for all others. */
static bool read_decimal(mr_bytes text, double *number)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int64_t sum = 0, decimals = -1;
    if (text.size < 2 || text.size > 16)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)((unsigned char)text.data[i] - '0');
        if (text.data[i] == '.' && decimals < 0) {
            decimals = (int64_t)(text.size - i) - 1;
            continue;
        }
        if (digit > 9)
            return false;
        sum = sum * 10 + digit;
    }
    if (decimals < 0)
        return false;
    *number = (double)sum / powers[decimals];
    return true;
}

/* Returns what is wrong with it, or NULL. */
static const char *read_weight(mr_bytes text, mr_edge_line *line)
{
    int64_t whole;
    double number;
    if (text.size == 0)
        return "no weight behind an edge";
    if (mr_bytes_to_i64(text, &whole)) {
        line->weight.i64 = whole;
        line->weight_is_f64 = false;
        return whole < 0 ? "negative weight" : NULL;
    }
    if (!read_decimal(text, &number) && (!mr_bytes_to_f64(text, &number) || !isfinite(number)))
        return "not a weight";
    line->weight.f64 = fabs(number);
    line->weight_is_f64 = true;
    return number < 0 ? "negative weight" : NULL;
}

mr_line mr_edge_read(mr_bytes text, bool weighted, mr_edge_line *line, const char **wrong)
{
    mr_bytes rest = text, from, to, weight;
    if (!mr_bytes_next_word(&rest, &from) || from.data[0] == '#')
        return MR_LINE_EMPTY;
    if (!mr_bytes_next_word(&rest, &to)) {
        *wrong = "not an edge: one id alone";
        return MR_LINE_WRONG;
    }
    line->from = mr_id_of(from);
    line->to = mr_id_of(to);
    if (!weighted)
        return MR_LINE_EDGE;
    mr_bytes_next_word(&rest, &weight);
    *wrong = read_weight(weight, line);
    return *wrong ? MR_LINE_WRONG : MR_LINE_EDGE;
}

/* Eight digits, the first in the lowest byte, as a number: neighbours, then neighbours of those. */
static inline uint64_t join_digits(uint64_t digits)
{
    digits = (digits * 10 + (digits >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits * 100 + (digits >> 16)) & UINT64_C(0x0000ffff0000ffff);
    return (digits * 10000 + (digits >> 32)) & UINT64_C(0xffffffff);
}

/* The eight bytes at `at` less '0' each, and a high bit for each that is no digit then. */
static inline uint64_t load_digits(const char *at, uint64_t *others)
{
    uint64_t word;
    memcpy(&word, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    word ^= UINT64_C(0x3030303030303030);
    *others = ((word + UINT64_C(0x7676767676767676)) | word) & UINT64_C(0x8080808080808080);
    return word;
}

/* A run of digits from *at on; *at is behind it. False when there is none, or it is not the plain
 * form of a number of at most 18 digits. */
static inline bool read_plain(const char **at, uint64_t *number)
{
    uint64_t others, digits = load_digits(*at, &others), sum;
    const char *first = *at;
    if (__builtin_expect(others != 0, 1)) {
        unsigned size = (unsigned)__builtin_ctzll(others) / 8;
        *at += size;
        if (size == 0)
            return false;
        *number = join_digits(digits << (64 - 8 * size));
        return *first != '0' || size == 1;
    }
    sum = join_digits(digits);
    for (*at += 8; (unsigned char)(**at - '0') <= 9 && *at - first < 19; ++*at)
        sum = sum * 10 + (unsigned)(**at - '0');
    *number = sum;
    return *first != '0' && *at - first <= 18;
}

static inline bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* From behind the last field that is wanted to the next line; NULL when the field goes on. */
static inline const char *leave_line(const char *at, const char *end)
{
    if (__builtin_expect(at < end && *at == '\n', 1))
        return at + 1;
    if (at < end && !mr_byte_is_space(*at))
        return NULL;
    at = mr_bytes_seek(at, end, '\n');
    return at < end ? at + 1 : end;
}

/* Two numbers below 2^32; returns what is behind them, or NULL. */
static inline const char *read_ends(const char *at, mr_edge *edge)
{
    uint64_t from, to;
    bool small = read_plain(&at, &from) && is_blank(*at);
    while (small && is_blank(*at))
        at++;
    small = small && read_plain(&at, &to) && (from | to) <= UINT32_MAX;
    if (!small)
        return NULL;
    *edge = (mr_edge){(mr_vertex)from, (mr_vertex)to};
    return at;
}

static const char *skip_blanks(const char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

static const char *read_plain_weight(const char *at, mr_weight *weight)
{
    uint64_t whole;
    at = skip_blanks(at);
    if (!read_plain(&at, &whole))
        return NULL;
    weight->i64 = (int64_t)whole;
    return at;
}

static const char *read_any_weight(const char *at, const char *end, mr_weight *weight)
{
    mr_edge_line line;
    at = skip_blanks(at);
    const char *stop = mr_bytes_seek_space(at, end);
    if (read_weight(mr_bytes_between(at, stop), &line))
        return NULL;
    weight->f64 = line.weight_is_f64 ? line.weight.f64 : (double)line.weight.i64;
    return stop;
}

static inline size_t read_bare(const char **at, const char *end, mr_edge *edges, size_t room)
{
    size_t count = 0;
    const char *line = *at;
    for (; count < room && line < end; count++) {
        const char *next = read_ends(line, &edges[count]);
        next = next ? leave_line(next, end) : NULL;
        if (__builtin_expect(!next, 0))
            break;
        line = next;
    }
    *at = line;
    return count;
}

size_t mr_edges_read_small(const char **at, const char *end, mr_edge *edges, mr_weight *weights,
                           bool f64, size_t room)
{
    size_t count = 0;
    const char *line = *at;
    if (!weights)
        return read_bare(at, end, edges, room);
    for (; count < room && line < end; count++) {
        const char *next = read_ends(line, &edges[count]);
        if (next && f64)
            next = read_any_weight(next, end, &weights[count]);
        else if (next)
            next = read_plain_weight(next, &weights[count]);
        next = next ? leave_line(next, end) : NULL;
        if (!next)
            break;
        line = next;
    }
    *at = line;
    return count;
}
