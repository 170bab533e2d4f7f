/*
 * cli/options.c: reading options. Three sources go through one door, `set`, each with a rank: a
 * source never overrules a higher one. Only a config file is read from disk.
 */
#include "cli/options.h"

#include "base/nearest.h"
#include "cli/config.h"
#include "cli/value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_NAME 64

/* Who said it; the higher one wins. */
typedef enum priority { LEVEL_NONE, LEVEL_CONFIG, LEVEL_ENVIRONMENT, LEVEL_TYPED } priority;

/* One option, of the job or of the app. */
typedef struct choice {
    const mr_job_option *job;
    const mr_option *own;
    size_t place;
} choice;

typedef struct option_parser {
    mr_request *request;
    const mr_request_source *source;
    void *state;
    unsigned char *levels; /* of each option: the job's, then the app's */
    mr_error *error;
} option_parser;

static size_t count_job_options(void)
{
    size_t count = 0;
    while (mr_job_options[count].name)
        count++;
    return count;
}

static const mr_option *own_options(const mr_app *app)
{
    static const mr_option none[] = {{.name = NULL}};
    return app && app->options ? app->options : none;
}

static size_t count_own_options(const mr_app *app)
{
    size_t count = 0;
    while (own_options(app)[count].name)
        count++;
    return count;
}

static bool is_name(const char *option, const char *name, size_t size)
{
    return strlen(option) == size && memcmp(option, name, size) == 0;
}

static bool find_name(const option_parser *parser, const char *name, size_t size, choice *found)
{
    size_t place = 0;
    for (const mr_job_option *job = mr_job_options; job->name; job++, place++)
        if (is_name(job->name, name, size)) {
            *found = (choice){.job = job, .place = place};
            return true;
        }
    for (const mr_option *own = own_options(parser->source->app); own->name; own++, place++)
        if (is_name(own->name, name, size)) {
            *found = (choice){.own = own, .place = place};
            return true;
        }
    return false;
}

static bool find_letter(char letter, choice *found)
{
    for (size_t place = 0; mr_job_options[place].name; place++)
        if (letter && mr_job_options[place].letter == letter) {
            *found = (choice){.job = &mr_job_options[place], .place = place};
            return true;
        }
    return false;
}

static bool is_flag(const choice *option)
{
    return option->job ? option->job->type == MR_JOB_FLAG : option->own->type == MR_OPTION_FLAG;
}

/* What an option wants, for messages. */
static void describe_value(const choice *option, char *text, size_t size)
{
    static const char *const own[] = {[MR_OPTION_FLAG] = "yes or no",
                                      [MR_OPTION_I64] = "a whole number",
                                      [MR_OPTION_F64] = "a number",
                                      [MR_OPTION_SIZE] = "a size such as 64K or 2G",
                                      [MR_OPTION_TEXT] = "some text"};
    const mr_job_option *job = option->job;
    if (!job)
        snprintf(text, size, "%s", own[option->own->type]);
    else if (job->type == MR_JOB_FLAG)
        snprintf(text, size, "yes or no");
    else if (job->type == MR_JOB_WHOLE && job->most < UINT64_MAX)
        snprintf(text, size, "a whole number from %" PRIu64 " to %" PRIu64, job->least, job->most);
    else if (job->type == MR_JOB_WHOLE)
        snprintf(text, size, "a whole number from %" PRIu64 " on", job->least);
    else if (job->type == MR_JOB_REAL)
        snprintf(text, size, "a number, zero or more");
    else if (job->type == MR_JOB_SIZE)
        snprintf(text, size, "a size such as 64K or 2G");
    else if (job->type == MR_JOB_TEXT)
        snprintf(text, size, "a %s", job->value);
    else
        snprintf(text, size, "one of %s", job->value);
}

