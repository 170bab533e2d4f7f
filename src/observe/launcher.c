/* observe/launcher.c: who started us, by /proc, and what it writes to. */
#include "observe/launcher.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_PARENTS 8
#define PATIENCE     20.0 /* seconds until mpirun has ended */

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

static int parent_of(int process)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "re");
    const size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = '\0';
    const char *behind = strrchr(text, ')'); /* the name may have anything in it */
    return behind && strlen(behind) > 4 ? atoi(behind + 4) : 0;
}

int mr_launcher_of(int process)
{
    for (int i = 0; i < MOST_PARENTS && process > 1; i++) {
        process = parent_of(process);
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
static void wait_for_end(int launcher)
{
    const double until = mr_clock_now() + PATIENCE;
    while (kill(launcher, 0) == 0 && mr_clock_now() < until)
        mr_clock_nap(5000);
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
        wait_for_end(launcher);
    return file;
}
