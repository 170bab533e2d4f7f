/* observe/ending.c: /proc and pidfds, whichever knows. */
#include "observe/ending.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE 2000 /* naps of half a millisecond, until a dying process is dead */

/* As Linux 6.15 has it; headers may be older than the system. */
typedef struct pidfd_facts {
    uint64_t mask, group;
    uint32_t ids[11];
    int32_t exit_code;
} pidfd_facts;
#define FACTS_EXIT  (UINT64_C(1) << 3)
#define FACTS_FETCH _IOWR(0xFF, 11, pidfd_facts)

int mr_ending_watch(int process)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, process, 0);
#else
    (void)process;
    return -1;
#endif
}

static void set_status(mr_ending *ending, int status)
{
    ending->is_known = true;
    ending->signal = status & 0x7f;
    ending->code = (status >> 8) & 0xff;
}

/* Also of one that its parent has taken note of. */
static bool ask_watched(mr_ending *ending, int watched)
{
    pidfd_facts facts = {.mask = FACTS_EXIT};
    if (watched < 0 || ioctl(watched, FACTS_FETCH, &facts) != 0 || !(facts.mask & FACTS_EXIT))
        return false;
    set_status(ending, facts.exit_code);
    return true;
}

static bool read_small(int process, const char *name, char *text, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", process, name);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, room - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = '\0';
    return size > 0;
}

/* Signals that wait for the process, as a mask. */
static void ask_pending(mr_ending *ending, int process)
{
    static const int polite[] = {SIGTERM, SIGINT, SIGHUP};
    char text[4096];
    if (!read_small(process, "status", text, sizeof text))
        return;
    const char *at = strstr(text, "ShdPnd:");
    const uint64_t pending = at ? strtoull(at + strlen("ShdPnd:"), NULL, 16) : 0;
    for (size_t i = 0; i < sizeof polite / sizeof *polite; i++)
        ending->was_asked |= (pending >> (polite[i] - 1) & 1) != 0;
}

/* False: it still runs, or is about to end. */
static bool ask_dead(mr_ending *ending, int process, bool *is_gone)
{
    char text[2048];
    *is_gone = !read_small(process, "stat", text, sizeof text);
    const char *state = *is_gone ? NULL : strrchr(text, ')');
    if (!state || strlen(state) < 3 || (state[2] != 'Z' && state[2] != 'X'))
        return false;
    ask_pending(ending, process);
    const char *last = strrchr(text, ' ');
    set_status(ending, (int)strtol(last + 1, NULL, 10));
    return true;
}

mr_ending mr_ending_of(int process, int watched)
{
    mr_ending ending = {.is_known = false};
    bool is_gone = false;
    for (int i = 0; i < PATIENCE && !is_gone; i++) {
        if (ask_dead(&ending, process, &is_gone) || ask_watched(&ending, watched))
            break;
        if (!is_gone)
            mr_clock_nap(500);
    }
    if (is_gone)
        ask_watched(&ending, watched);
    if (ending.signal == SIGTERM || ending.signal == SIGINT || ending.signal == SIGHUP)
        ending.was_asked = true;
    return ending;
}

void mr_ending_signal_name(int signal, char *text, size_t room)
{
    const char *name = sigabbrev_np(signal);
    if (name)
        snprintf(text, room, "SIG%s", name);
    else
        snprintf(text, room, "signal %d", signal);
}
