/*
 * bench/exchange.c: the exchange alone: `mpirun -np 2 exchange [-n TIMES] [-p PAGE] [-k | -c]
 * BYTES`. Every rank sends BYTES to every other one in pages of PAGE bytes, again and again. Prints
 * the median seconds of one time. Built against the library's own objects, as tests/mpi is.
 *
 * Pages that arrive are dropped, and those that have been sent are sent again: what it takes when
 * threads fill and empty them meanwhile. With -k all bytes lie in pages of their own beforehand,
 * and all that arrive are kept: from memory to memory, as limits/alltoallv. With -c pages are
 * filled from one array and emptied into another.
 */
#include "comm/exchange.h"
#include "limits/limit.h"

#include <malloc.h>
#include <sched.h>

typedef struct job {
    mr_comm *comm;
    mr_error error;
    mr_page *spare;       /* to be filled and sent */
    mr_page *gone, *kept; /* with -k: those that were sent, and that came */
    size_t bytes, page, received;
    bool keep;
    char *from, *to; /* with -c */
} job;

static void check(job *j)
{
    if (j->error.code == MR_OK)
        return;
    fprintf(stderr, "%s\n", j->error.text);
    mr_comm_abort(j->comm, j->error.code);
}

static char *touched(size_t size)
{
    char *memory = malloc(size);
    if (!memory)
        limit_fail("no memory");
    return memset(memory, 1, size);
}

static void push(mr_page **list, mr_page *page)
{
    page->next = *list;
    *list = page;
}

static mr_page *pop(mr_page **list)
{
    mr_page *page = *list;
    if (page)
        *list = page->next;
    return page;
}

static mr_page *blank(job *j)
{
    mr_page *page = mr_page_create(j->page, &j->error);
    check(j);
    memset(page->bytes, 1, j->page);
    return page;
}

static void take(job *j, mr_exchange *exchange)
{
    mr_page *page;
    while ((page = mr_exchange_sent(exchange)))
        push(j->keep ? &j->gone : &j->spare, page);
    while ((page = mr_exchange_arrived(exchange, &j->error))) {
        if (j->to)
            memcpy(j->to + j->received, page->bytes, page->size);
        j->received += page->size;
        if (j->keep)
            push(&j->kept, page);
        else
            mr_page_destroy(page);
    }
    check(j);
}

static void send(job *j, mr_exchange *exchange, int to, size_t at, size_t size)
{
    while (!mr_exchange_may_send(exchange))
        take(j, exchange);
    mr_page *page = pop(&j->spare);
    if (!page)
        page = blank(j);
    if (j->from)
        memcpy(page->bytes, j->from + at, size);
    page->size = size;
    page->to = to;
    mr_exchange_send(exchange, page);
    take(j, exchange);
}

/* To all others by turns, beginning behind oneself. */
static void exchange_all(job *j, mr_exchange *exchange)
{
    int rank = mr_comm_rank(j->comm), ranks = mr_comm_size(j->comm);
    for (size_t at = 0, size; at < j->bytes; at += size) {
        size = j->bytes - at < j->page ? j->bytes - at : j->page;
        for (int step = 1; step < ranks; step++)
            send(j, exchange, (rank + step) % ranks, at + (size_t)step * j->bytes, size);
    }
    while (!mr_exchange_end(exchange)) {
        take(j, exchange);
        sched_yield();
    }
}

/* With -k: what came the last time is sent this time, and more if there has to be more. */
static void prepare(job *j)
{
    size_t others = (size_t)(mr_comm_size(j->comm) - 1);
    size_t pages = j->keep ? (j->bytes + j->page - 1) / j->page * others : 0;
    for (mr_page *page; (page = pop(&j->gone));)
        mr_page_destroy(page);
    for (mr_page *page; (page = pop(&j->kept));)
        if (page->capacity == j->page && pages > 0) {
            push(&j->spare, page);
            pages--;
        } else {
            mr_page_destroy(page);
        }
    for (; pages > 0; pages--)
        push(&j->spare, blank(j));
}

static double once(job *j)
{
    mr_exchange *exchange;
    prepare(j);
    j->received = 0;
    mr_comm_barrier(j->comm);
    double begin = limit_now();
    mr_exchange_create(&exchange, j->comm, &j->error);
    check(j);
    exchange_all(j, exchange);
    mr_exchange_destroy(&exchange);
    mr_comm_barrier(j->comm);
    double seconds = limit_now() - begin;
    if (j->received != j->bytes * (size_t)(mr_comm_size(j->comm) - 1))
        mr_comm_abort(j->comm, MR_FAILED);
    return seconds;
}

static void read_arguments(job *j, int argc, char **argv, size_t *times, bool *copy)
{
    int option;
    while ((option = getopt(argc, argv, "n:p:kc")) != -1) {
        if (option == 'n')
            *times = limit_number(optarg, 1, 1000);
        else if (option == 'p')
            j->page = limit_number(optarg, 64, 64 << 20);
        else if (option == 'k')
            j->keep = true;
        else if (option == 'c')
            *copy = true;
        else
            break;
    }
    if (option != -1 || argc - optind != 1 || (j->keep && *copy))
        limit_usage("mpirun exchange [-n TIMES] [-p PAGE] [-k | -c] BYTES");
    j->bytes = limit_number(argv[optind], 1, UINT64_C(1) << 40);
}

int main(int argc, char **argv)
{
    job j = {.page = (64 << 10) - MR_EXCHANGE_ENVELOPE};
    size_t times = 11;
    bool copy = false;
    read_arguments(&j, argc, argv, &times, &copy);
    mallopt(M_TRIM_THRESHOLD, INT32_MAX); /* what is freed stays touched, as arrays do */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mr_comm_start(&j.comm, &j.error);
    check(&j);
    size_t all = j.bytes * (size_t)mr_comm_size(j.comm);
    j.from = copy ? touched(all) : NULL;
    j.to = copy ? touched(all) : NULL;
    double *seconds = calloc(times, sizeof *seconds);
    if (!seconds)
        limit_fail("no memory");
    once(&j);
    for (size_t i = 0; i < times; i++)
        seconds[i] = once(&j);
    if (mr_comm_rank(j.comm) == 0)
        fprintf(stderr, "seconds: %.6f\n", limit_median(seconds, times));
    mr_comm_finish(&j.comm);
    return 0;
}
