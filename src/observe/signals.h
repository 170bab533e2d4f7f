/*
 * observe/signals.h: being asked to stop. The first SIGINT, SIGTERM, SIGHUP or SIGUSR1 is
 * remembered, so that the job can end in good order; the second one ends the process at once. A job
 * with checkpoints is *stopping* after all of them but SIGINT: it ends with MR_STOPPED, once what
 * is done has been saved.
 */
#ifndef MR_OBSERVE_SIGNALS_H
#define MR_OBSERVE_SIGNALS_H

#include "base/error.h"

#include <stdbool.h>

/* From the start of the program, and again by each job: what came before is not forgotten. */
void mr_signals_install(void);
/* There are checkpoints, in this folder (borrowed). */
void mr_signals_keep(const char *checkpoints);
void mr_signals_remove(void);

/*
 * A better moment to stop is near: for so many seconds after the job was asked to, mr_signals_check
 * says nothing of it; 0: it says so at once. Returns what it was before.
 */
double mr_signals_hold(double seconds);

/* Records MR_INTERRUPTED, or MR_STOPPED where the job has checkpoints, when a signal has come.
 * Thread-safe. */
mr_status mr_signals_check(mr_error *error);

/* Whether the job is to stop with a checkpoint. Thread-safe. */
bool mr_signals_stopping(void);
/* Stops it as a signal would: for a reason of its own (a constant text), or, NULL, another rank's.
 */
void mr_signals_stop(const char *reason);

#endif
