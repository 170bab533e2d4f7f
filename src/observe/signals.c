/* observe/signals.c: handlers that note which signal came. A handler can reach nothing but a
 * global. */
#include "observe/signals.h"

#include "base/clock.h"
#include "base/flight.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t came;
static _Atomic(const char *) folder; /* of checkpoints */
static _Atomic(const char *) reason; /* to stop, without a signal */
static _Atomic double patience;      /* seconds from `asked` on */
static _Atomic double asked;         /* when that was first seen; 0: not yet */

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

/* Batch systems signal a launcher and its ranks, and the launcher its ranks again: that is one. */
#define AGAIN_MS 200

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Of the same kind twice, or an interrupt while stopping: at once. A SIGTERM that follows SIGUSR1
 * is in hand already. */
static void note(int signal_number)
{
    static volatile long when;
    long now = milliseconds();
    bool again = signal_number == came && (signal_number == SIGINT || now - when >= AGAIN_MS);
    if (again || (came && signal_number == SIGINT))
        _exit(MR_INTERRUPTED);
    if (!came || (signal_number != came && signal_number != SIGUSR1)) {
        came = signal_number;
        when = now;
    }
    /* Who asks for the end in this way needs not be told of it by the guard. */
    if (signal_number != SIGUSR1)
        atomic_store(&mr_flight_here()->is_stopping, true);
}

static void set_all(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < sizeof watched / sizeof *watched; i++)
        sigaction(watched[i], &action, NULL);
}

void mr_signals_install(void)
{
    set_all(note);
    /* What these tell is also told by the call that failed. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void mr_signals_keep(const char *checkpoints)
{
    atomic_store(&folder, checkpoints);
}

/* A wish to stop that comes when all is done must not end the process in another way. */
void mr_signals_remove(void)
{
    set_all(SIG_DFL);
    signal(SIGUSR1, SIG_IGN);
    came = 0;
    atomic_store(&folder, NULL);
    atomic_store(&reason, NULL);
    atomic_store(&patience, 0);
    atomic_store(&asked, 0);
}

static const char *name_of(int signal_number)
{
    return signal_number == SIGINT    ? "SIGINT"
           : signal_number == SIGTERM ? "SIGTERM"
           : signal_number == SIGUSR1 ? "SIGUSR1"
                                      : "SIGHUP";
}

bool mr_signals_stopping(void)
{
    int signal_number = came;
    return atomic_load(&folder) && signal_number != SIGINT &&
           (signal_number || atomic_load(&reason));
}

void mr_signals_stop(const char *why)
{
    const char *none = NULL;
    atomic_compare_exchange_strong(&reason, &none, why ? why : "another rank was asked to stop");
}

double mr_signals_hold(double seconds)
{
    return atomic_exchange(&patience, seconds);
}

static bool is_held(void)
{
    double first = 0, now = mr_clock_now();
    if (atomic_load(&patience) <= 0)
        return false;
    if (atomic_compare_exchange_strong(&asked, &first, now))
        first = now;
    return now - first < atomic_load(&patience);
}

mr_status mr_signals_check(mr_error *error)
{
    int signal_number = came;
    const char *checkpoints = atomic_load(&folder), *why = atomic_load(&reason);
    const bool is_stopping = mr_signals_stopping();
    if (is_stopping && is_held())
        return MR_OK;
    if (is_stopping)
        return mr_error_set(error, MR_STOPPED,
                            "stopped: %s: what is done is in %s: run it again with --resume",
                            signal_number ? name_of(signal_number) : why, checkpoints);
    if (!signal_number)
        return MR_OK;
    return mr_error_set(error, MR_INTERRUPTED, "interrupted: %s: nothing was written; run it again",
                        name_of(signal_number));
}
