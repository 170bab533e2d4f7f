/*
 * sets/sets.h: what the files of this folder offer to each other.
 */
#ifndef MR_SETS_SETS_H
#define MR_SETS_SETS_H

#include "engine/job.h"

/* Collective. The work of an app that folds. */
mr_status mr_sets_run_fold(mr_job *job);
/* Collective. The work of an app with map and reduce, from the job's plan to its written result. */
mr_status mr_sets_run_reduce(mr_job *job);

#endif
