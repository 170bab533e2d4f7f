/*
 * engine/job.h: one job from its inputs to its result: what comes before and after the work, the
 * work of an app that folds (plan, map, combine, sort, write) and of a driver. Each phase is a file
 * of this folder and ends with all ranks agreeing on whether it worked.
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
#include "observe/seen.h"
#include "output/commit.h"
#include "store/order.h"

#include <stdatomic.h>

#define MR_JOB_COUNTERS MR_OUT_COUNTERS

/* What a job has read. */
typedef struct mr_inputs {
    uint64_t files, bytes, splits, block;
} mr_inputs;

struct mr_job {
    mr_comm *comm;
    const mr_app *descriptor; /* the plugin's own */
    mr_app app;               /* the job's copy: `setup` may change it */
    void *state;
    const mr_settings *settings;
    const char *const *inputs;
    size_t input_count;
    mr_error *error;
    mr_share share;
    unsigned threads;
    const char *scratch; /* the folder for what exceeds memory */
    mr_inputs read;      /* by sets made from inputs */
    mr_plan *plan;       /* of the job's inputs; NULL for a driver */
    mr_store *store;     /* after the map, what this rank folded; after combining, what it owns */
    struct mr_dense *dense; /* of dense keys */
    mr_order order;
    mr_target target;
    mr_commit *commit; /* rank 0 */
    bool written;      /* the job's own output: all that is missing is the commit */
    bool done;         /* a run before this one ended well: there is nothing to do */
    bool failed;       /* all ranks know of the error (see mr_job_agree) */
    mr_progress progress;
    mr_rank_report report;
    mr_out_counter counters[MR_JOB_COUNTERS];
    int counter_count;
    mr_hot_key hot[MR_HOT_KEYS]; /* rank 0 */
    int hot_count;
    char *names[MR_JOB_COUNTERS]; /* of counters, where the job has to keep them itself */
    int name_count;
    double start;
    double seconds;        /* from then to the end, once it is there */
    mr_report_part *parts; /* rank 0 */
    int part_count;
    uint64_t rows, bytes;            /* of the whole result, on all ranks */
    struct mr_rows_plan *rows_plans; /* of inputs of rows, one after the other */
    struct mr_array *arrays;         /* the last one made; src/array frees what is left of them */
    uint64_t arrays_made;
    void (*free_arrays)(mr_job *job); /* NULL: none was made */
    struct mr_post *post;             /* letters between ranks; NULL: nobody needed any yet */
    struct mr_text_output *text;      /* being written */
    struct mr_sync_room *sync;        /* what ranks share; NULL: nothing yet */
    void (*settle)(mr_job *job);      /* what this rank's threads told others is to arrive */
    mr_slowest *slowest;              /* blocks of this rank; NULL: nobody wants to know */
    bool is_traced;                   /* there is to be a trace, and there can be one */
    atomic_bool left;                 /* the driver has ended on this rank */
    struct mr_keep *keep;             /* checkpoints; NULL: none are made */
    uint64_t pieces, plans;           /* how many were begun: see engine/checkpoint.h */
    bool steps_are_plain;             /* their kernels do more than make a set: none is saved */
    struct mr_loop *loops;            /* of the driver; the one begun last */
    double unsaved;                   /* seconds of pieces that were not worth it */
    struct mr_bad *bad;               /* records set aside */
    atomic_int saves; /* pieces under way that save what they have before a stop, and see to it */
};

/*
 * Collective. Before and after the work. A job begins with who, what and where filled in (`comm` to
 * `input_count`, and `error`); `begin` takes the rank's share of the node, sets the app up, and
 * looks at output and scratch. `finish` commits what is written, if all went well so far, tells
 * about the job and frees all it has, also after a `begin` that failed.
 */
mr_status mr_job_begin(mr_job *job); /* job->done: there is nothing to do */
mr_status mr_job_finish(mr_job *job, mr_status status);

/* Collective. What `-o path` would mean for this job, looked at before anything is written. */
mr_status mr_job_target_of(mr_job *job, const char *path, mr_target *target);

/* The work: collective, and none of it commits. */
mr_status mr_job_drive(mr_job *job);

/* Collective. Makes the temporary of the job's own output and removes it, and looks whether there
 * can be a report: what can't be written is told before the work, and a job that is killed in the
 * middle of it leaves nothing behind. */
mr_status mr_job_output_try(mr_job *job);
/* Collective. Makes it for good. Who has written it sets `written`. */
mr_status mr_job_output_begin(mr_job *job);

/* Collective. Lists what the paths name on rank 0 and makes a plan of it, the same on all ranks.
 * Owned by the caller. */
mr_status mr_plan_make(mr_job *job, const char *const *paths, size_t count, mr_wanted wanted,
                       mr_plan **plan);
/* Collective. The same for rows of numbers, as wanted: the job's own, until its end. Who asks again
 * for the same gets the same plan. */
mr_status mr_plan_rows(mr_job *job, const char *const *paths, size_t count, mr_element element,
                       const mr_plan **plan);
void mr_plan_rows_free(mr_job *job);
/* Local. Says what the job is about to do. */
void mr_job_explain(const mr_job *job);

/* Collective. Runs a phase, unless the job is interrupted, and adds up how long it takes. */
mr_status mr_job_timed(mr_job *job, int phase, mr_status (*run)(mr_job *));

/* The phases. Each is collective and ends in agreement. */
mr_status mr_job_plan(mr_job *job);
mr_status mr_job_combine(mr_job *job);
mr_status mr_job_arrange(mr_job *job); /* into the rows that were asked for */
mr_status mr_job_top(mr_job *job);
mr_status mr_job_write(mr_job *job);

/* Local. Gives up text that a driver began and did not end. */
void mr_text_output_abandon(mr_job *job);
/* Local, rank 0. What was written so far of a text that is open becomes part of the next
 * checkpoint;
 * `*size`: bytes. And the other way round: what a checkpoint has of it is written, up to `size`. */
mr_status mr_text_output_keep(mr_job *job, uint64_t *size);
mr_status mr_text_output_restore(mr_job *job, uint64_t size);

/* Collective. Sends each record to the rank that it belongs to: by hash, or by ranges of `order`
 * when it is not NULL. Afterwards job->store holds what this rank owns, each key once. */
mr_status mr_job_exchange(mr_job *job, const mr_order *order);

/* Collective. Counters and numbers of all ranks: shown with -v, written with --report. */
mr_status mr_job_tell(mr_job *job);

/* Collective. On rank 0 the counters of all ranks, added up: MR_JOB_COUNTERS at most, `*count` of
 * them; their names are in `*names` (free). None elsewhere. */
mr_status mr_job_counters(mr_job *job, mr_out_counter *sums, int *count, char **names);

/* Collective. The job's post office, opened when it is first asked for; the job closes it. */
mr_status mr_job_post(mr_job *job, struct mr_post **post);

/* Local, rank 0, where the report is wanted (see mr_job_is_told): a part of the report of its own,
 * `json` text that is copied. Parts of the same name become a list. */
void mr_job_report_part(mr_job *job, const char *name, const char *json);
/* Local. Records that a signal has come, unless it asks for a stop that a piece of work sees to. */
mr_status mr_job_signals(const mr_job *job, mr_error *error);

/* Local. Whether anybody will see numbers of this job: a report or -v. */
bool mr_job_is_told(const mr_job *job);

/* What was started, as JSON (free): app, arguments, folder. */
char *mr_job_command(const mr_job *job);

/* Local. Adds to a counter of the job. */
void mr_job_count(mr_job *job, const char *name, int64_t value);

#endif
