/*
 * engine/waves.h: going over the buckets of a result: those that fit in memory together are a wave,
 * and threads share the buckets of a wave.
 */
#ifndef MR_ENGINE_WAVES_H
#define MR_ENGINE_WAVES_H

#include "engine/rows.h"

typedef mr_status mr_waves_bucket(void *context, size_t b, mr_error *error);
typedef mr_status mr_waves_wave(void *context, size_t from, size_t to, mr_error *error);

/* Local. Calls `each` for buckets [from, to), a wave at a time, until the job is interrupted. */
mr_status mr_waves_run(mr_rows *rows, size_t from, size_t to, mr_waves_wave *each, void *context,
                       mr_error *error);

/* Local. Calls `each` for buckets [from, to) of one wave, on all threads. */
mr_status mr_waves_share(unsigned threads, size_t from, size_t to, mr_waves_bucket *each,
                         void *context, mr_error *error);

/* Local. Both: `each` for buckets [from, to), on all threads. */
mr_status mr_waves_buckets(mr_rows *rows, unsigned threads, size_t from, size_t to,
                           mr_waves_bucket *each, void *context, mr_error *error);

#endif
