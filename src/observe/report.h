/*
 * observe/report.h: the numbers of a job as JSON. Each rank fills an mr_rank_report (plain memory
 * that is gathered on rank 0 as it is); rank 0 writes the file.
 */
#ifndef MR_OBSERVE_REPORT_H
#define MR_OBSERVE_REPORT_H

#include "base/error.h"
#include "base/span.h"
#include "observe/seen.h"

#include <stdint.h>

enum { MR_PHASE_PLAN, MR_PHASE_MAP, MR_PHASE_COMBINE, MR_PHASE_SORT, MR_PHASE_WRITE, MR_PHASES };

typedef struct mr_rank_report {
    char host[64];
    double seconds[MR_PHASES];
    double busy;                 /* seconds that threads spent in kernels, summed */
    double reduce;               /* CPU seconds of threads that reduced, summed */
    double spent[MR_SPAN_KINDS]; /* seconds that threads were at each kind of work, summed */
    double cpu;                  /* seconds that the process had */
    double alone;                /* seconds one thread would take for this rank's work, about */
    uint64_t threads;
    uint64_t blocks; /* kernels called */
    uint64_t bytes_read;
    uint64_t splits;        /* done by this rank */
    uint64_t splits_stolen; /* of those, got from others */
    uint64_t flushes;       /* of full tables into the partitions */
    uint64_t keys;          /* distinct on this rank after the map */
    uint64_t keys_owned;    /* after the exchange */
    uint64_t bytes_sent, bytes_received, messages_sent;
    uint64_t pairs, spilled; /* put into sets here; and bytes of those that went to disk */
    uint64_t rows, bytes_written;
    uint64_t memory_peak; /* of counted memory */
    uint64_t rss_peak;    /* of the process */
    uint64_t memory_budget;
    uint64_t node_cpus;   /* that the job may use on this node */
    uint64_t checkpoints; /* generations that this job has saved */
    uint64_t checkpoint_bytes;
    double checkpoint_seconds; /* that the job stood still for them */
} mr_rank_report;

/* A key that many pairs of a set have. */
#define MR_HOT_KEYS 16
typedef struct mr_hot_key {
    char set[64], key[64]; /* as text; long keys are cut */
    double share;          /* of the set's pairs */
    int rank;              /* whose they are */
} mr_hot_key;

typedef struct mr_counter {
    const char *name;
    int64_t value;
} mr_counter;

/* What a room has to say besides: text of JSON under a name. */
typedef struct mr_report_part {
    char *name, *json;
} mr_report_part;

typedef struct mr_job_report {
    const char *app, *version, *output;
    double seconds; /* from the start of MPI to the commit */
    uint64_t inputs, input_bytes, splits, block;
    uint64_t rows, output_bytes;
    const mr_rank_report *ranks;
    int rank_count;
    const mr_counter *counters;
    int counter_count;
    const mr_hot_key *hot;
    int hot_count;
    const mr_report_part *parts; /* elements of lists, one list a name */
    int part_count;
    uint64_t bad_count;  /* records set aside */
    const char *command; /* JSON: what was started; NULL: nobody knows */
    const mr_sight *seen;
} mr_job_report;

/* Before any work: MR_BAD_OUTPUT when there can be no report at `path`. */
mr_status mr_report_try(const char *path, mr_error *error);

/* Writes the report under a temporary name and renames it. MR_BAD_OUTPUT. */
mr_status mr_report_write(const char *path, const mr_job_report *report, mr_error *error);

#endif
