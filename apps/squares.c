/*
 * apps/squares.c: squares of numbers by a pool of workers: what Python's multiprocessing shows
 * first, `pool.map(f, [1, 2, 3])`.
 */
#include <mapred.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LARGEST INT64_C(3037000499) /* whose square is an int64_t */

static mr_status square(mr_task *task, const void *item, void *result)
{
    const int64_t x = *(const int64_t *)item, y = x * x;
    (void)task;
    memcpy(result, &y, sizeof y);
    return MR_OK;
}

static const mr_task_kind kinds[] = {{.name = "square", .each = square}, {0}};

static mr_status read_number(mr_job *job, const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    if (end == text || *end)
        return mr_job_fail(job, MR_USAGE, "no number: %s: give whole numbers, as 1 2 3", text);
    if (errno || *number > LARGEST || *number < -LARGEST)
        return mr_job_fail(job, MR_USAGE,
                           "too large: %s: its square has no room in 64 bits: give numbers up to "
                           "%lld",
                           text, (long long)LARGEST);
    return MR_OK;
}

static mr_status setup(mr_job *job, void *state)
{
    int64_t number;
    (void)state;
    if (mr_job_input_count(job) == 0)
        return mr_job_fail(job, MR_USAGE, "no numbers: squares: give some, as 1 2 3");
    for (size_t i = 0; i < mr_job_input_count(job); i++)
        MR_TRY(read_number(job, mr_job_input(job, i), &number));
    return MR_OK;
}

static void write_list(mr_text_output *output, const int64_t *numbers, size_t count)
{
    char text[32];
    for (size_t i = 0; i < count; i++) {
        int size = snprintf(text, sizeof text, "%s%lld", i ? ", " : "[", (long long)numbers[i]);
        mr_text_output_write(output, text, (size_t)size);
    }
    mr_text_output_write(output, "]\n", 2);
}

/* On rank 0. What goes wrong is the job's error: the next agreement tells it to all. */
static void square_all(mr_job *job, mr_pool *pool, mr_text_output *output)
{
    const size_t count = mr_job_input_count(job);
    int64_t *numbers = mr_job_allocate(job, 2 * count * sizeof *numbers), *squares;
    if (!numbers) {
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: %zu numbers", count);
        return;
    }
    squares = numbers + count;
    for (size_t i = 0; i < count; i++)
        read_number(job, mr_job_input(job, i), &numbers[i]);
    if (mr_pool_map(pool, square, numbers, count, sizeof *numbers, squares, sizeof *squares,
                    NULL) == MR_OK)
        write_list(output, squares, count);
    mr_job_release(job, numbers, 2 * count * sizeof *numbers);
}

static mr_status run(mr_job *job)
{
    const mr_pool_options options = {.size = sizeof options, .kinds = kinds};
    mr_text_output *output;
    mr_pool *pool;
    MR_TRY(mr_pool_open(job, &options, &pool));
    MR_TRY(mr_text_output_begin(job, &output));
    if (mr_job_rank(job) == 0)
        square_all(job, pool, output);
    MR_TRY(mr_pool_close(&pool));
    return mr_text_output_end(&output);
}

MR_APP = {
    MR_APP_ABI,           .name = "squares", .summary = "squares of numbers, by a pool of workers",
    .usage = "NUMBER...", .setup = setup,    .run = run,
};
