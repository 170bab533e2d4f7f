/*
 * observe/oom.h: whether the kernel has killed for want of memory: what it counts, at the start and
 * after a death, in the rank's control group (version 1 and 2) and on the machine.
 */
#ifndef MR_OBSERVE_OOM_H
#define MR_OBSERVE_OOM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Processes that were killed: of the group, of the whole machine. */
typedef struct mr_oom_counts {
    uint64_t group, machine;
} mr_oom_counts;

typedef struct mr_oom {
    char root[PATH_MAX / 4];   /* where /proc and /sys are: empty, but for tests */
    char folder[PATH_MAX / 2]; /* of the group; empty: there is none */
    bool is_first;             /* version 1 */
    mr_oom_counts before, lately;
} mr_oom;

/* Finds the group of the calling process and reads its counts. */
void mr_oom_start(mr_oom *oom, const char *root);
/* Called about every half minute: kills of long ago have nothing to do with a death of now. */
void mr_oom_go_on(mr_oom *oom);

/* Whether somebody was killed lately: a text ("out of memory (oom_kill of ... rose by 1), peak 3.9G
 * of limit 4G"). `peak`: what the rank is known to have had at most, in bytes; 0: unknown. */
bool mr_oom_tell(const mr_oom *oom, uint64_t peak, char *text, size_t room);

#endif
