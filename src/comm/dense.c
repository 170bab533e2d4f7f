/* comm/dense.c: MPI's reductions over accumulators, piece by piece. */
#include "comm/dense.h"

#include "comm/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PIECE  ((uint64_t)16 << 20) /* bytes of a collective; MPI has as much again */
#define FLYING 4                    /* collectives under way at once, where nobody waits for one */

/* An MPI_Op is told nothing but where the data are: what merges them has to stand outside. Set and
 * cleared around the collectives that use it, on the one thread that calls MPI. */
static const mr_fold *current;

static void merge(void *in, void *inout, int *length, MPI_Datatype *type)
{
    (void)type;
    const unsigned char *from = in;
    unsigned char *to = inout;
    for (int i = 0; i < *length; i++)
        current->merge(current, to + (size_t)i * current->size, from + (size_t)i * current->size);
}

/* What MPI is told of a fold. */
typedef struct operation {
    MPI_Datatype type;
    MPI_Op op;
    bool own; /* both were made here */
} operation;

static operation operation_of(const mr_fold *fold)
{
    operation how = {MPI_INT64_T, MPI_SUM, false};
    if (fold->flags & MR_FOLD_PLAIN_SUM)
        return how;
    current = fold;
    how.own = true;
    MPI_Type_contiguous((int)fold->size, MPI_BYTE, &how.type);
    MPI_Type_commit(&how.type);
    MPI_Op_create(merge, 1, &how.op);
    return how;
}

static void forget(operation *how)
{
    if (!how->own)
        return;
    MPI_Op_free(&how->op);
    MPI_Type_free(&how->type);
    current = NULL;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Accumulators of one piece, when each of `ranks` ranks has so many of them in it. */
static uint64_t piece_of(const mr_merged *what, int ranks)
{
    uint64_t piece = (what->piece ? what->piece : PIECE) / what->fold->size / (uint64_t)ranks;
    return piece ? least(piece, INT_MAX / (uint64_t)ranks) : 1;
}

static unsigned char *at(const mr_merged *what, uint64_t number)
{
    return (unsigned char *)what->accumulators + number * what->fold->size;
}

void mr_merge_to_one(mr_comm *comm, const mr_merged *what, int to)
{
    operation how = operation_of(what->fold);
    bool root = comm->rank == to;
    uint64_t most = piece_of(what, 1), now;
    for (uint64_t done = 0; done < what->count; done += now) {
        now = least(what->count - done, most);
        MPI_Reduce(root ? MPI_IN_PLACE : at(what, done), root ? at(what, done) : NULL, (int)now,
                   how.type, how.op, to, comm->world);
    }
    forget(&how);
}

void mr_merge_to_all(mr_comm *comm, const mr_merged *what)
{
    operation how = operation_of(what->fold);
    uint64_t most = piece_of(what, 1), now;
    for (uint64_t done = 0; done < what->count; done += now) {
        now = least(what->count - done, most);
        MPI_Allreduce(MPI_IN_PLACE, at(what, done), (int)now, how.type, how.op, comm->world);
    }
    forget(&how);
}

uint64_t mr_merge_part(const mr_comm *comm, uint64_t count, int rank)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)count * (wide)rank / (wide)comm->size);
}

uint64_t mr_merge_room(const mr_comm *comm, const mr_merged *what)
{
    uint64_t part = what->count / (uint64_t)comm->size + 1;
    return least(piece_of(what, comm->size), part) * (uint64_t)comm->size * what->fold->size;
}

/* A piece of the array has a slice of every rank's part, `most` accumulators or what is left of it
 * behind `done`. They are brought together in `room`, one after the other. */
static void gather_slices(mr_comm *comm, const mr_merged *what, unsigned char *room, uint64_t done,
                          uint64_t most)
{
    for (int rank = 0; rank < comm->size; rank++) {
        uint64_t first = mr_merge_part(comm, what->count, rank) + done;
        uint64_t end = mr_merge_part(comm, what->count, rank + 1);
        uint64_t now = first < end ? least(end - first, most) : 0;
        comm->counts[rank] = (int)now;
        memcpy(room, at(what, least(first, end)), now * what->fold->size);
        room += now * what->fold->size;
    }
}

void mr_merge_to_parts(mr_comm *comm, const mr_merged *what, void *room)
{
    operation how = operation_of(what->fold);
    uint64_t most = piece_of(what, comm->size);
    uint64_t mine = mr_merge_part(comm, what->count, comm->rank);
    uint64_t longest = (what->count + (uint64_t)comm->size - 1) / (uint64_t)comm->size;
    for (uint64_t done = 0; done < longest; done += most) {
        gather_slices(comm, what, room, done, most);
        MPI_Reduce_scatter(MPI_IN_PLACE, room, comm->counts, how.type, how.op, comm->world);
        uint64_t got = (uint64_t)comm->counts[comm->rank];
        if (got > 0)
            memcpy(at(what, mine + done), room, got * what->fold->size);
    }
    forget(&how);
}

/* Pieces are begun in order and end in order: number n has request n modulo FLYING. */
struct mr_merging {
    mr_comm *comm;
    mr_merged what;
    operation how;
    uint64_t begun, ended, pieces; /* how many */
    MPI_Request requests[FLYING];
};

mr_merging *mr_merging_create(mr_error *error)
{
    mr_merging *merging = calloc(1, sizeof *merging);
    if (!merging)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: merging dense results");
    return merging;
}

static void begin_more(mr_merging *merging)
{
    const mr_merged *what = &merging->what;
    uint64_t most = piece_of(what, 1);
    while (merging->begun < merging->pieces && merging->begun - merging->ended < FLYING) {
        uint64_t done = merging->begun * most;
        MPI_Iallreduce(MPI_IN_PLACE, at(what, done), (int)least(what->count - done, most),
                       merging->how.type, merging->how.op, merging->comm->world,
                       &merging->requests[merging->begun % FLYING]);
        merging->begun++;
    }
}

void mr_merging_begin(mr_merging *merging, mr_comm *comm, const mr_merged *what)
{
    uint64_t most = piece_of(what, 1);
    merging->comm = comm;
    merging->what = *what;
    merging->how = operation_of(what->fold);
    merging->pieces = what->count / most + (what->count % most > 0);
    begin_more(merging);
}

bool mr_merging_poll(mr_merging *merging)
{
    int over = true;
    while (over && merging->ended < merging->begun) {
        MPI_Test(&merging->requests[merging->ended % FLYING], &over, MPI_STATUS_IGNORE);
        merging->ended += over != 0;
        begin_more(merging);
    }
    return merging->ended == merging->pieces;
}

void mr_merging_finish(mr_merging **merging)
{
    mr_merging *m = *merging;
    if (!m)
        return;
    while (m->ended < m->begun) {
        MPI_Wait(&m->requests[m->ended++ % FLYING], MPI_STATUS_IGNORE);
        begin_more(m);
    }
    forget(&m->how);
    free(m);
    *merging = NULL;
}
