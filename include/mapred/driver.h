/*
 * mapred/driver.h: what a driver (`.run` of an app) has besides sets: the job's options, numbers
 * agreed on by all ranks, and read-only data for everybody.
 */
#ifndef MAPRED_DRIVER_H
#define MAPRED_DRIVER_H

#include <mapred/app.h>
#include <mapred/set.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Local. Threads of this rank; what is behind --seed; inputs named on the command line. */
MR_API unsigned mr_job_threads(const mr_job *job);
MR_API uint64_t mr_job_seed(const mr_job *job);
MR_API size_t mr_job_input_count(const mr_job *job);
MR_API const char *mr_job_input(const mr_job *job, size_t number);
/* Local. What is behind -o; NULL: nothing is. */
MR_API const char *mr_job_output(const mr_job *job);
/* Local. Bytes of this rank's budget that are free now. */
MR_API uint64_t mr_job_memory_left(const mr_job *job);
/* Thread-safe, local. Zeroed memory from the budget, at an address that is a multiple of 64, and
 * back again: NULL where there is no more. It records no error: the caller may do without. */
MR_API void *mr_job_allocate(mr_job *job, uint64_t size);
MR_API void mr_job_release(mr_job *job, void *memory, uint64_t size);

/* Local. Whether the job's own output is a file of datasets (HDF5, .npy) rather than rows. */
MR_API bool mr_job_writes_arrays(const mr_job *job);

/* Local. Whether the job is only to say what it would do (--dry-run): for drivers of apps with
 * .tells_plan, which are run then. */
MR_API bool mr_job_is_dry(const mr_job *job);

/*
 * Text as the job's own result, as it is: to stdout, or behind -o, whole or not at all. Rank 0
 * writes it, pieces in their order, one thread at a time. Begin and end are collective; `write` on
 * another rank is MR_FAILED. MR_USAGE where -f asks for something else than text.
 */
typedef struct mr_text_output mr_text_output;
MR_API mr_status mr_text_output_begin(mr_job *job, mr_text_output **output);
MR_API mr_status mr_text_output_write(mr_text_output *output, const char *text, size_t size);
MR_API mr_status mr_text_output_end(mr_text_output **output);
/* Collective. All of that for a text that rank 0 has. */
MR_API mr_status mr_job_write_text(mr_job *job, const char *text, size_t size);

/* Collective. All ranks leave with the error of the first that failed (mr_job_fail) or of a signal
 * that came, or go on. A driver calls it after each piece of work that may fail on one rank alone,
 * and in loops. */
MR_API mr_status mr_job_agree(mr_job *job);

/* Local. Adds to a named counter of the job, shown with -v and in the report. The name is copied.
 */
MR_API void mr_job_add(mr_job *job, const char *counter, int64_t value);

/*
 * What follows begins with an agreement as mr_job_agree makes it. Where that fails nothing is done:
 * numbers stay this rank's own, bytes of other ranks become zeros, and mr_job_agree or the end of
 * the driver tells why.
 *
 * Collective. Each of `count` numbers over all ranks, in place. All ranks get the same bits, so a
 * decision made by them is the same everywhere. Integers wrap around. A NaN on any rank makes
 * smallest and largest a NaN. A sum of doubles is rounded as it is added up: another number of
 * ranks means other terms in another order, and so other last bits, except where no addition rounds
 * (whole numbers below 2^53, say). What has to be the same bytes for any number of ranks is folded
 * with MR_SUM_F64, or added up as integers.
 */
MR_API void mr_all_sum_i64(mr_job *job, int64_t *numbers, size_t count);
MR_API void mr_all_sum_f64(mr_job *job, double *numbers, size_t count);
MR_API void mr_all_min_i64(mr_job *job, int64_t *numbers, size_t count);
MR_API void mr_all_max_i64(mr_job *job, int64_t *numbers, size_t count);
MR_API void mr_all_min_f64(mr_job *job, double *numbers, size_t count);
MR_API void mr_all_max_f64(mr_job *job, double *numbers, size_t count);
MR_API void mr_all_or_u64(mr_job *job, uint64_t *numbers, size_t count);
/* Collective. The sum over the ranks before this one; 0 where the agreement fails. */
MR_API uint64_t mr_all_before(mr_job *job, uint64_t number);
/* Collective. `size` bytes of rank `from` to all, in place. Any size. */
MR_API void mr_all_broadcast(mr_job *job, int from, void *bytes, uint64_t size);
/* Collective. Pieces of one array: rank r has filled bytes [starts[r], starts[r + 1]) of it;
 * afterwards all have all of it. `starts` has ranks + 1 numbers, the same everywhere. */
MR_API void mr_all_gather(mr_job *job, void *bytes, const uint64_t *starts);

#ifdef __cplusplus
}
#endif

#endif
