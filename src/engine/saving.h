/*
 * engine/saving.h: one file of datasets (.h5 or .npy) written by all ranks and threads at once.
 * Rank 0 makes the file and says where what belongs; everybody writes with pwrite.
 */
#ifndef MR_ENGINE_SAVING_H
#define MR_ENGINE_SAVING_H

#include "engine/job.h"
#include "hdf5/hdf5.h"

typedef struct mr_saving mr_saving;

/* Collective. The target's format is HDF5 or npy (one dataset, numbers, contiguous). The file is
 * made under the temporary name of `commit` (rank 0's; NULL elsewhere). Attributes of the file:
 * app, version, inputs, options; and counters, at the end. Datasets that are chunked and not
 * compressed get all their places now. */
mr_status mr_saving_begin(mr_saving **saving, mr_job *job, const mr_target *target,
                          const mr_commit *commit, const mr_h5_plan *plans, size_t count);

/* Thread-safe, local: a box of dataset `number`, C order, that this caller alone writes. Of a
 * chunked dataset it has to be one whole chunk (cut off where the array ends). A compressed chunk
 * is packed here and held, counted against the budget, until mr_saving_flush. */
mr_status mr_saving_box(mr_saving *saving, unsigned number, const mr_box *box, const void *values,
                        mr_error *error);
/* Collective: gives compressed chunks that are held their places, in the order of their numbers,
 * and writes them. Who calls it after the same chunks each time, whatever the number of ranks, gets
 * the same bytes. */
mr_status mr_saving_flush(mr_saving *saving);
/* Rank 0 (nothing elsewhere): one more attribute of an HDF5 file. */
mr_status mr_saving_note(mr_saving *saving, const char *name, int64_t value);
mr_status mr_saving_note_text(mr_saving *saving, const char *name, const char *text);
/* Collective: flushes, syncs and closes. Also after an error; frees *saving. The commit is the
 * caller's. */
mr_status mr_saving_end(mr_saving **saving, mr_status status);

#endif
