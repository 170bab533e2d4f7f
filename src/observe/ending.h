/*
 * observe/ending.h: how another process has ended, for one that is not its parent: from what the
 * system still knows of it in the moment between its death and its parent's taking note.
 */
#ifndef MR_OBSERVE_ENDING_H
#define MR_OBSERVE_ENDING_H

#include <stdbool.h>
#include <stddef.h>

typedef struct mr_ending {
    bool is_known;
    bool was_asked; /* SIGTERM, or another polite request, was on its way to it */
    int signal;     /* 0: it has exited by itself */
    int code;       /* with this */
} mr_ending;

/* Waits a moment for a process that has begun to end. `watched`: its pidfd, or -1. */
mr_ending mr_ending_of(int process, int watched);
int mr_ending_watch(int process);

/* "SIGKILL"; "signal 35" for one without a name. */
void mr_ending_signal_name(int signal, char *text, size_t room);

#endif
