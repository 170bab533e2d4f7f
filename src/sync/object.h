/*
 * sync/object.h: what is shared: an object with a name, a box for letters, and a home, the one rank
 * where its state lies. The state changes only in handlers there, which run one at a time: no
 * locks. Threads anywhere, at home too, ask by letter and wait for the answer, or tell and go on.
 *
 * A question is answered exactly once. Who has waited long enough withdraws it and waits for the
 * answer to that: it was granted in the meantime, or it was not and nothing has changed.
 */
#ifndef MR_SYNC_OBJECT_H
#define MR_SYNC_OBJECT_H

#include "sync/room.h"

typedef struct mr_sync_object mr_sync_object;

/* A question on its way. */
typedef struct mr_sync_ask {
    uint64_t hand, ticket;
    int64_t numbers[2];
    uint32_t thread;
    uint32_t once; /* answer now: nobody waits */
} mr_sync_ask;

/* Who asked. */
typedef struct mr_sync_asker {
    uint64_t hand, ticket;
    int rank;
    uint32_t thread;
} mr_sync_asker;

/* Those that wait at home, first come first. */
typedef struct mr_sync_waiter {
    struct mr_sync_waiter *next;
    mr_sync_asker who;
    uint64_t mark; /* the object's own */
} mr_sync_waiter;

typedef struct mr_sync_line {
    mr_sync_waiter *first, *last;
    uint64_t count;
} mr_sync_line;

/* Letters that all kinds have; a kind's own begin at MR_SYNC_OWN. */
enum { MR_SYNC_ANSWER, MR_SYNC_WITHDRAW, MR_SYNC_HEARD, MR_SYNC_OWN };

/* Who holds an object, as home knows it, for the watchdog. */
typedef struct mr_sync_holder {
    int rank; /* -1: nobody */
    uint32_t thread;
} mr_sync_holder;

typedef struct mr_sync_kind {
    const char *name;
    size_t size; /* of the object, which begins with an mr_sync_object */
    void (*handle)(mr_sync_object *object, int from, uint32_t kind, mr_bytes letter);
    /* All below may be NULL. */
    void (*withdraw)(mr_sync_object *object, const mr_sync_asker *who); /* when none waits */
    /* For kinds that hold back what they send: it leaves, without waiting. And how many pages have
     * left or are about to; how many of those have arrived: where others may come to know that. */
    void (*flush)(mr_sync_object *object);
    uint64_t (*sent)(mr_sync_object *object);
    uint64_t (*heard)(mr_sync_object *object);
    void (*wake)(mr_sync_object *object); /* it is closing */
    mr_sync_holder (*holder)(mr_sync_object *object);
    void (*free)(mr_sync_object *object);
} mr_sync_kind;

typedef struct mr_sync_counts {
    _Atomic(uint64_t) operations, waits;    /* waits: those that took longer than a moment */
    _Atomic(uint64_t) nanoseconds, longest; /* waited in all */
} mr_sync_counts;

struct mr_sync_object {
    const mr_sync_kind *kind;
    mr_sync_room *room;
    mr_post *post;
    mr_sync_object *next;
    uint32_t box, number;
    int home;
    char *name;
    atomic_bool closing;
    atomic_int users;  /* threads within a wait */
    mr_sync_line line; /* at home */
    mr_sync_counts counts;
};

/* Collective. `home` below 0: some rank, another one for each object. */
mr_status mr_sync_open(mr_job *job, const char *name, const mr_sync_kind *kind, int home,
                       mr_sync_object **object);
/* Collective: letters may come from now on. To be called when the kind's own part is ready, or
 * `status` says why not. *result is NULL when any rank has failed. */
mr_status mr_sync_opened(mr_sync_object *object, mr_status status, mr_sync_object **result);
/* Collective. Both, for a kind that begins as zeros. */
mr_status mr_sync_make(mr_job *job, const char *name, const mr_sync_kind *kind,
                       mr_sync_object **result);
/* Collective. Wakes who still waits for it, and frees it. */
mr_status mr_sync_end(mr_sync_object **object);

/* A thread is about to use it: closing waits until it has left. False: it is closing. */
bool mr_sync_enter(mr_sync_object *object);
void mr_sync_leave(mr_sync_object *object);

/* Asks the home and waits. `numbers` go along and come back; may be NULL. */
mr_status mr_sync_call(mr_sync_object *object, uint32_t kind, int64_t numbers[2], double seconds);
/* Tells the home; nobody waits. */
mr_status mr_sync_tell(mr_sync_object *object, uint32_t kind, int64_t number);
/* A moment from now, for mr_post_wait. */
double mr_sync_deadline(double seconds);
/* mr_post_wait with all that goes with it: the watchdog sees it, and closing ends it. */
mr_status mr_sync_wait(mr_sync_object *object, mr_sync_hand *hand, bool (*ready)(void *context),
                       void *context, double deadline);

/* At home, in handlers. */
mr_sync_ask mr_sync_read(mr_bytes letter);
mr_sync_asker mr_sync_asker_of(int from, const mr_sync_ask *ask);
void mr_sync_answer(mr_sync_object *object, const mr_sync_asker *who, mr_status status,
                    int64_t first, int64_t second);
/* Lines up, or answers MR_TIMED_OUT where nobody is going to wait. */
void mr_sync_line_up(mr_sync_object *object, int from, const mr_sync_ask *ask, uint64_t mark);
void mr_sync_line_put(mr_sync_object *object, const mr_sync_asker *who, uint64_t mark);
/* Takes the first one off the line. False: there is none. */
bool mr_sync_next(mr_sync_object *object, mr_sync_asker *who, uint64_t *mark);
void mr_sync_line_free(mr_sync_line *line);

#endif
