/*
 * sync/queue_home.c: the one place where all items of a queue pass. Everything here happens in
 * handlers of the home, one at a time.
 */
#include "sync/queue.h"

#include <stdlib.h>

/* A rank, as home knows it. */
typedef struct guest {
    uint64_t lent;    /* credit that it has, or has put into items that are not here yet */
    uint64_t wanted;  /* threads that wait for an item */
    uint64_t recalls; /* how often items were asked back from it */
    int next;         /* of those that want, in line */
    bool is_in_line, knows_hunger, was_asked_back;
    mr_queue_parts put, back;
} guest;

/* Credit that a rank wants. */
typedef struct want {
    struct want *next;
    int rank;
    uint64_t credit;
    bool is_urgent; /* a thread waits, and can do nothing with less */
} want;

/* A thread that wants to leave the line, while items are asked back. */
typedef struct leaving {
    struct leaving *next;
    int rank;
    uint64_t ticket;
} leaving;

struct mr_queue_home {
    int ranks;
    guest *guests;
    mr_queue_pieces lying, returned;
    uint64_t lent, unfinished;
    want *wants;
    int first, last; /* of the line of guests; -1: nobody is in it */
    int ahead;       /* the rank that may have got more than it asked for; -1: none */
    bool is_recalling, all_know_hunger;
    int last_taker;
    uint64_t reach; /* how many items it may get at once */
    leaving *leavings;
    uint64_t round, rounds_done; /* rounds begun, and over */
    int round_missing;
    bool is_ending, has_ended;
};

/* What waits at home for a round to be over, as marks of the object's line. */
enum { ONCE = 8, KIND = 7 };
enum { MARK_SHIFT = 4 };

static void send(mr_queue *queue, int to, uint32_t kind, uint64_t a, uint64_t b)
{
    mr_queue_send(queue, to, kind, a, b, 0);
}

/* ---- The line of ranks that want items ---- */

static void enter_line(mr_queue_home *home, int rank)
{
    guest *g = &home->guests[rank];
    if (g->is_in_line || g->wanted == 0)
        return;
    g->is_in_line = true;
    g->next = -1;
    if (home->last >= 0)
        home->guests[home->last].next = rank;
    else
        home->first = rank;
    home->last = rank;
}

static void leave_line(mr_queue_home *home, int rank)
{
    int *at = &home->first, before = -1;
    if (!home->guests[rank].is_in_line)
        return;
    while (*at != rank) {
        before = *at;
        at = &home->guests[before].next;
    }
    *at = home->guests[rank].next;
    if (home->last == rank)
        home->last = before;
    home->guests[rank].is_in_line = false;
}

static void set_wanted(mr_queue_home *home, int rank, uint64_t wanted)
{
    home->guests[rank].wanted = wanted;
    if (wanted)
        enter_line(home, rank);
    else
        leave_line(home, rank);
}

static bool is_alone(const mr_queue_home *home, int rank)
{
    return home->first == rank && home->guests[rank].next < 0;
}

static bool is_hungry(const mr_queue_home *home)
{
    return home->first >= 0 && home->lying.items == 0 && !home->is_recalling;
}

/* ---- Credit ---- */

static uint64_t room_of(const mr_queue *queue)
{
    const uint64_t taken = queue->home->lent + queue->home->lying.charge;
    return taken < queue->capacity ? queue->capacity - taken : 0;
}

/* What others hold and don't need may be what is missing. */
static void ask_back(mr_queue *queue)
{
    mr_queue_home *home = queue->home;
    for (int rank = 0; rank < home->ranks; rank++) {
        guest *g = &home->guests[rank];
        if (g->lent == 0 || g->was_asked_back)
            continue;
        g->was_asked_back = true;
        send(queue, rank, MR_QUEUE_GIVE, 0, 0);
    }
}

static uint64_t what_to_lend(const mr_queue *queue, const want *w)
{
    const uint64_t room = room_of(queue);
    if (!w->is_urgent)
        return w->credit < room ? w->credit : room;
    if (room < w->credit)
        return 0;
    return queue->chunk > w->credit && queue->chunk <= room ? queue->chunk : w->credit;
}

