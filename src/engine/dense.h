/*
 * engine/dense.h: what is behind mapred/dense.h, for the rooms above comm that use it.
 */
#ifndef MR_ENGINE_DENSE_H
#define MR_ENGINE_DENSE_H

#include "base/error.h"

#include <mapred/dense.h>

/* Local. mr_dense_mine, with the error told to the caller. */
void *mr_dense_take(mr_dense *dense, unsigned thread, mr_error *error);

/* Local, while nobody folds: puts what threads have; takes in what a run before this one has put.
 */
typedef struct mr_step mr_step;
mr_status mr_dense_save(const mr_dense *dense, mr_step *step);
mr_status mr_dense_load(mr_dense *dense, mr_step *step);

#endif