static bool store_number(const mr_job_option *job, void *at, const char *text)
{
    uint64_t value;
    bool read =
        job->type == MR_JOB_SIZE ? mr_value_size(text, &value) : mr_value_whole(text, &value);
    if (!read || value < job->least || value > job->most)
        return false;
    *(uint64_t *)at = value;
    return true;
}

static bool store_real(double *at, const char *text)
{
    double value;
    if (!mr_value_store(MR_OPTION_F64, &value, text) || !(value >= 0 && value <= 1e9))
        return false;
    *at = value;
    return true;
}

static bool store_job(const mr_job_option *job, void *at, const char *text)
{
    unsigned place;
    switch (job->type) {
    case MR_JOB_FLAG:
        return mr_value_flag(text, at);
    case MR_JOB_WHOLE:
    case MR_JOB_SIZE:
        return store_number(job, at, text);
    case MR_JOB_REAL:
        return store_real(at, text);
    case MR_JOB_TEXT:
    case MR_JOB_WORD:
        if (!*text || (job->type == MR_JOB_WORD && !mr_value_choice(text, job->value, &place)))
            return false;
        *(const char **)at = text;
        return true;
    case MR_JOB_CHOICE:
    case MR_JOB_EITHER:
        if (!mr_value_choice(text, job->value, &place))
            return false;
        if (job->type == MR_JOB_EITHER)
            *(bool *)at = place == 1;
        else
            memcpy(at, &place, sizeof place);
        return true;
    }
    return false;
}

/* `where` and `between` stand before the value in a message: "--threads" and " ". */
static mr_status set(option_parser *parser, const choice *option, priority level, const char *text,
                     const char *where, const char *between)
{
    char *base = option->job ? (char *)parser->request : (char *)parser->state;
    char wanted[160];
    if (parser->levels[option->place] > level)
        return MR_OK;
    parser->levels[option->place] = (unsigned char)level;
    if (option->job ? store_job(option->job, base + option->job->offset, text)
                    : mr_value_store(option->own->type, base + option->own->offset, text))
        return MR_OK;
    describe_value(option, wanted, sizeof wanted);
    return mr_error_set(parser->error, MR_USAGE, "bad value: %s%s%s: give %s", where, between, text,
                        wanted);
}

/* The name, among all options, that an unknown one was perhaps meant to be; NULL: none is near. */
static const char *suggest(const option_parser *parser, const char *name)
{
    mr_nearest nearest = {.name = name};
    for (const mr_job_option *job = mr_job_options; job->name; job++)
        mr_nearest_try(&nearest, job->name);
    for (const mr_option *own = own_options(parser->source->app); own->name; own++)
        mr_nearest_try(&nearest, own->name);
    return nearest.best;
}

static mr_status unknown(const option_parser *parser, const char *option, const char *name)
{
    const char *near = name ? suggest(parser, name) : NULL;
    return mr_error_set(parser->error, MR_USAGE, "unknown option: %s: %s%s%ssee 'mapred help %s'",
                        option, near ? "did you mean --" : "", near ? near : "", near ? "? " : "",
                        parser->source->called);
}

static mr_status set_typed(option_parser *parser, const choice *option, const char *text)
{
    const char *name = option->job ? option->job->name : option->own->name;
    char where[OPTION_NAME + 3];
    snprintf(where, sizeof where, "--%s", name);
    return set(parser, option, LEVEL_TYPED, text, where, " ");
}

/* The value of an option: `attached` to it, or else the next argument. */
static mr_status take_value(option_parser *parser, const choice *option, const char *attached,
                            int *at)
{
    if (is_flag(option)) {
        const char *name = option->job ? option->job->name : option->own->name;
        if (attached)
            return mr_error_set(parser->error, MR_USAGE,
                                "option takes no value: --%s: leave '%s' out", name, attached);
        return set_typed(parser, option, "yes");
    }
    if (attached)
        return set_typed(parser, option, attached);
    if (*at + 1 < parser->source->count)
        return set_typed(parser, option, parser->source->arguments[++*at]);
    char wanted[160];
    describe_value(option, wanted, sizeof wanted);
    return mr_error_set(parser->error, MR_USAGE, "option needs a value: %s: give it %s",
                        parser->source->arguments[*at], wanted);
}

