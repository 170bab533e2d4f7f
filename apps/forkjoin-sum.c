/*
 * apps/forkjoin-sum.c: the sum of an array by divide and conquer: of the whole numbers of a file,
 * one a line, or of 0 to n - 1. A part that is large is divided in two halves, one that is small is
 * added up, and two sums are one.
 */
#include "lines.h"

#include <stddef.h>

#define GRAIN_BYTES   ((uint64_t)1024 * 1024)
#define GRAIN_NUMBERS ((uint64_t)4 * 1024 * 1024)

typedef struct state {
    int64_t n;
    lines_file file;
} state;

/* No sum of as many numbers as there can be leaves it. */
__extension__ typedef __int128 sum;
__extension__ typedef unsigned __int128 unsigned_sum;

/* ---- Kernels: a task is a part of the file, or of the numbers ---- */

static mr_status split(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    lines_part part;
    memcpy(&part, task.data, sizeof part);
    return lines_split(fork, part, s->file.path ? GRAIN_BYTES : GRAIN_NUMBERS);
}

static sum sum_of_range(lines_part part)
{
    sum total = 0;
    for (uint64_t i = part.from; i < part.to; i++)
        total += i;
    return total;
}

static mr_status sum_of_lines(mr_fork *fork, const lines_file *file, lines *l, sum *total)
{
    for (mr_bytes line; lines_next(l, &line);) {
        int64_t number;
        lines_kind kind = lines_whole(lines_trim(line), &number);
        if (kind != LINES_WHOLE)
            return lines_wrong(fork, file, l, line,
                               kind == LINES_TOO_LARGE ? "number too large" : "not a whole number");
        *total += number;
    }
    return MR_OK;
}

static mr_status solve(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    lines_part part;
    lines l = {0};
    sum total = 0;
    memcpy(&part, task.data, sizeof part);
    if (!s->file.path) {
        total = sum_of_range(part);
        return mr_fork_return(fork, &total, sizeof total);
    }
    mr_status status = lines_read(fork, &s->file, part, &l);
    if (status == MR_OK)
        status = sum_of_lines(fork, &s->file, &l, &total);
    lines_free(&s->file, &l);
    return status == MR_OK ? mr_fork_return(fork, &total, sizeof total) : status;
}

static mr_status join(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    sum total = 0;
    (void)task;
    for (size_t i = 0; i < count; i++) {
        sum part;
        memcpy(&part, results[i].data, sizeof part);
        total += part;
    }
    return mr_fork_return(fork, &total, sizeof total);
}

/* ---- The job ---- */

static mr_status write_sum(mr_job *job, sum total)
{
    char text[48], *at = text + sizeof text;
    unsigned_sum left = total < 0 ? 0 - (unsigned_sum)total : (unsigned_sum)total;
    *--at = '\n';
    do
        *--at = (char)('0' + (int)(left % 10));
    while (left /= 10);
    if (total < 0)
        *--at = '-';
    return mr_job_write_text(job, at, (size_t)(text + sizeof text - at));
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const mr_fork_join how = {.size = sizeof how,
                              .name = "forkjoin-sum",
                              .split = split,
                              .solve = solve,
                              .join = join,
                              .context = s};
    mr_item result = {0};
    sum total = 0;
    if (mr_job_input_count(job) > 0)
        lines_open(&s->file, job, mr_job_input(job, 0));
    mr_status status = mr_job_agree(job);
    const lines_part all = {0, s->file.path ? s->file.size : (uint64_t)s->n};
    if (status == MR_OK)
        status = mr_fork_run(job, &how, MR_BYTES(all), &result);
    if (s->file.path)
        lines_close(&s->file);
    MR_TRY(status);
    if (result.bytes.size == sizeof total)
        memcpy(&total, result.bytes.data, sizeof total);
    mr_item_free(&result);
    return write_sum(job, total);
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    const size_t files = mr_job_input_count(job);
    if (files > 1)
        return mr_job_fail(job, MR_USAGE, "wrong inputs: %zu of them: give one file, or none",
                           files);
    if (s->n < 0 || (s->n > 0) == (files > 0))
        return mr_job_fail(job, MR_USAGE,
                           "wrong numbers: forkjoin-sum: give one file, or --n above 0");
    return MR_OK;
}

static const mr_option options[] = {
    {"n", MR_OPTION_I64, offsetof(state, n), "0", "without a file: add up 0, 1, ... n - 1", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "forkjoin-sum",
    .summary = "the sum of an array, by fork-join",
    .usage = "[FILE]",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};
