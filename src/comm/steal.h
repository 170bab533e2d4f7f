/*
 * comm/steal.h: moving work from ranks that have it to ranks that have none, by plain two-sided
 * messages that each rank's main thread answers between blocks. (One-sided windows would spare the
 * victim, but do not work between hosts over TCP.) Also carries the news that everybody should
 * stop, and how far each rank is.
 *
 * What work is, is the caller's business: a range of 64-bit numbers.
 */
#ifndef MR_COMM_STEAL_H
#define MR_COMM_STEAL_H

#include "comm/comm.h"

typedef struct mr_range {
    uint64_t begin, end;
} mr_range;

/* Asked for work, on the main thread: an empty range when there is none to give. */
typedef mr_range (*mr_steal_give)(void *context);

typedef struct mr_steal mr_steal;

/* Collective in effect: every rank has to create one, and destroy it after it has ended. */
mr_status mr_steal_create(mr_steal **steal, mr_comm *comm, mr_steal_give give, void *context,
                          mr_error *error);
void mr_steal_destroy(mr_steal **steal);

/* Answers whoever asked, and takes in what arrived. Cheap: call it between blocks. */
void mr_steal_poll(mr_steal *steal);

typedef enum mr_steal_state {
    MR_STEAL_GOT,     /* *range is now ours */
    MR_STEAL_WAITING, /* asked; no answer yet */
    MR_STEAL_NOTHING  /* everyone asked has nothing: the end of this rank's work */
} mr_steal_state;

/* Asks another rank, or looks whether the answer is there. */
mr_steal_state mr_steal_ask(mr_steal *steal, mr_range *range);

/* Tells all ranks to stop; and whether one has told us. */
void mr_steal_stop(mr_steal *steal);
bool mr_steal_stopped(const mr_steal *steal);

/* Tells all ranks to stand still, with what they have left; and whether one has told us. Nobody
 * asks for work any more then; an answer that is on its way is still taken. */
void mr_steal_pause(mr_steal *steal);
bool mr_steal_paused(const mr_steal *steal);

/* Tells rank 0 how much this rank has done; on rank 0, the sum of what all said. */
void mr_steal_tell(mr_steal *steal, uint64_t done);
uint64_t mr_steal_told(const mr_steal *steal);

/* This rank has no more work. True once all ranks have said so; poll until then. */
bool mr_steal_end(mr_steal *steal);

#endif
