/*
 * apps/transpose-mean.c: the mean of x + transpose(x) for a square of random numbers: what an array
 * is that nobody keeps. No more than a few tiles of it are in memory at any time.
 */
#include <mapred.h>

#include <inttypes.h>
#include <stdio.h>

typedef struct state {
    int64_t n, chunk;
    const char *dump;
} state;

static void show(void *context, mr_pair pair, mr_text *text)
{
    (void)context;
    mr_text_add(text, pair.value.data, pair.value.size);
    mr_text_add(text, "\n", 1);
}

/* One line, of one number, with as many digits as it takes to tell it from all others. */
static mr_status write_number(mr_job *job, double number)
{
    char digits[32];
    int size = 0;
    double back = 0;
    for (int precision = 15; precision <= 17 && (precision == 15 || back != number); precision++) {
        size = snprintf(digits, sizeof digits, "%.*g", precision, number);
        mr_bytes_to_f64(mr_bytes_at(digits, (size_t)size), &back);
    }
    const mr_pair row = {mr_bytes_of("mean"), mr_bytes_at(digits, (size_t)size)};
    const mr_set_options options = {.name = "mean"};
    mr_set *rows = NULL;
    MR_TRY(mr_set_from_memory(job, &row, mr_job_rank(job) == 0, &options, &rows));
    mr_status status = mr_set_write(rows, &(mr_write_options){.text = show});
    mr_set_destroy(&rows);
    return status;
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    uint64_t n = (uint64_t)s->n, chunk = (uint64_t)s->chunk;
    double mean = 0;
    mr_array *x = mr_array_uniform(job, MR_DIMS2(n, n), 0, 1, 0);
    x = mr_array_rechunk(x, MR_DIMS2(chunk, chunk));
    if (s->dump)
        MR_TRY(mr_array_write(x, &(mr_array_file){.path = s->dump, .dataset = "x"}));
    mr_array *sum = mr_array_add(x, mr_array_transpose(x, NULL));
    MR_TRY(mr_array_reduce_all(sum, MR_MEAN, &mean));
    return write_number(job, mean);
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (s->n < 1 || s->n > INT64_C(1) << 28)
        return mr_job_fail(job, MR_USAGE, "wrong --n: %" PRId64 ": give one from 1 to 2^28", s->n);
    if (s->chunk < 1)
        return mr_job_fail(job, MR_USAGE, "wrong --chunk: %" PRId64 ": give 1 or more", s->chunk);
    return MR_OK;
}

static const mr_option options[] = {
    {"n", MR_OPTION_I64, offsetof(state, n), "10000", "x has N rows of N numbers", false},
    {"chunk", MR_OPTION_I64, offsetof(state, chunk), "1000",
     "x is cut into squares of so many rows", false},
    {"dump", MR_OPTION_TEXT, offsetof(state, dump), NULL,
     "also write x to this file (.h5, as dataset x, or .npy)", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "transpose-mean",
    .summary = "the mean of x + transpose(x) for random numbers x",
    .usage = "",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};
