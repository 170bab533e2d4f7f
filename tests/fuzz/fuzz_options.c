/*
 * tests/fuzz/fuzz_options.c: options that nobody would type. The input is cut at newlines:
 * arguments up to an empty line, then variables of the environment up to another, then a config
 * file.
 */
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#define MOST 64

typedef struct state {
    bool flag;
    int64_t i64;
    double f64;
    uint64_t size;
    const char *text;
} state;

static const mr_option own[] = {
    {"flag", MR_OPTION_FLAG, offsetof(state, flag), NULL, "", false},
    {"i", MR_OPTION_I64, offsetof(state, i64), "-1", "", false},
    {"f", MR_OPTION_F64, offsetof(state, f64), "1e3", "", false},
    {"size", MR_OPTION_SIZE, offsetof(state, size), "1K", "", false},
    {"text", MR_OPTION_TEXT, offsetof(state, text), "", "", false},
    {.name = NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts lines off `text` up to an empty one; what is left. */
static char *take_lines(char *text, char **lines, int *count)
{
    *count = 0;
    while (text && *text && *count < MOST) {
        char *next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        if (!*text)
            return next;
        lines[(*count)++] = text;
        text = next;
    }
    return text;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What a job may rely on once the parser has said yes. */
static void check(const mr_request *request, const state *found, const char *text, size_t size)
{
    const mr_settings *settings = &request->settings;
    require(settings->threads <= 4096 && settings->partitions <= 1000000);
    require((unsigned)settings->sort <= MR_SORT_NONE);
    require((unsigned)settings->progress <= MR_PROGRESS_NEVER);
    require(!settings->output || *settings->output);
    require(!found->text || !*found->text || (found->text >= text && found->text < text + size));
    require(request->help || request->version || request->input_count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mr_app app = {MR_APP_ABI, .name = "fuzzed", .options = own,
                               .state_size = sizeof(state)};
    char *arguments[MOST + 1] = {NULL}, *variables[MOST + 1] = {NULL};
    int argument_count, variable_count;
    state found = {.flag = false};
    mr_request request;
    mr_error error = {MR_OK, ""};
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    char *rest = take_lines(text, arguments, &argument_count);
    rest = take_lines(rest, variables, &variable_count);
    mr_request_source source = {.app = &app,
                                .called = "fuzzed",
                                .count = argument_count,
                                .arguments = arguments,
                                .environment = variables};
    mr_status status =
        mr_options_parse_with(&request, &source, &found, "fuzzed.conf", rest, &error);
    require(status == error.code && (status == MR_OK || status == MR_USAGE));
    require(strlen(error.text) < sizeof error.text && !strchr(error.text, '\n'));
    if (status == MR_OK)
        check(&request, &found, text, size);
    mr_request_free(&request);
    free(text);
    return 0;
}
