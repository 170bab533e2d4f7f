/*
 * observe/guard.c: both sides of it. The rank holds the writing end of a pipe and never lets go, so
 * its end closes it, whatever way it ends; a byte that comes through means "look at the record
 * again". The guard is in a session of its own: what ends a rank's process group spares it.
 */
#include "observe/guard.h"

#include "base/clock.h"
#include "observe/ending.h"
#include "observe/launcher.h"
#include "observe/oom.h"
#include "observe/stacks.h"
#include "observe/watchdog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME        "rank-guard" /* not ours: who looks for mapred looks for ranks */
#define LOOK        1.0          /* seconds between two looks at the rank's memory */
#define GO_ON       30.0         /* and at what the kernel has killed */
#define SECOND_BEST 100000       /* microseconds that one who knows little leaves to others */

/* What the rank knows. */
static struct {
    pid_t process;
    int pipe;
} guard = {.process = 0, .pipe = -1};

/* What the guard knows. */
typedef struct watch {
    mr_flight *flight, *first; /* the rank's record, and that of the node's first rank */
    mr_flight *peers[MR_FLIGHT_PEERS];
    mr_watchdog watchdog;
    int pipe, process_file, launcher;
    mr_oom oom;
    double gone_on;
    uint64_t peak; /* bytes */
    bool has_met;
} watch;

/* ---- The death ---- */

static void write_all(int file, const char *text, size_t size)
{
    while (size > 0) {
        const ssize_t wrote = write(file, text, size);
        if (wrote <= 0)
            return;
        text += wrote;
        size -= (size_t)wrote;
    }
}

/* One death of a job is told on a node: the others follow from it. */
static bool is_first_to_tell(const watch *w)
{
    const bool is_first = !atomic_exchange(&w->first->is_node_told, true);
    return is_first && (!w->launcher || mr_launcher_claim(w->launcher));
}

/* One of the things that threads were at, and how many there are. */
static void describe_work(const mr_flight *flight, char *text, size_t room)
{
    char work[2 * MR_FLIGHT_FILE];
    int others = 0, size = 0;
    const unsigned used = atomic_load(&((mr_flight *)(uintptr_t)flight)->used);
    text[0] = '\0';
    for (unsigned i = 0; i < used && i < MR_FLIGHT_THREADS; i++) {
        const mr_flight_thread *thread = &flight->threads[i];
        if (!thread->is_taken || !mr_flight_work(thread, work, sizeof work))
            continue;
        if (size == 0)
            size = snprintf(text, room, ", working on %s", work);
        else
            others++;
    }
    if (others > 0 && (size_t)size < room)
        snprintf(text + size, room - (size_t)size, " and on %d more in other threads", others);
}

static const char *advice(const mr_flight *flight, bool of_memory, const mr_ending *ending)
{
    if (of_memory)
        return flight->can_resume ? "give it more memory, or let it take less with --memory, and "
                                    "go on with --resume"
                                  : "give it more memory, or let it take less with --memory";
    if (ending->is_known && ending->signal == 0)
        return "a kernel or a library has ended the process: look there, and at what it wrote";
    return flight->can_resume
               ? "look for who did it in the system's log or the batch system's, and "
                 "go on with --resume"
               : "look for who did it in the system's log or the batch system's, and "
                 "run it again";
}

static void tell(const watch *w, const mr_ending *ending)
{
    const mr_flight *flight = w->flight;
    char text[2048], how[512], name[32], memory[384] = "", work[3 * MR_FLIGHT_FILE];
    const bool may_be_memory = !ending->is_known || ending->signal == SIGKILL;
    const bool of_memory = may_be_memory && mr_oom_tell(&w->oom, w->peak, memory, sizeof memory);
    mr_ending_signal_name(ending->signal, name, sizeof name);
    if (of_memory)
        snprintf(how, sizeof how, "killed by the kernel: %s", memory);
    else if (!ending->is_known)
        snprintf(how, sizeof how, "killed");
    else if (ending->signal)
        snprintf(how, sizeof how, "killed by %s", name);
    else
        snprintf(how, sizeof how, "ended with code %d in the middle of its work", ending->code);
    describe_work(flight, work, sizeof work);
    int size = snprintf(text, sizeof text - 1,
                        "mapred: rank died: rank %d (%s), %s, phase %s%s: %s", flight->rank,
                        flight->host, how, flight->phase, work, advice(flight, of_memory, ending));
    size_t length = size < 0 ? 0 : (size_t)size < sizeof text - 1 ? (size_t)size : sizeof text - 2;
    text[length++] = '\n';
    const int past = w->launcher ? mr_launcher_stderr(w->launcher) : -1;
    write_all(past >= 0 ? past : STDERR_FILENO, text, length);
    if (past >= 0)
        close(past);
}

