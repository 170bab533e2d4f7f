/*
 * mapred/status.h: how things end. A status is what functions return, what ranks agree on and what
 * the program exits with: the numbers are the exit codes of the command line.
 */
#ifndef MAPRED_STATUS_H
#define MAPRED_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mr_status {
    MR_OK = 0,
    MR_FAILED = 1,        /* the job failed */
    MR_USAGE = 2,         /* it was asked for in the wrong way */
    MR_BAD_INPUT = 3,     /* input missing, unreadable or malformed */
    MR_BAD_OUTPUT = 4,    /* output or scratch could not be written */
    MR_NO_MEMORY = 5,     /* out of memory, or of the memory budget */
    MR_BAD_PLUGIN = 6,    /* the app could not be loaded, or does not fit */
    MR_STOPPED = 75,      /* stopped in good order: resume it */
    MR_INTERRUPTED = 130, /* interrupted by the user */

    /* What waiting can come to. No exit codes: a job that ends with one of them has failed. */
    MR_TIMED_OUT = 1001, /* what was waited for did not happen in time */
    MR_CANCELLED = 1002, /* it was called off */
    MR_CLOSED = 1003,    /* nothing more will come */

    /* From a kernel: the record it is at is bad. Set aside where --skip-bad allows, and the block's
     * next records are mapped; else the job ends as with MR_BAD_INPUT. See mr_out_bad. */
    MR_BAD_RECORD = 1004
} mr_status;

/* Returns from the calling function with whatever `call` returned, unless that is MR_OK. */
#define MR_TRY(call)                                                                               \
    do {                                                                                           \
        mr_status mr_try_status_ = (call);                                                         \
        if (__builtin_expect(mr_try_status_ != MR_OK, 0))                                          \
            return mr_try_status_;                                                                 \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
