/*
 * engine/seeing.h: what ranks saw of a job, on its way to rank 0: for the report, and the trace.
 */
#ifndef MR_ENGINE_SEEING_H
#define MR_ENGINE_SEEING_H

#include "engine/job.h"
#include "observe/seen.h"

/* Local. From here on it is recorded what threads are at, if anybody wants to know. */
mr_status mr_job_watch(mr_job *job);

/* Collective. The end of that: nothing that any rank has recorded lies behind it. */
void mr_job_watched(mr_job *job);

/* Collective. What all ranks saw, on rank 0: `ranks` are their numbers. Freed by
 * mr_job_seen_free, in any case. */
mr_status mr_job_seen(mr_job *job, const mr_rank_report *ranks, mr_sight *seen);
void mr_job_seen_free(mr_sight *seen);

/* Collective. Writes the trace, if one was asked for; returns `status` where that is none of
 * success: of a job that failed there is one if it can be written. */
mr_status mr_job_trace(mr_job *job, mr_status status);

struct mr_worker;
/* Local, within a feed: the block took so long. */
void mr_worker_took(struct mr_worker *worker, double seconds);

#endif
