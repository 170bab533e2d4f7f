/*
 * comm/comm.h: the ranks of a job. This folder alone calls MPI. All but the post office (post.h) is
 * for a rank's main thread only.
 */
#ifndef MR_COMM_COMM_H
#define MR_COMM_COMM_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_comm mr_comm;

/*
 * Collective over everything mpirun or srun started; alone, a job of one rank without a launcher's
 * costs. Puts transport settings that suit the job into the environment first, where the user has
 * not. `finish` ends MPI; it takes NULL.
 */
mr_status mr_comm_start(mr_comm **comm, mr_error *error);
void mr_comm_finish(mr_comm **comm);

/* Local, before mr_comm_start: the rank that the launcher says this is; 0 when alone. */
int mr_comm_rank_hint(void);

int mr_comm_rank(const mr_comm *comm);
int mr_comm_size(const mr_comm *comm);
/* The ranks that share this node's memory. */
int mr_comm_node_rank(const mr_comm *comm);
int mr_comm_node_size(const mr_comm *comm);
/* Which these are, in order: mr_comm_node_size of them. */
const int *mr_comm_node_ranks(const mr_comm *comm);
const char *mr_comm_host(const mr_comm *comm);
/* Collective over the ranks of a node. `size` bytes of each, in their order, for each of them. */
void mr_comm_node_gather(mr_comm *comm, const void *bytes, size_t size, void *all);
/* Bytes that this rank has sent to each rank so far, as pages and as pieces of arrays. */
const uint64_t *mr_comm_sent(const mr_comm *comm);

/*
 * Collective. The one agreement point: when any rank has recorded an error, all ranks leave with
 * the code, text and rank of the same one (the lowest failed rank's; one without a text only where
 * there is no other), else MR_OK. Every phase ends here.
 */
mr_status mr_comm_agree(mr_comm *comm, mr_error *error);

/* Collective. Bytes of rank 0 to all: `*bytes` is allocated (free) on the others. */
mr_status mr_comm_broadcast(mr_comm *comm, void **bytes, size_t *size, mr_error *error);
/* Collective. The sum over the ranks before this one (0 on rank 0), and over all. */
void mr_comm_scan(mr_comm *comm, const uint64_t *values, size_t count, uint64_t *before,
                  uint64_t *total);
/* Collective. `size` bytes of every rank, one after the other, on rank 0 only. */
void mr_comm_gather(mr_comm *comm, const void *bytes, size_t size, void *all);
/* Collective. The same for pieces of different sizes: on rank 0 `*all` and `*sizes` are allocated
 * (free), elsewhere NULL. For metadata: 2 GiB at most. */
mr_status mr_comm_gather_sizes(mr_comm *comm, const void *bytes, size_t size, char **all,
                               uint64_t **sizes, mr_error *error);
void mr_comm_barrier(mr_comm *comm);
/* Collective. Whether any rank says true. */
bool mr_comm_any(mr_comm *comm, bool mine);

/* One message between two ranks, of less than 2 GiB; `receive` returns how long it was. Blocking.
 */
void mr_comm_send(mr_comm *comm, int to, const void *bytes, size_t size);
size_t mr_comm_receive(mr_comm *comm, int from, void *bytes, size_t most);

/* The same beside all others: no message that a job left behind when it failed is met here. */
void mr_comm_hand(mr_comm *comm, int to, const void *bytes, size_t size);
size_t mr_comm_take(mr_comm *comm, int from, void *bytes, size_t most);

/* Local. Ends all ranks at once, after an error that can't be agreed on, and says what it was. Does
 * not return. Errors of MPI itself end a job in the same way, with MR_FAILED. */
_Noreturn void mr_comm_abort(mr_comm *comm, mr_status code, const char *what);

#endif
