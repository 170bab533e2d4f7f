/*
 * apps/histogram.c: how many numbers of a text fall into each bin of the same width. Numbers stand
 * between white space. Bins are shown by their lower end, those that hold none only with --all.
 */
#include <mapred.h>

typedef struct state {
    int64_t min, max, width;
    bool clip, all;
} state;

static mr_status map(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    for (mr_bytes word; mr_block_next_word(block, &word);) {
        int64_t value;
        if (!mr_bytes_to_i64(word, &value))
            return mr_out_bad(out, "not an integer: '%.*s'", (int)word.size, word.data);
        if (value < s->min || value > s->max) {
            if (!s->clip)
                return mr_out_bad(out, "out of range: %lld (widen --min and --max, or pass --clip)",
                                  (long long)value);
            mr_out_count(out, "clipped", 1);
            value = value < s->min ? s->min : s->max;
        }
        MR_TRY(mr_out_dense_add_i64(out, (uint64_t)(value - s->min) / (uint64_t)s->width, 1));
    }
    return MR_OK;
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (s->max < s->min || s->width < 1)
        return mr_job_fail(job, MR_USAGE,
                           "wrong bins: --min %lld --max %lld --width %lld: give max >= min and "
                           "width >= 1",
                           (long long)s->min, (long long)s->max, (long long)s->width);
    mr_app *app = mr_job_app(job);
    app->dense_count = (uint64_t)(s->max - s->min) / (uint64_t)s->width + 1;
    app->dense_first = s->min;
    app->dense_step = s->width;
    app->dense_all = s->all;
    return MR_OK;
}

static const mr_option options[] = {
    {"min", MR_OPTION_I64, offsetof(state, min), "0", "lower end of the first bin", false},
    {"max", MR_OPTION_I64, offsetof(state, max), "99", "the largest number counted", false},
    {"width", MR_OPTION_I64, offsetof(state, width), "1", "how many integers a bin holds", false},
    {"clip", MR_OPTION_FLAG, offsetof(state, clip), NULL,
     "count numbers out of range in the outermost bins", false},
    {"all", MR_OPTION_FLAG, offsetof(state, all), NULL, "show empty bins too", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "histogram",
    .summary = "count integers by bins of the same width",
    .input = MR_INPUT_WORDS,
    .map = map,
    .key = MR_KEY_DENSE,
    .dense_count = 100,
    .fold = MR_SUM_I64,
    .options = options,
    .key_name = "from",
    .columns = "count",
    .state_size = sizeof(state),
    .setup = setup,
};
