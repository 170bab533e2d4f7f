/*
 * comm/exchange.h: pages of bytes from every rank to every rank, non-blocking and bounded. Pages
 * leave when they are full, arrive in any order, and the end is found without a global lock-step:
 * sends are synchronous, so a rank whose sends are done enters a non-blocking barrier and goes on
 * receiving until all have entered it. Main thread only.
 */
#ifndef MR_COMM_EXCHANGE_H
#define MR_COMM_EXCHANGE_H

#include "base/page.h"
#include "comm/comm.h"

typedef struct mr_exchange mr_exchange;

#define MR_EXCHANGE_IN_FLIGHT 32

/* What a transport puts around a page, at the most. TCP takes 64 KiB with it in one piece, shared
 * memory 4 KiB: a page that is larger by one byte takes up to twice as long. */
#define MR_EXCHANGE_ENVELOPE 64

/* Collective. */
mr_status mr_exchange_create(mr_exchange **exchange, mr_comm *comm, mr_error *error);
void mr_exchange_destroy(mr_exchange **exchange);

/* Whether another page may be sent now, or enough are on their way already. */
bool mr_exchange_may_send(const mr_exchange *exchange);
/* Sends a page to `page->to`, another rank; owned by the exchange until it comes back. */
void mr_exchange_send(mr_exchange *exchange, mr_page *page);
/* A page that has been sent, for use again; NULL when there is none. */
mr_page *mr_exchange_sent(mr_exchange *exchange);
/*
 * A page that has arrived (`to` is then where it came from), owned by the caller; NULL when there
 * is none, or no memory for it, which `error` then says. Also NULL when one has been given since
 * the last look at what was sent: who takes as long as there is something to take does not send
 * meanwhile, then the others wait, and ranks take turns where both could send and receive.
 */
mr_page *mr_exchange_arrived(mr_exchange *exchange, mr_error *error);
/* Nothing more will be sent by this rank. True once that holds for all and everything has arrived.
 */
bool mr_exchange_end(mr_exchange *exchange);

/* Counted from mr_exchange_create on. */
typedef struct mr_exchange_volume {
    uint64_t bytes_sent, bytes_received, messages_sent;
} mr_exchange_volume;
mr_exchange_volume mr_exchange_volume_of(const mr_exchange *exchange);

#endif
