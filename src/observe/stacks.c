/*
 * observe/stacks.c: a handler that writes a backtrace. The signal is one that nobody else has a use
 * for; only calls are interrupted that would be by any other signal, and most begin again.
 */
#include "observe/stacks.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FRAMES  64
#define ASK     (SIGRTMIN + 7)
#define SECONDS 1.0

static void show(int number)
{
    (void)number;
    const int kept = errno;
    void *frames[FRAMES];
    char text[256];
    mr_flight *flight = mr_flight_here();
    const mr_flight_thread *mine = mr_flight_mine();
    int size;
    if (mine)
        size = snprintf(text, sizeof text, "rank %d (%s), thread %d%s is at:\n", flight->rank,
                        flight->host, mine->number, mine->waits ? ", which waits," : "");
    else
        size = snprintf(text, sizeof text, "rank %d (%s), a thread of a library is at:\n",
                        flight->rank, flight->host);
    const ssize_t wrote = write(STDERR_FILENO, text, (size_t)size);
    (void)wrote;
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
    atomic_fetch_add(&flight->shown, 1);
    errno = kept;
}

void mr_stacks_answer(void)
{
    void *frame;
    struct sigaction action = {.sa_handler = show, .sa_flags = SA_RESTART | SA_ONSTACK};
    backtrace(&frame, 1); /* loads the unwinder, which the handler must not do */
    sigfillset(&action.sa_mask);
    if (sigaction(ASK, &action, NULL) == 0)
        atomic_store(&mr_flight_here()->shows_stacks, true);
}

/* One that is under way finds nobody. */
void mr_stacks_refuse(void)
{
    if (atomic_exchange(&mr_flight_here()->shows_stacks, false))
        signal(ASK, SIG_IGN);
}

static void ask_one(mr_flight *flight, int thread)
{
    const uint64_t before = atomic_load(&flight->shown);
    const double until = mr_clock_now() + SECONDS;
    if (syscall(SYS_tgkill, flight->process, thread, ASK) != 0)
        return;
    while (atomic_load(&flight->shown) == before && mr_clock_now() < until)
        mr_clock_nap(500);
}

void mr_stacks_ask(mr_flight *flight)
{
    char path[64];
    if (!atomic_load(&flight->shows_stacks))
        return;
    snprintf(path, sizeof path, "/proc/%d/task", flight->process);
    DIR *tasks = opendir(path);
    const struct dirent *entry;
    while (tasks && atomic_load(&flight->shows_stacks) && (entry = readdir(tasks)))
        if (entry->d_name[0] != '.')
            ask_one(flight, (int)strtol(entry->d_name, NULL, 10));
    if (tasks)
        closedir(tasks);
}
