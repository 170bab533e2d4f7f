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

/* Reads `-?[0-9]?[0-9].[0-9]` at `at` without a branch: the dot's place tells the digits' places.
 */
static int64_t read_tenths(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    int dot = __builtin_ctzll(~word & 0x10101000);
    uint64_t sign = (uint64_t)((int64_t)(~word << 59) >> 63);
    uint64_t digits = ((word & ~(sign & 0xff)) << (28 - dot)) & 0x0f000f0f00;
    uint64_t value = digits * 0x640a0001 >> 32 & 0x3ff;
    return (int64_t)((value ^ sign) - sign);
}

static mr_status bad_line(mr_out *out, mr_bytes line)
{
    return mr_out_fail(out, MR_BAD_INPUT, "not a line 'station;-12.3': '%.*s'",
                       line.size < 80 ? (int)line.size : 80, line.data);
}

/* Whether `at` up to `end` is a temperature: read_tenths believes everything. */
static bool is_temperature(const char *at, const char *end)
{
    at += at < end && *at == '-';
    size_t size = (size_t)(end - at);
    if (size != 3 && size != 4)
        return false;
    bool digits = at[0] >= '0' && at[0] <= '9' && end[-1] >= '0' && end[-1] <= '9';
    return digits && end[-2] == '.' && (size == 3 || (at[1] >= '0' && at[1] <= '9'));
}

static mr_status map(mr_out *out, mr_block *block)
{
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        const char *end = line.data + line.size;
        const char *semicolon = mr_bytes_seek(line.data, end, ';');
        if (semicolon == line.data || !is_temperature(semicolon + 1, end))
            return bad_line(out, line);
        int64_t tenths = read_tenths(semicolon + 1);
        bool is_new;
        summary *s = mr_out_slot(out, mr_bytes_between(line.data, semicolon), &is_new);
        if (!s)
            return mr_out_status(out);
        s->sum += tenths;
        s->count++;
        s->min = tenths < s->min ? (int16_t)tenths : s->min;
        s->max = tenths > s->max ? (int16_t)tenths : s->max;
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
