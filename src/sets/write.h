/* sets/write.h: writing a set that is in order to a target. */
#ifndef MR_SETS_WRITE_H
#define MR_SETS_WRITE_H

#include "sets/set.h"

/* Collective. To the temporary of `commit` (rank 0's), or to the stream; commits nothing. */
mr_status mr_set_write_to(mr_set *set, const mr_write_options *options, const mr_target *target,
                          const mr_commit *commit);

#endif
