/*
 * comm/trade.h: each rank gives every other one a piece of an array and gets one back, of any
 * sizes that all know beforehand.
 */
#ifndef MR_COMM_TRADE_H
#define MR_COMM_TRADE_H

#include "comm/comm.h"

/* Collective. Bytes [give_starts[r], give_starts[r + 1]) of `give` go to rank r, and what comes
 * from rank r lies at [take_starts[r], take_starts[r + 1]) of `take`: sizes have to fit. */
void mr_trade(mr_comm *comm, const void *give, const uint64_t *give_starts, void *take,
              const uint64_t *take_starts);

/* Collective. A number for each rank: afterwards `numbers` holds what each rank had for this one.
 */
void mr_trade_numbers(mr_comm *comm, uint64_t *numbers);

/* Collective. `size` bytes of each rank, one after the other, on all ranks; below 2 GiB in all. */
void mr_trade_all(mr_comm *comm, const void *mine, size_t size, void *all);

/* Collective. Bytes from the rank before this one (zeros on the first), and on to the next. */
void mr_chain_receive(mr_comm *comm, void *bytes, size_t size);
void mr_chain_send(mr_comm *comm, const void *bytes, size_t size);

#endif
