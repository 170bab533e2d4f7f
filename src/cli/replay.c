/*
 * cli/replay.c: one block of a job that ran before, mapped again by one thread of one process. What
 * ran is read from the job's folder of checkpoints, or from its report; what it wrote, saved and
 * told then is left alone.
 */
#include "cli/command.h"

#include "cli/words.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct replay {
    const char *source;
    bool has_block;
    uint64_t block, block_size;
} replay;

static mr_status read_words(replay *wanted, const mr_call *call, mr_error *error)
{
    for (int i = 0; i < call->count; i++) {
        const char *value, *word = call->arguments[i];
        if (mr_word_option(call->arguments, call->count, &i, "block", &value)) {
            MR_TRY(mr_word_whole("block", value, &wanted->block, error));
            wanted->has_block = true;
        } else if (mr_word_option(call->arguments, call->count, &i, "block-size", &value)) {
            MR_TRY(mr_word_size("block-size", value, &wanted->block_size, error));
        } else if (word[0] == '-' || wanted->source) {
            return mr_error_set(error, MR_USAGE, "unknown argument: %s: see 'mapred help replay'",
                                word);
        } else {
            wanted->source = word;
        }
    }
    if (!wanted->source || !wanted->has_block)
        return mr_error_set(error, MR_USAGE,
                            "missing argument: %s: mapred replay CHECKPOINT_OR_REPORT --block K",
                            wanted->source ? "--block" : "the folder or the report");
    return MR_OK;
}

/* The JSON that names the command. */
static mr_status load(const char *source, json_t **root, mr_error *error)
{
    char path[MR_PATH];
    struct stat about;
    json_error_t wrong;
    if (stat(source, &about) != 0)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot replay: %s: %s: name a folder of "
                            "checkpoints or a report",
                            source, strerror(errno));
    MR_TRY(mr_path_format(path, MR_BAD_INPUT, error, S_ISDIR(about.st_mode) ? "%s/job.json" : "%s",
                          source));
    *root = json_load_file(path, 0, &wrong);
    if (!*root)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot replay: %s: %s: name a folder of checkpoints or a report", path,
                            wrong.text);
    return MR_OK;
}

/* The app's name and what stands behind it, in place of the call's own words (free). */
static char **take_words(const json_t *command, int *count)
{
    const json_t *arguments = json_object_get(command, "arguments");
    const char *app = json_string_value(json_object_get(command, "app"));
    size_t size = json_array_size(arguments);
    char **words = calloc(size + 2, sizeof *words);
    bool whole = words && app;
    if (whole)
        words[0] = (char *)(uintptr_t)app;
    for (size_t i = 0; whole && i < size; i++) {
        const char *word = json_string_value(json_array_get(arguments, i));
        words[i + 1] = (char *)(uintptr_t)word;
        whole = word != NULL;
    }
    *count = (int)size + 1;
    if (whole)
        return words;
    free(words);
    return NULL;
}

/* What is mapped stays what it was; what else happens does not happen again. */
static void change(mr_settings *settings, const void *context)
{
    const replay *wanted = context;
    bool typed = settings->format &&
                 (strcmp(settings->format, "hdf5") == 0 || strcmp(settings->format, "npy") == 0);
    if (wanted->block_size)
        settings->block = wanted->block_size;
    if (typed)
        settings->format = NULL;
    settings->replay = true;
    settings->replay_block = wanted->block;
    settings->threads = 1;
    settings->output = settings->report = settings->trace = settings->checkpoint = NULL;
    settings->overwrite = settings->resume = settings->checkpoint_given = false;
    settings->partitions = settings->compress = 0;
    settings->watchdog = 0;
    settings->progress = MR_PROGRESS_NEVER;
    settings->no_steal = true;
    settings->argument_count = 0;
}

static mr_status run(mr_call *call, const json_t *root, const replay *wanted, mr_error *error)
{
    const json_t *command = json_object_get(root, "command");
    const char *folder = json_string_value(json_object_get(command, "folder"));
    char **words = take_words(command, &call->count);
    if (!words)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot replay: %s: no command stands in it: was it made by mapred?",
                            wanted->source);
    mr_status status = MR_OK;
    if (folder && chdir(folder) != 0)
        status = mr_error_set(error, MR_BAD_INPUT,
                              "cannot replay: %s: %s: the job's folder is "
                              "gone",
                              folder, strerror(errno));
    call->arguments = words;
    if (status == MR_OK)
        status = mr_call_run(call, change, wanted, error);
    call->count = 0;
    free(words);
    return status;
}

mr_status mr_command_replay(mr_call *call, mr_error *error)
{
    replay wanted = {.source = NULL};
    json_t *root = NULL;
    MR_TRY(read_words(&wanted, call, error));
    MR_TRY(load(wanted.source, &root, error));
    mr_status status = run(call, root, &wanted, error);
    json_decref(root);
    return status;
}