/* MPI tells itself what keeps it from starting, by an exit of its own. */
static bool is_of_start(const watch *w, const mr_ending *ending)
{
    return !w->flight->is_met && ending->is_known && ending->signal == 0;
}

static void see_end(const watch *w)
{
    mr_flight *flight = w->flight;
    if (atomic_load(&flight->is_over))
        return;
    if (atomic_load(&flight->is_told)) {
        is_first_to_tell(w);
        return;
    }
    const mr_ending ending = mr_ending_of(flight->process, w->process_file);
    if (atomic_load(&flight->is_stopping) || ending.was_asked || is_of_start(w, &ending))
        return;
    /* Who was killed because another one has died may not be known from who died first. */
    if (!ending.is_known && flight->peer_count > 1)
        mr_clock_nap(SECOND_BEST);
    if (is_first_to_tell(w))
        tell(w, &ending);
}

/* ---- The life ---- */

/* The most that the rank ever had, as the system counts it. */
static void note_peak(watch *w)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", w->flight->process);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            w->peak = strtoull(line + 6, NULL, 10) * 1024;
    if (file)
        fclose(file);
}

/* The record of a rank of this node; NULL where it is not to be seen from here: in a container of
 * its own, for example. */
static mr_flight *open_peer(const mr_flight_peer *peer)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", peer->process, peer->file);
    const int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return NULL;
    const off_t size = lseek(file, 0, SEEK_END);
    mr_flight *flight = MAP_FAILED;
    if (size == (off_t)sizeof *flight)
        flight = mmap(NULL, sizeof *flight, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (flight == MAP_FAILED)
        return NULL;
    if (flight->mark == MR_FLIGHT_MARK && flight->rank == peer->rank)
        return flight;
    munmap(flight, sizeof *flight);
    return NULL;
}

static mr_flight *peer_of(watch *w, int number)
{
    const mr_flight_peer *peer = &w->flight->peers[number];
    return peer->rank == w->flight->rank ? w->flight : open_peer(peer);
}

static void meet(watch *w)
{
    w->has_met = true;
    mr_flight *first = peer_of(w, 0);
    w->first = first ? first : w->flight;
    if (first != w->flight)
        return;
    for (int i = 0; i < w->flight->peer_count; i++) {
        mr_flight *peer = peer_of(w, i);
        if (!peer)
            continue;
        w->peers[w->watchdog.count] = peer;
        mr_watchdog_add(&w->watchdog, peer, mr_clock_now());
    }
}

static void watch_out(watch *w, double limit)
{
    char text[4096];
    if (!mr_watchdog_look(&w->watchdog, limit, mr_clock_now(), text, sizeof text - 1))
        return;
    const size_t size = strlen(text);
    text[size] = '\n';
    write_all(STDERR_FILENO, text, size + 1);
    for (int i = 0; i < w->watchdog.count; i++)
        if (w->watchdog.ranks[i].is_blamed)
            mr_stacks_ask(w->peers[i]);
}

/* Seconds until the next look. */
static double pause_of(const watch *w)
{
    const double limit = w->flight->watchdog;
    if (limit <= 0 || w->watchdog.count == 0 || limit >= 8 * LOOK)
        return LOOK;
    return limit / 8 > 0.01 ? limit / 8 : 0.01;
}

static void look(watch *w)
{
    const double now = mr_clock_now();
    note_peak(w);
    if (now - w->gone_on >= GO_ON) {
        w->gone_on = now;
        mr_oom_go_on(&w->oom);
    }
    if (w->flight->watchdog > 0)
        watch_out(w, w->flight->watchdog);
}