static bool is_any_urgent(const want *w)
{
    while (w && !w->is_urgent)
        w = w->next;
    return w != NULL;
}

static void lend(mr_queue *queue)
{
    mr_queue_home *home = queue->home;
    for (want *w = home->wants; w; w = home->wants) {
        const uint64_t credit = what_to_lend(queue, w);
        if (credit == 0) {
            if (is_any_urgent(w))
                ask_back(queue);
            return;
        }
        guest *g = &home->guests[w->rank];
        g->lent += credit;
        home->lent += credit;
        g->was_asked_back = false;
        g->knows_hunger = is_hungry(home);
        home->all_know_hunger &= g->knows_hunger;
        send(queue, w->rank, MR_QUEUE_GRANT, credit, g->knows_hunger);
        home->wants = w->next;
        free(w);
    }
}

static void take_want(mr_queue *queue, int from, mr_queue_note note)
{
    mr_queue_home *home = queue->home;
    home->guests[from].lent -= note.b;
    home->lent -= note.b;
    if (note.a) {
        want **at = &home->wants, *w = malloc(sizeof *w);
        if (!w) {
            mr_sync_no_memory(queue->object.room, queue->object.name);
            return;
        }
        *w = (want){NULL, from, note.a, note.c != 0};
        while (*at)
            at = &(*at)->next;
        *at = w;
    }
    lend(queue);
    if (note.a && home->wants)
        send(queue, from, MR_QUEUE_REFUSED, 0, 0);
}

/* ---- Handing out ---- */

static void recall(mr_queue *queue)
{
    mr_queue_home *home = queue->home;
    if (home->is_recalling)
        return;
    home->is_recalling = true;
    send(queue, home->ahead, MR_QUEUE_RECALL, 0, 0);
}

/* One that takes alone gets more each time. */
static uint64_t how_many(mr_queue_home *home, int rank)
{
    const guest *g = &home->guests[rank];
    uint64_t in_line = 0;
    home->reach = home->last_taker == rank ? 2 * home->reach + 1 : 0;
    if (home->reach > UINT32_MAX)
        home->reach = UINT32_MAX;
    home->last_taker = rank;
    if (is_alone(home, rank))
        return g->wanted > home->reach ? g->wanted : home->reach;
    for (int r = home->first; r >= 0; r = home->guests[r].next)
        in_line++;
    const uint64_t share = home->lying.items / in_line + 1;
    return g->wanted < share ? g->wanted : share;
}

static void give(mr_queue *queue, int rank)
{
    mr_queue_home *home = queue->home;
    guest *g = &home->guests[rank];
    mr_queue_pieces part = mr_queue_pieces_cut(queue, &home->lying, how_many(home, rank));
    const uint64_t wanted = g->wanted;
    if (part.items > wanted)
        home->ahead = rank;
    leave_line(home, rank);
    set_wanted(home, rank, wanted > part.items ? wanted - part.items : 0);
    mr_queue_send_pieces(queue, rank, MR_QUEUE_ITEMS, &part);
}

static void tell_hunger(mr_queue *queue)
{
    mr_queue_home *home = queue->home;
    if (home->all_know_hunger)
        return;
    home->all_know_hunger = true;
    for (int rank = 0; rank < home->ranks; rank++) {
        guest *g = &home->guests[rank];
        if (g->lent == 0 || g->knows_hunger)
            continue;
        g->knows_hunger = true;
        send(queue, rank, MR_QUEUE_HUNGRY, 0, 0);
    }
}

/* True: go on. */
static bool serve_first(mr_queue *queue)
{
    mr_queue_home *home = queue->home;
    const int rank = home->first;
    if (rank < 0 || home->is_recalling)
        return false;
    if (home->ahead >= 0 && !is_alone(home, home->ahead)) {
        recall(queue);
        return false;
    }
    if (home->lying.items > 0) {
        give(queue, rank);
        return true;
    }
    if (home->has_ended) {
        set_wanted(home, rank, 0);
        send(queue, rank, MR_QUEUE_DRAINED, 0, 0);
        return true;
    }
    return false;
}

