/*
 * comm/vector.c: large arrays through MPI's collectives, piece by piece: MPI counts with ints.
 */
#include "comm/vector.h"

#include "comm/post_internal.h"

#include <limits.h>
#include <string.h>

/* Of so few bytes the time is that until the last rank comes: where there is an office, who waits
 * serves it and naps, as for agreement, instead of keeping others from the core. */
#define FEW ((uint64_t)64 * 1024)

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_patient(const mr_comm *comm, uint64_t bytes)
{
    return comm->office && bytes <= FEW;
}

static MPI_Datatype type_of(mr_number number)
{
    return number == MR_NUMBER_I64   ? MPI_INT64_T
           : number == MR_NUMBER_U64 ? MPI_UINT64_T
                                     : MPI_DOUBLE;
}

static MPI_Op op_of(mr_combine combine)
{
    return combine == MR_COMBINE_SUM   ? MPI_SUM
           : combine == MR_COMBINE_MIN ? MPI_MIN
           : combine == MR_COMBINE_MAX ? MPI_MAX
                                       : MPI_BOR;
}

static void reduce_piece(mr_comm *comm, void *numbers, uint64_t count, MPI_Datatype type, MPI_Op op)
{
    MPI_Request request;
    if (!is_patient(comm, count * 8)) {
        MPI_Allreduce(MPI_IN_PLACE, numbers, (int)count, type, op, comm->world);
        return;
    }
    MPI_Iallreduce(MPI_IN_PLACE, numbers, (int)count, type, op, comm->world, &request);
    mr_post_wait_for_mpi(comm->office, &request);
}

static void reduce(mr_comm *comm, void *numbers, uint64_t count, MPI_Datatype type, MPI_Op op,
                   uint64_t piece)
{
    unsigned char *at = numbers;
    uint64_t most = piece / 8 ? least(piece / 8, INT_MAX) : 1;
    while (count > 0) {
        uint64_t now = least(count, most);
        reduce_piece(comm, at, now, type, op);
        at += now * 8;
        count -= now;
    }
}

#define SIGN (UINT64_C(1) << 63)

/* MPI's own comparison of a NaN depends on which side it stands, so ranks might differ in what they
 * get. As integers doubles have one order, with NaN at the end that wins. */
static void doubles_to_order(unsigned char *at, uint64_t count, uint64_t nan)
{
    for (; count > 0; count--, at += 8) {
        double number;
        uint64_t bits;
        memcpy(&number, at, 8);
        memcpy(&bits, at, 8);
        bits = bits & SIGN ? ~bits : bits | SIGN;
        memcpy(at, number != number ? &nan : &bits, 8);
    }
}

static void order_to_doubles(unsigned char *at, uint64_t count)
{
    for (; count > 0; count--, at += 8) {
        uint64_t bits;
        memcpy(&bits, at, 8);
        bits = bits & SIGN ? bits & ~SIGN : ~bits;
        memcpy(at, &bits, 8);
    }
}

void mr_vector_reduce(mr_comm *comm, void *numbers, uint64_t count, mr_number number,
                      mr_combine combine, uint64_t piece)
{
    MPI_Op op = op_of(combine);
    piece = piece ? piece : MR_VECTOR_REDUCED;
    if (number != MR_NUMBER_F64 || combine == MR_COMBINE_SUM) {
        reduce(comm, numbers, count, type_of(number), op, piece);
        return;
    }
    doubles_to_order(numbers, count, combine == MR_COMBINE_MIN ? 0 : UINT64_MAX);
    reduce(comm, numbers, count, MPI_UINT64_T, op, piece);
    order_to_doubles(numbers, count);
}

static void broadcast_piece(mr_comm *comm, int from, void *bytes, uint64_t size)
{
    MPI_Request request;
    if (!is_patient(comm, size)) {
        MPI_Bcast(bytes, (int)size, MPI_BYTE, from, comm->world);
        return;
    }
    MPI_Ibcast(bytes, (int)size, MPI_BYTE, from, comm->world, &request);
    mr_post_wait_for_mpi(comm->office, &request);
}

void mr_vector_broadcast(mr_comm *comm, int from, void *bytes, uint64_t size, uint64_t piece)
{
    unsigned char *at = bytes;
    uint64_t most = least(piece ? piece : MR_VECTOR_SENT, INT_MAX);
    while (size > 0) {
        uint64_t now = least(size, most);
        broadcast_piece(comm, from, at, now);
        at += now;
        size -= now;
    }
}

/* All pieces in one collective. */
static void gather_at_once(mr_comm *comm, unsigned char *bytes, const uint64_t *starts)
{
    int *counts = comm->counts, *places = comm->counts + comm->size;
    for (int rank = 0; rank < comm->size; rank++) {
        counts[rank] = (int)(starts[rank + 1] - starts[rank]);
        places[rank] = (int)(starts[rank] - starts[0]);
    }
    bytes += starts[0];
    if (!is_patient(comm, starts[comm->size] - starts[0])) {
        MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_BYTE, bytes, counts, places, MPI_BYTE, comm->world);
        return;
    }
    MPI_Request request;
    MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_BYTE, bytes, counts, places, MPI_BYTE, comm->world,
                    &request);
    mr_post_wait_for_mpi(comm->office, &request);
}

void mr_vector_gather(mr_comm *comm, void *bytes, const uint64_t *starts, uint64_t piece)
{
    unsigned char *at = bytes;
    if (starts[comm->size] == starts[0])
        return;
    if (starts[comm->size] - starts[0] <= least(piece ? piece : MR_VECTOR_SENT, INT_MAX)) {
        gather_at_once(comm, at, starts);
        return;
    }
    for (int rank = 0; rank < comm->size; rank++)
        mr_vector_broadcast(comm, rank, at + starts[rank], starts[rank + 1] - starts[rank], piece);
}
