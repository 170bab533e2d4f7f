/* observe/signals.c: handlers that note which signal came. A handler can reach nothing but a
 * global. */
#include "observe/signals.h"

#include "base/flight.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t came;

static const int watched[] = {SIGINT, SIGTERM, SIGHUP};

static void note(int signal_number)
{
    if (came)
        _exit(MR_INTERRUPTED);
    came = signal_number;
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
    came = 0;
    set_all(note);
}

void mr_signals_remove(void)
{
    set_all(SIG_DFL);
}

mr_status mr_signals_check(mr_error *error)
{
    int signal_number = came;
    if (!signal_number)
        return MR_OK;
    const char *name = signal_number == SIGINT    ? "SIGINT"
                       : signal_number == SIGTERM ? "SIGTERM"
                                                  : "SIGHUP";
    return mr_error_set(error, MR_INTERRUPTED, "interrupted: %s: nothing was written; run it again",
                        name);
}