static void serve(mr_queue *queue)
{
    while (serve_first(queue) && !mr_post_stopped(queue->object.post))
        ;
    if (is_hungry(queue->home))
        tell_hunger(queue);
    lend(queue);
}

/* ---- Who waits for more than an item: end, join, length ---- */

static void start_round(mr_queue *queue)
{
    mr_queue_home *home = queue->home;
    if (home->round_missing > 0)
        return;
    home->round++;
    home->round_missing = home->ranks;
    for (int rank = 0; rank < home->ranks; rank++)
        send(queue, rank, MR_QUEUE_ROUND, home->is_ending, 0);
}

/* True: it was answered. */
static bool try_answer(mr_queue *queue, const mr_sync_asker *who, uint64_t mark)
{
    mr_queue_home *home = queue->home;
    const uint64_t kind = MR_SYNC_OWN + (mark & KIND);
    if (mark >> MARK_SHIFT > home->rounds_done)
        return false;
    if (kind == MR_QUEUE_END)
        home->has_ended = true;
    if (kind == MR_QUEUE_JOIN && home->unfinished > 0) {
        if (mark & ONCE)
            mr_sync_answer(&queue->object, who, MR_TIMED_OUT, 0, 0);
        return mark & ONCE;
    }
    if (kind == MR_QUEUE_LENGTH && home->ahead >= 0) {
        recall(queue);
        return false;
    }
    mr_sync_answer(&queue->object, who, MR_OK, (int64_t)home->lying.items, 0);
    return true;
}

static void answer_line(mr_queue *queue)
{
    mr_queue_home *home = queue->home;
    bool needs_round = false;
    for (uint64_t i = queue->object.line.count; i > 0; i--) {
        mr_sync_asker who;
        uint64_t mark;
        mr_sync_next(&queue->object, &who, &mark);
        if (!try_answer(queue, &who, mark)) {
            mr_sync_line_put(&queue->object, &who, mark);
            needs_round |= mark >> MARK_SHIFT > home->rounds_done;
        }
    }
    if (needs_round)
        start_round(queue);
}

static void ask_round(mr_queue *queue, int from, uint32_t kind, mr_bytes letter)
{
    mr_queue_home *home = queue->home;
    const mr_sync_ask ask = mr_sync_read(letter);
    const mr_sync_asker who = mr_sync_asker_of(from, &ask);
    const uint64_t round = home->round + 1;
    home->is_ending |= kind == MR_QUEUE_END;
    mr_sync_line_put(&queue->object, &who,
                     round << MARK_SHIFT | (ask.once ? ONCE : 0) | (kind - MR_SYNC_OWN));
    start_round(queue);
}

static void round_over(mr_queue *queue)
{
    mr_queue_home *home = queue->home;
    if (--home->round_missing > 0)
        return;
    home->rounds_done = home->round;
    answer_line(queue);
    serve(queue);
}

/* ---- Letters ---- */

static void take_put(mr_queue *queue, int from, mr_bytes letter)
{
    mr_queue_home *home = queue->home;
    guest *g = &home->guests[from];
    const uint64_t items = home->lying.items, charge = home->lying.charge;
    if (!mr_queue_receive(queue, &g->put, letter, &home->lying))
        return;
    home->unfinished += home->lying.items - items;
    g->lent -= home->lying.charge - charge;
    home->lent -= home->lying.charge - charge;
    g->knows_hunger = home->all_know_hunger = false;
    send(queue, from, MR_QUEUE_ARRIVED, 0, 0);
    serve(queue);
}

static void take_done(mr_queue *queue, int from, uint64_t done)
{
    mr_queue_home *home = queue->home;
    home->unfinished -= done < home->unfinished ? done : home->unfinished;
    send(queue, from, MR_QUEUE_ARRIVED, 0, 0);
    if (home->unfinished == 0)
        answer_line(queue);
}

