/*
 * sync/room.h: what a job's shared objects have in common on a rank: which threads wait and for
 * what (hands), and the list of objects.
 */
#ifndef MR_SYNC_ROOM_H
#define MR_SYNC_ROOM_H

#include <mapred/sync.h>

#include "comm/post.h"
#include "engine/job.h"

#include <pthread.h>
#include <stdatomic.h>

struct mr_sync_object;

enum { MR_SYNC_HANDS = 256 }; /* lists of hands */

/*
 * A thread of this rank, as objects know it. It waits for one thing at a time, so it has one place
 * for an answer. Hands live as long as the room: an answer that comes too late finds another ticket
 * and no harm is done.
 */
typedef struct mr_sync_hand {
    struct mr_sync_hand *next;
    uintptr_t thread;
    unsigned number; /* 0: the main thread; others in the order in which they came */
    bool has_put;    /* something that may still be held back on this rank */

    _Atomic(uint64_t) ticket, answered; /* the last question, and the last one answered */
    mr_status status;                   /* of that answer */
    int64_t numbers[2];

    atomic_int unheard; /* letters that nobody has confirmed yet */
    int unheard_at;     /* the rank they went to */

    _Atomic(struct mr_sync_object *) waits_for;
    _Atomic(double) since;
    atomic_bool is_patient; /* no time-out */
} mr_sync_hand;

typedef struct mr_sync_room {
    mr_job *job;
    mr_post *post;
    uint32_t box;
    int rank, ranks;
    pthread_t main_thread;
    pthread_mutex_t lock; /* guards what is added to lists */
    _Atomic(mr_sync_hand *) hands[MR_SYNC_HANDS];
    atomic_uint hand_count;
    struct mr_sync_object *objects;
    uint32_t opened;
    struct mr_sync_watch *watch;
} mr_sync_room;

/* Collective, on the main thread. The job's room, made with the first object. */
mr_status mr_sync_room_of(mr_job *job, mr_sync_room **room);

/* The calling thread's. NULL: no memory. */
mr_sync_hand *mr_sync_hand_of(mr_sync_room *room);

/* What this thread has put anywhere leaves now, without waiting. */
void mr_sync_flush(mr_sync_room *room, mr_sync_hand *hand);
/* And has arrived, also what it told to ranks other than `to` (-1: any rank): so whoever hears of
 * what this thread does next finds it done. */
mr_status mr_sync_fence(mr_sync_room *room, mr_sync_hand *hand, int to);

/* Ends the job: nothing can be promised any more. Thread-safe. */
void mr_sync_no_memory(mr_sync_room *room, const char *what);

#endif
