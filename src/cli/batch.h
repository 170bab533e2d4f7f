/*
 * cli/batch.h: the script that Slurm runs a job with: what it asks for, what it starts, and what it
 * makes of the way in which that ends.
 */
#ifndef MR_CLI_BATCH_H
#define MR_CLI_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Text is borrowed; NULL or 0: nothing is said of it. No text but the arguments' may have control
 * characters. */
typedef struct mr_batch {
    const char *name, *nodes, *time, *memory, *partition, *account, *log, *array;
    uint64_t ranks;   /* on each node */
    uint64_t cpus;    /* of each rank; 0: whole nodes */
    uint64_t margin;  /* seconds before the time limit */
    uint64_t retries; /* when a node is lost, or a rank is killed */
    uint64_t chain; /* so many jobs one after the other, instead of one that is requeued; 0 or 1 */
    bool srun;      /* instead of mpirun */
    const char *const *more; /* other options of sbatch */
    size_t more_count;
    const char *program;    /* mapred, with its whole path */
    char *const *arguments; /* the app and what is behind it; "%a" in an array: the task's number */
    int argument_count;
    const char *output;     /* where the result goes: the checkpoint goes beside it */
    const char *checkpoint; /* one that the arguments or the environment name */
    char *const *typed;     /* the command line, for a comment */
    int typed_count;
} mr_batch;

void mr_batch_write(FILE *out, const mr_batch *batch);

/* Text as a word of bash, on one line and without a carriage return, whatever is in it. */
void mr_batch_quote(FILE *out, const char *text, size_t size);

#endif
