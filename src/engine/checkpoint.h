/*
 * engine/checkpoint.h: a job's checkpoints: where its phases, drivers and tasks save what they have
 * done, and find it again. The folder itself is src/resume.
 */
#ifndef MR_ENGINE_CHECKPOINT_H
#define MR_ENGINE_CHECKPOINT_H

#include "engine/job.h"
#include "resume/keep.h"

/* Collective, once the app is set up. Opens the folder of --checkpoint, where there is one: then
 * job->keep is not NULL. `*done`: the job had ended well before. */
mr_status mr_checkpoint_open(mr_job *job, bool *done);
/* Collective, at the end of the job: what was put before it was stopped is saved; after a good end
 * nothing has to be. */
mr_status mr_checkpoint_close(mr_job *job, mr_status status);

/* Collective. The number of the next piece of work that saves itself: the same in every run, as all
 * ranks come by the same pieces in the same order. */
uint64_t mr_checkpoint_piece(mr_job *job);

/*
 * Collective, between two pieces of work, or at a moment when one stands still. What somebody wants
 * (MR_KEEP_NOTHING without checkpoints). Who is told something else than nothing puts what it has
 * to say (job->keep) and calls `save`: with MR_KEEP_STOP that leaves with MR_STOPPED, as all ranks
 * do.
 */
mr_status mr_checkpoint_ask(mr_job *job, mr_keep_wish *wish);
mr_status mr_checkpoint_save(mr_job *job, mr_keep_wish wish);

/* Collective, for every plan of inputs that is made: a resumed job must find the same files. */
mr_status mr_checkpoint_inputs(mr_job *job, const mr_plan *plan);

#endif
