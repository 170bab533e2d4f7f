/*
 * base/slurm.c: Slurm's environment, and a question to squeue. Knows of MPI only how to see that a
 * launcher which it understands was there.
 */
#include "base/slurm.h"

#include "base/clock.h"
#include "base/limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB      (UINT64_C(1) << 20)
#define PATIENCE 5.0

extern char **environ;

static uint64_t bytes_of(const char *name)
{
    uint64_t mib = mr_limits_environment(name);
    return mib > UINT64_MAX / MIB ? 0 : mib * MIB;
}

void mr_slurm_read(mr_slurm *about)
{
    const char *scratch = getenv("SLURM_TMPDIR");
    *about = (mr_slurm){
        .job = mr_limits_environment("SLURM_JOB_ID"),
        .nodes = mr_limits_environment("SLURM_JOB_NUM_NODES"),
        .cpus_on_node = mr_limits_environment("SLURM_CPUS_ON_NODE"),
        .cpus_per_task = mr_limits_environment("SLURM_CPUS_PER_TASK"),
        .memory_per_node = bytes_of("SLURM_MEM_PER_NODE"),
        .memory_per_cpu = bytes_of("SLURM_MEM_PER_CPU"),
        .restarts = mr_limits_environment("SLURM_RESTART_COUNT"),
        .scratch = scratch && *scratch ? scratch : NULL,
    };
    /* A batch script has a task, too, but no step. */
    if (getenv("SLURM_STEP_ID")) {
        about->task = mr_limits_environment("SLURM_PROCID");
        about->tasks = mr_limits_environment("SLURM_STEP_NUM_TASKS");
    }
}

/* Appends ", NUMBER WHAT" where there is a number. */
static void append(char *text, size_t size, uint64_t number, const char *what)
{
    size_t used = strlen(text);
    if (number && used < size)
        snprintf(text + used, size - used, ", %" PRIu64 " %s", number, what);
}

void mr_slurm_describe(const mr_slurm *about, char *text, size_t size)
{
    snprintf(text, size, "job %" PRIu64, about->job);
    append(text, size, about->nodes, about->nodes == 1 ? "node" : "nodes");
    append(text, size, about->cpus_on_node, "CPUs here");
    append(text, size, about->cpus_per_task, "CPUs a task");
    append(text, size, about->memory_per_node / MIB, "MiB a node");
    append(text, size, about->memory_per_cpu / MIB, "MiB a CPU");
    append(text, size, about->restarts, about->restarts == 1 ? "restart" : "restarts");
}

/* ---- Asking ---- */

/* Starts a command in a process group of its own, with a pipe for what it says. */
static bool start(char *const *command, pid_t *child, int *pipe_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int failed = posix_spawnp(child, command[0], &files, &attributes, command, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    *pipe_end = ends[0];
    if (failed)
        close(ends[0]);
    return !failed;
}

/* Up to the end of a line (or of all, where that is wanted), of the room or of the time. */
static bool read_some(int descriptor, char *text, size_t size, bool all, double deadline)
{
    struct pollfd one = {.fd = descriptor, .events = POLLIN};
    size_t used = 0;
    ssize_t got = 1;
    double left;
    while (got > 0 && used + 1 < size && (all || !memchr(text, '\n', used)) &&
           (left = deadline - mr_clock_now()) > 0) {
        if (poll(&one, 1, (int)(left * 1000) + 1) < 1)
            continue; /* it is late, or a signal came */
        got = read(descriptor, text + used, size - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    }
    text[used] = 0;
    return got == 0 || memchr(text, '\n', used);
}

/* False when nothing was said to its end, in time. */
static bool ask(char *const *command, char *text, size_t size, bool all, double patience)
{
    pid_t child;
    int pipe_end;
    text[0] = 0;
    if (!start(command, &child, &pipe_end))
        return false;
    bool told = read_some(pipe_end, text, size, all, mr_clock_now() + patience);
    close(pipe_end);
    /* It has said what it was asked, or is late: all of it must go, or waiting could be long. */
    kill(-child, SIGKILL);
    waitpid(child, NULL, 0);
    return told;
}

/* ---- The end of the job ---- */

/* "1700000000", or a time of the clock on the wall: "2026-11-21T18:00:00". */
static int64_t time_of(const char *text)
{
    struct tm parts = {.tm_isdst = -1};
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits < 18 && strspn(text + digits, " \n") == strlen(text + digits))
        return strtoll(text, NULL, 10);
    if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &parts))
        return 0;
    time_t seconds = mktime(&parts);
    return seconds > 0 ? (int64_t)seconds : 0;
}

