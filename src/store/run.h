/*
 * store/run.h: one sorted run on the scratch disk: pairs in order, in frames of whole pairs. Any
 * number of threads may write runs to one file, each with a buffer of its own.
 */
#ifndef MR_STORE_RUN_H
#define MR_STORE_RUN_H

#include "store/pairs.h"
#include "store/radix.h"
#include "store/spill.h"

typedef struct mr_run {
    mr_extent extent;
    size_t longest; /* the size of its largest frame */
} mr_run;

typedef struct mr_run_writer {
    mr_pair_layout layout;
    size_t frame, used, longest;
    mr_spill_buffer *buffer; /* the frame that is being filled is in its `bytes` */
    mr_spill_writer writer;
} mr_run_writer;

/* `bytes`: of all pairs that will come. Frames have at most `frame` bytes, or one pair. */
mr_status mr_run_writer_start(mr_run_writer *writer, mr_spill *spill, const mr_pair_layout *layout,
                              uint64_t bytes, size_t frame, mr_spill_buffer *buffer,
                              mr_error *error);
mr_status mr_run_writer_put(mr_run_writer *writer, const unsigned char *const *pairs, size_t count,
                            mr_error *error);
mr_status mr_run_writer_end(mr_run_writer *writer, mr_run *run, mr_error *error);

/* All of that for pairs that are in order. */
mr_status mr_run_write(mr_run *run, mr_spill *spill, const mr_pair_layout *layout,
                       const mr_pair_ref *refs, size_t count, size_t frame, mr_spill_buffer *buffer,
                       mr_error *error);

#endif
