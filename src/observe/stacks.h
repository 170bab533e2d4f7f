/*
 * observe/stacks.h: where the threads of a rank are, asked from outside. The guard sends each
 * thread a signal; the thread writes its own stack to stderr and goes on with what it was at.
 */
#ifndef MR_OBSERVE_STACKS_H
#define MR_OBSERVE_STACKS_H

#include "base/flight.h"

/* In the rank: answers from now on, and no more. */
void mr_stacks_answer(void);
void mr_stacks_refuse(void);

/* In the guard: asks all threads of the rank, one after the other, a second at most each. */
void mr_stacks_ask(mr_flight *flight);

#endif
