/*
 * observe/guard.h: who tells of a rank's death. A tiny process that is forked before MPI starts and
 * sleeps until the rank is gone: if it went without a goodbye, the guard says in one line which
 * rank it was, where, how it ended and at what. The guard of a node's first rank also watches all
 * of the node's ranks for --watchdog.
 */
#ifndef MR_OBSERVE_GUARD_H
#define MR_OBSERVE_GUARD_H

#include "base/flight.h"

/*
 * On the main thread, before any other thread begins: opens the flight record and forks the guard.
 * `rank`: as far as it is known. `line`, `size`: where the command line lies that others see, which
 * is the guard's own in its copy. Where it can't be done the job goes on without.
 */
void mr_guard_start(int rank, char *line, size_t size);
/* The ranks of the node have found each other: from now on they tell of one death only. */
void mr_guard_meet(const mr_flight_peer *peers, int count);
/* What the rank does without progress for so long is told from now on; 0: nothing. */
void mr_guard_watch(double seconds);
/* The rank will end, and nobody needs to be told why: a failure that is told, say. */
void mr_guard_dismiss(void);
/* The same, and the guard is gone when this returns. */
void mr_guard_end(void);

#endif
