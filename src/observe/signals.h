/*
 * observe/signals.h: being asked to stop. The first SIGINT, SIGTERM or SIGHUP is remembered, so
 * that the job can end in good order; the second one ends the process at once.
 */
#ifndef MR_OBSERVE_SIGNALS_H
#define MR_OBSERVE_SIGNALS_H

#include "base/error.h"

void mr_signals_install(void);
void mr_signals_remove(void);

/* Records MR_INTERRUPTED when a signal has come. Thread-safe. */
mr_status mr_signals_check(mr_error *error);

#endif
