/*
 * cli/submit.c: mapred submit. Looks the app and its options over while somebody is there to read
 * what is wrong with them, writes a batch script (batch.c), and hands it to sbatch.
 */
#include "base/slurm.h"
#include "cli/batch.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/value.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEAST_MARGIN 10 /* seconds */
#define MOST_MARGIN  300
#define MARGIN       60 /* where there is no time limit to take a part of */
#define NAME_LIMIT   64

typedef struct submission {
    mr_batch batch;
    const char *launcher;
    uint64_t margin;
    bool print;
    char name[NAME_LIMIT + 1];
    char program[PATH_MAX];
    char *checkpoint, *output; /* copies: what the app asks for is gone with the app */
} submission;

/* ---- What is asked for ---- */

typedef enum submit_type { TAKES_TEXT, TAKES_WHOLE, TAKES_MORE, TAKES_NOTHING } submit_type;

typedef struct submit_option {
    const char *name;
    submit_type type;
    size_t offset;
    uint64_t least, most;
} submit_option;

#define AT(field) offsetof(submission, field)

static const submit_option options[] = {
    {"nodes", TAKES_TEXT, AT(batch.nodes), 0, 0},
    {"time", TAKES_TEXT, AT(batch.time), 0, 0},
    {"mem", TAKES_TEXT, AT(batch.memory), 0, 0},
    {"partition", TAKES_TEXT, AT(batch.partition), 0, 0},
    {"account", TAKES_TEXT, AT(batch.account), 0, 0},
    {"ntasks-per-node", TAKES_WHOLE, AT(batch.ranks), 1, 65535},
    {"cpus-per-task", TAKES_WHOLE, AT(batch.cpus), 1, 65535},
    {"job-name", TAKES_TEXT, AT(batch.name), 0, 0},
    {"output-log", TAKES_TEXT, AT(batch.log), 0, 0},
    {"array", TAKES_TEXT, AT(batch.array), 0, 0},
    {"chain", TAKES_WHOLE, AT(batch.chain), 1, 1000},
    {"retries", TAKES_WHOLE, AT(batch.retries), 0, 1000},
    {"margin", TAKES_WHOLE, AT(margin), 1, 65535},
    {"launcher", TAKES_TEXT, AT(launcher), 0, 0},
    {"sbatch", TAKES_MORE, 0, 0, 0},
    {"print", TAKES_NOTHING, AT(print), 0, 0},
};

/* The option that `argument` begins with; `*value` is what stands behind an equals sign. */
static const submit_option *find_option(const char *argument, const char **value)
{
    const char *name = argument + 2;
    size_t size = strcspn(name, "=");
    *value = name[size] ? name + size + 1 : NULL;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strncmp(argument, "--", 2) == 0 && strlen(options[i].name) == size &&
            memcmp(options[i].name, name, size) == 0)
            return &options[i];
    return NULL;
}

/* They stand on lines of their own in the script. */
static bool is_one_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

static mr_status store(submission *sub, const submit_option *option, const char *value,
                       mr_error *error)
{
    char *at = (char *)sub + option->offset;
    uint64_t number;
    if (!*value || !is_one_line(value))
        return mr_error_set(error, MR_USAGE, "bad value: --%s %s: give it some text on one line",
                            option->name, value);
    if (option->type == TAKES_TEXT) {
        *(const char **)(void *)at = value;
        return MR_OK;
    }
    if (option->type == TAKES_MORE) {
        ((const char **)(uintptr_t)sub->batch.more)[sub->batch.more_count++] = value;
        return MR_OK;
    }
    if (!mr_value_whole(value, &number) || number < option->least || number > option->most)
        return mr_error_set(error, MR_USAGE,
                            "bad value: --%s %s: give a whole number from %" PRIu64 " to %" PRIu64,
                            option->name, value, option->least, option->most);
    *(uint64_t *)(void *)at = number;
    return MR_OK;
}

static mr_status take_option(submission *sub, const mr_call *call, int *at, mr_error *error)
{
    const char *argument = call->arguments[*at], *value;
    const submit_option *option = find_option(argument, &value);
    if (!option)
        return mr_error_set(error, MR_USAGE, "unknown option: %s: see 'mapred help submit'",
                            argument);
    if (option->type == TAKES_NOTHING) {
        if (value)
            return mr_error_set(error, MR_USAGE, "option takes no value: --%s: leave '%s' out",
                                option->name, value);
        *(bool *)((char *)sub + option->offset) = true;
        return MR_OK;
    }
    if (!value && *at + 1 == call->count)
        return mr_error_set(error, MR_USAGE, "option needs a value: %s: see 'mapred help submit'",
                            argument);
    return store(sub, option, value ? value : call->arguments[++*at], error);
}

