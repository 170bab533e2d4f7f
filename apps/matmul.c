/*
 * apps/matmul.c: the product of two matrices from files, written to a file. Rows are spread over
 * the ranks; the second matrix may be larger than their memory.
 */
#include <mapred.h>

#include <stddef.h>

typedef struct state {
    const char *dataset;
} state;

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    const mr_array_file file = {.dataset = s->dataset};
    mr_array *a = mr_array_open(job, mr_job_input(job, 0));
    mr_array *b = mr_array_open(job, mr_job_input(job, 1));
    MR_TRY(mr_job_agree(job));
    mr_array *c = mr_array_matmul(a, b);
    MR_TRY(mr_job_agree(job));
    return mr_array_write(c, &file);
}

static mr_status setup(mr_job *job, void *data)
{
    (void)data;
    if (mr_job_input_count(job) != 2)
        return mr_job_fail(job, MR_USAGE,
                           "wrong inputs: %zu of them: give two matrices, as A.h5:/a B.h5:/b",
                           mr_job_input_count(job));
    return MR_OK;
}

static const mr_option options[] = {
    {"dataset", MR_OPTION_TEXT, offsetof(state, dataset), "c", "what the result is called in HDF5",
     false},
    {0},
};

MR_APP = {
    MR_APP_ABI,     .name = "matmul",   .summary = "multiply two matrices",
    .usage = "A B", .options = options, .state_size = sizeof(state),
    .setup = setup, .run = run,
};
