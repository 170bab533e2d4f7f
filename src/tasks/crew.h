/*
 * tasks/crew.h: threads of a rank that run kernels beside the main thread: started together, told
 * about when they crash, and ended together, or left behind where one never comes back from a
 * kernel.
 */
#ifndef MR_TASKS_CREW_H
#define MR_TASKS_CREW_H

#include "base/error.h"

#include <stdbool.h>

typedef struct mr_crew mr_crew;

/* Calls `work(context, thread)` in threads `first` to `first + count - 1`. `context` has to outlive
 * them. */
mr_status mr_crew_start(mr_crew **crew, unsigned first, unsigned count,
                        void (*work)(void *context, unsigned thread), void *context,
                        mr_error *error);
/*
 * Waits until all have returned from `work`, which has been told to end by other means, but for no
 * longer than `grace` seconds. False: some have not, and are left behind (base/stray.h); what they
 * may touch has to stay. Takes NULL.
 */
bool mr_crew_end(mr_crew **crew, double grace);

#endif
