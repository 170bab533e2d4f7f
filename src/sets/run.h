/*
 * sets/run.h: running an app, whatever kind it is of: one that folds, one that reduces, a driver.
 */
#ifndef MR_SETS_RUN_H
#define MR_SETS_RUN_H

#include "engine/job.h"

/*
 * Collective. Runs an app whose `state` (app->state_size bytes) holds its options. On failure all
 * ranks return the same status, and `error` holds the same text on all of them.
 */
mr_status mr_run_main(mr_comm *comm, const mr_app *app, void *state, const mr_settings *settings,
                      const char *const *inputs, size_t input_count, mr_error *error);

#endif
