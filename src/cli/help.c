/* cli/help.c: mapred help. Options are shown from the tables that the parser uses. */
#include "cli/command.h"

#include "cli/options.h"

#include <string.h>

#define LEFT       34 /* columns of the left side of a table */
#define LEFT_BYTES 256

static void print_line(FILE *out, const char *left, const char *help, const char *fallback)
{
    int width = LEFT;
    if (strlen(left) >= LEFT) {
        fprintf(out, "%s\n", left);
        left = "";
    }
    fprintf(out, "%-*s%s", width, left, help ? help : "");
    if (fallback)
        fprintf(out, " (default: %s)", *fallback ? fallback : "empty");
    fputc('\n', out);
}

static void print_job_options(FILE *out)
{
    char left[LEFT_BYTES];
    fprintf(out, "\nJob options:\n");
    for (const mr_job_option *option = mr_job_options; option->name; option++) {
        char letter[] = {'-', option->letter, ',', '\0'};
        snprintf(left, sizeof left, "  %3s --%s %s", option->letter ? letter : "", option->name,
                 option->value ? option->value : "");
        print_line(out, left, option->help, option->fallback);
    }
    fprintf(out, "SIZE takes K, M, G or T: powers of 1024.\n");
}

static const char *value_of(mr_option_type type)
{
    static const char *const values[] = {[MR_OPTION_FLAG] = "",
                                         [MR_OPTION_I64] = "N",
                                         [MR_OPTION_F64] = "X",
                                         [MR_OPTION_SIZE] = "SIZE",
                                         [MR_OPTION_TEXT] = "TEXT"};
    return values[type];
}

static void print_own_options(FILE *out, const mr_app *app)
{
    char left[LEFT_BYTES], help[1024];
    if (!app->options || !app->options->name)
        return;
    fprintf(out, "\nOptions of %s:\n", app->name);
    for (const mr_option *option = app->options; option->name; option++) {
        snprintf(left, sizeof left, "      --%s %s", option->name, value_of(option->type));
        snprintf(help, sizeof help, "%s%s", option->help ? option->help : "",
                 option->required ? " (required)" : "");
        print_line(out, left, help, option->fallback);
    }
}

void mr_help_main(FILE *out)
{
    fprintf(out,
            "mapred %s: map-reduce on clusters\n\n"
            "Usage:\n"
            "  mapred [run] APP [APP OPTIONS] [JOB OPTIONS] INPUT...\n"
            "  mpirun -np 4 mapred APP INPUT...        the same, on four ranks\n"
            "  mapred COMMAND ...\n"
            "\nCommands:\n",
            MR_VERSION);
    for (const mr_command *command = mr_commands; command->name; command++)
        fprintf(out, "  %-8s %s\n", command->name, command->summary);
    fprintf(out, "\n"
                 "INPUT is a file, a folder, a pattern, @LIST (a file with a name a line) or -\n"
                 "(standard input). The result goes to standard output, or to --output.\n");
    print_job_options(out);
    fprintf(out, "\nExit codes: 0 done, 1 failed, 2 usage, 3 input, 4 output, 5 memory, 6 plugin,\n"
                 "75 stopped in good order, 130 interrupted.\n");
}

void mr_help_command(FILE *out, const mr_command *command)
{
    fprintf(out, "mapred %s: %s\n\nUsage:\n  mapred %s %s\n", command->name, command->summary,
            command->name, command->usage);
    if (*command->text)
        fprintf(out, "\n%s", command->text);
}

void mr_help_app(FILE *out, const mr_app *app, const char *called)
{
    const char *usage = app->usage ? app->usage : "INPUT...";
    fprintf(out, "%s: %s\n\nUsage:\n  mapred %s [OPTIONS] %s\n", app->name,
            app->summary ? app->summary : "an app", called, usage);
    print_own_options(out, app);
    print_job_options(out);
}

mr_status mr_command_help(mr_call *call, mr_error *error)
{
    if (call->count > 1)
        return mr_error_set(error, MR_USAGE, "too many arguments: %s: see 'mapred help help'",
                            call->arguments[1]);
    if (call->count == 0) {
        mr_help_main(call->out);
        return MR_OK;
    }
    const mr_command *command = mr_command_find(call->arguments[0]);
    if (command) {
        mr_help_command(call->out, command);
        return MR_OK;
    }
    mr_plugin *plugin;
    MR_TRY(mr_app_open(&plugin, call, call->arguments[0], error));
    mr_help_app(call->out, mr_plugin_app(plugin), call->arguments[0]);
    mr_plugin_destroy(&plugin);
    return MR_OK;
}