/* Options, up to "--" or the app, whichever comes first; the word "run" may stand before it. */
static mr_status parse(submission *sub, const mr_call *call, mr_error *error)
{
    int at = 0;
    for (; at < call->count && call->arguments[at][0] == '-'; at++) {
        if (strcmp(call->arguments[at], "--") == 0) {
            at++;
            break;
        }
        MR_TRY(take_option(sub, call, &at, error));
    }
    if (at < call->count && strcmp(call->arguments[at], "run") == 0)
        at++;
    sub->batch.arguments = call->arguments + at;
    sub->batch.argument_count = call->count - at;
    if (at == call->count)
        return mr_error_set(error, MR_USAGE, "no app given: see 'mapred help submit'");
    if (sub->batch.array && sub->batch.chain > 1)
        return mr_error_set(error, MR_USAGE,
                            "options do not go together: --array and --chain: leave one out");
    if (strcmp(sub->launcher, "mpirun") != 0 && strcmp(sub->launcher, "srun") != 0)
        return mr_error_set(error, MR_USAGE, "bad value: --launcher %s: give mpirun or srun",
                            sub->launcher);
    return MR_OK;
}

/* ---- The app ---- */

/* The arguments as the first task of an array will have them, so that they can be read. */
static char *for_one_task(const char *text)
{
    char *copy = strdup(text);
    for (char *at = copy; at && (at = strstr(at, "%a"));) {
        *at++ = '1';
        memmove(at, at + 1, strlen(at));
    }
    return copy;
}

/* The app's own options are looked at and forgotten. */
static mr_status read_request(mr_request *request, const mr_call *call, const mr_app *app,
                              char *const *arguments, mr_error *error)
{
    int count = 0;
    while (arguments[count + 1])
        count++;
    mr_request_source source = {.app = app,
                                .called = arguments[0],
                                .count = count,
                                .arguments = arguments + 1,
                                .environment = call->environment};
    void *state = calloc(1, app->state_size ? app->state_size : 1);
    if (!state)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: the state of %s", app->name);
    mr_status status = mr_options_parse(request, &source, state, error);
    free(state);
    if (status == MR_OK && (request->help || request->version))
        return mr_error_set(error, MR_USAGE, "nothing to submit: %s: ask without 'submit'",
                            request->help ? "--help" : "--version");
    return status;
}

/* What is wrong without a checkpoint may be right with the one that the script has. `arguments` has
 * room for one more in front of the app. */
static mr_status read_settings(submission *sub, const mr_call *call, const mr_app *app,
                               char **arguments, mr_error *error)
{
    mr_request request = {.config = NULL};
    mr_error first = {MR_OK, ""};
    const mr_settings *settings = &request.settings;
    mr_status status = read_request(&request, call, app, arguments + 1, &first);
    if (status == MR_OK && settings->checkpoint)
        sub->checkpoint = strdup(settings->checkpoint);
    if (status == MR_USAGE) {
        static char added[] = "--checkpoint=mapred-checkpoint";
        mr_request_free(&request);
        arguments[0] = arguments[1];
        arguments[1] = added;
        status = read_request(&request, call, app, arguments, error);
        arguments[1] = arguments[0];
    } else if (status != MR_OK) {
        *error = first;
    }
    if (status == MR_OK && settings->output)
        sub->output = strdup(settings->output);
    mr_request_free(&request);
    return status;
}

/* Whether the app is there and likes its options. */
static mr_status check_app(submission *sub, const mr_call *call, mr_error *error)
{
    mr_plugin *plugin = NULL;
    size_t count = (size_t)sub->batch.argument_count;
    char **arguments = calloc(count + 2, sizeof *arguments);
    mr_status status = arguments ? mr_app_open(&plugin, call, sub->batch.arguments[0], error)
                                 : mr_error_set(error, MR_NO_MEMORY, "out of memory: submitting");
    for (size_t i = 0; status == MR_OK && i < count; i++)
        if (!(arguments[i + 1] = sub->batch.array ? for_one_task(sub->batch.arguments[i])
                                                  : strdup(sub->batch.arguments[i])))
            status = mr_error_set(error, MR_NO_MEMORY, "out of memory: submitting");
    if (status == MR_OK)
        status = read_settings(sub, call, mr_plugin_app(plugin), arguments, error);
    for (size_t i = 0; arguments && i < count; i++)
        free(arguments[i + 1]);
    free(arguments);
    mr_plugin_destroy(&plugin);
    return status;
}

/* ---- What was left open ---- */

/* The app's name without folders and ending. */
static void choose_name(submission *sub)
{
    const char *called = sub->batch.arguments[0], *slash = strrchr(called, '/');
    const char *name = slash ? slash + 1 : called;
    snprintf(sub->name, sizeof sub->name, "%.*s", (int)strcspn(name, "."), name);
    if (!sub->batch.name)
        sub->batch.name = *sub->name && is_one_line(sub->name) ? sub->name : "mapred";
    if (!sub->batch.log)
        sub->batch.log = sub->batch.array ? "%x-%A-%a.log" : "%x-%j.log";
}