static mr_status parse_long(option_parser *parser, const char *argument, int *at)
{
    const char *name = argument + 2;
    size_t size = strcspn(name, "=");
    choice option;
    if (find_name(parser, name, size, &option))
        return take_value(parser, &option, name[size] ? name + size + 1 : NULL, at);
    char typed[OPTION_NAME + 3];
    snprintf(typed, sizeof typed, "--%.*s", (int)(size < OPTION_NAME ? size : OPTION_NAME), name);
    return unknown(parser, typed, typed + 2);
}

static mr_status parse_short(option_parser *parser, const char *argument, int *at)
{
    choice option;
    if (!find_letter(argument[1], &option))
        return unknown(parser, argument, NULL);
    return take_value(parser, &option, argument[2] ? argument + 2 : NULL, at);
}

static mr_status parse_arguments(option_parser *parser)
{
    mr_request *request = parser->request;
    bool has_ended = false;
    for (int at = 0; at < parser->source->count; at++) {
        const char *argument = parser->source->arguments[at];
        if (has_ended || argument[0] != '-' || !argument[1])
            request->inputs[request->input_count++] = argument;
        else if (strcmp(argument, "--") == 0)
            has_ended = true;
        else if (argument[1] == '-')
            MR_TRY(parse_long(parser, argument, &at));
        else
            MR_TRY(parse_short(parser, argument, &at));
        if (request->help || request->version)
            return MR_OK;
    }
    return MR_OK;
}

/* MAPRED_DRY_RUN is --dry-run. An empty value is as good as none. */
static mr_status parse_environment(option_parser *parser)
{
    static const char prefix[] = "MAPRED_";
    for (char *const *at = parser->source->environment; at && *at; at++) {
        size_t size = strcspn(*at, "="), skip = sizeof prefix - 1;
        char name[OPTION_NAME] = "";
        choice option;
        if (strncmp(*at, prefix, skip) != 0 || size - skip >= sizeof name || !(*at)[size] ||
            !(*at)[size + 1])
            continue;
        for (size_t i = skip; i < size; i++)
            name[i - skip] = (*at)[i] == '_' ? '-' : (char)tolower((unsigned char)(*at)[i]);
        if (!find_name(parser, name, strlen(name), &option) || !option.job ||
            option.job->typed_only)
            continue;
        char where[OPTION_NAME + sizeof prefix];
        snprintf(where, sizeof where, "%.*s", (int)size, *at);
        MR_TRY(set(parser, &option, LEVEL_ENVIRONMENT, *at + size + 1, where, "="));
    }
    return MR_OK;
}

/* One line of a config file. */
static mr_status set_config(void *context, const char *name, const char *value, const char *place)
{
    option_parser *parser = context;
    choice option;
    char where[MR_ERROR_TEXT / 2];
    snprintf(where, sizeof where, "%s: %s", place, name);
    bool is_known = find_name(parser, name, strlen(name), &option);
    if (!is_known || (option.job && (option.job->typed_only || strcmp(name, "config") == 0)))
        return unknown(parser, where, is_known ? NULL : name);
    return set(parser, &option, LEVEL_CONFIG, value, where, " = ");
}

static mr_status set_fallbacks(option_parser *parser)
{
    size_t place = count_job_options();
    for (const mr_option *own = own_options(parser->source->app); own->name; own++, place++) {
        if (parser->levels[place] != LEVEL_NONE)
            continue;
        if (own->required)
            return mr_error_set(parser->error, MR_USAGE,
                                "missing option: --%s: see 'mapred help %s'", own->name,
                                parser->source->called);
        if (own->fallback)
            mr_value_store(own->type, (char *)parser->state + own->offset, own->fallback);
    }
    return MR_OK;
}

