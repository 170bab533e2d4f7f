/* comm/comm.c: the start and the end of MPI, and who the ranks are. */
#include "base/flight.h"
#include "comm/internal.h"

#include "base/slurm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int number_of(const char *name, int fallback)
{
    const char *text = getenv(name);
    return text && *text ? (int)strtol(text, NULL, 10) : fallback;
}

static bool launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK");
}

/* Tasks of srun that know nothing of each other are told so by the first of them. */
int mr_comm_rank_hint(void)
{
    if (!launched())
        return getenv("SLURM_STEP_ID") ? number_of("SLURM_PROCID", 0) : 0;
    return number_of("OMPI_COMM_WORLD_RANK", number_of("PMIX_RANK", 0));
}

/* Open MPI reads these when it starts; what the user has set stays as it is. */
static void choose_transport(void)
{
    if (!launched()) {
        /* Alone: no daemon to be started, nobody to talk to. Ten times faster to be up. */
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
        setenv("OMPI_MCA_pml", "ob1", 0);
        setenv("OMPI_MCA_btl", "self", 0);
        /* All who are alone on a node would share one folder, and who ends takes it from who is
         * about to start. Nothing is kept there. */
        setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
        /* A shell that srun has started: Open MPI would look for srun's PMI, and give up. */
        unsetenv("SLURM_STEP_ID");
        return;
    }
    int here = number_of("OMPI_COMM_WORLD_LOCAL_SIZE", 0);
    if (here == 0)
        return;
    if (here == number_of("OMPI_COMM_WORLD_SIZE", 0)) {
        /* One node: shared memory will do, and looking for networks costs 0.1 s. */
        setenv("OMPI_MCA_pml", "ob1", 0);
        setenv("OMPI_MCA_btl", "self,vader", 0);
    }
    if (here > sysconf(_SC_NPROCESSORS_ONLN))
        setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
}

static mr_status find_node(mr_comm *comm, mr_error *error)
{
    MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &comm->node);
    MPI_Comm_rank(comm->node, &comm->node_rank);
    MPI_Comm_size(comm->node, &comm->node_size);
    comm->node_ranks = calloc((size_t)comm->node_size, sizeof *comm->node_ranks);
    comm->counts = calloc(2 * (size_t)comm->size, sizeof *comm->counts);
    comm->sent = calloc((size_t)comm->size, sizeof *comm->sent);
    if (!comm->node_ranks || !comm->counts || !comm->sent)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: starting up");
    mr_status status = mr_comm_agree(comm, error);
    if (status == MR_OK)
        mr_comm_node_gather(comm, &comm->rank, sizeof comm->rank, comm->node_ranks);
    return status;
}

/* The last words of a rank that cannot go on to the next agreement. */
static _Noreturn void give_up(MPI_Comm world, int code, const char *what)
{
    char host[MPI_MAX_PROCESSOR_NAME];
    int rank, length;
    MPI_Comm_rank(world, &rank);
    MPI_Get_processor_name(host, &length);
    atomic_store(&mr_flight_here()->is_told, true); /* the guard has nothing to add */
    dprintf(STDERR_FILENO, "mapred: %s: rank %d (%s)\n", what, rank, host);
    if (launched())
        MPI_Abort(world, code);
    _exit(code);
}

/* MPI's own handler ends the job too, but with a page of text. Nothing is known of what MPI can
 * still do after an error, agreeing included. */
static void tell_and_end(MPI_Comm *comm, int *code, ...)
{
    char text[MPI_MAX_ERROR_STRING], what[MPI_MAX_ERROR_STRING + 16];
    int length;
    (void)comm;
    MPI_Error_string(*code, text, &length);
    snprintf(what, sizeof what, "MPI failed: %s", text);
    give_up(MPI_COMM_WORLD, MR_FAILED, what);
}

/* Communicators that are made from the world take it over. */
static void handle_errors(void)
{
    MPI_Errhandler handler;
    MPI_Comm_create_errhandler(tell_and_end, &handler);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
    MPI_Errhandler_free(&handler);
}

mr_status mr_comm_start(mr_comm **result, mr_error *error)
{
    MR_TRY(mr_slurm_check_launch(error));
    mr_comm *comm = calloc(1, sizeof *comm);
    if (!comm)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting up");
    choose_transport();
    int provided;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_FUNNELED) {
        free(comm);
        return mr_error_set(error, MR_FAILED,
                            "cannot start MPI: it offers no thread support: use another MPI");
    }
    handle_errors();
    comm->threads_provided = provided;
    comm->world = MPI_COMM_WORLD;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm->post);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm->exchange);
    MPI_Comm_rank(comm->world, &comm->rank);
    MPI_Comm_size(comm->world, &comm->size);
    int length;
    MPI_Get_processor_name(comm->host, &length);
    *result = comm;
    return find_node(comm, error);
}

void mr_comm_finish(mr_comm **comm)
{
    if (!*comm)
        return;
    mr_flight_phase("end");
    mr_flight_wait_begin();
    MPI_Comm_free(&(*comm)->node);
    MPI_Comm_free(&(*comm)->exchange);
    MPI_Comm_free(&(*comm)->post);
    MPI_Finalize();
    mr_flight_wait_end();
    free((*comm)->node_ranks);
    free((*comm)->counts);
    free((*comm)->sent);
    free(*comm);
    *comm = NULL;
}

int mr_comm_rank(const mr_comm *comm)
{
    return comm->rank;
}

int mr_comm_size(const mr_comm *comm)
{
    return comm->size;
}

int mr_comm_node_rank(const mr_comm *comm)
{
    return comm->node_rank;
}

int mr_comm_node_size(const mr_comm *comm)
{
    return comm->node_size;
}

const int *mr_comm_node_ranks(const mr_comm *comm)
{
    return comm->node_ranks;
}

const char *mr_comm_host(const mr_comm *comm)
{
    return comm->host;
}

void mr_comm_node_gather(mr_comm *comm, const void *bytes, size_t size, void *all)
{
    MPI_Allgather(bytes, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, comm->node);
}

const uint64_t *mr_comm_sent(const mr_comm *comm)
{
    return comm->sent;
}

void mr_comm_abort(mr_comm *comm, mr_status code, const char *what)
{
    give_up(comm->world, (int)code, what);
}
