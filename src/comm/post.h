/*
 * comm/post.h: the post office: letters from any thread of a rank to any rank, handled where they
 * arrive. Pools, fork-join, pipelines, queues and locks are made of these.
 *
 * Two-sided on purpose: one-sided MPI fails or stalls between hosts over TCP. Letters between two
 * ranks arrive in the order in which they were sent. A rank looks into its box whenever one of its
 * threads waits for something, and otherwise a thread of the office does, about once in a
 * millisecond: so letters are answered also while all threads compute.
 *
 * Bounded: few pages are under way to a rank at a time, and who writes more has to wait until they
 * are taken in.
 */
#ifndef MR_COMM_POST_H
#define MR_COMM_POST_H

#include "comm/comm.h"

#include <mapred/bytes.h>

typedef struct mr_post mr_post;

/* A moment that never comes, as a deadline by base/clock.h. */
#define MR_POST_NEVER 1e300

/* Bytes of a letter. */
#define MR_POST_LARGEST ((size_t)1 << 30)

/*
 * A letter has arrived. Handlers of a rank run one at a time, on whichever of its threads looked
 * into the box; they may send, and must not wait for anything. `letter` is gone afterwards, and
 * lies at no particular alignment.
 */
typedef void mr_post_handler(void *context, int from, uint32_t kind, mr_bytes letter);

/* What has a box. */
typedef struct mr_post_room {
    mr_post_handler *handler;
    /* For a box that is still open when the office closes, and so when a job fails; on the main
     * thread, may be NULL. `halt`: ends all threads that send letters, while letters are still
     * handled; `destroy`: no more letters will come. */
    void (*halt)(void *context);
    void (*destroy)(void *context);
    /* About once in a millisecond, as a handler runs; may be NULL. */
    void (*tick)(void *context);
} mr_post_room;

/* Collective, on the main thread. Needs MPI_THREAD_MULTIPLE. While an office is open, ranks that
 * wait in mr_comm_agree serve it. */
mr_status mr_post_open(mr_post **post, mr_comm *comm, mr_error *error);
/* Collective. Halts the boxes that are still open, returns when every letter of all ranks was
 * handled, and destroys them. Takes NULL. */
void mr_post_close(mr_post **post);

/* Collective in effect: all ranks open the same boxes in the same order, on the main thread, and
 * agree before the first letter is sent to it. `room` is copied. */
mr_status mr_post_box_open(mr_post *post, const mr_post_room *room, void *context, uint32_t *box,
                           mr_error *error);
/* Collective, on the main thread. Waits until all letters to this box were handled on all ranks:
 * the end of what is made of them. MR_FAILED, and the box stays, when the job is stopping. */
mr_status mr_post_box_close(mr_post *post, uint32_t box);
/* Collective, on the main thread. The first half of it: letters that were sent are handled. */
mr_status mr_post_box_settle(mr_post *post, uint32_t box);

/*
 * Thread-safe. Sends a letter in two parts, which arrive as one; to oneself, too. It leaves at once
 * when nothing is under way to that rank, else together with others. Returns before it arrives, but
 * waits where too much is waiting already (not within a handler). Both parts are copied; 1 GiB at
 * most: what can be larger is sent in pieces that are asked for. While the job is stopping letters
 * are dropped.
 *
 * It looks into the box, so handlers of any room may run within this call, as in poll and wait: no
 * lock that a handler takes may be held here.
 */
void mr_post_send(mr_post *post, int to, uint32_t box, uint32_t kind, mr_bytes head, mr_bytes body);
/* The same for who holds such a lock: runs no handler and never waits, so nothing bounds what is
 * queued. It leaves when somebody looks: mr_post_poll, once the lock is given back. */
void mr_post_put(mr_post *post, int to, uint32_t box, uint32_t kind, mr_bytes head, mr_bytes body);

/* Thread-safe. Looks into the box once, unless another thread is at it. True: something has come or
 * gone, so there may be more. */
bool mr_post_poll(mr_post *post);

/*
 * Thread-safe. Serves until `ready(context)` says true (called without any lock; it may be called
 * often), or the moment `deadline` comes: MR_TIMED_OUT; MR_FAILED: the job is stopping. First in a
 * loop that gives way to others, then in naps of up to a millisecond.
 */
mr_status mr_post_wait(mr_post *post, bool (*ready)(void *context), void *context, double deadline);
/* Thread-safe. Something changed that a thread of this rank may be waiting for. Whatever a handler
 * does is noticed without. Cheap when nobody sleeps. */
void mr_post_wake(mr_post *post);

/* Thread-safe. Tells all ranks that the job is stopping: all who wait stop waiting. */
void mr_post_stop(mr_post *post);
/* The same for what all ranks know already. */
void mr_post_stop_here(mr_post *post);
/* Thread-safe. Stops the job for a reason: it becomes the main thread's error, unless that has one
 * of its own, when it comes to the next agreement. */
void mr_post_fail(mr_post *post, const mr_error *error);
bool mr_post_stopped(const mr_post *post);
/* Asked now and then by threads that wait; true stops the job (a signal has come). */
void mr_post_watch(mr_post *post, bool (*should_stop)(void *context), void *context);

mr_comm *mr_post_comm(const mr_post *post);

/* What has gone through so far on this rank. */
typedef struct mr_post_counts {
    uint64_t letters_sent, letters_handled, bytes_sent, pages_sent;
} mr_post_counts;
mr_post_counts mr_post_count(mr_post *post);

#endif
