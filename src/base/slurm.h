/*
 * base/slurm.h: what Slurm tells a process of the job that it belongs to, by its environment; and
 * the one thing that it may have to be asked: when the job ends.
 */
#ifndef MR_BASE_SLURM_H
#define MR_BASE_SLURM_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number that Slurm does not tell is 0. */
typedef struct mr_slurm {
    uint64_t job; /* 0: this is not within a job of Slurm */
    uint64_t nodes;
    uint64_t cpus_on_node;    /* that the job may use on this node */
    uint64_t cpus_per_task;   /* where the job asked for some */
    uint64_t memory_per_node; /* in bytes; of both only what was asked for is told */
    uint64_t memory_per_cpu;
    uint64_t restarts;   /* how often it was requeued */
    const char *scratch; /* SLURM_TMPDIR; NULL: none. Lives as long as the environment */
    uint64_t task;       /* of a step of srun: which of its tasks this is, */
    uint64_t tasks;      /* of so many; 0: no step */
} mr_slurm;

void mr_slurm_read(mr_slurm *about);

/* All of it as a line for people: "job 12, 2 nodes, 4 CPUs here, restarted 1 times". */
void mr_slurm_describe(const mr_slurm *about, char *text, size_t size);

/*
 * When the job must be over, in seconds since 1970, or 0 when nobody knows or there is no limit:
 * MAPRED_END_TIME (for other batch systems), SLURM_JOB_END_TIME, and else, within a job of Slurm,
 * what squeue answers. That takes milliseconds as a rule and never more than five seconds. Call it
 * on one rank, once, and keep the answer.
 */
int64_t mr_slurm_end_time(void);

/* What squeue answers within `patience` seconds; 0: nothing that is a time. */
int64_t mr_slurm_ask_end(uint64_t job, double patience);

/*
 * What all nodes of a partition (NULL: the usual one) have in common, as sinfo tells it: the number
 * of sockets, and of CPUs. False when they differ, or nobody knows. As patient as that.
 */
bool mr_slurm_shape(const char *partition, uint64_t *sockets, uint64_t *cpus);

/* A time limit as sbatch takes it, in seconds; 0: none ("UNLIMITED"). False: it is not one. */
bool mr_slurm_limit(const char *text, uint64_t *seconds);

/*
 * MR_USAGE when srun has started several tasks and none of them can find the others: each would be
 * a job of its own and do all of the work.
 */
mr_status mr_slurm_check_launch(mr_error *error);

#endif
