/*
 * comm/agree.c: collectives of the control plane: agreement on errors, small broadcasts, scans.
 * What they carry is small; data goes through exchange.c.
 */
#include "base/flight.h"
#include "base/clock.h"
#include "base/span.h"
#include "comm/post_internal.h"
#include "comm/vector.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Others may need letters answered before they come here. */
static int first_failed(mr_comm *comm, int mine)
{
    int failed;
    mr_flight_progress();
    if (!comm->office) {
        mr_flight_wait_begin();
        MPI_Allreduce(&mine, &failed, 1, MPI_INT, MPI_MIN, comm->world);
        mr_flight_wait_end();
        mr_flight_progress();
        return failed;
    }
    MPI_Request request;
    MPI_Iallreduce(&mine, &failed, 1, MPI_INT, MPI_MIN, comm->world, &request);
    mr_post_wait_for_mpi(comm->office, &request);
    return failed;
}

/* The same, as time that this rank waited for the last one. */
static int wait_for_failed(mr_comm *comm, int mine)
{
    const double since = mr_clock_now();
    const mr_span_kind before = mr_span_begin_at(MR_SPAN_WAIT, since);
    int failed = first_failed(comm, mine);
    const double now = mr_clock_now();
    mr_span_end_at(before, now);
    mr_span_met(now - since);
    return failed;
}

mr_status mr_comm_agree(mr_comm *comm, mr_error *error)
{
    if (comm->office)
        mr_post_tell(comm->office, error);
    int told = error->text[0] ? comm->rank : comm->size + comm->rank;
    int failed = wait_for_failed(comm, error->code == MR_OK ? INT_MAX : told);
    if (failed == INT_MAX)
        return MR_OK;
    failed %= comm->size;
    MPI_Bcast(error, (int)sizeof *error, MPI_BYTE, failed, comm->world);
    return error->code;
}

mr_status mr_comm_broadcast(mr_comm *comm, void **bytes, size_t *size, mr_error *error)
{
    uint64_t length = *size;
    MPI_Bcast(&length, 1, MPI_UINT64_T, 0, comm->world);
    if (comm->rank != 0) {
        *size = (size_t)length;
        *bytes = malloc(*size ? *size : 1);
        if (!*bytes)
            mr_error_set(error, MR_NO_MEMORY, "out of memory: receiving %zu bytes from rank 0",
                         *size);
    }
    MR_TRY(mr_comm_agree(comm, error));
    mr_vector_broadcast(comm, 0, *bytes, *size, 0);
    return MR_OK;
}

void mr_comm_scan(mr_comm *comm, const uint64_t *values, size_t count, uint64_t *before,
                  uint64_t *total)
{
    memset(before, 0, count * sizeof *before);
    MPI_Exscan(values, before, (int)count, MPI_UINT64_T, MPI_SUM, comm->world);
    if (comm->rank == 0)
        memset(before, 0, count * sizeof *before);
    MPI_Allreduce(values, total, (int)count, MPI_UINT64_T, MPI_SUM, comm->world);
}

void mr_comm_gather(mr_comm *comm, const void *bytes, size_t size, void *all)
{
    MPI_Gather(bytes, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, 0, comm->world);
}

mr_status mr_comm_gather_sizes(mr_comm *comm, const void *bytes, size_t size, char **all,
                               uint64_t **sizes, mr_error *error)
{
    uint64_t mine = size;
    *all = NULL;
    *sizes = comm->rank == 0 ? calloc((size_t)comm->size, sizeof **sizes) : NULL;
    int *counts = comm->rank == 0 ? calloc(2 * (size_t)comm->size, sizeof *counts) : NULL;
    if (size > INT_MAX / 2 || (comm->rank == 0 && (!*sizes || !counts)))
        mr_error_set(error, MR_NO_MEMORY, "out of memory: gathering on rank 0");
    mr_status status = mr_comm_agree(comm, error);
    if (status != MR_OK)
        goto out;
    MPI_Gather(&mine, 1, MPI_UINT64_T, *sizes, 1, MPI_UINT64_T, 0, comm->world);
    uint64_t total = 0;
    for (int r = 0; comm->rank == 0 && r < comm->size; r++) {
        counts[r] = (int)(*sizes)[r];
        counts[comm->size + r] = (int)total;
        total += (*sizes)[r];
    }
    if (comm->rank == 0 && (total > INT_MAX || !(*all = malloc(total + 1))))
        mr_error_set(error, MR_NO_MEMORY, "out of memory: gathering %llu bytes on rank 0",
                     (unsigned long long)total);
    status = mr_comm_agree(comm, error);
    if (status != MR_OK)
        goto out;
    MPI_Gatherv(bytes, (int)size, MPI_BYTE, *all, counts, counts ? counts + comm->size : NULL,
                MPI_BYTE, 0, comm->world);
out:
    free(counts);
    return status;
}

void mr_comm_barrier(mr_comm *comm)
{
    MPI_Barrier(comm->world);
}

bool mr_comm_any(mr_comm *comm, bool mine)
{
    int yes = mine, any;
    MPI_Allreduce(&yes, &any, 1, MPI_INT, MPI_LOR, comm->world);
    return any != 0;
}

enum { TAG_SEND = 0, TAG_HAND = 2 };

void mr_comm_send(mr_comm *comm, int to, const void *bytes, size_t size)
{
    MPI_Send(bytes, (int)size, MPI_BYTE, to, TAG_SEND, comm->world);
}

void mr_comm_hand(mr_comm *comm, int to, const void *bytes, size_t size)
{
    MPI_Send(bytes, (int)size, MPI_BYTE, to, TAG_HAND, comm->world);
}

static size_t receive(mr_comm *comm, int from, int tag, void *bytes, size_t most)
{
    MPI_Status status;
    int count;
    MPI_Recv(bytes, (int)most, MPI_BYTE, from, tag, comm->world, &status);
    MPI_Get_count(&status, MPI_BYTE, &count);
    return (size_t)count;
}

size_t mr_comm_receive(mr_comm *comm, int from, void *bytes, size_t most)
{
    return receive(comm, from, TAG_SEND, bytes, most);
}

size_t mr_comm_take(mr_comm *comm, int from, void *bytes, size_t most)
{
    return receive(comm, from, TAG_HAND, bytes, most);
}
