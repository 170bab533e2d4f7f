/*
 * sync/queue.h: what the files of a queue share. Items travel in pages: a thread that puts one
 * appends it to its rank's page, which goes to the home when it is full, when somebody there has
 * nothing, when the thread waits for something, or after a millisecond (queue_out.c). Home keeps
 * the pages in their order and hands out what is asked for (queue_home.c). What a rank gets lies in
 * its inbox until its threads take it (queue_in.c).
 *
 * Bounded by credits: a rank may put items into its page only with bytes that home has lent it.
 *
 * Ahead: to a rank that is alone in taking items home gives more than it asks for, up to a page. As
 * soon as another rank wants some these are asked back, and put to the front again, before anything
 * else is given out. So nothing is stuck where nobody takes it, and whoever takes items of one
 * thread gets them in the order in which they were put.
 */
#ifndef MR_SYNC_QUEUE_H
#define MR_SYNC_QUEUE_H

#include "sync/item.h"
#include "sync/object.h"

#define MR_QUEUE_PAGE ((size_t)32 * 1024)

typedef struct mr_queue_page {
    mr_item_owner owner; /* first: items point here */
    struct mr_queue_page *next;
    atomic_int refs;
    size_t room, size; /* of `bytes`: how many there are, and are used */
    _Alignas(64) char bytes[];
} mr_queue_page;

/* Items one after the other in a page: each has its size in 8 bytes before it, and begins at a
 * multiple of 8. A piece holds a reference. */
typedef struct mr_queue_piece {
    struct mr_queue_piece *next;
    mr_queue_page *page;
    size_t at, end;
} mr_queue_piece;

typedef struct mr_queue_pieces {
    mr_queue_piece *first, *last;
    uint64_t items, charge;
} mr_queue_pieces;

/* A letter with items, or a part of one: `total` bytes of items, these begin at `offset`. */
typedef struct mr_queue_head {
    uint64_t total, offset;
    uint64_t here; /* on one rank: the page itself, which is handed over */
} mr_queue_head;

/* What comes in parts, to be put together. */
typedef struct mr_queue_parts {
    mr_queue_page *page;
} mr_queue_parts;

enum {
    MR_QUEUE_END = MR_SYNC_OWN, /* questions: mr_sync_ask */
    MR_QUEUE_JOIN,
    MR_QUEUE_LENGTH,
    /* to home */
    MR_QUEUE_PAGE_PUT, /* items */
    MR_QUEUE_BACK,     /* items that were ahead */
    MR_QUEUE_WANT,     /* credit: how much, how much comes back, whether somebody waits */
    MR_QUEUE_TAKE,     /* how many more threads wait; how often was asked back */
    MR_QUEUE_LEAVE,    /* a ticket: one of them does not wait any more */
    MR_QUEUE_RETURNED, /* all that was ahead came before; how many threads wait */
    MR_QUEUE_DONE,     /* how many items are done with */
    MR_QUEUE_FLUSHED,  /* what was put before the round came before */
    /* from home */
    MR_QUEUE_ITEMS,   /* items */
    MR_QUEUE_RECALL,  /* give back what is ahead */
    MR_QUEUE_LEFT,    /* a ticket; whether it was still in line */
    MR_QUEUE_DRAINED, /* nothing will ever come */
    MR_QUEUE_GRANT,   /* credit; whether somebody has nothing */
    MR_QUEUE_REFUSED, /* not yet */
    MR_QUEUE_GIVE,    /* back all credit */
    MR_QUEUE_HUNGRY,  /* somebody has nothing */
    MR_QUEUE_ARRIVED, /* a page, or what is done with */
    MR_QUEUE_ROUND,   /* send all and say so; whether the queue has ended */
};

/* Numbers of a letter without items. */
typedef struct mr_queue_note {
    uint64_t a, b, c;
} mr_queue_note;

