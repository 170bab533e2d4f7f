/*
 * comm/post_internal.h: what the files of the post office share: lanes of pages (post_lane.c), what
 * leaves and what arrives (post.c), boxes and their end (post_box.c), how to wait (post_wait.c),
 * and the office that holds it all (post_office.c).
 */
#ifndef MR_COMM_POST_INTERNAL_H
#define MR_COMM_POST_INTERNAL_H

#include "comm/internal.h"
#include "comm/post.h"

#include <pthread.h>
#include <stdatomic.h>

#define POST_PAGE     ((size_t)64 * 1024)
#define POST_RECEIVES 4  /* pages that are ready to be filled by anyone */
#define POST_FLYING   64 /* pages under way from this rank, to all together */
#define POST_WINDOW   4  /* and to one rank */
/* Bytes that may wait for one rank, and for all, before who sends has to wait. */
#define POST_QUEUED     ((size_t)1 << 20)
#define POST_QUEUED_ALL ((size_t)32 << 20)

typedef struct post_page {
    struct post_page *next;
    int to;
    size_t size;
    char bytes[POST_PAGE];
} post_page;

typedef struct post_pages {
    post_page *first, *last; /* the last one is being filled */
} post_pages;

/* To one rank, and from it. */
typedef struct post_lane {
    post_pages pages;
    atomic_size_t queued; /* bytes in them */
    int flying;
    bool tells_stop; /* when the pages have left */
    bool is_listed;  /* among `leaving` */
    struct post_lane *next;
    char *partial; /* a letter of several pages that came in part; NULL: no memory */
    size_t have, need;
    uint32_t kind, box;
} post_lane;

typedef struct post_header {
    uint32_t size, kind, box, unused;
} post_header;

typedef struct post_box {
    mr_post_room room; /* no handler: closed */
    void *context;
    _Atomic uint64_t sent, handled;
} post_box;

struct mr_post {
    mr_comm *comm;
    MPI_Comm letters, counts;

    pthread_mutex_t out;           /* guards lanes' pages, who is leaving, spare pages, failure */
    post_lane *lanes;              /* one a rank */
    post_lane *leaving, *last_one; /* lanes that have a page that may leave, each once */
    atomic_int leaving_count;
    atomic_size_t queued; /* bytes in all lanes */
    atomic_int waiting_for_space;
    post_page *spare;
    int spare_count;
    mr_error failure; /* what stopped this rank's office */
    uint64_t letters_sent, bytes_sent, pages_sent;

    pthread_mutex_t looking; /* who has it receives, handles, and calls MPI for letters */
    post_page *receiving[POST_RECEIVES];
    MPI_Request receives[POST_RECEIVES];
    int head;                       /* of the ring of receives: the page that is filled next */
    post_page *flying[POST_FLYING]; /* NULL: the word that the job is stopping */
    int flying_to[POST_FLYING];
    MPI_Request flights[POST_FLYING];
    int flying_count;
    bool made_space; /* for threads that wait to send */
    uint64_t letters_handled, pages_moved;
    _Atomic(uintptr_t) handling; /* the thread that is within a handler */
    atomic_ulong looks;          /* how often somebody has looked */

    post_box **boxes; /* grows on the main thread, with both locks held */
    uint32_t box_count;
    atomic_int ticking; /* boxes with a tick */
    double ticked;

    pthread_mutex_t sleep;
    pthread_cond_t awake, unwatched;
    atomic_int sleepers;
    uint64_t events;
    atomic_bool watched; /* one of those who wait naps lightly, and looks */
    atomic_bool stopped, is_closing;
    bool (*should_stop)(void *context);
    void *stop_context;
    pthread_t postman;
    bool has_postman;
};

/* The box of the office itself. */
enum { POST_OFFICE = 0 };
enum { POST_OFFICE_STOP = 1 };

/* post_lane.c: needs no MPI. */
/* Queues a letter, whole or not at all. False: no memory; the failure is noted. */
bool mr_post_lane_put(mr_post *post, int to, const post_header *header, mr_bytes head,
                      mr_bytes body);
/* With `out` held: the next page that may leave, NULL for the word to stop. False: there is none.
 */
bool mr_post_lane_leave(mr_post *post, post_page **page, int *to);
void mr_post_lane_landed(mr_post *post, post_page *page, int to);
void mr_post_lane_tell_stop(mr_post *post, int to);
/* With `looking` held: a page that came from a rank; whole letters of it are delivered. */
void mr_post_lane_take(mr_post *post, int from, mr_bytes page);
void mr_post_lanes_free(mr_post *post);

/* post.c */
void mr_post_deliver(mr_post *post, int from, const post_header *header, mr_bytes letter);
void mr_post_receive(mr_post *post, int slot);
/* Looks whether pages have landed. */
void mr_post_finish_flights(mr_post *post);
/* Calls the boxes' ticks; unless it insists, not where another thread is looking. */
void mr_post_tick(mr_post *post, bool insists);

/* post_box.c */
/* Returns when as many letters to a box, or to all, were handled as were sent. `is_end`: also when
 * the job is stopping. */
#define POST_ALL_BOXES UINT32_MAX
mr_status mr_post_settle(mr_post *post, uint32_t box, bool is_end);

/* post_wait.c */
/* On the main thread, for what MPI alone knows: goes on when the job is stopping. */
void mr_post_wait_for_mpi(mr_post *post, MPI_Request *request);
/* As mr_post_wait for nothing but some time, and goes on when the job is stopping. */
void mr_post_pause(mr_post *post, double seconds);
void *mr_post_postman(void *post);
void mr_post_wake_postman(mr_post *post);

/* post_office.c */
/* Local, on the main thread: what went wrong beside it becomes its error. */
void mr_post_tell(mr_post *post, mr_error *error);

#endif
