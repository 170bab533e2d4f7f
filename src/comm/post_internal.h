/*
 * comm/post_internal.h: what the files of the post office share: lanes of pages (post_lane.c), the
 * office with its box (post.c), and how to wait (post_wait.c).
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
/* Bytes that may wait for a lane before who sends has to wait. */
#define POST_QUEUED ((size_t)1 << 20)

typedef struct post_page {
    struct post_page *next;
    int to;
    size_t size;
    char bytes[POST_PAGE];
} post_page;

/* To one rank, and from it. Letters are one stream that is cut into pages anywhere. */
typedef struct post_lane {
    int rank;
    post_page *first, *last; /* to be sent; the last one is being filled */
    atomic_size_t queued;    /* bytes in them */
    int flying;
    bool is_listed; /* in `lanes_waiting` */
    struct post_lane *next;
    char *partial; /* a letter that came in part */
    size_t have, need;
    char head[16]; /* its header, while that is not whole */
} post_lane;

typedef struct post_header {
    uint32_t size, kind, box, unused;
} post_header;

typedef struct post_box {
    mr_post_room room; /* no handler: closed */
    void *context;
    uint64_t sent, handled;
} post_box;

struct mr_post {
    mr_comm *comm;
    MPI_Comm letters, counts;

    pthread_mutex_t out; /* guards lanes' pages, the list of lanes, spare pages, counts */
    post_lane **lanes;   /* one a rank, made when it is first used */
    post_lane *lanes_waiting;
    post_page *spare;
    int spare_count;
    mr_post_counts totals;

    pthread_mutex_t looking; /* who has it receives, handles, and calls MPI for letters */
    post_page *receiving[POST_RECEIVES];
    MPI_Request receives[POST_RECEIVES];
    int head; /* of the ring of receives: the page that is filled next */
    post_page *flying[POST_FLYING];
    MPI_Request flights[POST_FLYING];
    int flying_count;
    _Atomic(uintptr_t) handling; /* the thread that is within a handler */
    atomic_ulong looks;          /* how often somebody has looked */

    post_box **boxes;
    uint32_t box_count;

    pthread_mutex_t sleep;
    pthread_cond_t awake;
    atomic_int sleepers;
    uint64_t events;
    atomic_bool watched; /* one of those who wait naps lightly, and looks */
    atomic_bool stopped, told_stop, is_closing;
    bool (*should_stop)(void *context);
    void *stop_context;
    pthread_t postman;
    bool has_postman;
};

/* post_lane.c */
post_lane *mr_post_lane(mr_post *post, int rank);
/* Appends to a lane, with `out` held. False: no memory. */
bool mr_post_lane_put(mr_post *post, post_lane *lane, mr_bytes bytes);
void mr_post_lane_list(mr_post *post, post_lane *lane);
post_page *mr_post_page_take(mr_post *post);
void mr_post_page_give(mr_post *post, post_page *page);
void mr_post_lanes_free(mr_post *post);
/* Bytes of the stream that came from a rank: letters that are whole are handed to `deliver`. */
void mr_post_lane_take(mr_post *post, post_lane *lane, mr_bytes bytes);

/* post.c */
void mr_post_deliver(mr_post *post, int from, const post_header *header, mr_bytes letter);
/* Calls the boxes' ticks. */
void mr_post_tick(mr_post *post);

/* post_wait.c */
/* As mr_post_wait, but goes on when the job is stopping. */
void mr_post_wait_anyway(mr_post *post, bool (*ready)(void *context), void *context);
void *mr_post_postman(void *post);

#endif