int64_t mr_slurm_ask_end(uint64_t job, double patience)
{
    char number[24], text[64];
    char *const command[] = {
        "env", "SLURM_TIME_FORMAT=%s", "squeue", "-h", "-j", number, "-o", "%e", NULL};
    snprintf(number, sizeof number, "%" PRIu64, job);
    return ask(command, text, sizeof text, false, patience) ? time_of(text) : 0;
}

int64_t mr_slurm_end_time(void)
{
    static const char *const names[] = {"MAPRED_END_TIME", "SLURM_JOB_END_TIME"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint64_t end = mr_limits_environment(names[i]);
        if (end && end <= INT64_MAX)
            return (int64_t)end;
    }
    uint64_t job = mr_limits_environment("SLURM_JOB_ID");
    return job ? mr_slurm_ask_end(job, PATIENCE) : 0;
}

/* ---- Before a job ---- */

bool mr_slurm_shape(const char *partition, uint64_t *sockets, uint64_t *cpus)
{
    char text[4096], name[256];
    char *const command[] = {"sinfo", "-h", "-e", "-o", "%X %c", name, NULL};
    char *rest = NULL;
    snprintf(name, sizeof name, "--partition=%s", partition ? partition : "");
    char *const usual[] = {"sinfo", "-h", "-e", "-o", "%X %c %P", NULL};
    *sockets = *cpus = 0;
    if (!ask(partition ? command : usual, text, sizeof text, true, PATIENCE))
        return false;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *end;
        uint64_t here = strtoull(line, &end, 10), cpus_here = strtoull(end, &end, 10);
        if (!partition && !strchr(end, '*')) /* which stands behind the name of the usual one */
            continue;
        if ((*sockets && (*sockets != here || *cpus != cpus_here)) || !here || cpus_here < here)
            return false;
        *sockets = here;
        *cpus = cpus_here;
    }
    return *sockets > 0;
}

/* Whole numbers with colons between, as many as there are; 0: something else. */
static unsigned split_time(const char *text, uint64_t parts[3])
{
    for (unsigned count = 0; count < 3; text++) {
        if (*text < '0' || *text > '9' || strspn(text, "0123456789") > 9)
            return 0;
        char *end;
        parts[count++] = strtoull(text, &end, 10);
        text = end;
        if (!*text)
            return count;
        if (*text != ':')
            return 0;
    }
    return 0;
}

bool mr_slurm_limit(const char *text, uint64_t *seconds)
{
    uint64_t days[3] = {0}, parts[3] = {0};
    char before[12] = "0";
    const char *dash = strchr(text, '-');
    *seconds = 0;
    if (strcasecmp(text, "unlimited") == 0 || strcasecmp(text, "infinite") == 0)
        return true;
    if (dash && dash - text < (ptrdiff_t)sizeof before)
        snprintf(before, sizeof before, "%.*s", (int)(dash - text), text);
    unsigned count = split_time(dash ? dash + 1 : text, parts);
    if (!count || (dash && strlen(before) != (size_t)(dash - text)) ||
        split_time(before, days) != 1)
        return false;
    if (dash || count == 3) /* days-hours:minutes:seconds, from the left */
        *seconds = ((days[0] * 24 + parts[0]) * 60 + parts[1]) * 60 + parts[2];
    else /* minutes:seconds */
        *seconds = parts[0] * 60 + parts[1];
    return true;
}

/* ---- Started in the wrong way ---- */

mr_status mr_slurm_check_launch(mr_error *error)
{
    mr_slurm about;
    mr_slurm_read(&about);
    if (about.tasks < 2 || getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK"))
        return MR_OK;
    return mr_error_set(error, MR_USAGE,
                        "cannot start MPI: srun has started %" PRIu64
                        " tasks that do not know of each other: start it with 'srun --mpi=pmix', "
                        "or with mpirun",
                        about.tasks);
}
