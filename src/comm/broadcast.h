/*
 * comm/broadcast.h: a broadcast that goes on while the ranks work. Main thread only.
 */
#ifndef MR_COMM_BROADCAST_H
#define MR_COMM_BROADCAST_H

#include "comm/comm.h"

typedef struct mr_broadcast mr_broadcast;

/* The most that one takes. */
#define MR_BROADCAST_MOST ((uint64_t)64 << 30)

/* Local. What broadcasts are made with, one at a time. Takes NULL. */
mr_status mr_broadcast_create(mr_broadcast **broadcast, mr_comm *comm, mr_error *error);
void mr_broadcast_destroy(mr_broadcast **broadcast);

/* Collective. Begins to send `size` bytes of rank `from` to all; they are not to be touched, on no
 * rank, before mr_broadcast_end. */
void mr_broadcast_begin(mr_broadcast *broadcast, int from, void *bytes, uint64_t size);
/* Local. Helps it on; cheap. It only moves when somebody calls this. */
void mr_broadcast_poke(mr_broadcast *broadcast);
/* Waits until this rank's part of it is done; does nothing when none was begun. */
void mr_broadcast_end(mr_broadcast *broadcast);

#endif
