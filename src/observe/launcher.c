/* observe/launcher.c: who started us, by /proc, and what it writes to. */
#include "observe/launcher.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST_PARENTS 8
#define PATIENCE     20.0 /* seconds until mpirun has ended */
#define SEE_OFF      5.0  /* and without any of its ranks */

static bool is_launcher(int process)
{
    static const char *const names[] = {"mpirun", "mpiexec", "orterun", "mpirun.openmpi"};
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", process);
    FILE *file = fopen(path, "re");
    if (file && fgets(name, sizeof name, file))
        name[strcspn(name, "\n")] = '\0';
    if (file)
        fclose(file);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* 0: there is no such process. `state` is as in /proc: Z is for one that is dead. */
static int parent_of(int process, char *state)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "re");
    const size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = '\0';
    const char *behind = strrchr(text, ')'); /* the name may have anything in it */
    if (!behind || strlen(behind) <= 4)
        return 0;
    *state = behind[2];
    return (int)strtol(behind + 4, NULL, 10);
}

int mr_launcher_of(int process)
{
    char state;
    for (int i = 0; i < MOST_PARENTS && process > 1; i++) {
        process = parent_of(process, &state);
        if (process > 1 && is_launcher(process))
            return process;
    }
    return 0;
}

/* The very file, with the place in it that the launcher is at; not everywhere allowed. */
static int share(int launcher)
{
#if defined(SYS_pidfd_open) && defined(SYS_pidfd_getfd)
    const int handle = (int)syscall(SYS_pidfd_open, launcher, 0);
    const int file = handle < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, handle, STDERR_FILENO, 0);
    if (handle >= 0)
        close(handle);
    return file;
#else
    (void)launcher;
    return -1;
#endif
}

/* What the launcher writes behind the end of its own lines would be lost in them. */
static bool has_ended(int launcher, double patience)
{
    const double until = mr_clock_now() + patience;
    while (is_launcher(launcher) && mr_clock_now() < until)
        mr_clock_nap(5000);
    return !is_launcher(launcher);
}

int mr_launcher_stderr(int launcher)
{
    char path[64];
    struct stat about;
    int file = share(launcher);
    if (file >= 0)
        return file;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", launcher, STDERR_FILENO);
    file = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
    if (file >= 0 && fstat(file, &about) == 0 && S_ISREG(about.st_mode))
        has_ended(launcher, PATIENCE);
    return file;
}

static bool has_living_children(int launcher)
{
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    bool found = all == NULL;
    while (all && !found && (entry = readdir(all))) {
        char state = 'Z';
        const int process = (int)strtol(entry->d_name, NULL, 10);
        found = process > 0 && parent_of(process, &state) == launcher && state != 'Z';
    }
    if (all)
        closedir(all);
    return found;
}

static bool is_one_node(void)
{
    const char *here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE"), *all = getenv("OMPI_COMM_WORLD_SIZE");
    return here && all && strcmp(here, all) == 0;
}

/* By a name that only one process can have, and that goes with it. */
bool mr_launcher_claim(int launcher)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const int held = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (held < 0)
        return true;
    const int size = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "mapred-death-%ld-%d",
                              (long)getuid(), launcher);
    const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
    return bind(held, (const struct sockaddr *)&name, length) == 0 || errno != EADDRINUSE;
}

void mr_launcher_see_off(int launcher)
{
    if (!has_ended(launcher, SEE_OFF) && is_one_node() && !has_living_children(launcher))
        kill(launcher, SIGKILL);
}