/* Until the rank has closed its end. */
static void stand_by(watch *w)
{
    for (;;) {
        char bytes[64];
        struct pollfd what = {.fd = w->pipe, .events = POLLIN};
        const int came = poll(&what, 1, (int)(pause_of(w) * 1000));
        if (came > 0 && read(w->pipe, bytes, sizeof bytes) == 0)
            return;
        if (w->flight->is_met && !w->has_met)
            meet(w);
        look(w);
    }
}

/* ---- The fork ---- */

static void close_all_but(int kept)
{
    DIR *files = opendir("/proc/self/fd");
    const struct dirent *entry;
    int open_ones[1024], count = 0;
    while (files && count < 1024 && (entry = readdir(files))) {
        const int number = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && number != dirfd(files))
            open_ones[count++] = number;
    }
    if (files)
        closedir(files);
    for (int i = 0; i < count; i++)
        if (open_ones[i] != kept && open_ones[i] != STDERR_FILENO)
            close(open_ones[i]);
}

/* Signals that are meant for the job are none of its business: it ends when the rank does. */
static void ignore_signals(void)
{
    static const int meant[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1,
                                SIGUSR2, SIGPIPE, SIGALRM, SIGTSTP};
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
        signal(meant[i], SIG_IGN);
}

static _Noreturn void be_guard(mr_flight *flight, int pipe, char *line, size_t size)
{
    static watch w;
    w = (watch){.flight = flight, .first = flight, .pipe = pipe, .gone_on = mr_clock_now()};
    setsid();
    ignore_signals();
    prctl(PR_SET_NAME, NAME);
    if (size > sizeof NAME) {
        memset(line, 0, size);
        memcpy(line, NAME, sizeof NAME);
    }
    close_all_but(pipe);
    if (chdir("/") != 0)
        w.pipe = pipe; /* a folder that stays in use is all there is to it */
    w.process_file = mr_ending_watch(flight->process);
    w.launcher = mr_launcher_of(flight->process);
    mr_oom_start(&w.oom, "");
    stand_by(&w);
    see_end(&w);
    close(STDERR_FILENO); /* nobody waits for us */
    if (w.launcher && !atomic_load(&flight->is_over))
        mr_launcher_see_off(w.launcher);
    _exit(0);
}

/* A child that tells nobody of its end, so that who waits for children of his own never gets it. */
static pid_t fork_quietly(void)
{
    return (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL);
}

void mr_guard_start(int rank, char *line, size_t size)
{
    int ends[2];
    mr_flight *flight = mr_flight_open();
    flight->rank = rank;
    if (gethostname(flight->host, sizeof flight->host - 1) != 0)
        flight->host[0] = '\0';
    if (flight->file <= 0 || pipe2(ends, O_CLOEXEC) != 0)
        return;
    guard.process = fork_quietly();
    if (guard.process == 0) {
        close(ends[1]);
        be_guard(flight, ends[0], line, size);
    }
    close(ends[0]);
    guard.pipe = ends[1];
    if (guard.process < 0)
        mr_guard_end();
}

/* It will look at the record again. */
static void nudge(void)
{
    const ssize_t wrote = guard.pipe >= 0 ? write(guard.pipe, "", 1) : 0;
    (void)wrote;
}

void mr_guard_meet(const mr_flight_peer *peers, int count)
{
    mr_flight *flight = mr_flight_here();
    flight->peer_count = count < MR_FLIGHT_PEERS ? count : MR_FLIGHT_PEERS;
    memcpy(flight->peers, peers, (size_t)flight->peer_count * sizeof *peers);
    flight->is_met = true;
    nudge();
}

void mr_guard_watch(double seconds)
{
    if (seconds > 0)
        mr_stacks_answer();
    mr_flight_here()->watchdog = seconds;
    nudge();
}

void mr_guard_dismiss(void)
{
    atomic_store(&mr_flight_here()->is_over, true);
    mr_stacks_refuse();
}

void mr_guard_end(void)
{
    mr_guard_dismiss();
    if (guard.process > 0 && kill(guard.process, SIGKILL) == 0)
        while (waitpid(guard.process, NULL, __WALL) < 0 && errno == EINTR)
            ;
    if (guard.pipe >= 0)
        close(guard.pipe);
    guard.process = 0;
    guard.pipe = -1;
}
