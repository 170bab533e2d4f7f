/*
 * cli/patience.c: threads that wait for others of their rank do so by spinning, unless OpenMP is
 * told otherwise before the program begins. Where a node has more threads than cores, who spins
 * takes the core from the one it waits for, and a job is ten times slower. So there the program is
 * started once more, with the word put in.
 */
#include "cli/command.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* Ranks on this node, by what launchers say; 1 when they say nothing. */
static long ranks_here(void)
{
    const char *text = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    if (!text)
        text = getenv("SLURM_STEP_TASKS_PER_NODE");
    long ranks = text ? strtol(text, NULL, 10) : 1;
    return ranks > 0 ? ranks : 1;
}

void mr_call_patience(char **arguments)
{
    long ranks = ranks_here(), cores = sysconf(_SC_NPROCESSORS_ONLN);
    bool told = getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT");
    if (told || ranks == 1 || ranks * 2 <= cores)
        return;
    /* By its own name, which is what others look for. */
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size <= 0 || setenv("OMP_WAIT_POLICY", "passive", 1) != 0)
        return;
    path[size] = '\0';
    execv(path, arguments);
    /* Where that is not possible the job is slow, and nothing worse. */
}
