/*
 * engine/text.c: text as a driver's result (mapred/driver.h): rank 0 writes it to stdout or into
 * the temporary that the job commits.
 */
#include <mapred/driver.h>

#include "engine/job.h"
#include "resume/keep.h"

#include <stdlib.h>
#include <unistd.h>

#define BUFFER ((size_t)256 * 1024)

struct mr_text_output {
    mr_job *job;
    mr_part part;
    bool to_stream; /* stdout or a device: what is written can't be taken back */
    bool is_open, is_gone;
    bool keeps; /* what is written is part of checkpoints */
    uint64_t written;
    mr_keep_file *kept; /* a copy for the next checkpoint, of what is behind */
    uint64_t known;     /* these bytes, which the last one has */
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
    mr_keep_file_destroy(&output->kept);
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

#define KEPT "text" /* pieces of it, one after the other */

static void begin_copy(mr_text_output *output)
{
    const mr_keep *keep = output->job->keep;
    output->keeps = keep && mr_comm_rank(output->job->comm) == 0;
    for (size_t i = 0; output->keeps && i < mr_keep_count(keep, KEPT); i++)
        output->known += mr_keep_entry_at(keep, KEPT, i)->size;
}

static mr_status begin(mr_job *job, bool keeps, mr_text_output **result)
{
    *result = NULL;
    MR_TRY(mr_job_agree(job));
    mr_text_output *output = NULL;
    if (check(job) == MR_OK && !(output = calloc(1, sizeof *output)))
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: writing the result");
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        output->job = job;
        if (keeps)
            begin_copy(output);
        status = open_output(output);
    }
    if (status == MR_OK)
        *result = job->text = output;
    else
        give_up(output);
    return status;
}

mr_status mr_text_output_begin(mr_job *job, mr_text_output **result)
{
    return begin(job, true, result);
}

/* A text is the same in every run, so what a checkpoint has need not be saved again. */
static mr_status copy(mr_text_output *output, const char *text, size_t size)
{
    const uint64_t at = output->written;
    mr_job *job = output->job;
    const size_t known = output->known > at ? output->known - at : 0;
    if (!output->keeps || known >= size)
        return MR_OK;
    if (!output->kept)
        MR_TRY(mr_keep_file_create(job->keep, &output->kept, job->error));
    mr_keep_file_write(output->kept, text + known, size - known);
    return MR_OK;
}

static mr_status flush(mr_text_output *output, const char *text, size_t size)
{
    mr_error *error = output->job->error;
    if (size == 0)
        return MR_OK;
    MR_TRY(copy(output, text, size));
    if (output->is_gone) {
        output->written += output->keeps ? size : 0;
        return MR_OK;
    }
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

mr_status mr_text_output_keep(mr_job *job, uint64_t *size)
{
    mr_text_output *output = job->text;
    *size = 0;
    if (!output || !output->keeps)
        return MR_OK;
    MR_TRY(flush(output, output->buffer, output->used));
    output->used = 0;
    *size = output->written;
    return output->kept ? mr_keep_add_file(job->keep, KEPT, output->kept, job->error) : MR_OK;
}

/* From where this run has come so far; `*at` is where the piece begins. */
static mr_status write_again(mr_text_output *output, const mr_keep_entry *entry, uint64_t *at,
                             uint64_t size)
{
    void *bytes;
    const uint64_t have = output->written + output->used, begin = *at;
    *at += entry->size;
    if (*at <= have || begin >= size)
        return MR_OK;
    MR_TRY(mr_keep_load(output->job->keep, entry, &bytes, output->job->error));
    const uint64_t from = have > begin ? have : begin, to = *at < size ? *at : size;
    mr_status status =
        mr_text_output_write(output, (const char *)bytes + (from - begin), to - from);
    free(bytes);
    return status;
}

mr_status mr_text_output_restore(mr_job *job, uint64_t size)
{
    uint64_t at = 0;
    mr_text_output *output = job->text;
    for (size_t i = 0; output && output->keeps && i < mr_keep_count(job->keep, KEPT); i++)
        MR_TRY(write_again(output, mr_keep_entry_at(job->keep, KEPT, i), &at, size));
    if (size > 0 && (!output || output->written + output->used != size))
        return mr_error_set(job->error, MR_BAD_INPUT,
                            "checkpoint does not fit: %s: the text that was written is another: "
                            "begin anew with --overwrite in place of --resume",
                            mr_keep_folder(job->keep));
    return MR_OK;
}

void mr_text_output_abandon(mr_job *job)
{
    give_up(job->text);
    job->text = NULL;
}

mr_status mr_job_write_text(mr_job *job, const char *text, size_t size)
{
    mr_text_output *output;
    MR_TRY(begin(job, false, &output));
    if (mr_comm_rank(job->comm) == 0)
        mr_text_output_write(output, text, size);
    return mr_text_output_end(&output);
}
