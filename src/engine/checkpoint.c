/* engine/checkpoint.c: from a job to the folder of its checkpoints, and what makes it that job. */
#include "engine/checkpoint.h"

#include "base/flight.h"
#include "base/slurm.h"
#include "observe/json.h"
#include "observe/note.h"
#include "observe/signals.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define EVERY 60.0 /* seconds */

/* Facts, with values of their own. */
typedef struct fact_list {
    mr_keep_fact *facts;
    size_t count;
    bool failed;
} fact_list;

static void add_fact(fact_list *list, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_fact(fact_list *list, const char *name, const char *format, ...)
{
    char value[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    mr_keep_fact *facts = realloc(list->facts, (list->count + 1) * sizeof *facts);
    char *name_copy = strdup(name), *copy = strdup(value);
    if (facts)
        list->facts = facts;
    if (!facts || !name_copy || !copy) {
        free(name_copy);
        free(copy);
        list->failed = true;
        return;
    }
    facts[list->count++] = (mr_keep_fact){name_copy, copy};
}

static void free_facts(fact_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((char *)(uintptr_t)list->facts[i].name);
        free((char *)(uintptr_t)list->facts[i].value);
    }
    free(list->facts);
}

/* The file of the app, as a number: another build may fold in another way. */
static uint64_t app_hash(const mr_job *job)
{
    Dl_info about;
    char piece[65536];
    uint64_t hash = 0;
    const void *symbol = job->descriptor;
    FILE *file = symbol && dladdr(symbol, &about) ? fopen(about.dli_fname, "rbe") : NULL;
    for (size_t got; file && (got = fread(piece, 1, sizeof piece, file)) > 0;)
        hash = XXH3_64bits_withSeed(piece, got, hash);
    if (file)
        fclose(file);
    return hash;
}

static void add_option(fact_list *list, const mr_option *option, const char *at)
{
    char name[128];
    snprintf(name, sizeof name, "--%s", option->name);
    switch (option->type) {
    case MR_OPTION_FLAG:
        add_fact(list, name, "%s", *(const bool *)at ? "yes" : "no");
        break;
    case MR_OPTION_I64:
        add_fact(list, name, "%" PRId64, *(const int64_t *)(const void *)at);
        break;
    case MR_OPTION_F64:
        add_fact(list, name, "%.17g", *(const double *)(const void *)at);
        break;
    case MR_OPTION_SIZE:
        add_fact(list, name, "%" PRIu64, *(const uint64_t *)(const void *)at);
        break;
    case MR_OPTION_TEXT: {
        const char *text = *(const char *const *)(const void *)at;
        add_fact(list, name, "%s", text ? text : "");
        break;
    }
    }
}

/* All that the result depends on; not where it goes, nor what it is made with. */
static void add_facts(fact_list *list, const mr_job *job)
{
    const mr_settings *s = job->settings;
    add_fact(list, "mapred", "%s", MR_VERSION);
    add_fact(list, "the app", "%s", job->app.name);
    add_fact(list, "the app's file", "%016" PRIx64, app_hash(job));
    for (const mr_option *o = job->app.options; o && o->name; o++)
        add_option(list, o, (const char *)job->state + o->offset);
    add_fact(list, "--sort", "%d", (int)s->sort);
    add_fact(list, "--reverse", "%d", s->reverse);
    add_fact(list, "--top", "%" PRIu64, s->top);
    add_fact(list, "--partitions", "%" PRIu64, s->partitions);
    add_fact(list, "--format", "%s", s->format ? s->format : "");
    add_fact(list, "--compress", "%" PRIu64, s->compress);
    add_fact(list, "--seed", "%" PRIu64, s->seed);
}

char *mr_job_command(const mr_job *job)
{
    char folder[4096];
    const mr_settings *s = job->settings;
    json_t *arguments = json_array();
    for (int i = 1; i < s->argument_count; i++)
        json_array_append_new(arguments, mr_json_text(s->arguments[i]));
    json_t *command =
        json_pack("{s:s, s:o, s:s}", "app", s->argument_count > 0 ? s->arguments[0] : job->app.name,
                  "arguments", arguments, "folder", getcwd(folder, sizeof folder) ? folder : ".");
    char *text = command ? json_dumps(command, JSON_COMPACT) : NULL;
    json_decref(command);
    return text;
}

mr_status mr_checkpoint_open(mr_job *job, bool *done)
{
    const mr_settings *s = job->settings;
    fact_list list = {.count = 0};
    bool root = mr_comm_rank(job->comm) == 0;
    *done = false;
    if (!s->checkpoint || s->dry_run)
        return MR_OK;
    if (root)
        add_facts(&list, job);
    char *command = root ? mr_job_command(job) : NULL;
    if (list.failed)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: beginning a checkpoint");
    mr_keep_plan plan = {.folder = s->checkpoint,
                         .every = s->checkpoint_given ? (double)s->checkpoint_every : EVERY,
                         .resume = s->resume,
                         .overwrite = s->overwrite,
                         .quiet = s->quiet,
                         .ends = root ? (double)mr_slurm_end_time() : 0,
                         .command = command,
                         .result = s->output,
                         .facts = list.facts,
                         .fact_count = list.count};
    mr_status status = mr_keep_open(&job->keep, job->comm, &plan, done, job->error);
    free(command);
    free_facts(&list);
    if (status != MR_OK)
        return status;
    mr_signals_keep(s->checkpoint);
    if (root && *done && !s->quiet)
        mr_note(
            "already done: %s: this job has ended well before: remove that folder to do it again",
            s->checkpoint);
    if (root && mr_keep_resumed(job->keep) && !s->quiet)
        mr_note("resuming: %s: from checkpoint %" PRIu64, s->checkpoint,
                mr_keep_generation(job->keep));
    return MR_OK;
}

mr_status mr_checkpoint_close(mr_job *job, mr_status status)
{
    mr_error error = {.code = MR_OK};
    if (!job->keep)
        return status;
    if (status == MR_STOPPED && mr_comm_any(job->comm, mr_keep_is_dirty(job->keep)) &&
        mr_keep_commit(job->keep, &error) != MR_OK) {
        *job->error = error;
        status = error.code;
    }
    bool kept = !job->done &&
                (job->target.kind == MR_TARGET_FILE || job->target.kind == MR_TARGET_DIRECTORY);
    if (status == MR_OK && mr_comm_rank(job->comm) == 0 && kept)
        mr_keep_finish(job->keep, job->error);
    if (status == MR_OK && kept)
        status = mr_comm_agree(job->comm, job->error);
    mr_keep_close(&job->keep);
    return status;
}

uint64_t mr_checkpoint_piece(mr_job *job)
{
    return job->pieces++;
}

mr_status mr_checkpoint_ask(mr_job *job, mr_keep_wish *wish)
{
    *wish = MR_KEEP_NOTHING;
    return job->keep ? mr_keep_ask(job->keep, wish, job->error) : MR_OK;
}

mr_status mr_checkpoint_save(mr_job *job, mr_keep_wish wish)
{
    const char *phase = mr_flight_phase("checkpoint");
    MR_TRY(mr_keep_commit(job->keep, job->error));
    mr_flight_phase(phase);
    job->report.checkpoints++;
    if (wish == MR_KEEP_STOP) {
        mr_signals_hold(0); /* there is no better moment than this one */
        mr_signals_check(job->error);
    }
    mr_status status = mr_comm_agree(job->comm, job->error);
    job->failed = status != MR_OK;
    return status;
}

/* When a file was changed. Of a dataset, FILE:/NAME, the file's. */
static struct timespec changed(const char *path)
{
    struct stat about;
    const char *mark = strstr(path, ":/");
    if (stat(path, &about) == 0)
        return about.st_mtim;
    char *file = mark ? strndup(path, (size_t)(mark - path)) : NULL;
    bool found = file && stat(file, &about) == 0;
    free(file);
    return found ? about.st_mtim : (struct timespec){.tv_sec = 0};
}

/* A line a file: path, size, when it was changed. */
static mr_status list_inputs(const mr_plan *plan, mr_text *list, mr_error *error)
{
    char line[128];
    for (size_t i = 0; i < plan->count; i++) {
        const mr_file *file = &plan->files[i];
        struct timespec time = changed(file->path);
        if (file->kind == MR_FILE_STREAM)
            return mr_error_set(error, MR_USAGE,
                                "cannot be resumed: %s: a pipe is read only once: leave out "
                                "--checkpoint, or give a file",
                                file->path);
        mr_text_add(list, file->path, strlen(file->path));
        int size = snprintf(line, sizeof line, "\t%" PRIu64 "\t%lld.%09ld\n", file->size,
                            (long long)time.tv_sec, time.tv_nsec);
        mr_text_add(list, line, (size_t)size);
    }
    return list->failed ? mr_error_set(error, MR_NO_MEMORY, "out of memory: naming the inputs")
                        : MR_OK;
}

/* The first line in which two lists differ. */
static mr_status compare_inputs(const mr_job *job, const char *then, const mr_text *now,
                                mr_error *error)
{
    const char *was = then, *is = now->data, *end = now->data + now->size;
    while (is < end && *was) {
        size_t a = strcspn(was, "\n"), b = strcspn(is, "\n");
        if (a != b || memcmp(was, is, a) != 0)
            break;
        was += a + 1;
        is += b + 1;
    }
    if (is == end && !*was)
        return MR_OK;
    const char *line = is < end ? is : was;
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot resume: %.*s: this input is not what it was when the job was begun "
                        "(%s): bring it back, or begin anew with --overwrite in place of --resume, "
                        "in %s or another folder",
                        (int)strcspn(line, "\t\n"), line,
                        is == end ? "it is missing" : "its name, size or time is another",
                        mr_keep_folder(job->keep));
}

static mr_status check_inputs(mr_job *job, const char *name, const mr_plan *plan)
{
    mr_text list = {0};
    void *then = NULL;
    mr_error *error = job->error;
    mr_status status = list_inputs(plan, &list, error);
    const mr_keep_entry *entry =
        mr_keep_count(job->keep, name) > 0 ? mr_keep_entry_at(job->keep, name, 0) : NULL;
    if (status == MR_OK && entry)
        status = mr_keep_load(job->keep, entry, &then, error);
    if (status == MR_OK && entry)
        status = compare_inputs(job, then, &list, error);
    else if (status == MR_OK && list.size > 0)
        status = mr_keep_put(job->keep, name, list.data, list.size, error);
    free(then);
    mr_text_free(&list);
    return status;
}

mr_status mr_checkpoint_inputs(mr_job *job, const mr_plan *plan)
{
    char name[64];
    if (!job->keep)
        return MR_OK;
    snprintf(name, sizeof name, "inputs/%" PRIu64, job->plans++);
    if (mr_comm_rank(job->comm) == 0)
        check_inputs(job, name, plan);
    return mr_comm_agree(job->comm, job->error);
}