typedef struct mr_queue_putter mr_queue_putter;
typedef struct mr_queue_getter mr_queue_getter;
typedef struct mr_queue_home mr_queue_home;

struct mr_queue {
    mr_sync_object object;
    uint64_t capacity, chunk; /* chunk: of credit asked for ahead */

    pthread_mutex_t out; /* of what is put here */
    mr_queue_page *filling;
    mr_queue_page *ready, *ready_last; /* to be sent, in this order */
    bool is_sending;                   /* a thread is at it */
    bool is_hungry, has_asked, owes_round;
    atomic_bool has_ended, is_refused;
    uint64_t credit, done;
    uint64_t pages, arrived; /* pages that left the thread's hands, and that are at home */
    mr_queue_putter *putters, *putters_last; /* wait for credit */

    pthread_mutex_t in; /* of what is got here */
    mr_queue_pieces inbox;
    mr_queue_getter *getters, *getters_last;
    uint64_t waiting, asked; /* getters; and for how many of them home knows */
    uint64_t recalls, tickets;
    bool is_drained;
    mr_queue_parts arriving;

    mr_queue_home *home; /* at home */
};

/* queue_page.c */
static inline size_t mr_queue_record(uint64_t size)
{
    return 8 + (size_t)((size + 7) & ~UINT64_C(7));
}
static inline uint64_t mr_queue_charge(const mr_queue *queue, uint64_t size)
{
    const uint64_t charge = size ? size : 1;
    return charge < queue->capacity ? charge : queue->capacity;
}
mr_queue_page *mr_queue_page_make(size_t room);
void mr_queue_page_append(mr_queue_page *page, mr_bytes item);
void mr_queue_page_drop(mr_queue_page *page);
/* Takes over a reference. False: no memory. */
bool mr_queue_pieces_add(mr_queue *queue, mr_queue_pieces *pieces, mr_queue_page *page, size_t at,
                         size_t end);
/* The first item, with a reference. There is one. */
void mr_queue_pieces_take(mr_queue *queue, mr_queue_pieces *pieces, mr_item *item);
void mr_queue_pieces_free(mr_queue_pieces *pieces);
/* All of `more` before or behind what there is. */
void mr_queue_pieces_join(mr_queue_pieces *pieces, mr_queue_pieces *more, bool before);
/* The first items, at most `items` of them and no more than a page, at least one. */
mr_queue_pieces mr_queue_pieces_cut(mr_queue *queue, mr_queue_pieces *pieces, uint64_t items);
/* Sends items. `page` is taken over: on this rank it goes as it is. */
void mr_queue_send_items(mr_queue *queue, int to, uint32_t kind, mr_queue_page *page, size_t at,
                         size_t end);
void mr_queue_send_pieces(mr_queue *queue, int to, uint32_t kind, mr_queue_pieces *pieces);
/* A letter with items has come. True: these are now in `pieces`, all that belong together. */
bool mr_queue_receive(mr_queue *queue, mr_queue_parts *parts, mr_bytes letter,
                      mr_queue_pieces *pieces);
void mr_queue_send(mr_queue *queue, int to, uint32_t kind, uint64_t a, uint64_t b, uint64_t c);
mr_queue_note mr_queue_read(mr_bytes letter);

/* queue_out.c, queue_in.c: what home says to a rank. */
void mr_queue_flush(mr_sync_object *object);
uint64_t mr_queue_sent(mr_sync_object *object);
uint64_t mr_queue_heard(mr_sync_object *object);
void mr_queue_out_handle(mr_queue *queue, uint32_t kind, mr_queue_note note);
void mr_queue_in_handle(mr_queue *queue, uint32_t kind, mr_bytes letter);

/* queue_home.c */
mr_queue_home *mr_queue_home_make(mr_queue *queue);
void mr_queue_home_free(mr_queue_home *home);
void mr_queue_home_handle(mr_queue *queue, int from, uint32_t kind, mr_bytes letter);

#endif
