/* comm/clock.h: one clock for all ranks, as far as messages can tell. */
#ifndef MR_COMM_CLOCK_H
#define MR_COMM_CLOCK_H

#include "comm/comm.h"

/* Collective. Seconds to be added to this rank's clock (base/clock.h) to have rank 0's: exact on
 * its node, elsewhere half of a message's way off at most. */
double mr_comm_clock_shift(mr_comm *comm);

#endif
