/*
 * cli/retry.h: a job that is started again: the command as a child process, what it says when it
 * crashes, and the records that it can't get past.
 */
#ifndef MR_CLI_RETRY_H
#define MR_CLI_RETRY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- retry_child.c: one start ---- */

/* Signals that ask for an end are looked at, from here on, instead of ending this process. */
typedef struct mr_watch {
    int signals; /* a descriptor */
    int asked;   /* the last signal that asked for an end; 0: none has */
} mr_watch;

mr_status mr_watch_open(mr_watch *watch, mr_error *error);
/* Waits; false when a signal has asked for an end before. */
bool mr_watch_wait(mr_watch *watch, double seconds);

/* Takes each line that the child writes to stderr, after it was passed on, without its newline. */
typedef void mr_child_line(void *context, const char *line);

/* Runs a command to its end and passes signals on; its exit code, or 128 and the signal that ended
 * it. MR_USAGE: it can't be started. */
mr_status mr_child_run(mr_watch *watch, char *const *words, mr_child_line *line, void *context,
                       int *code, mr_error *error);

/* ---- retry_record.c: where it crashed ---- */

/* The words behind "while working on": a start's last ones. */
#define MR_PLACE_TEXT 2048

typedef struct mr_culprit {
    char *file, *cause;
    uint64_t offset;
    unsigned named; /* in so many starts */
    unsigned start; /* the last of them */
    bool dropped;
} mr_culprit;

typedef struct mr_culprits {
    mr_culprit *list;
    size_t count;
    unsigned start;            /* the number of the one that runs */
    bool is_new;               /* a record was named in it that was not before */
    char place[MR_PLACE_TEXT]; /* where it crashed first; empty: nobody said */
} mr_culprits;

/* Before each start; and an mr_child_line. */
void mr_culprits_begin(mr_culprits *culprits);
void mr_culprits_line(void *culprits, const char *line);
/* A record that two starts named and that is not dropped yet; NULL: none. */
mr_culprit *mr_culprits_find(mr_culprits *culprits);
size_t mr_culprits_dropped(const mr_culprits *culprits);
/* Writes it into the skip list of the folder: the next start leaves it out. MR_BAD_OUTPUT. */
mr_status mr_culprit_drop(mr_culprit *culprit, const char *folder, mr_error *error);
void mr_culprits_free(mr_culprits *culprits);

#endif
