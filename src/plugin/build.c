/*
 * plugin/build.c: running the compiler. No shell: names of files mean themselves, whatever is in
 * them.
 */
#include "plugin/build.h"

#include "plugin/mr_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define COMPILER_WORDS 24

/* What the compiler is called with. `words` holds the first of the arguments. */
typedef struct compiler_call {
    char *words;
    char include[MR_PATH + 8], library[MR_PATH + 8];
    char partial[MR_PATH], log[MR_PATH];
    const char *arguments[COMPILER_WORDS + 24];
    size_t count;
} compiler_call;

const char *mr_build_compiler(void)
{
    const char *compiler = getenv("CC");
    return compiler && compiler[strspn(compiler, " ")] ? compiler : MR_COMPILER;
}

static void add(compiler_call *call, const char *argument)
{
    call->arguments[call->count++] = argument;
}

/* The compiler's own words and the flags, cut at blanks. */
static mr_status add_words(compiler_call *call, const char *compiler, mr_error *error)
{
    char *rest = NULL;
    if (asprintf(&call->words, "%s %s", compiler, MR_BUILD_FLAGS) < 0) {
        call->words = NULL;
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: cannot run the compiler");
    }
    for (char *word = strtok_r(call->words, " \t", &rest); word;
         word = strtok_r(NULL, " \t", &rest)) {
        if (call->count == COMPILER_WORDS)
            return mr_error_set(error, MR_USAGE, "too many words: CC=%s: use fewer", compiler);
        add(call, word);
    }
    return MR_OK;
}

static mr_status compose(compiler_call *call, const mr_build *build, const mr_places *places,
                         mr_error *error)
{
    MR_TRY(mr_path_format(call->partial, MR_BAD_OUTPUT, error, "%s.part-%ld", build->target,
                          (long)getpid()));
    MR_TRY(mr_path_format(call->log, MR_BAD_OUTPUT, error, "%s.log", build->target));
    snprintf(call->include, sizeof call->include, "-I%s", places->include);
    snprintf(call->library, sizeof call->library, "-L%s", places->library);
    MR_TRY(add_words(call, build->compiler ? build->compiler : mr_build_compiler(), error));
    if (build->native)
        add(call, "-march=native");
    if (build->dependencies) {
        add(call, "-MMD");
        add(call, "-MF");
        add(call, build->dependencies);
    }
    add(call, call->include);
    add(call, "-o");
    add(call, call->partial);
    add(call, build->source);
    add(call, call->library);
    add(call, "-lmapred");
    add(call, "-lm");
    add(call, "-Xlinker");
    add(call, "-rpath");
    add(call, "-Xlinker");
    add(call, places->library);
    add(call, NULL);
    return MR_OK;
}

/* This environment, but with messages in English, since we look for a word of them. Free it. */
static char **plain_environment(void)
{
    static char language[] = "LC_ALL=C";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **copy = calloc(count + 2, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            copy[kept++] = environ[i];
    if (copy)
        copy[kept] = language;
    return copy;
}

/* Starts the compiler with its output in the log. Returns what posix_spawnp does. */
static int start(const compiler_call *call, pid_t *child)
{
    char **environment = plain_environment();
    if (!environment)
        return ENOMEM;
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0)
        goto out;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, call->log,
                                     O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    /* posix_spawn wants pointers to mutable text and leaves it alone. */
    char *arguments[sizeof call->arguments / sizeof *call->arguments];
    memcpy(arguments, call->arguments, sizeof arguments);
    code = posix_spawnp(child, arguments[0], &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
out:
    free(environment);
    return code;
}

/* The first line of the log that has "error" in it. */
static void read_first_error(const char *log, char *line, size_t size)
{
    FILE *file = fopen(log, "re");
    bool found = false;
    while (file && !found && fgets(line, (int)size, file))
        found = strstr(line, "error") != NULL;
    if (file)
        fclose(file);
    if (!found)
        snprintf(line, size, "the compiler says no more");
    line[strcspn(line, "\n")] = '\0';
}

static mr_status explain(const compiler_call *call, const char *source, mr_error *error)
{
    char line[512];
    read_first_error(call->log, line, sizeof line);
    size_t size = strlen(source);
    bool has_source = strncmp(line, source, size) == 0 && line[size] == ':';
    return mr_error_set(error, MR_BAD_PLUGIN,
                        "cannot compile plugin: %s%s%s: fix it; the whole log is in %s",
                        has_source ? "" : source, has_source ? "" : ": ", line, call->log);
}

static mr_status run(const compiler_call *call, const char *source, mr_error *error)
{
    pid_t child;
    int code = start(call, &child), state;
    if (code != 0)
        return mr_error_set(error, MR_BAD_PLUGIN,
                            "cannot compile plugin: %s: cannot run '%s': %s: install a C compiler, "
                            "or name one in CC",
                            source, call->arguments[0], strerror(code));
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return mr_error_set(error, MR_BAD_PLUGIN,
                                "cannot compile plugin: %s: lost the compiler: %s", source,
                                strerror(errno));
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0)
        return explain(call, source, error);
    return MR_OK;
}

/* The compiler would say so less clearly. */
static mr_status check_files(const compiler_call *call, const mr_build *build, mr_error *error)
{
    if (access(build->source, R_OK) != 0)
        return mr_error_set(error, MR_BAD_PLUGIN, "cannot read plugin's source: %s: %s",
                            build->source, strerror(errno));
    int log = open(call->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (log < 0)
        return mr_error_set(error, MR_BAD_OUTPUT, "cannot write plugin: %s: %s", build->target,
                            strerror(errno));
    close(log);
    return MR_OK;
}

mr_status mr_plugin_build(const mr_build *build, const mr_places *places, mr_error *error)
{
    mr_status status = MR_NO_MEMORY;
    compiler_call *call = calloc(1, sizeof *call);
    if (!call)
        return mr_error_set(error, status, "out of memory: cannot run the compiler");
    status = compose(call, build, places, error);
    if (status == MR_OK)
        status = check_files(call, build, error);
    if (status != MR_OK)
        goto out;
    status = run(call, build->source, error);
    if (status == MR_OK && rename(call->partial, build->target) != 0)
        status = mr_error_set(error, MR_BAD_OUTPUT, "cannot write plugin: %s: %s", build->target,
                              strerror(errno));
    if (status == MR_OK)
        unlink(call->log);
    else
        unlink(call->partial);
out:
    free(call->words);
    free(call);
    return status;
}
