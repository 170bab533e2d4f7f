/*
 * comm/vector.h: collectives on arrays of any size, in place. Counts are 64 bits wide; what goes
 * over the wire at a time is a piece that an int can count.
 */
#ifndef MR_COMM_VECTOR_H
#define MR_COMM_VECTOR_H

#include "comm/comm.h"

typedef enum mr_number { MR_NUMBER_I64 = 0, MR_NUMBER_U64 = 1, MR_NUMBER_F64 = 2 } mr_number;
typedef enum mr_combine {
    MR_COMBINE_SUM = 0,
    MR_COMBINE_MIN = 1,
    MR_COMBINE_MAX = 2,
    MR_COMBINE_OR = 3 /* not of doubles */
} mr_combine;

/* Bytes at a time when the caller says 0. MPI needs as much again for what it reduces. */
#define MR_VECTOR_REDUCED ((uint64_t)16 << 20)
#define MR_VECTOR_SENT    ((uint64_t)1 << 30)

/*
 * Collective. Each of `count` numbers combined over all ranks, on all of them; all get the same
 * bits. Integers wrap around. Of doubles, -0 is below 0, and a NaN on any rank makes the smallest
 * and the largest a NaN; a sum is rounded in an order that depends on how many ranks there are.
 */
void mr_vector_reduce(mr_comm *comm, void *numbers, uint64_t count, mr_number number,
                      mr_combine combine, uint64_t piece);

/* Collective. `size` bytes of rank `from` to all. */
void mr_vector_broadcast(mr_comm *comm, int from, void *bytes, uint64_t size, uint64_t piece);

/* Collective. Rank r has filled bytes [starts[r], starts[r + 1]); afterwards all have all of them.
 * `starts` is the same on all ranks. */
void mr_vector_gather(mr_comm *comm, void *bytes, const uint64_t *starts, uint64_t piece);

#endif
