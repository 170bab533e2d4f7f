/* comm/dense.c: MPI_Reduce over accumulators. */
#include "comm/dense.h"

#include "comm/internal.h"

/* An MPI_Op is told nothing but where the data are: what merges them has to stand outside. Set and
 * cleared around the one collective that uses it, on the one thread that calls MPI. */
static const mr_fold *current;

static void merge(void *in, void *inout, int *length, MPI_Datatype *type)
{
    (void)type;
    const unsigned char *from = in;
    unsigned char *to = inout;
    for (int i = 0; i < *length; i++)
        current->merge(current, to + (size_t)i * current->size, from + (size_t)i * current->size);
}

/* Accumulators that one collective takes: enough to be worth a message, and countable by an int. */
#define PIECE (1u << 16)

void mr_dense_reduce(mr_comm *comm, const mr_fold *fold, void *accumulators, uint64_t count)
{
    MPI_Datatype type;
    MPI_Op op;
    bool sum = fold->flags & MR_FOLD_PLAIN_SUM;
    current = fold;
    MPI_Type_contiguous((int)fold->size, MPI_BYTE, &type);
    MPI_Type_commit(&type);
    MPI_Op_create(merge, 1, &op);
    unsigned char *at = accumulators;
    for (uint64_t left = count; left > 0;) {
        int piece = left < PIECE ? (int)left : (int)PIECE;
        bool root = comm->rank == 0;
        MPI_Reduce(root ? MPI_IN_PLACE : at, root ? at : NULL, piece, sum ? MPI_INT64_T : type,
                   sum ? MPI_SUM : op, 0, comm->world);
        at += (size_t)piece * fold->size;
        left -= (uint64_t)piece;
    }
    MPI_Op_free(&op);
    MPI_Type_free(&type);
    current = NULL;
}
