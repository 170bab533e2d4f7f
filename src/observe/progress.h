/*
 * observe/progress.h: the line on a terminal that says how far a job is. Only rank 0 has one.
 */
#ifndef MR_OBSERVE_PROGRESS_H
#define MR_OBSERVE_PROGRESS_H

#include "base/settings.h"

#include <stdint.h>

typedef struct mr_progress {
    bool shown; /* whether anything is to be shown at all */
    bool dirty; /* a line stands there unfinished */
    bool tty;
    double start, last;
    uint64_t total;
} mr_progress;

/* `total` bytes; 0 when nobody knows (streams). Auto shows on a terminal only (stderr). */
void mr_progress_start(mr_progress *progress, mr_progress_mode mode, bool quiet, uint64_t total);
/* Shows the line when it is time (twice a second on a terminal, every 10 s elsewhere): phase, done
 * and total bytes, percent, rate, time left. Cheap otherwise: it may be called for every block. */
void mr_progress_update(mr_progress *progress, const char *phase, uint64_t done);
/* The last line: all of it, how long it took, the rate. */
void mr_progress_finish(mr_progress *progress, uint64_t done);

#endif
