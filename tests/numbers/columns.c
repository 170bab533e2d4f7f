/*
 * numbers/columns.c: an app whose rows have columns of all kinds. A line is a number n: key n, and
 * cells by n alone, among them mixed ones and ones that not every row has.
 */
#include <mapred.h>

#include <stdlib.h>

static void show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    int64_t n;
    (void)self;
    memcpy(&n, accumulator, sizeof n);
    mr_row_add_u64(row, UINT64_MAX - (uint64_t)n);
    mr_row_add_f64(row, (double)n / 4);
    if (n % 2)
        mr_row_add_f64(row, 0.5);
    else
        mr_row_add_i64(row, -n);
    if (n % 3)
        mr_row_add_i64(row, n);
    else
        mr_row_add_u64(row, UINT64_MAX);
    if (n % 5)
        mr_row_add_bytes(row, mr_bytes_of("five"));
    else
        mr_row_add_f64(row, 2.5);
    if (n % 7 == 0)
        return;
    mr_row_add_i64(row, 7);
    mr_row_add_bytes(row, n % 2 ? (mr_bytes){"a\0b", 3} : mr_bytes_of("\xff"));
}

/* All values of a key are the same, and none is zero. */
static void add(const mr_fold *self, void *accumulator, int64_t value)
{
    (void)self;
    memcpy(accumulator, &value, sizeof value);
}

static void merge(const mr_fold *self, void *accumulator, const void *other)
{
    int64_t value;
    memcpy(&value, other, sizeof value);
    if (value)
        add(self, accumulator, value);
}

static const mr_fold fold = {
    .name = "columns",
    .columns = "u64,f64,mixed,large,text,gap,a/b,text,Gr\xc3\xb6\xc3\x9f"
               "e '\\,,.",
    .size = sizeof(int64_t),
    .merge = merge,
    .show = show,
    .add_i64 = add,
};

static mr_status map(mr_out *out, mr_block *block)
{
    mr_bytes line;
    while (mr_block_next_line(block, &line)) {
        int64_t n = atoll(line.data);
        mr_out_count(out, n % 2 ? "odd" : "even", 1);
        MR_TRY(mr_out_int_add_i64(out, n, n));
    }
    return MR_OK;
}

typedef struct state {
    double factor;
    bool flag, other;
    const char *words, *none;
} state;

static const mr_option options[] = {
    {"factor", MR_OPTION_F64, offsetof(state, factor), "0.1", "not used", false},
    {"flag", MR_OPTION_FLAG, offsetof(state, flag), NULL, "not used", false},
    {"other", MR_OPTION_FLAG, offsetof(state, other), NULL, "not used", false},
    {"words", MR_OPTION_TEXT, offsetof(state, words), NULL, "not used", false},
    {"none", MR_OPTION_TEXT, offsetof(state, none), NULL, "not used", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "columns",
    .summary = "columns of all kinds",
    .input = MR_INPUT_LINES,
    .map = map,
    .key = MR_KEY_I64,
    .fold = &fold,
    .options = options,
    .state_size = sizeof(state),
};
