/* engine/map.h: the state of a running map on one rank. */
#ifndef MR_ENGINE_MAP_H
#define MR_ENGINE_MAP_H

#include "comm/steal.h"
#include "engine/job.h"
#include "input/reader.h"

#include <pthread.h>

/* Splits to be done: a few ranges, taken from the front, given away from the back. Thread-safe. */
#define MR_WORK_RANGES 4
typedef struct mr_work {
    pthread_mutex_t lock;
    mr_range ranges[MR_WORK_RANGES];
    int count;
    uint64_t stolen; /* splits got from other ranks */
} mr_work;

void mr_work_start(mr_work *work, mr_range range);
void mr_work_end(mr_work *work);
bool mr_work_take(mr_work *work, uint64_t *split);
/* Half of what is left, one split at least where there is any. */
mr_range mr_work_give(mr_work *work);
void mr_work_add(mr_work *work, mr_range range);
uint64_t mr_work_left(mr_work *work);

/* Compressed files and pipes being read: any thread may take blocks from them. Thread-safe. */
typedef struct mr_streams {
    pthread_mutex_t lock;
    mr_stream **open;
    size_t count, capacity;
} mr_streams;

#endif
