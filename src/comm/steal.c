/* comm/steal.c: requests for work, answers, and the news that travel with them. */
#include "comm/steal.h"

#include "comm/internal.h"

#include <stdlib.h>

enum { TAG_REQUEST = 1, TAG_ANSWER, TAG_STOP, TAG_DONE, TAG_PAUSE };

struct mr_steal {
    mr_comm *comm;
    mr_steal_give give;
    void *context;
    bool stopped, paused;
    bool waiting;  /* for an answer */
    bool answered; /* it is in `answer` */
    mr_range answer;
    int tries, most_tries;
    uint32_t random;
    uint64_t serial; /* the same on all ranks */
    uint64_t *told;  /* rank 0: what each rank has done */
    MPI_Request end;
    bool ending, ended;
};

#define SMALL_JOB 64

/* How many ranks are asked before a rank believes that there is no work: in small jobs the node's
 * and then all of them; in large ones the node's and then enough random ones, so that idle ranks do
 * not flood the busy. */
static int tries_of(const mr_comm *comm)
{
    if (comm->node_size == comm->size)
        return comm->size - 1;
    if (comm->size <= SMALL_JOB)
        return comm->node_size - 1 + comm->size - 1;
    int tries = comm->node_size - 1 + 16;
    for (int size = comm->size; size > 1; size /= 2)
        tries += 2;
    return tries;
}

mr_status mr_steal_create(mr_steal **result, mr_comm *comm, mr_steal_give give, void *context,
                          mr_error *error)
{
    mr_steal *steal = calloc(1, sizeof *steal);
    uint64_t *told = comm->rank == 0 ? calloc((size_t)comm->size, sizeof *told) : NULL;
    if (!steal || (comm->rank == 0 && !told)) {
        free(steal);
        free(told);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting the map");
    }
    steal->comm = comm;
    steal->serial = ++comm->steals;
    steal->give = give;
    steal->context = context;
    steal->told = told;
    steal->most_tries = tries_of(comm);
    steal->random = (uint32_t)comm->rank * 2654435761u + 1;
    *result = steal;
    return MR_OK;
}

void mr_steal_destroy(mr_steal **steal)
{
    if (*steal) {
        free((*steal)->told);
        free(*steal);
        *steal = NULL;
    }
}

/* These messages are a few bytes: they leave at once whether or not the other side is looking. */
static void send_range(mr_steal *steal, int to, int tag, mr_range range)
{
    MPI_Send(&range, (int)sizeof range, MPI_BYTE, to, tag, steal->comm->post);
}

static void take_in(mr_steal *steal, int from, int tag, mr_range range)
{
    switch (tag) {
    case TAG_REQUEST:
        send_range(steal, from, TAG_ANSWER, steal->give(steal->context));
        break;
    case TAG_ANSWER:
        steal->answer = range;
        steal->answered = true;
        break;
    case TAG_STOP:
        steal->stopped = true;
        break;
    case TAG_PAUSE:
        /* Perhaps of the work before this one: it was sent when its end had begun. */
        steal->paused = steal->paused || range.end == steal->serial;
        break;
    default:
        steal->told[from] = range.begin;
        break;
    }
}

void mr_steal_poll(mr_steal *steal)
{
    if (steal->comm->size == 1)
        return;
    for (;;) {
        int found;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, steal->comm->post, &found, &status);
        if (!found)
            return;
        mr_range range;
        MPI_Recv(&range, (int)sizeof range, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG,
                 steal->comm->post, MPI_STATUS_IGNORE);
        take_in(steal, status.MPI_SOURCE, status.MPI_TAG, range);
    }
}

static uint32_t next_random(mr_steal *steal)
{
    steal->random ^= steal->random << 13;
    steal->random ^= steal->random >> 17;
    steal->random ^= steal->random << 5;
    return steal->random;
}

/* Neighbours on the node first, beginning behind oneself so that not all ask the same; then the
 * ranks that follow in small jobs, random ones in large. */
static int victim(mr_steal *steal)
{
    const mr_comm *comm = steal->comm;
    int neighbours = comm->node_size - 1, turn = steal->tries;
    if (turn < neighbours)
        return comm->node_ranks[(comm->node_rank + 1 + turn) % comm->node_size];
    if (comm->size <= SMALL_JOB)
        return (comm->rank + 1 + turn - neighbours) % comm->size;
    int other = (int)(next_random(steal) % (uint32_t)(comm->size - 1));
    return other + (other >= comm->rank);
}

mr_steal_state mr_steal_ask(mr_steal *steal, mr_range *range)
{
    mr_steal_poll(steal);
    if (steal->waiting && !steal->answered)
        return MR_STEAL_WAITING;
    if (steal->waiting) {
        steal->waiting = steal->answered = false;
        if (steal->answer.begin < steal->answer.end) {
            *range = steal->answer;
            steal->tries = 0;
            return MR_STEAL_GOT;
        }
    }
    if (steal->tries >= steal->most_tries || steal->stopped || steal->paused)
        return MR_STEAL_NOTHING;
    send_range(steal, victim(steal), TAG_REQUEST, (mr_range){0, 0});
    steal->tries++;
    steal->waiting = true;
    return MR_STEAL_WAITING;
}

static void tell_all(mr_steal *steal, int tag)
{
    for (int rank = 0; rank < steal->comm->size; rank++)
        if (rank != steal->comm->rank)
            send_range(steal, rank, tag, (mr_range){0, steal->serial});
}

void mr_steal_stop(mr_steal *steal)
{
    if (steal->stopped)
        return;
    steal->stopped = true;
    tell_all(steal, TAG_STOP);
}

void mr_steal_pause(mr_steal *steal)
{
    if (steal->paused)
        return;
    steal->paused = true;
    tell_all(steal, TAG_PAUSE);
}

bool mr_steal_paused(const mr_steal *steal)
{
    return steal->paused;
}

bool mr_steal_stopped(const mr_steal *steal)
{
    return steal->stopped;
}

void mr_steal_tell(mr_steal *steal, uint64_t done)
{
    if (steal->comm->rank == 0)
        steal->told[0] = done;
    else
        send_range(steal, 0, TAG_DONE, (mr_range){done, 0});
}

uint64_t mr_steal_told(const mr_steal *steal)
{
    uint64_t sum = 0;
    for (int rank = 0; rank < steal->comm->size; rank++)
        sum += steal->told[rank];
    return sum;
}

bool mr_steal_end(mr_steal *steal)
{
    mr_steal_poll(steal);
    if (steal->waiting && !steal->answered)
        return false; /* an answer that nobody takes would turn up in the next phase */
    if (!steal->ending) {
        steal->ending = true;
        MPI_Ibarrier(steal->comm->post, &steal->end);
    }
    if (!steal->ended) {
        int done;
        MPI_Test(&steal->end, &done, MPI_STATUS_IGNORE);
        steal->ended = done;
    }
    /* What was sent before the last rank ended is here by now, or on its way: empty the box. */
    if (steal->ended)
        mr_steal_poll(steal);
    return steal->ended;
}
