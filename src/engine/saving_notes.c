/*
 * engine/saving_notes.c: what a file of datasets says about the job that made it: attributes of the
 * root group. Nothing of when, where and on how many ranks: the same job makes the same file.
 */
#include "engine/saved.h"

#include "output/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS_SHOWN 16

static void put_number(mr_text *text, mr_cell cell)
{
    char digits[MR_NUMBER_TEXT];
    size_t size = cell.type == MR_TYPE_F64   ? mr_number_of_f64(cell.as.f64, digits)
                  : cell.type == MR_TYPE_I64 ? mr_number_of_i64(cell.as.i64, digits)
                                             : mr_number_of_u64(cell.as.u64, digits);
    mr_text_add(text, digits, size);
}

/* As it would be typed. */
static void put_option(const mr_option *option, const void *at, mr_text *text)
{
    const char *const *words = at;
    if (option->type == MR_OPTION_FLAG ? !*(const bool *)at
                                       : option->type == MR_OPTION_TEXT && !*words)
        return;
    mr_text_printf(text, "%s--%s", text->size ? " " : "", option->name);
    if (option->type == MR_OPTION_FLAG)
        return;
    mr_text_add(text, " ", 1);
    if (option->type == MR_OPTION_I64)
        put_number(text, (mr_cell){.type = MR_TYPE_I64, .as.i64 = *(const int64_t *)at});
    else if (option->type == MR_OPTION_F64)
        put_number(text, (mr_cell){.type = MR_TYPE_F64, .as.f64 = *(const double *)at});
    else if (option->type == MR_OPTION_SIZE)
        put_number(text, (mr_cell){.type = MR_TYPE_U64, .as.u64 = *(const uint64_t *)at});
    else
        mr_text_add(text, *words, strlen(*words));
}

/* Those of the app, and those of the job that a result depends on. */
static void put_options(const mr_job *job, mr_text *text)
{
    static const char *const sorts[] = {"key", "value", "none"};
    const mr_settings *settings = job->settings;
    for (const mr_option *o = job->app.options; o && o->name && job->state; o++)
        put_option(o, (const char *)job->state + o->offset, text);
    if (settings->sort_given)
        mr_text_printf(text, "%s--sort %s", text->size ? " " : "", sorts[settings->sort]);
    if (settings->reverse)
        mr_text_printf(text, "%s--reverse", text->size ? " " : "");
    if (settings->top)
        mr_text_printf(text, "%s--top %llu", text->size ? " " : "",
                       (unsigned long long)settings->top);
    if (settings->seed)
        mr_text_printf(text, "%s--seed %llu", text->size ? " " : "",
                       (unsigned long long)settings->seed);
}

static void put_inputs(const mr_job *job, mr_text *text)
{
    for (size_t i = 0; i < job->input_count && i < INPUTS_SHOWN; i++)
        mr_text_printf(text, "%s%s", i > 0 ? "\n" : "", job->inputs[i]);
}

static mr_status tell_text(mr_saving *s, const char *name,
                           void (*put)(const mr_job *job, mr_text *text))
{
    mr_text text = {0};
    put(s->job, &text);
    mr_text_add(&text, "", 1);
    mr_status status = text.failed ? mr_error_set(s->job->error, MR_NO_MEMORY,
                                                  "out of memory: attributes of the output")
                                   : mr_h5_text(s->file, -1, name, text.data, s->job->error);
    mr_text_free(&text);
    return status;
}

mr_status mr_saving_tell(mr_saving *saving)
{
    const mr_job *job = saving->job;
    mr_h5_file *file = saving->file;
    MR_TRY(mr_h5_text(file, -1, "app", job->app.name, job->error));
    MR_TRY(mr_h5_text(file, -1, "version", MR_VERSION, job->error));
    MR_TRY(tell_text(saving, "inputs", put_inputs));
    MR_TRY(mr_h5_integer(file, -1, "input_count", (int64_t)job->input_count, job->error));
    return tell_text(saving, "options", put_options);
}

mr_status mr_saving_note(mr_saving *saving, const char *name, int64_t value)
{
    if (!saving->file)
        return MR_OK;
    return mr_h5_integer(saving->file, -1, name, value, saving->job->error);
}

mr_status mr_saving_note_text(mr_saving *saving, const char *name, const char *text)
{
    if (!saving->file)
        return MR_OK;
    return mr_h5_text(saving->file, -1, name, text, saving->job->error);
}

/* By name: which rank met one first must not show. */
static int compare(const void *a, const void *b)
{
    return strcmp(((const mr_out_counter *)a)->name, ((const mr_out_counter *)b)->name);
}

mr_status mr_saving_tell_counters(mr_saving *saving)
{
    mr_job *job = saving->job;
    mr_out_counter sums[MR_JOB_COUNTERS];
    int count = 0;
    char *names = NULL;
    MR_TRY(mr_job_counters(job, sums, &count, &names));
    qsort(sums, (size_t)count, sizeof *sums, compare);
    for (int i = 0; saving->file && i < count && job->error->code == MR_OK; i++) {
        char name[256];
        snprintf(name, sizeof name, "counter %s", sums[i].name);
        mr_saving_note(saving, name, sums[i].value);
    }
    free(names);
    return mr_comm_agree(job->comm, job->error);
}
