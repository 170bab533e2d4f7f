/*
 * sets/saved.h: sets that are being made, and what is folded, as pieces of work that save
 * themselves (engine/step.h): what joins the piles is written along as it comes, what is folded is
 * written anew each time. A resumed job puts the pairs and folds the records again: its ranks,
 * piles and cuts may be others.
 */
#ifndef MR_SETS_SAVED_H
#define MR_SETS_SAVED_H

#include "engine/step.h"
#include "sets/fold.h"

/* Collective. Begins the step of a making, or of a folding with its store, before its feed runs,
 * and takes in what was saved of it. `unit`: positions that a unit of the feed has. Ended with
 * mr_step_end, after the feed has run and before anything else is done with the set. */
mr_status mr_making_step(mr_making *making, mr_step *step, uint64_t unit);
mr_status mr_folding_step(mr_folding *folding, mr_step *step, uint64_t unit);
/* The same, dense keys: of job->dense. */
mr_status mr_dense_step(mr_job *job, mr_feed *feed, mr_step *step, uint64_t unit);

/* Collective. The end of a step of a making or a folding. */
mr_status mr_making_step_end(mr_making *making, mr_step *step, mr_status status);

#endif
