/*
 * tests/numbers/rows_sets.c: a driver that makes sets of rows: the first number of each under the
 * key of its last one, which a reduce then joins in the order of the input; and the same folded.
 */
#include <mapred/driver.h>

#include <stdio.h>

typedef struct state {
    bool folded;
} state;

static mr_status put(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    for (const double *row; (row = mr_block_next_row(block));) {
        double last = row[block->grid->columns - 1];
        if (s->folded) {
            MR_TRY(mr_out_int_add_i64(out, (int64_t)last, (int64_t)row[0]));
            continue;
        }
        char text[32];
        int size = snprintf(text, sizeof text, "%g", row[0]);
        MR_TRY(mr_out_pair_i64(out, (int64_t)last, mr_bytes_at(text, (size_t)size)));
    }
    return MR_OK;
}

static mr_status join(mr_out *out, mr_bytes key, mr_values *values)
{
    char text[4096];
    size_t used = 0;
    for (mr_bytes value; mr_values_next(values, &value) && used + value.size < sizeof text;) {
        memcpy(text + used, value.data, value.size);
        used += value.size;
        text[used++] = ' ';
    }
    return mr_out_pair(out, key, mr_bytes_at(text, used));
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    const mr_input_options input = {.records = MR_INPUT_ROWS, .element = MR_F64};
    mr_set_options pairs = {.shape = {.key = MR_KEY_I64, .key_size = 8}, .ordered = !s->folded};
    mr_set_options joined = {.shape = {.key = MR_KEY_I64, .key_size = 8}, .same_keys = true};
    mr_set *rows = NULL, *result = NULL;
    if (s->folded)
        pairs.fold = MR_SUM_I64;
    mr_status status = mr_set_from_input(job, &input, put, &pairs, &rows);
    if (status == MR_OK && !s->folded)
        status = mr_set_reduce(rows, join, &joined, &result);
    if (status == MR_OK)
        status = mr_set_write(s->folded ? rows : result, NULL);
    mr_set_destroy(&result);
    mr_set_destroy(&rows);
    return status;
}

static const mr_option options[] = {
    {"folded", MR_OPTION_FLAG, offsetof(state, folded), NULL, "fold instead of joining", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,         .name = "rows_sets",         .summary = "sets made of rows",
    .options = options, .state_size = sizeof(state), .run = run,
};
