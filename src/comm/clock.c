/* comm/clock.c: what lies between the clocks of different nodes. */
#include "comm/clock.h"

#include "base/clock.h"
#include "comm/internal.h"

#include <stdlib.h>

enum { TAG_CLOCK = 3, MANY_NODES = 64 };

static int rounds_of(int nodes)
{
    return nodes > MANY_NODES ? 3 : 8;
}

/* Of several questions that with the fastest answer is the best: the answer was given about in the
 * middle of it. */
static double ask(mr_comm *comm, int nodes)
{
    double fastest = 1e300, shift = 0;
    for (int round = 0; round < rounds_of(nodes); round++) {
        double there, before = mr_clock_now();
        MPI_Send(&before, 1, MPI_DOUBLE, 0, TAG_CLOCK, comm->world);
        MPI_Recv(&there, 1, MPI_DOUBLE, 0, TAG_CLOCK, comm->world, MPI_STATUS_IGNORE);
        const double now = mr_clock_now();
        if (now - before >= fastest)
            continue;
        fastest = now - before;
        shift = there - (before + now) / 2;
    }
    return shift;
}

static void answer(mr_comm *comm, int rank, int nodes)
{
    for (int round = 0; round < rounds_of(nodes); round++) {
        double there;
        MPI_Recv(&there, 1, MPI_DOUBLE, rank, TAG_CLOCK, comm->world, MPI_STATUS_IGNORE);
        there = mr_clock_now();
        MPI_Send(&there, 1, MPI_DOUBLE, rank, TAG_CLOCK, comm->world);
    }
}

/* The first rank of each node asks, one after the other, and tells the others of its node. */
double mr_comm_clock_shift(mr_comm *comm)
{
    double shift = 0;
    if (comm->node_size == comm->size)
        return 0;
    int first = comm->node_rank == 0, nodes;
    int *asks = comm->counts;
    MPI_Allreduce(&first, &nodes, 1, MPI_INT, MPI_SUM, comm->world);
    MPI_Gather(&first, 1, MPI_INT, asks, 1, MPI_INT, 0, comm->world);
    for (int rank = 1; comm->rank == 0 && rank < comm->size; rank++)
        if (asks[rank])
            answer(comm, rank, nodes);
    if (comm->rank != 0 && first)
        shift = ask(comm, nodes);
    for (int i = 1; first && i < comm->node_size; i++)
        MPI_Send(&shift, 1, MPI_DOUBLE, comm->node_ranks[i], TAG_CLOCK, comm->world);
    if (!first)
        MPI_Recv(&shift, 1, MPI_DOUBLE, comm->node_ranks[0], TAG_CLOCK, comm->world,
                 MPI_STATUS_IGNORE);
    return shift;
}