/*
 * A rank a socket, and all CPUs to their threads, where all nodes are alike and Slurm knows how
 * they are; else one rank with the node to itself. Who says something of it himself is right.
 */
static void choose_shape(mr_batch *batch)
{
    uint64_t sockets, cpus;
    bool known = !batch->cpus && mr_slurm_shape(batch->partition, &sockets, &cpus);
    if (!batch->ranks)
        batch->ranks = known ? sockets : 1;
    if (known && batch->ranks <= cpus)
        batch->cpus = cpus / batch->ranks;
}

/* A tenth of the time, to stop in. */
static mr_status choose_margin(submission *sub, mr_error *error)
{
    uint64_t limit = 0;
    if (sub->batch.time && !mr_slurm_limit(sub->batch.time, &limit))
        return mr_error_set(error, MR_USAGE,
                            "bad value: --time %s: give minutes, hours:minutes:seconds or "
                            "days-hours:minutes:seconds",
                            sub->batch.time);
    uint64_t part = limit ? limit / 10 : MARGIN;
    part = part < LEAST_MARGIN ? LEAST_MARGIN : part > MOST_MARGIN ? MOST_MARGIN : part;
    sub->batch.margin = sub->margin ? sub->margin : part;
    return MR_OK;
}

static mr_status complete(submission *sub, const mr_call *call, mr_error *error)
{
    MR_TRY(check_app(sub, call, error));
    MR_TRY(choose_margin(sub, error));
    ssize_t size = readlink("/proc/self/exe", sub->program, sizeof sub->program - 1);
    if (size <= 0)
        return mr_error_set(error, MR_FAILED, "cannot find mapred's own file: %s", strerror(errno));
    sub->batch.program = sub->program;
    sub->batch.checkpoint = sub->checkpoint;
    sub->batch.output = sub->batch.array ? NULL : sub->output;
    sub->batch.srun = strcmp(sub->launcher, "srun") == 0;
    choose_name(sub);
    choose_shape(&sub->batch);
    return MR_OK;
}

/* ---- sbatch ---- */

/* A file without a name, from its beginning. */
static int script_file(const mr_batch *batch)
{
    int descriptor = memfd_create("mapred-submit", MFD_CLOEXEC);
    FILE *file = descriptor < 0 ? NULL : fdopen(dup(descriptor), "w");
    bool written = file != NULL;
    if (file) {
        mr_batch_write(file, batch);
        written = !ferror(file);
        written = fclose(file) == 0 && written && lseek(descriptor, 0, SEEK_SET) == 0;
    }
    if (written || descriptor < 0)
        return descriptor;
    close(descriptor);
    return -1;
}

static mr_status run_sbatch(int script, char *const *environment, mr_error *error)
{
    char *const command[] = {"sbatch", NULL};
    posix_spawn_file_actions_t files;
    pid_t child;
    int how = 0;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, script, STDIN_FILENO);
    int failed = posix_spawnp(&child, command[0], &files, NULL, command, environment);
    posix_spawn_file_actions_destroy(&files);
    if (failed)
        return mr_error_set(error, MR_FAILED,
                            "cannot submit: sbatch: %s: do it where Slurm is, or look at the "
                            "script with --print",
                            strerror(failed));
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
        return MR_OK;
    return mr_error_set(error, MR_FAILED,
                        "cannot submit: sbatch has refused the job, and says why above: look at "
                        "the script with --print");
}

static mr_status submit(const submission *sub, const mr_call *call, mr_error *error)
{
    int script = script_file(&sub->batch);
    if (script < 0)
        return mr_error_set(error, MR_FAILED, "cannot write the script: %s", strerror(errno));
    fflush(call->out);
    mr_status status = run_sbatch(script, call->environment, error);
    close(script);
    return status;
}

mr_status mr_command_submit(mr_call *call, mr_error *error)
{
    const char **more = calloc((size_t)call->count + 1, sizeof *more);
    submission sub = {
        .batch = {.retries = 3, .more = more, .typed = call->arguments, .typed_count = call->count},
        .launcher = "mpirun"};
    mr_status status =
        more ? parse(&sub, call, error)
             : mr_error_set(error, MR_NO_MEMORY, "out of memory: cannot read the options");
    if (status == MR_OK)
        status = complete(&sub, call, error);
    if (status == MR_OK && sub.print)
        mr_batch_write(call->out, &sub.batch);
    else if (status == MR_OK)
        status = submit(&sub, call, error);
    free(sub.checkpoint);
    free(sub.output);
    free(more);
    return status;
}
