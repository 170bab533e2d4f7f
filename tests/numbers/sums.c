/*
 * numbers/sums.c: an app that folds doubles by key, with the fold that --fold names, in tables or
 * in an array: records are a key of 8 bytes and a double.
 */
#include <mapred.h>
#include <mapred/exact.h>

#include <string.h>

#define KEYS 16

typedef struct state {
    const char *fold;
    bool dense;
} state;

static mr_status map(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    for (mr_bytes record; mr_block_next_record(block, &record);) {
        int64_t key;
        double value;
        memcpy(&key, record.data, 8);
        memcpy(&value, record.data + 8, 8);
        if (s->dense)
            MR_TRY(mr_out_dense_add_f64(out, (uint64_t)key, value));
        else
            MR_TRY(mr_out_int_add_f64(out, key, value));
    }
    return MR_OK;
}

static mr_status setup(mr_job *job, void *data)
{
    static const struct {
        const char *name;
        const mr_fold *fold;
    } folds[] = {{"exact", MR_EXACT_F64},         {"sum", MR_SUM_F64},
                 {"mean", MR_MEAN_F64},           {"variance", MR_VARIANCE_F64},
                 {"deviation", MR_DEVIATION_F64}, {"sum_fast", MR_SUM_F64_FAST},
                 {"mean_fast", MR_MEAN_F64_FAST}};
    const state *s = data;
    mr_app *app = mr_job_app(job);
    if (s->dense)
        app->key = MR_KEY_DENSE;
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
        if (strcmp(folds[i].name, s->fold) == 0) {
            app->fold = folds[i].fold;
            return MR_OK;
        }
    return mr_job_fail(job, MR_USAGE, "no such fold: %s", s->fold);
}

static const mr_option options[] = {
    {"fold", MR_OPTION_TEXT, offsetof(state, fold), "exact", "which one", false},
    {"dense", MR_OPTION_FLAG, offsetof(state, dense), NULL, "keys are dense", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "sums",
    .summary = "folds doubles by key",
    .input = MR_INPUT_RECORDS,
    .record_size = 16,
    .map = map,
    .key = MR_KEY_I64,
    .dense_count = KEYS,
    .fold = MR_EXACT_F64,
    .options = options,
    .key_name = "key",
    .columns = "value",
    .state_size = sizeof(state),
    .setup = setup,
};
