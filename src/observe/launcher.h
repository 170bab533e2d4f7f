/*
 * observe/launcher.h: the stderr of mpirun itself. What a rank says goes to mpirun through a pipe,
 * but Open MPI 4.1 looks at no pipe any more once it knows that a rank is dead; what is to be read
 * has to go past it.
 */
#ifndef MR_OBSERVE_LAUNCHER_H
#define MR_OBSERVE_LAUNCHER_H

#include <stdbool.h>

/* The mpirun that has started a process, on this node; 0: there is none. */
int mr_launcher_of(int process);

/*
 * Its stderr, to write a line to; -1: not to be had, so that our own is what is left. A file that
 * mpirun would overwrite is given only after its end, for which this waits a while.
 */
int mr_launcher_stderr(int launcher);

/* Whether we are the first of its ranks' guards here that comes with a death; it is remembered as
 * long as the process lives. */
bool mr_launcher_claim(int launcher);

/* After a rank's death, waits some seconds for the launcher's end. Open MPI 4.1 now and then misses
 * the end of the last rank, above all while MPI starts, and waits for ever. When all that it has
 * started on the job's one node is dead and it is still there after some seconds, it is ended. */
void mr_launcher_see_off(int launcher);

#endif
