/* comm/internal.h: what the files of this folder share. Nobody else may include it. */
#ifndef MR_COMM_INTERNAL_H
#define MR_COMM_INTERNAL_H

#include "comm/comm.h"

#include <mpi.h>

struct mr_comm {
    MPI_Comm world;    /* agreement and collectives */
    uint64_t steals;   /* how many have begun (steal.c) */
    MPI_Comm post;     /* work stealing and news: its messages never meet the others */
    MPI_Comm exchange; /* pages */
    int rank, size;
    MPI_Comm node; /* the ranks of this node */
    int node_rank, node_size;
    int *node_ranks;        /* the world ranks of this node, in order */
    uint64_t *sent;         /* bytes of pages to each rank */
    int *counts;            /* two for each rank: room for a collective that takes lists of them */
    int threads_provided;   /* MPI_THREAD_... */
    struct mr_post *office; /* who waits for agreement serves it; NULL: there is none */
    char host[MPI_MAX_PROCESSOR_NAME];
};

#endif