static bool is_given(const option_parser *parser, const char *name)
{
    choice option;
    return find_name(parser, name, strlen(name), &option) &&
           parser->levels[option.place] != LEVEL_NONE;
}

static mr_status read_all(option_parser *parser, bool reads_config, const char *config_name,
                          char *config_text)
{
    mr_request *request = parser->request;
    MR_TRY(parse_arguments(parser));
    if (request->help || request->version)
        return MR_OK;
    MR_TRY(parse_environment(parser));
    if (reads_config) {
        config_name = request->config ? request->config : "mapred.conf";
        MR_TRY(mr_config_read(&request->config_text, config_name, request->config != NULL,
                              parser->error));
        config_text = request->config_text;
    }
    if (config_text)
        MR_TRY(mr_config_parse(config_text, config_name, set_config, parser, parser->error));
    MR_TRY(set_fallbacks(parser));
    request->settings.sort_given = is_given(parser, "sort");
    request->settings.checkpoint_given = is_given(parser, "checkpoint-every");
    request->settings.watchdog_given = is_given(parser, "watchdog");
    if ((request->settings.resume || request->settings.checkpoint_given) &&
        !request->settings.checkpoint)
        return mr_error_set(
            parser->error, MR_USAGE,
            "missing option: --checkpoint: --resume and --checkpoint-every need it: "
            "name the folder of the checkpoints");
    if (request->input_count == 0 && mr_options_need_input(parser->source->app))
        return mr_error_set(parser->error, MR_USAGE,
                            "no input: %s: name files or folders, or - for standard input",
                            parser->source->called);
    return MR_OK;
}

static mr_status parse(mr_request *request, const mr_request_source *source, void *state,
                       bool reads_config, const char *config_name, char *config_text,
                       mr_error *error)
{
    mr_status status;
    option_parser parser = {.request = request, .source = source, .state = state, .error = error};
    *request = (mr_request){.config = NULL};
    parser.levels = calloc(count_job_options() + count_own_options(source->app) + 1, 1);
    request->inputs = calloc((size_t)source->count + 1, sizeof *request->inputs);
    if (parser.levels && request->inputs)
        status = read_all(&parser, reads_config, config_name, config_text);
    else
        status = mr_error_set(error, MR_NO_MEMORY, "out of memory: cannot read the options");
    free(parser.levels);
    return status;
}

mr_status mr_options_parse(mr_request *request, const mr_request_source *source, void *state,
                           mr_error *error)
{
    return parse(request, source, state, true, NULL, NULL, error);
}

mr_status mr_options_parse_with(mr_request *request, const mr_request_source *source, void *state,
                                const char *config_name, char *config_text, mr_error *error)
{
    return parse(request, source, state, false, config_name, config_text, error);
}

void mr_request_free(mr_request *request)
{
    free(request->inputs);
    free(request->config_text);
    *request = (mr_request){.config = NULL};
}

mr_status mr_options_check(const mr_app *app, const char *path, mr_error *error)
{
    union {
        bool flag;
        int64_t i64;
        double f64;
        uint64_t size;
        const char *text;
    } value;
    for (const mr_option *own = own_options(app); own->name; own++) {
        for (const mr_job_option *job = mr_job_options; job->name; job++)
            if (strcmp(job->name, own->name) == 0)
                return mr_error_set(error, MR_BAD_PLUGIN,
                                    "plugin does not fit: %s: option --%s: the name is taken by a "
                                    "job option",
                                    path, own->name);
        if (own->fallback && !mr_value_store(own->type, &value, own->fallback))
            return mr_error_set(error, MR_BAD_PLUGIN,
                                "plugin does not fit: %s: option --%s: its default '%s' is no "
                                "value of its type",
                                path, own->name, own->fallback);
    }
    return MR_OK;
}

bool mr_options_need_input(const mr_app *app)
{
    return app && !app->run && (!app->usage || (app->usage[0] && app->usage[0] != '['));
}
