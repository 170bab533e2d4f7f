/* comm/trade.c: every rank to every rank, in pairs, a piece at a time that an int can count. */
#include "comm/trade.h"

#include "base/span.h"
#include "comm/internal.h"

#include <string.h>

#define PIECE ((uint64_t)1 << 30)
#define TAG   1

typedef struct flow {
    uint64_t at, end;
    int rank; /* the other one */
} flow;

/* The next piece; of nothing when all is done, with nobody. */
static int next(flow *f, uint64_t *from, int *rank)
{
    uint64_t now = f->end - f->at < PIECE ? f->end - f->at : PIECE;
    *from = f->at;
    *rank = now > 0 ? f->rank : MPI_PROC_NULL;
    f->at += now;
    return (int)now;
}

void mr_trade(mr_comm *comm, const void *give, const uint64_t *give_starts, void *take,
              const uint64_t *take_starts)
{
    const int ranks = comm->size, me = comm->rank;
    const mr_span_kind before = mr_span_begin(MR_SPAN_EXCHANGE);
    memcpy((char *)take + take_starts[me], (const char *)give + give_starts[me],
           give_starts[me + 1] - give_starts[me]);
    for (int step = 1; step < ranks; step++) {
        int to = (me + step) % ranks, from = (me + ranks - step) % ranks;
        flow out = {give_starts[to], give_starts[to + 1], to};
        flow in = {take_starts[from], take_starts[from + 1], from};
        comm->sent[to] += out.end - out.at;
        while (out.at < out.end || in.at < in.end) {
            uint64_t out_at, in_at;
            int out_size = next(&out, &out_at, &to), in_size = next(&in, &in_at, &from);
            MPI_Sendrecv((const char *)give + out_at, out_size, MPI_BYTE, to, TAG,
                         (char *)take + in_at, in_size, MPI_BYTE, from, TAG, comm->world,
                         MPI_STATUS_IGNORE);
        }
    }
    mr_span_end(before);
}

void mr_trade_numbers(mr_comm *comm, uint64_t *numbers)
{
    MPI_Alltoall(MPI_IN_PLACE, 1, MPI_UINT64_T, numbers, 1, MPI_UINT64_T, comm->world);
}

void mr_trade_all(mr_comm *comm, const void *mine, size_t size, void *all)
{
    MPI_Allgather(mine, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, comm->world);
}

void mr_chain_receive(mr_comm *comm, void *bytes, size_t size)
{
    if (comm->rank > 0)
        MPI_Recv(bytes, (int)size, MPI_BYTE, comm->rank - 1, TAG, comm->world, MPI_STATUS_IGNORE);
    else
        memset(bytes, 0, size);
}

void mr_chain_send(mr_comm *comm, const void *bytes, size_t size)
{
    if (comm->rank + 1 < comm->size)
        MPI_Send(bytes, (int)size, MPI_BYTE, comm->rank + 1, TAG, comm->world);
}
