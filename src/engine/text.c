/*
 * engine/text.c: text as a driver's result (mapred/driver.h): rank 0 writes it to stdout or into
 * the temporary that the job commits.
 */
#include <mapred/driver.h>

#include "engine/job.h"

#include <stdlib.h>
#include <unistd.h>

#define BUFFER ((size_t)256 * 1024)

struct mr_text_output {
    mr_job *job;
    mr_part part;
    bool to_stream; /* stdout or a device: what is written can't be taken back */
    bool is_open, is_gone;
    uint64_t written;
    size_t used;
    char buffer[BUFFER];
};

bool mr_job_is_dry(const mr_job *job)
{
    return job->settings->dry_run;
}

static mr_status open_part(mr_text_output *output)
{
    mr_job *job = output->job;
    const mr_target_kind kind = job->target.kind;
    output->to_stream = kind == MR_TARGET_STDOUT || kind == MR_TARGET_DEVICE;
    output->part = (mr_part){.file = STDOUT_FILENO, .path = "stdout"};
    if (kind == MR_TARGET_STDOUT || job->settings->dry_run)
        return MR_OK;
    MR_TRY(mr_part_open(&output->part, &job->target, mr_commit_path(job->commit), 0, job->error));
    output->is_open = true;
    return MR_OK;
}

/* Whether this job can have text as its result. */
static mr_status check(mr_job *job)
{
    const mr_format format = job->target.format;
    const bool typed = mr_format_is_typed(format);
    if (typed || (job->settings->format && format != MR_FORMAT_TSV))
        mr_error_set(job->error, MR_USAGE,
                     "wrong options: %s: it writes text: leave out --format%s", job->app.name,
                     typed ? ", and endings such as .h5" : "");
    if (job->text || job->written)
        mr_error_set(job->error, MR_FAILED, "driver wrote two results: %s: one job has one",
                     job->app.name);
    return job->error->code;
}

static mr_status open_output(mr_text_output *output)
{
    mr_job *job = output->job;
    if (!job->settings->dry_run && mr_comm_rank(job->comm) == 0)
        mr_commit_begin(&job->commit, &job->target, job->error);
    if (mr_comm_rank(job->comm) == 0 && job->error->code == MR_OK)
        open_part(output);
    return mr_job_agree(job);
}

static void close_part(mr_text_output *output, mr_error *error)
{
    if (output->is_open)
        mr_part_close(&output->part, error);
    output->is_open = false;
}

/* Whatever was the matter is told already. */
static void give_up(mr_text_output *output)
{
    mr_error ignored = {.code = MR_OK};
    if (output)
        close_part(output, &ignored);
    free(output);
}

mr_status mr_text_output_begin(mr_job *job, mr_text_output **result)
{
    *result = NULL;
    MR_TRY(mr_job_agree(job));
    mr_text_output *output = NULL;
    if (check(job) == MR_OK && !(output = calloc(1, sizeof *output)))
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: writing the result");
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        output->job = job;
        status = open_output(output);
    }
    if (status == MR_OK)
        *result = job->text = output;
    else
        give_up(output);
    return status;
}

static mr_status flush(mr_text_output *output, const char *text, size_t size)
{
    mr_error *error = output->job->error;
    if (output->is_gone || size == 0)
        return MR_OK;
    if (output->to_stream || output->job->settings->dry_run)
        MR_TRY(mr_stream_write(output->part.file, output->part.path, text, size, &output->is_gone,
                               error));
    else
        MR_TRY(mr_part_write(&output->part, text, size, output->written, error));
    output->written += size;
    return MR_OK;
}

mr_status mr_text_output_write(mr_text_output *output, const char *text, size_t size)
{
    if (mr_comm_rank(output->job->comm) != 0)
        return MR_FAILED;
    if (size > BUFFER - output->used) {
        MR_TRY(flush(output, output->buffer, output->used));
        output->used = 0;
    }
    if (size > BUFFER)
        return flush(output, text, size);
    memcpy(output->buffer + output->used, text, size);
    output->used += size;
    return MR_OK;
}

mr_status mr_text_output_end(mr_text_output **result)
{
    mr_text_output *output = *result;
    mr_job *job = output->job;
    *result = NULL;
    if (job->error->code == MR_OK)
        flush(output, output->buffer, output->used);
    close_part(output, job->error);
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        job->bytes = output->written;
        job->written = !job->settings->dry_run;
    }
    free(output);
    job->text = NULL;
    return status;
}

void mr_text_output_abandon(mr_job *job)
{
    give_up(job->text);
    job->text = NULL;
}

mr_status mr_job_write_text(mr_job *job, const char *text, size_t size)
{
    mr_text_output *output;
    MR_TRY(mr_text_output_begin(job, &output));
    if (mr_comm_rank(job->comm) == 0)
        mr_text_output_write(output, text, size);
    return mr_text_output_end(&output);
}
