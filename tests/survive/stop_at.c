/*
 * survive/stop_at.c: for LD_PRELOAD: a rank gets a signal when it has made something safe on the
 * disk (fsync) for the n-th time, so in the middle of a checkpoint or just behind one. MR_STOP is
 * RANK:COUNT:SIGNAL.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void count(void)
{
    static atomic_int calls;
    int rank, most, number;
    const char *stop = getenv("MR_STOP"), *mine = getenv("OMPI_COMM_WORLD_RANK");
    if (!stop || sscanf(stop, "%d:%d:%d", &rank, &most, &number) != 3)
        return;
    if (rank == (mine ? atoi(mine) : 0) && atomic_fetch_add(&calls, 1) + 1 == most)
        kill(getpid(), number);
}

__attribute__((visibility("default"))) int fsync(int file)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    const int result = real(file);
    count();
    return result;
}
