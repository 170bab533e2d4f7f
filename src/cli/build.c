/* cli/build.c: mapred build. Compiles an app and makes sure that it can be loaded. */
#include "plugin/build.h"

#include "cli/command.h"
#include "cli/options.h"

#include <string.h>
#include <sys/stat.h>

typedef struct build_request {
    const char *source, *target;
    bool native;
} build_request;

static mr_status parse(build_request *request, const mr_call *call, mr_error *error)
{
    for (int i = 0; i < call->count; i++) {
        const char *argument = call->arguments[i];
        if (strcmp(argument, "--native") == 0)
            request->native = true;
        else if (strcmp(argument, "-o") == 0 || strcmp(argument, "--output") == 0) {
            if (i + 1 == call->count)
                return mr_error_set(error, MR_USAGE, "option needs a value: %s: give it a file",
                                    argument);
            request->target = call->arguments[++i];
        } else if (argument[0] == '-')
            return mr_error_set(error, MR_USAGE, "unknown option: %s: see 'mapred help build'",
                                argument);
        else if (request->source)
            return mr_error_set(error, MR_USAGE, "too many files: %s: build one at a time",
                                argument);
        else
            request->source = argument;
    }
    size_t size = request->source ? strlen(request->source) : 0;
    if (size < 3 || strcmp(request->source + size - 2, ".c") != 0)
        return mr_error_set(error, MR_USAGE, "no C file given: %s: see 'mapred help build'",
                            request->source ? request->source : "mapred build");
    return MR_OK;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* With a slash in it, so that it can be loaded as it is. */
static mr_status name_target(char target[MR_PATH], const build_request *request, mr_error *error)
{
    const char *path = request->target ? request->target : request->source;
    int size = (int)strlen(path) - (request->target ? 0 : 2);
    return mr_path_format(target, MR_USAGE, error, "%s%.*s%s", strchr(path, '/') ? "" : "./", size,
                          path, request->target ? "" : ".so");
}

mr_status mr_command_build(mr_call *call, mr_error *error)
{
    build_request request = {NULL, NULL, false};
    char target[MR_PATH];
    MR_TRY(parse(&request, call, error));
    MR_TRY(name_target(target, &request, error));
    if (is_same_file(request.source, target))
        return mr_error_set(error, MR_USAGE, "output is the source: %s: give -o another file",
                            request.source);
    mr_build build = {.source = request.source, .target = target, .native = request.native};
    MR_TRY(mr_plugin_build(&build, call->places, error));
    mr_plugin *plugin;
    MR_TRY(mr_plugin_load(&plugin, target, error));
    mr_status status = mr_options_check(mr_plugin_app(plugin), target, error);
    mr_plugin_destroy(&plugin);
    if (status == MR_OK)
        fprintf(call->out, "%s is built.\nrun it: mapred %s INPUT...\n", target, target);
    return status;
}