static void leave(mr_queue *queue, int from, uint64_t ticket)
{
    mr_queue_home *home = queue->home;
    const uint64_t wanted = home->guests[from].wanted;
    if (wanted)
        set_wanted(home, from, wanted - 1);
    send(queue, from, MR_QUEUE_LEFT, ticket, wanted > 0);
}

static void want_to_leave(mr_queue *queue, int from, uint64_t ticket)
{
    mr_queue_home *home = queue->home;
    leaving **at = &home->leavings, *l;
    if (!home->is_recalling) {
        leave(queue, from, ticket);
        return;
    }
    l = malloc(sizeof *l);
    if (!l) {
        mr_sync_no_memory(queue->object.room, queue->object.name);
        return;
    }
    *l = (leaving){NULL, from, ticket};
    while (*at)
        at = &(*at)->next;
    *at = l;
}

static void all_returned(mr_queue *queue, int from, uint64_t waiting)
{
    mr_queue_home *home = queue->home;
    mr_queue_pieces_join(&home->lying, &home->returned, true);
    home->guests[from].recalls++;
    home->ahead = home->last_taker = -1;
    home->is_recalling = false;
    home->reach = 0;
    set_wanted(home, from, waiting);
    serve(queue);
    while (home->leavings && !home->is_recalling) {
        leaving *l = home->leavings;
        home->leavings = l->next;
        leave(queue, l->rank, l->ticket);
        free(l);
    }
    answer_line(queue);
}

static void take(mr_queue *queue, int from, mr_queue_note note)
{
    guest *g = &queue->home->guests[from];
    if (note.b != g->recalls)
        return; /* it has told since how many wait */
    set_wanted(queue->home, from, g->wanted + note.a);
    serve(queue);
}

static void handle_note(mr_queue *queue, int from, uint32_t kind, mr_queue_note note)
{
    if (kind == MR_QUEUE_WANT)
        take_want(queue, from, note);
    else if (kind == MR_QUEUE_TAKE)
        take(queue, from, note);
    else if (kind == MR_QUEUE_LEAVE)
        want_to_leave(queue, from, note.a);
    else if (kind == MR_QUEUE_RETURNED)
        all_returned(queue, from, note.a);
    else if (kind == MR_QUEUE_DONE)
        take_done(queue, from, note.a);
    else
        round_over(queue);
}

void mr_queue_home_handle(mr_queue *queue, int from, uint32_t kind, mr_bytes letter)
{
    mr_queue_home *home = queue->home;
    if (kind <= MR_QUEUE_LENGTH)
        ask_round(queue, from, kind, letter);
    else if (kind == MR_QUEUE_PAGE_PUT)
        take_put(queue, from, letter);
    else if (kind == MR_QUEUE_BACK)
        mr_queue_receive(queue, &home->guests[from].back, letter, &home->returned);
    else
        handle_note(queue, from, kind, mr_queue_read(letter));
}

/* ---- Beginning and end ---- */

mr_queue_home *mr_queue_home_make(mr_queue *queue)
{
    const int ranks = queue->object.room->ranks;
    mr_queue_home *home = calloc(1, sizeof *home);
    guest *guests = calloc((size_t)ranks, sizeof *guests);
    if (!home || !guests) {
        free(home);
        free(guests);
        return NULL;
    }
    home->ranks = ranks;
    home->guests = guests;
    home->first = home->last = home->ahead = home->last_taker = -1;
    return home;
}

void mr_queue_home_free(mr_queue_home *home)
{
    if (!home)
        return;
    mr_queue_pieces_free(&home->lying);
    mr_queue_pieces_free(&home->returned);
    for (want *w = home->wants, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    for (leaving *l = home->leavings, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    for (int rank = 0; rank < home->ranks; rank++) {
        mr_queue_parts *parts[] = {&home->guests[rank].put, &home->guests[rank].back};
        for (int i = 0; i < 2; i++)
            if (parts[i]->page)
                mr_queue_page_drop(parts[i]->page);
    }
    free(home->guests);
    free(home);
}
