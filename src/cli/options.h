/*
 * cli/options.h: what a job is asked to do: the table of job options, and how they and an app's own
 * are read from the command line, the environment and a config file.
 */
#ifndef MR_CLI_OPTIONS_H
#define MR_CLI_OPTIONS_H

#include "base/error.h"
#include "base/settings.h"

#include <mapred/app.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mr_job_type {
    MR_JOB_FLAG,   /* bool, no value */
    MR_JOB_WHOLE,  /* uint64_t */
    MR_JOB_REAL,   /* double, zero or more */
    MR_JOB_SIZE,   /* uint64_t, with K, M, G, T */
    MR_JOB_TEXT,   /* const char *, not empty */
    MR_JOB_WORD,   /* const char *, one of those in `value` */
    MR_JOB_CHOICE, /* enum: the place among those in `value` */
    MR_JOB_EITHER  /* bool: the second of two in `value` */
} mr_job_type;

typedef struct mr_job_option {
    const char *name;
    char letter; /* 0: none */
    mr_job_type type;
    const char *value;    /* what it takes, as help shows it */
    const char *fallback; /* the default, as help shows it; NULL: none */
    const char *help;
    size_t offset; /* in mr_request, that is, in mr_settings */
    uint64_t least, most;
    bool typed_only; /* makes sense on the command line alone */
} mr_job_option;

/* Up to one whose name is NULL. */
extern const mr_job_option mr_job_options[];

/* What was asked for. All zeros before the first use; text lives as long as this and its sources.
 */
typedef struct mr_request {
    mr_settings settings; /* first, so that offsets are those of mr_settings */
    const char *config;
    bool help, version;
    const char **inputs;
    size_t input_count;
    char *config_text;
} mr_request;

/* Where it is asked. */
typedef struct mr_request_source {
    const mr_app *app;  /* NULL: job options alone */
    const char *called; /* what the user calls the app */
    int count;
    char *const *arguments;   /* those behind the app's name */
    char *const *environment; /* up to a NULL */
} mr_request_source;

/*
 * Fills `request` and the app's options in `state` (app->state_size bytes, zeros). The command line
 * wins over the environment, that over the config file, that over defaults. Stops with MR_OK and
 * nothing but `help` or `version` set when one of them is met. MR_USAGE.
 */
mr_status mr_options_parse(mr_request *request, const mr_request_source *source, void *state,
                           mr_error *error);
void mr_request_free(mr_request *request);

/* The same with the text of a config file at hand (it is cut up); NULL: none, and none is looked
 * for. */
mr_status mr_options_parse_with(mr_request *request, const mr_request_source *source, void *state,
                                const char *config_name, char *config_text, mr_error *error);

/*
 * What plugin/load.h leaves to be checked, because it is about job options: names that are taken,
 * and defaults that their own type refuses. MR_BAD_PLUGIN.
 */
mr_status mr_options_check(const mr_app *app, const char *path, mr_error *error);

/* Whether the app needs inputs: unless its usage begins with a bracket or is empty. A driver sees
 * for itself. */
bool mr_options_need_input(const mr_app *app);

#endif
