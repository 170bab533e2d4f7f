/*
 * tasks/fork_saved.h: a tree as it lies in a checkpoint. Each rank writes its own trees: those
 * below pieces of the top, and those below tasks that came from other ranks. A tree is its nodes,
 * each before its parts: a fork_saved, then the bytes of the task, where it is still needed, then
 * those of the result, where there is one. A part that another rank has is a reference to that
 * rank's tree. So who reads all of it has one tree again, whoever worked on what.
 *
 *   fork/3/top       the root and what is above the pieces: fork_saved_top, then fork_saved_node s
 *   fork/3/heads     fork_head s: which trees there are, of one rank
 *   fork/3/trees/2   trees of rank 2, some MiB of them
 *   fork/3/best      of a search: a value, and what was found
 *   fork/3/result    in place of all these: the run is done
 */
#ifndef MR_TASKS_FORK_SAVED_H
#define MR_TASKS_FORK_SAVED_H

#include "tasks/fork.h"

#define FORK_NAME 64 /* of an entry */

typedef struct fork_saved_top {
    uint64_t hash; /* of the root's task and the name of the run */
    uint64_t count;
} fork_saved_top;

typedef enum fork_saved_state {
    SAVED_DONE,
    SAVED_PENDING,
    SAVED_DIVIDED,
    SAVED_AWAY
} fork_saved_state;

typedef struct fork_saved_node {
    uint32_t state;
    uint16_t is_small, has_result;
    uint64_t parts;
    uint64_t task, result; /* sizes; of one that is away: the rank, and its address here */
} fork_saved_node;

/* `rank` and `node`: what refers to it; a piece of the top: PIECE_OF_TOP, and its number there. */
#define PIECE_OF_TOP UINT64_MAX

typedef struct fork_head {
    uint64_t rank, node;
    uint64_t writer, entry, offset, size;
} fork_head;

typedef struct fork_saved_result {
    uint64_t hash;
    uint64_t is_found;
    int64_t value;
} fork_saved_result;

#endif
