/* comm/broadcast.c: MPI_Ibcast, in pieces that an int can count. */
#include "comm/broadcast.h"

#include "comm/internal.h"

#include <stdlib.h>

#define PIECE  ((uint64_t)1 << 30)
#define PIECES 64

struct mr_broadcast {
    MPI_Comm comm;
    int count;
    MPI_Request requests[PIECES];
};

mr_status mr_broadcast_create(mr_broadcast **broadcast, mr_comm *comm, mr_error *error)
{
    *broadcast = calloc(1, sizeof **broadcast);
    if (!*broadcast)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: preparing a broadcast");
    (*broadcast)->comm = comm->world;
    return MR_OK;
}

void mr_broadcast_destroy(mr_broadcast **broadcast)
{
    free(*broadcast);
    *broadcast = NULL;
}

void mr_broadcast_begin(mr_broadcast *broadcast, int from, void *bytes, uint64_t size)
{
    unsigned char *at = bytes;
    for (; size > 0 && broadcast->count < PIECES; broadcast->count++) {
        uint64_t now = size < PIECE ? size : PIECE;
        MPI_Ibcast(at, (int)now, MPI_BYTE, from, broadcast->comm,
                   &broadcast->requests[broadcast->count]);
        at += now;
        size -= now;
    }
}

void mr_broadcast_poke(mr_broadcast *broadcast)
{
    int done;
    if (broadcast->count > 0)
        MPI_Testall(broadcast->count, broadcast->requests, &done, MPI_STATUSES_IGNORE);
}

void mr_broadcast_end(mr_broadcast *broadcast)
{
    MPI_Waitall(broadcast->count, broadcast->requests, MPI_STATUSES_IGNORE);
    broadcast->count = 0;
}
