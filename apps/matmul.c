/*
 * apps/matmul.c: the product of two matrices from files, written to a file. Rows are spread over
 * the ranks; the second matrix may be larger than their memory.
 */
#include <mapred.h>

#include <stddef.h>

typedef struct state {
    const char *dataset;
} state;

/* Whether there is a product; mr_array_matmul says why not. */
static bool fits(mr_array *a, mr_array *b)
{
    const mr_dims left = mr_array_dims(a), right = mr_array_dims(b);
    return left.axes == 2 && right.axes == 2 && left.size[1] == right.size[0] &&
           mr_array_element(a) != MR_C128 && mr_array_element(b) != MR_C128;
}

/* The file is begun before the work is: what can't be written is told at once. */
static mr_status multiply(mr_job *job, mr_array *a, mr_array *b)
{
    const state *s = mr_job_state(job);
    const bool is_single = mr_array_element(a) == MR_F32 && mr_array_element(b) == MR_F32;
    const mr_array_plan plan = {.dataset = s->dataset,
                                .element = is_single ? MR_F32 : MR_F64,
                                .dims =
                                    MR_DIMS2(mr_array_dims(a).size[0], mr_array_dims(b).size[1])};
    mr_array_output *output = NULL;
    mr_status status = mr_array_output_begin(job, NULL, &plan, 1, &output);
    if (status == MR_OK)
        status = mr_array_output_put(output, 0, mr_array_matmul(a, b));
    mr_status ended = mr_array_output_end(&output);
    return status == MR_OK ? ended : status;
}

static mr_status run(mr_job *job)
{
    mr_array *a = mr_array_open(job, mr_job_input(job, 0));
    mr_array *b = mr_array_open(job, mr_job_input(job, 1));
    MR_TRY(mr_job_agree(job));
    if (fits(a, b))
        return multiply(job, a, b);
    mr_array_matmul(a, b);
    return mr_job_agree(job);
}

static mr_status setup(mr_job *job, void *data)
{
    (void)data;
    if (mr_job_input_count(job) != 2)
        return mr_job_fail(job, MR_USAGE,
                           "wrong inputs: %zu of them: give two matrices, as A.h5:/a B.h5:/b",
                           mr_job_input_count(job));
    if (!mr_job_output(job))
        return mr_job_fail(job, MR_USAGE, "no output: matmul: give --output a name, as C.h5");
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
