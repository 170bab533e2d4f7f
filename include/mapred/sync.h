/*
 * mapred/sync.h: what ranks share beside data: queues, pipes, locks, semaphores, events, barriers
 * and numbers.
 *
 * Each is opened by all ranks together, in the same order, on the main thread (collective), and has
 * a name for messages. Everything else is local and may be called by any thread of any rank: the
 * driver itself, tasks of a pool, stages of a pipeline. Closing is collective again, and who still
 * waits then gets MR_CLOSED; a driver that fails may leave it out. They work between hosts: all is
 * done by messages, answered also while all threads of a rank compute (then within about a
 * millisecond). What a thread has done is known wherever it is heard of next: behind mr_job_agree,
 * a barrier, a lock, an event.
 *
 * Waiting takes seconds at most, or MR_FOREVER; 0 looks once. MR_TIMED_OUT: it did not happen in
 * time, and nothing has changed. MR_FAILED: the job is stopping (an error on some rank, a signal).
 * Who waits for longer than --watchdog seconds (60 if it is not given; 0: never) makes rank 0 print
 * once who holds what and who waits; threads that wait for each other's locks in a circle end the
 * job with that text.
 */
#ifndef MAPRED_SYNC_H
#define MAPRED_SYNC_H

#include <mapred/driver.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MR_FOREVER 1e300

/* ---- Queues: many producers, many consumers, bounded ---- */

typedef struct mr_queue mr_queue;

typedef struct mr_queue_options {
    size_t size;       /* sizeof(mr_queue_options) */
    uint64_t capacity; /* bytes of items that may lie in it; 0: 8 MiB */
    int home;          /* the rank that keeps it */
} mr_queue_options;

/* Collective. `options` may be NULL. */
MR_API mr_status mr_queue_open(mr_job *job, const char *name, const mr_queue_options *options,
                               mr_queue **queue);
/*
 * Puts a copy of `item` (of any size; larger than the capacity: alone). Items of one thread come
 * out in the order in which it put them. They travel together where many are put; none is held
 * back for longer than a millisecond. MR_CLOSED after mr_queue_end.
 */
MR_API mr_status mr_queue_put(mr_queue *queue, mr_bytes item, double seconds);
/* Takes an item; mr_item_free gives it back (until then it keeps its page, of up to 32 KiB). Its
 * bytes begin at a multiple of 8. MR_CLOSED: it was ended, and is empty. */
typedef struct mr_item {
    mr_bytes bytes;
    void *owner;
} mr_item;
MR_API mr_status mr_queue_get(mr_queue *queue, mr_item *item, double seconds);
MR_API void mr_item_free(mr_item *item);
/* An item that was taken is done with; `join` waits until that is so for all that were put. */
MR_API mr_status mr_queue_task_done(mr_queue *queue);
MR_API mr_status mr_queue_join(mr_queue *queue, double seconds);
/* No more items: every later put is refused, every get finds what is left and then MR_CLOSED. */
MR_API mr_status mr_queue_end(mr_queue *queue);
/* About how many items are in it: it may have changed since. */
MR_API mr_status mr_queue_length(mr_queue *queue, uint64_t *items);
MR_API mr_status mr_queue_close(mr_queue **queue);

/* ---- Pipes: two ends, both ways, fast ---- */

typedef struct mr_pipe mr_pipe;

/* Collective: all ranks call it; ranks `a` and `b` (which may be the same) have an end each. One
 * thread at a time may write to an end, and one read from it; on one rank the end is named. */
MR_API mr_status mr_pipe_open(mr_job *job, const char *name, int a, int b, mr_pipe **pipe);
typedef enum mr_pipe_end { MR_PIPE_MINE = 0, MR_PIPE_A = 1, MR_PIPE_B = 2 } mr_pipe_end;
/* Messages keep their borders, and their order. Up to 512 KiB lie in a pipe; then it waits until
 * the other end reads. */
MR_API mr_status mr_pipe_send(mr_pipe *pipe, mr_pipe_end end, mr_bytes message, double seconds);
/* `message` is borrowed until the next receive from this end. MR_CLOSED: the other end has been
 * shut and all was received. */
MR_API mr_status mr_pipe_receive(mr_pipe *pipe, mr_pipe_end end, mr_bytes *message, double seconds);
/* What was sent leaves at once, instead of with what follows (it does so by itself when this thread
 * waits or receives, and within a millisecond). */
MR_API mr_status mr_pipe_flush(mr_pipe *pipe, mr_pipe_end end);
MR_API mr_status mr_pipe_shut(mr_pipe *pipe, mr_pipe_end end);
MR_API mr_status mr_pipe_close(mr_pipe **pipe);

/* ---- Locks, semaphores, events, barriers ---- */

/* First come, first served, whatever rank and thread. Not recursive: taking it twice is MR_USAGE,
 * as is releasing what another thread holds. */
typedef struct mr_lock mr_lock;
MR_API mr_status mr_lock_open(mr_job *job, const char *name, mr_lock **lock);
MR_API mr_status mr_lock_acquire(mr_lock *lock, double seconds);
MR_API mr_status mr_lock_release(mr_lock *lock);
MR_API mr_status mr_lock_close(mr_lock **lock);

typedef struct mr_semaphore mr_semaphore;
MR_API mr_status mr_semaphore_open(mr_job *job, const char *name, uint64_t count,
                                   mr_semaphore **semaphore);
MR_API mr_status mr_semaphore_acquire(mr_semaphore *semaphore, double seconds);
MR_API mr_status mr_semaphore_release(mr_semaphore *semaphore);
MR_API mr_status mr_semaphore_close(mr_semaphore **semaphore);

typedef struct mr_event mr_event;
MR_API mr_status mr_event_open(mr_job *job, const char *name, mr_event **event);
MR_API mr_status mr_event_set(mr_event *event);
MR_API mr_status mr_event_clear(mr_event *event);
MR_API mr_status mr_event_is_set(mr_event *event, bool *is_set);
MR_API mr_status mr_event_wait(mr_event *event, double seconds);
MR_API mr_status mr_event_close(mr_event **event);

/* For `parties` threads, anywhere; 0: as many as there are ranks. Used again and again. */
typedef struct mr_barrier mr_barrier;
MR_API mr_status mr_barrier_open(mr_job *job, const char *name, uint64_t parties,
                                 mr_barrier **barrier);
/* `turn` (may be NULL): in which order this one came, from 0. A party that gives up breaks the
 * barrier for all that wait, as in Python: they get MR_CANCELLED, until mr_barrier_reset. */
MR_API mr_status mr_barrier_wait(mr_barrier *barrier, double seconds, uint64_t *turn);
MR_API mr_status mr_barrier_reset(mr_barrier *barrier);
MR_API mr_status mr_barrier_close(mr_barrier **barrier);

/* ---- A number that all share ---- */

typedef struct mr_value mr_value;
MR_API mr_status mr_value_open(mr_job *job, const char *name, int64_t first, mr_value **value);
MR_API mr_status mr_value_get(mr_value *value, int64_t *number);
MR_API mr_status mr_value_set(mr_value *value, int64_t number);
/* `before` may be NULL: nobody waits for an answer then. */
MR_API mr_status mr_value_add(mr_value *value, int64_t more, int64_t *before);
/* Sets it to `wanted` where it is *expected; *expected becomes what it was. */
MR_API mr_status mr_value_swap(mr_value *value, int64_t *expected, int64_t wanted, bool *swapped);
MR_API mr_status mr_value_close(mr_value **value);

#ifdef __cplusplus
}
#endif

#endif
