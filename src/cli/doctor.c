/*
 * cli/doctor.c: mapred doctor. What this installation and this machine look like to a job, and what
 * of it will be in a job's way. Starts no MPI.
 */
#include "plugin/build.h"
#include "plugin/cache.h"
#include "plugin/find.h"

#include "cli/command.h"
#include "cli/options.h"
#include "plugin/mr_paths.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LEAST_FILES   256
#define LEAST_SCRATCH (UINT64_C(1) << 30)
#define GIB           (double)(UINT64_C(1) << 30)

typedef struct checkup {
    const mr_call *call;
    unsigned problems;
} checkup;

static void complain(checkup *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(checkup *findings, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("problem: ", findings->call->out);
    vfprintf(findings->call->out, format, arguments);
    fputc('\n', findings->call->out);
    va_end(arguments);
    findings->problems++;
}

static void say(const checkup *findings, const char *what, const char *text)
{
    fprintf(findings->call->out, "%-15s%s\n", what, text);
}

static void look_at_version(const checkup *findings)
{
    const mr_places *places = findings->call->places;
    fprintf(findings->call->out, "%-15s%s (plugin ABI %d)\n", "mapred", MR_VERSION, MR_ABI);
    fprintf(findings->call->out, "%-15sOpen MPI %s, at build time\n", "MPI", MR_MPI_VERSION);
    say(findings, "runs from", places->build_tree ? "a build tree" : "an installation");
}

static void look_at_cpus(checkup *findings)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        say(findings, "cpus", "more than can be counted here");
        return;
    }
    int count = CPU_COUNT(&allowed);
    fprintf(findings->call->out, "%-15s%d allowed of %ld online\n", "cpus", count, online);
    fprintf(findings->call->out, "%-15s%d, for one rank alone\n", "threads", count);
    const char *threads = getenv("MAPRED_THREADS");
    if (threads && *threads)
        fprintf(findings->call->out, "%-15s%s, by MAPRED_THREADS\n", "", threads);
}

static void look_at_app(checkup *findings, const mr_listed *listed)
{
    mr_error error = {MR_OK, ""};
    mr_plugin *plugin;
    mr_status status = mr_plugin_load(&plugin, listed->path, &error);
    if (status == MR_OK)
        status = mr_options_check(mr_plugin_app(plugin), listed->path, &error);
    if (status != MR_OK)
        complain(findings, "%s", error.text);
    mr_plugin_destroy(&plugin);
}

static void look_at_apps(checkup *findings)
{
    const mr_call *call = findings->call;
    mr_error error = {MR_OK, ""};
    mr_listing listing;
    if (call->search && *call->search)
        say(findings, "MAPRED_PATH", call->search);
    say(findings, "app folder", call->places->apps);
    if (mr_listing_read(&listing, call->places, call->search, &error) != MR_OK) {
        complain(findings, "%s", error.text);
        return;
    }
    fprintf(call->out, "%-15s%zu\n", "apps", listing.count);
    for (size_t i = 0; i < listing.count; i++)
        look_at_app(findings, &listing.apps[i]);
    if (listing.count == 0)
        complain(findings, "no apps: %s: install mapred's, or set MAPRED_PATH", call->places->apps);
    mr_listing_free(&listing);
}

static void look_at_scratch(checkup *findings)
{
    static const char *const names[] = {"MAPRED_SCRATCH", "SLURM_TMPDIR", "TMPDIR"};
    const char *folder = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && (!folder || !*folder); i++)
        folder = getenv(names[i]);
    if (!folder || !*folder)
        folder = "/tmp";
    struct statvfs space;
    if (statvfs(folder, &space) != 0) {
        complain(findings, "no scratch folder: %s: %s: set TMPDIR to one", folder, strerror(errno));
        return;
    }
    uint64_t free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    fprintf(findings->call->out, "%-15s%s, %.1f GiB free\n", "scratch", folder,
            (double)free_bytes / GIB);
    if (access(folder, W_OK | X_OK) != 0)
        complain(findings, "cannot write scratch folder: %s: %s: set TMPDIR to another", folder,
                 strerror(errno));
    else if (free_bytes < LEAST_SCRATCH)
        complain(findings,
                 "little scratch space: %s: less than 1 GiB is free: set TMPDIR to "
                 "another folder",
                 folder);
}

static void look_at_files(checkup *findings)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    fprintf(findings->call->out, "%-15s%llu open at a time\n", "files",
            (unsigned long long)limit.rlim_cur);
    if (limit.rlim_cur < LEAST_FILES)
        complain(findings, "few open files: the limit is %llu: raise it with 'ulimit -n'",
                 (unsigned long long)limit.rlim_cur);
}

static bool is_on_path(const char *program)
{
    const char *path = getenv("PATH");
    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    while (path && *path) {
        char file[MR_PATH];
        size_t size = strcspn(path, ":");
        mr_error ignored = {MR_OK, ""};
        if (mr_path_format(file, MR_FAILED, &ignored, "%.*s/%s", (int)size, path, program) ==
                MR_OK &&
            access(file, X_OK) == 0)
            return true;
        path += size + (path[size] == ':');
    }
    return false;
}

static void look_at_compiler(checkup *findings)
{
    const char *compiler = mr_build_compiler();
    char program[MR_PATH], folder[MR_PATH];
    mr_error error = {MR_OK, ""};
    compiler += strspn(compiler, " \t");
    say(findings, "compiler", compiler);
    snprintf(program, sizeof program, "%.*s", (int)strcspn(compiler, " \t"), compiler);
    if (!is_on_path(program))
        complain(findings, "no compiler: %s: only needed to build apps: install one, or set CC",
                 program);
    if (mr_path_format(program, MR_FAILED, &error, "%s/mapred.h",
                       findings->call->places->include) == MR_OK &&
        access(program, R_OK) != 0)
        complain(findings, "no headers: %s: %s: install mapred again", program, strerror(errno));
    if (mr_cache_folder(folder, &error) == MR_OK)
        say(findings, "plugin cache", folder);
    else
        complain(findings, "%s", error.text);
}

mr_status mr_command_doctor(mr_call *call, mr_error *error)
{
    checkup findings = {.call = call};
    if (call->count > 0)
        return mr_error_set(error, MR_USAGE, "too many arguments: %s: 'mapred doctor' takes none",
                            call->arguments[0]);
    look_at_version(&findings);
    look_at_cpus(&findings);
    look_at_apps(&findings);
    look_at_scratch(&findings);
    look_at_files(&findings);
    look_at_compiler(&findings);
    if (findings.problems == 0)
        fprintf(call->out, "all is well\n");
    return findings.problems == 0 ? MR_OK : MR_FAILED;
}
