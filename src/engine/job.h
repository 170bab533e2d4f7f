/*
 * engine/job.h: one job from its inputs to its result: plan, map, combine, sort, write. Each phase
 * is a file of this folder and ends with all ranks agreeing on whether it worked.
 */
#ifndef MR_ENGINE_JOB_H
#define MR_ENGINE_JOB_H

#include "base/settings.h"
#include "base/topology.h"
#include "comm/comm.h"
#include "engine/out.h"
#include "input/plan.h"
#include "observe/progress.h"
#include "observe/report.h"
#include "output/commit.h"
#include "store/order.h"

#define MR_JOB_COUNTERS MR_OUT_COUNTERS

struct mr_job {
    mr_comm *comm;
    mr_app app; /* the job's copy: `setup` may change it */
    void *state;
    const mr_settings *settings;
    const char *const *inputs;
    size_t input_count;
    mr_error *error;
    mr_share share;
    unsigned threads;
    mr_plan *plan;
    mr_store *store; /* after the map, what this rank folded; after combining, what it owns */
    unsigned char *dense;
    mr_order order;
    mr_target target;
    mr_commit *commit; /* rank 0 */
    mr_progress progress;
    mr_rank_report report;
    mr_out_counter counters[MR_JOB_COUNTERS];
    int counter_count;
    double start;
    uint64_t rows, bytes; /* of the whole result, on all ranks */
};

/*
 * Collective. Runs an app whose `state` (app->state_size bytes) holds its options. On failure all
 * ranks return the same status, and `error` holds the same text on all of them.
 */
mr_status mr_job_main(mr_comm *comm, const mr_app *app, const char *plugin_path, void *state,
                      const mr_settings *settings, const char *const *inputs, size_t input_count,
                      mr_error *error);

/* The phases. Each is collective and ends in agreement. */
mr_status mr_job_plan(mr_job *job);
mr_status mr_job_map(mr_job *job);
mr_status mr_job_combine(mr_job *job);
mr_status mr_job_top(mr_job *job);
mr_status mr_job_write(mr_job *job);

/* Collective. Sends each record to the rank that it belongs to: by hash, or by ranges of `order`
 * when it is not NULL. Afterwards job->store holds what this rank owns, each key once. */
mr_status mr_job_exchange(mr_job *job, const mr_order *order);

/* Collective. Counters and numbers of all ranks: shown with -v, written with --report. */
mr_status mr_job_tell(mr_job *job);

/* Local. Adds to a counter of the job. */
void mr_job_count(mr_job *job, const char *name, int64_t value);

#endif
