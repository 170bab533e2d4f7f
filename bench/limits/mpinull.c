/* bench/limits/mpinull.c: what an MPI program costs that does nothing: starting up and ending. */
#include <mpi.h>

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Finalize();
    return 0;
}
