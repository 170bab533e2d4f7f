/*
 * apps/onebrc.c: the One Billion Row Challenge. Lines `station;-12.3` in, the smallest, mean and
 * largest temperature of each station out, on one line: {Abha=-23.0/18.0/59.2, ...}.
 */
#include <mapred.h>

/* Temperatures in tenths. */
typedef struct summary {
    int64_t sum;
    uint32_t count;
    int16_t min, max;
} summary;

static void init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(summary *)accumulator = (summary){.min = INT16_MAX, .max = INT16_MIN};
}

static void merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    summary *a = accumulator;
    const summary *b = other;
    a->sum += b->sum;
    a->count += b->count;
    a->min = b->min < a->min ? b->min : a->min;
    a->max = b->max > a->max ? b->max : a->max;
}

/* Rounded to tenths, halves towards positive infinity, as the challenge has it. */
static int64_t mean_of(const summary *s)
{
    int64_t doubled = 2 * s->sum + s->count, divisor = 2 * (int64_t)s->count;
    int64_t quotient = doubled / divisor;
    return quotient - (doubled % divisor < 0);
}

static void show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    const summary *s = accumulator;
    mr_row_add_f64(row, s->min / 10.0);
    mr_row_add_f64(row, (double)mean_of(s) / 10.0);
    mr_row_add_f64(row, s->max / 10.0);
}

static const mr_fold fold = {
    .name = "temperatures",
    .columns = "min,mean,max",
    .size = sizeof(summary),
    .init = init,
    .merge = merge,
    .show = show,
};

static void add_tenths(mr_text *text, int64_t tenths, char end)
{
    const char *sign = tenths < 0 ? "-" : "";
    int64_t size = tenths < 0 ? -tenths : tenths;
    mr_text_printf(text, "%s%lld.%lld%c", sign, (long long)(size / 10), (long long)(size % 10),
                   end);
}

static void write_row(mr_text *text, mr_bytes key, const void *accumulator)
{
    const summary *s = accumulator;
    mr_text_add(text, key.data, key.size);
    mr_text_add(text, "=", 1);
    add_tenths(text, s->min, '/');
    add_tenths(text, mean_of(s), '/');
    int64_t max = s->max;
    mr_text_printf(text, "%s%lld.%lld", max < 0 ? "-" : "", (long long)(max < 0 ? -max : max) / 10,
                   (long long)(max < 0 ? -max : max) % 10);
}

static const mr_layout layout = {.open = "{", .between = ", ", .close = "}\n", .row = write_row};

static inline mr_status add(mr_out *out, mr_bytes station, int64_t tenths)
{
    summary *s = mr_out_slot(out, station);
    if (!s)
        return mr_out_status(out);
    s->sum += tenths;
    s->count++;
    /* Branches, for once: a station's extremes soon stay what they are. */
    if (__builtin_expect(tenths < s->min, 0))
        s->min = (int16_t)tenths;
    if (__builtin_expect(tenths > s->max, 0))
        s->max = (int16_t)tenths;
    return MR_OK;
}

/* Any line, with care: the last one may lack its newline, and some may be wrong. */
static mr_status add_line(mr_out *out, mr_bytes line)
{
    const char *end = line.data + line.size, *semicolon = mr_bytes_seek(line.data, end, ';');
    const char *at = semicolon + (semicolon < end);
    bool negative = at < end && *at == '-';
    at += negative;
    size_t digits = (size_t)(end - at), whole = digits - 2;
    bool right = semicolon > line.data && (digits == 3 || digits == 4) && at[whole] == '.';
    int64_t tenths = 0;
    for (size_t i = 0; right && i < digits; i++) {
        if (i == whole)
            continue;
        right = at[i] >= '0' && at[i] <= '9';
        tenths = tenths * 10 + (at[i] - '0');
    }
    if (!right)
        return mr_out_bad(out, "not a line 'station;-12.3': '%.*s'",
                          line.size < 80 ? (int)line.size : 80, line.data);
    return add(out, mr_bytes_between(line.data, semicolon), negative ? -tenths : tenths);
}

/*
 * Reads `-?[0-9]?[0-9].[0-9]` of `size` bytes that end at `end`, without branches; false when it is
 * something else. Seen from the end all but the tens and the minus have their places.
 */
static inline bool read_tenths(const char *end, size_t size, int64_t *tenths)
{
    uint64_t word;
    memcpy(&word, end - 8, sizeof word);
    uint64_t negative = end[-(ptrdiff_t)size] == '-', whole = size - negative;
    /* In bytes 4 to 7: tens, ones, dot, tenths. Tens that are not there become a zero. */
    uint64_t tens_mask = (whole - 4) & UINT64_C(0xff00000000); /* of 3 or 4 */
    word = (word & ~tens_mask) | (tens_mask & UINT64_C(0x3000000000));
    uint64_t digits = word & UINT64_C(0x0f000f0f00000000);
    uint64_t shape = (word ^ UINT64_C(0x302e303000000000)) & UINT64_C(0xf0fff0f000000000);
    uint64_t above_nine = (digits + UINT64_C(0x0600060600000000)) & UINT64_C(0xf000f0f000000000);
    int64_t value = (int64_t)((digits >> 24) * 0x640a0001 >> 32 & 0x3ff);
    *tenths = (value ^ -(int64_t)negative) + (int64_t)negative;
    return ((shape | above_nine) == 0) & (whole - 3 <= 1);
}

/* One bit for each of the next 32 bytes that is `byte`. */
static inline uint32_t find_in_32(const char *at, char byte)
{
#if defined(__AVX2__)
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte)));
#elif defined(__SSE2__)
    __m128i wanted = _mm_set1_epi8(byte);
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(at + 16));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(low, wanted)) |
           (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(high, wanted)) << 16;
#else
    uint32_t found = 0;
    for (int i = 0; i < 32; i++)
        found |= (uint32_t)(at[i] == byte) << i;
    return found;
#endif
}

/*
 * A line that lies within 32 bytes, as nearly all do. Where the next one starts is found first and
 * by itself, so that the processor can begin on it before it is through with this one.
 */
static inline bool add_short_line(mr_out *out, const char **next)
{
    const char *line = *next;
    uint32_t newlines = find_in_32(line, '\n'), semicolons = find_in_32(line, ';');
    if (newlines == 0 || semicolons == 0)
        return false;
    size_t size = (size_t)__builtin_ctz(newlines), name = (size_t)__builtin_ctz(semicolons);
    int64_t tenths;
    if (name - 1 >= size || !read_tenths(line + size, size - name - 1, &tenths))
        return false;
    *next = line + size + 1;
    return add(out, (mr_bytes){line, name}, tenths) == MR_OK;
}

static mr_status map(mr_out *out, mr_block *block)
{
    const char *at = block->at, *end = block->end;
    /* Temperatures are read in words that end where they do: not before the block. */
    for (int64_t lines = 0; at < end; lines++) {
        if (lines > 0 && add_short_line(out, &at))
            continue;
        mr_bytes line;
        mr_block_seek(block, at);
        if (!mr_block_next_line(block, &line))
            break;
        MR_TRY(add_line(out, line));
        at = block->at;
    }
    return MR_OK;
}

MR_APP = {
    MR_APP_ABI,
    .name = "onebrc",
    .summary = "smallest, mean and largest temperature by station",
    .input = MR_INPUT_LINES,
    .map = map,
    .fold = &fold,
    .layout = &layout,
    .key_name = "station",
};
