/* comm/exchange.c: pages on their way. Bounded: MR_EXCHANGE_IN_FLIGHT pages out, one in at a time.
 */
#include "comm/exchange.h"

#include "base/flight.h"
#include "base/span.h"
#include "comm/internal.h"

#include <stdlib.h>

enum { TAG_PAGE = 1 };

struct mr_exchange {
    mr_comm *comm;
    MPI_Request requests[MR_EXCHANGE_IN_FLIGHT];
    mr_page *pages[MR_EXCHANGE_IN_FLIGHT];
    int flying;
    mr_page *sent;
    mr_exchange_volume volume;
    MPI_Request end;
    bool ending, ended;
    bool took; /* a page has been handed out since the last look at what was sent */
};

mr_status mr_exchange_create(mr_exchange **exchange, mr_comm *comm, mr_error *error)
{
    *exchange = calloc(1, sizeof **exchange);
    if (!*exchange)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting the exchange");
    (*exchange)->comm = comm;
    return MR_OK;
}

void mr_exchange_destroy(mr_exchange **exchange)
{
    if (!*exchange)
        return;
    for (mr_page *page; (page = (*exchange)->sent);) {
        (*exchange)->sent = page->next;
        mr_page_destroy(page);
    }
    free(*exchange);
    *exchange = NULL;
}

bool mr_exchange_may_send(const mr_exchange *exchange)
{
    return exchange->flying < MR_EXCHANGE_IN_FLIGHT;
}

void mr_exchange_send(mr_exchange *exchange, mr_page *page)
{
    int at = exchange->flying++;
    exchange->pages[at] = page;
    exchange->volume.bytes_sent += page->size;
    exchange->volume.messages_sent++;
    exchange->comm->sent[page->to] += page->size;
    const mr_span_kind before = mr_span_begin(MR_SPAN_EXCHANGE);
    MPI_Issend(page->bytes, (int)page->size, MPI_BYTE, page->to, TAG_PAGE, exchange->comm->exchange,
               &exchange->requests[at]);
    mr_span_end(before);
}

/* One look at all of them: with each look MPI looks at everything, and that takes its time. */
static void collect_sent(mr_exchange *exchange)
{
    int done[MR_EXCHANGE_IN_FLIGHT], count, left = 0;
    MPI_Testsome(exchange->flying, exchange->requests, &count, done, MPI_STATUSES_IGNORE);
    for (int at = 0; at < exchange->flying; at++) {
        mr_page *page = exchange->pages[at];
        if (exchange->requests[at] == MPI_REQUEST_NULL) {
            page->next = exchange->sent;
            exchange->sent = page;
            continue;
        }
        exchange->requests[left] = exchange->requests[at];
        exchange->pages[left++] = page;
    }
    exchange->flying = left;
}

mr_page *mr_exchange_sent(mr_exchange *exchange)
{
    exchange->took = false;
    if (!exchange->sent && exchange->flying)
        collect_sent(exchange);
    mr_page *page = exchange->sent;
    if (page)
        exchange->sent = page->next;
    return page;
}

/* The job is failing for want of memory; its senders must not wait for ever all the same. */
static void throw_away(mr_exchange *exchange, MPI_Message *message, size_t size)
{
    void *bytes = malloc(size);
    if (!bytes)
        mr_comm_abort(exchange->comm, MR_NO_MEMORY, "out of memory: receiving a page");
    MPI_Mrecv(bytes, (int)size, MPI_BYTE, message, MPI_STATUS_IGNORE);
    free(bytes);
}

mr_page *mr_exchange_arrived(mr_exchange *exchange, mr_error *error)
{
    if (exchange->comm->size == 1 || exchange->took)
        return NULL;
    int found, size;
    MPI_Message message;
    MPI_Status status;
    MPI_Improbe(MPI_ANY_SOURCE, TAG_PAGE, exchange->comm->exchange, &found, &message, &status);
    if (!found)
        return NULL;
    MPI_Get_count(&status, MPI_BYTE, &size);
    mr_page *page = mr_page_create((size_t)size, error);
    if (!page) {
        throw_away(exchange, &message, (size_t)size);
        return NULL;
    }
    const mr_span_kind before = mr_span_begin(MR_SPAN_EXCHANGE);
    MPI_Mrecv(page->bytes, size, MPI_BYTE, &message, MPI_STATUS_IGNORE);
    mr_span_end(before);
    page->size = (size_t)size;
    page->to = status.MPI_SOURCE;
    exchange->volume.bytes_received += page->size;
    exchange->took = true;
    mr_flight_progress();
    return page;
}

bool mr_exchange_end(mr_exchange *exchange)
{
    exchange->took = false;
    collect_sent(exchange);
    if (!exchange->ending && exchange->flying == 0) {
        exchange->ending = true;
        mr_flight_progress();
        MPI_Ibarrier(exchange->comm->exchange, &exchange->end);
    }
    if (exchange->ending && !exchange->ended) {
        int done;
        MPI_Test(&exchange->end, &done, MPI_STATUS_IGNORE);
        exchange->ended = done;
    }
    return exchange->ended;
}

mr_exchange_volume mr_exchange_volume_of(const mr_exchange *exchange)
{
    return exchange->volume;
}
