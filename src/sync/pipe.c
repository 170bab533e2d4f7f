/*
 * sync/pipe.c: mr_pipe: from one rank straight to another, no home between. An end has one page
 * that its thread fills and that leaves when it is full, when the other end has nothing, when its
 * thread waits, or after a millisecond; and a list of pages that have come, which the letters'
 * handler fills while its thread reads. No lock is taken for a message: one thread writes, one
 * reads, and how much of a page counts is told by one number.
 *
 * Bounded: a new page is begun only while less than a window has been sent and not yet read.
 */
#include "base/memory.h"
#include "sync/object.h"

#include <stdlib.h>

#define PAGE   ((size_t)32 * 1024)
#define WINDOW ((uint64_t)512 * 1024)
#define PART   ((size_t)1 << 20) /* of a message that is larger than a page */

/* Letters, each for one end: the end's number is added. */
enum {
    DATA = MR_SYNC_OWN,      /* messages */
    LARGE = MR_SYNC_OWN + 2, /* how large the message is that comes next, in parts */
    READ = MR_SYNC_OWN + 4,  /* how many bytes the other end has read in all */
    HUNGRY = MR_SYNC_OWN + 6,
    SHUT = MR_SYNC_OWN + 8,
};

/* Messages one after the other, each with its size in 8 bytes before it, at multiples of 8. */
typedef struct page {
    _Atomic(struct page *) next;
    size_t room;
    atomic_size_t filled;
    _Alignas(64) char bytes[];
} page;

typedef struct end {
    bool is_here;
    int other; /* the rank of the other end */
    /* Written by the thread that sends. */
    _Alignas(64) page *filling;
    uint64_t begun; /* bytes in all pages before this one */
    uint64_t messages;
    bool is_shut;
    atomic_size_t sent;     /* of the page that is being filled */
    pthread_mutex_t flush;  /* who has it sends from the page */
    _Atomic(uint64_t) read; /* what the other end has told */
    atomic_bool is_hungry;  /* the other end waits */
    /* Written by the thread that receives. */
    _Alignas(64) page *reading;
    size_t at;
    uint64_t taken, told; /* bytes read, and what the other end knows of it */
    /* Written by handlers. */
    _Alignas(64) page *last;
    size_t large; /* bytes still to come of a large message */
    size_t large_filled;
    _Atomic(page *) spare;
    atomic_bool other_is_shut;
} end;

struct mr_pipe {
    mr_sync_object object;
    end ends[2];
};

static size_t record_of(uint64_t size)
{
    return 8 + (size_t)((size + 7) & ~UINT64_C(7));
}

static page *make_page(size_t room)
{
    mr_error error = {.code = MR_OK};
    page *made = NULL;
    if (room + sizeof *made > room)
        made = mr_memory_allocate_aligned(sizeof *made + room, 64, "messages of a pipe", &error);
    if (!made)
        return NULL;
    atomic_init(&made->next, NULL);
    atomic_init(&made->filled, 0);
    made->room = room;
    return made;
}

static void free_page(page *old)
{
    if (old)
        mr_memory_free(old, sizeof *old + old->room);
}

/* Puts a message behind what is in the page already. */
static void write_at(page *to, size_t at, mr_bytes message)
{
    const uint64_t size = message.size;
    memcpy(to->bytes + at, &size, sizeof size);
    if (size > 0)
        memcpy(to->bytes + at + 8, message.data, message.size);
}

/* ---- Sending ---- */

static void send_letter(mr_pipe *pipe, end *e, uint32_t kind, mr_bytes bytes)
{
    const uint32_t to = 1 - (uint32_t)(e - pipe->ends);
    mr_post_send(pipe->object.post, e->other, pipe->object.box, kind + to, bytes, (mr_bytes){0});
}

/* With `flush` held. */
static void send_unsent(mr_pipe *pipe, end *e)
{
    const size_t sent = atomic_load_explicit(&e->sent, memory_order_relaxed);
    const size_t filled =
        e->filling ? atomic_load_explicit(&e->filling->filled, memory_order_acquire) : 0;
    if (filled == sent)
        return;
    atomic_store(&e->sent, filled);
    atomic_store_explicit(&e->is_hungry, false, memory_order_relaxed);
    send_letter(pipe, e, DATA, (mr_bytes){e->filling->bytes + sent, filled - sent});
}

/* Handlers run also on the thread that is just sending, so they must not wait for it. */
static void try_flush(mr_pipe *pipe, end *e)
{
    if (!e->is_here || pthread_mutex_trylock(&e->flush) != 0)
        return;
    send_unsent(pipe, e);
    pthread_mutex_unlock(&e->flush);
}

static void flush_end(mr_pipe *pipe, end *e)
{
    pthread_mutex_lock(&e->flush);
    send_unsent(pipe, e);
    pthread_mutex_unlock(&e->flush);
}

static void flush(mr_sync_object *object)
{
    mr_pipe *pipe = (mr_pipe *)object;
    try_flush(pipe, &pipe->ends[0]);
    try_flush(pipe, &pipe->ends[1]);
}

typedef struct window {
    end *e;
    uint64_t begun, more;
} window;

/* What is larger than the window goes alone. */
static bool has_window(void *context)
{
    const window *w = context;
    const uint64_t read = atomic_load(&w->e->read);
    return w->begun == read || w->begun - read + w->more <= WINDOW;
}

/* Ends the page; there is room for `more` bytes behind it when this returns MR_OK. */
static mr_status turn_page(mr_pipe *pipe, end *e, uint64_t more, double seconds)
{
    mr_sync_hand *hand = mr_sync_hand_of(pipe->object.room);
    if (!hand)
        return MR_NO_MEMORY;
    pthread_mutex_lock(&e->flush);
    send_unsent(pipe, e);
    if (!e->filling)
        e->filling = make_page(PAGE);
    else {
        e->begun += atomic_load(&e->filling->filled);
        atomic_store(&e->sent, 0);
        atomic_store(&e->filling->filled, 0);
    }
    pthread_mutex_unlock(&e->flush);
    if (!e->filling)
        return MR_NO_MEMORY;
    window w = {e, e->begun, more};
    if (has_window(&w))
        return mr_post_stopped(pipe->object.post) ? MR_FAILED : MR_OK;
    mr_sync_flush(pipe->object.room, hand);
    return mr_sync_wait(&pipe->object, hand, has_window, &w, mr_sync_deadline(seconds));
}

static mr_status send_large(mr_pipe *pipe, end *e, mr_bytes message, double seconds)
{
    const uint64_t size = message.size, record = record_of(size), padding = record - 8 - size;
    static const char zeros[8];
    MR_TRY(turn_page(pipe, e, record, seconds));
    pthread_mutex_lock(&e->flush);
    send_letter(pipe, e, LARGE, (mr_bytes){(const char *)&record, sizeof record});
    send_letter(pipe, e, DATA, (mr_bytes){(const char *)&size, sizeof size});
    while (message.size > 0) {
        const size_t part = message.size < PART ? message.size : PART;
        send_letter(pipe, e, DATA, (mr_bytes){message.data, part});
        message.data += part;
        message.size -= part;
    }
    if (padding)
        send_letter(pipe, e, DATA, (mr_bytes){zeros, (size_t)padding});
    e->begun += record;
    pthread_mutex_unlock(&e->flush);
    return MR_OK;
}

static mr_status send_slowly(mr_pipe *pipe, end *e, mr_bytes message, double seconds)
{
    const size_t record = record_of(message.size);
    if (e->is_shut)
        return MR_CLOSED;
    if (record > PAGE)
        return send_large(pipe, e, message, seconds);
    MR_TRY(turn_page(pipe, e, PAGE, seconds));
    write_at(e->filling, 0, message);
    atomic_store_explicit(&e->filling->filled, record, memory_order_release);
    return MR_OK;
}

/* The end that is meant. NULL: there is none on this rank. */
static end *find_end(mr_pipe *pipe, mr_pipe_end which)
{
    end *a = &pipe->ends[0], *b = &pipe->ends[1];
    if (which == MR_PIPE_MINE && a->is_here != b->is_here)
        return a->is_here ? a : b;
    if (which == MR_PIPE_A && a->is_here)
        return a;
    return which == MR_PIPE_B && b->is_here ? b : NULL;
}

/* Something is held back from now on: the thread that waits for something sends it first. */
static void remember(mr_pipe *pipe)
{
    mr_sync_hand *hand = mr_sync_hand_of(pipe->object.room);
    if (hand)
        hand->has_put = true;
}

mr_status mr_pipe_send(mr_pipe *pipe, mr_pipe_end which, mr_bytes message, double seconds)
{
    end *e = find_end(pipe, which);
    mr_status status = MR_OK;
    if (!e)
        return MR_USAGE;
    page *to = e->filling;
    const size_t filled = to ? atomic_load_explicit(&to->filled, memory_order_relaxed) : 0;
    bool is_first = filled == atomic_load_explicit(&e->sent, memory_order_relaxed);
    if (filled > 0 && !e->is_shut && message.size < PAGE &&
        PAGE - filled >= record_of(message.size)) {
        write_at(to, filled, message);
        atomic_store_explicit(&to->filled, filled + record_of(message.size), memory_order_release);
    } else {
        if (!mr_sync_enter(&pipe->object))
            return MR_CLOSED;
        status = send_slowly(pipe, e, message, seconds);
        mr_sync_leave(&pipe->object);
        is_first = true;
    }
    e->messages += status == MR_OK;
    if (atomic_load_explicit(&e->is_hungry, memory_order_relaxed))
        flush_end(pipe, e);
    else if (is_first)
        remember(pipe);
    return status;
}

mr_status mr_pipe_flush(mr_pipe *pipe, mr_pipe_end which)
{
    end *e = find_end(pipe, which);
    if (!e)
        return MR_USAGE;
    flush_end(pipe, e);
    return MR_OK;
}

mr_status mr_pipe_shut(mr_pipe *pipe, mr_pipe_end which)
{
    end *e = find_end(pipe, which);
    if (!e)
        return MR_USAGE;
    flush_end(pipe, e);
    if (!e->is_shut)
        send_letter(pipe, e, SHUT, (mr_bytes){0});
    e->is_shut = true;
    return MR_OK;
}

/* ---- Receiving ---- */

/* Where the next message lies; goes on to the next page where one has come. */
static bool has_message(end *e)
{
    for (;;) {
        page *from = e->reading;
        page *next = atomic_load_explicit(&from->next, memory_order_acquire);
        if (e->at < atomic_load_explicit(&from->filled, memory_order_acquire))
            return true;
        if (!next)
            return false;
        e->reading = next;
        e->at = 0;
        if (from->room == PAGE)
            from = atomic_exchange(&e->spare, from);
        free_page(from);
    }
}

static bool is_ready(void *context)
{
    end *e = context;
    const bool is_over = atomic_load(&e->other_is_shut);
    return has_message(e) || is_over;
}

static void tell_read(mr_pipe *pipe, end *e)
{
    if (e->taken == e->told)
        return;
    e->told = e->taken;
    send_letter(pipe, e, READ, (mr_bytes){(const char *)&e->told, sizeof e->told});
}

static mr_status wait_for_message(mr_pipe *pipe, end *e, double seconds)
{
    mr_sync_hand *hand = mr_sync_hand_of(pipe->object.room);
    if (!hand)
        return MR_NO_MEMORY;
    flush_end(pipe, e);
    mr_sync_flush(pipe->object.room, hand);
    tell_read(pipe, e);
    if (!is_ready(e)) {
        send_letter(pipe, e, HUNGRY, (mr_bytes){0});
        if (!mr_sync_enter(&pipe->object))
            return MR_CLOSED;
        mr_status status =
            mr_sync_wait(&pipe->object, hand, is_ready, e, mr_sync_deadline(seconds));
        mr_sync_leave(&pipe->object);
        MR_TRY(status);
    }
    return has_message(e) ? MR_OK : MR_CLOSED;
}

mr_status mr_pipe_receive(mr_pipe *pipe, mr_pipe_end which, mr_bytes *message, double seconds)
{
    end *e = find_end(pipe, which);
    *message = (mr_bytes){NULL, 0};
    if (!e)
        return MR_USAGE;
    if (!has_message(e))
        MR_TRY(wait_for_message(pipe, e, seconds));
    uint64_t size;
    memcpy(&size, e->reading->bytes + e->at, sizeof size);
    *message = (mr_bytes){e->reading->bytes + e->at + 8, (size_t)size};
    e->at += record_of(size);
    e->taken += record_of(size);
    if (e->taken - e->told >= WINDOW / 4)
        tell_read(pipe, e);
    return MR_OK;
}

/* ---- Letters ---- */

/* A page behind the others, which is the one that is written to from now on. */
static page *add_page(mr_pipe *pipe, end *e, size_t room)
{
    page *made = room == PAGE ? atomic_exchange(&e->spare, NULL) : NULL;
    if (made) {
        atomic_store(&made->next, NULL);
        atomic_store(&made->filled, 0);
    } else
        made = make_page(room);
    if (!made) {
        mr_sync_no_memory(pipe->object.room, "messages of a pipe");
        return NULL;
    }
    return made;
}

static void link_page(end *e, page *made)
{
    page *before = e->last;
    e->last = made;
    atomic_store_explicit(&before->next, made, memory_order_release);
}

/* A part of a large message counts when all of it is there. */
static void take_part(end *e, mr_bytes bytes)
{
    memcpy(e->last->bytes + e->large_filled, bytes.data, bytes.size);
    e->large_filled += bytes.size;
    e->large -= bytes.size;
    if (e->large == 0)
        atomic_store_explicit(&e->last->filled, e->large_filled, memory_order_release);
}

static void take_data(mr_pipe *pipe, end *e, mr_bytes bytes)
{
    if (e->large > 0) {
        take_part(e, bytes);
        return;
    }
    size_t filled = atomic_load_explicit(&e->last->filled, memory_order_relaxed);
    page *to = e->last;
    if (to->room - filled < bytes.size) {
        to = add_page(pipe, e, PAGE);
        filled = 0;
    }
    if (!to)
        return;
    memcpy(to->bytes + filled, bytes.data, bytes.size);
    atomic_store_explicit(&to->filled, filled + bytes.size, memory_order_release);
    if (to != e->last)
        link_page(e, to);
}

static uint64_t number_in(mr_bytes letter)
{
    uint64_t number;
    memcpy(&number, letter.data, sizeof number);
    return number;
}

static void expect_large(mr_pipe *pipe, end *e, uint64_t size)
{
    page *made = add_page(pipe, e, (size_t)size);
    if (!made)
        return;
    e->large = (size_t)size;
    e->large_filled = 0;
    link_page(e, made);
}

static void handle(mr_sync_object *object, int from, uint32_t kind, mr_bytes letter)
{
    mr_pipe *pipe = (mr_pipe *)object;
    const uint32_t which = (kind - MR_SYNC_OWN) & 1;
    end *e = &pipe->ends[which];
    (void)from;
    switch (kind - which) {
    case DATA:
        take_data(pipe, e, letter);
        break;
    case LARGE:
        expect_large(pipe, e, number_in(letter));
        break;
    case READ:
        atomic_store(&e->read, number_in(letter));
        break;
    case HUNGRY:
        atomic_store(&e->is_hungry, true);
        try_flush(pipe, e);
        break;
    default:
        atomic_store(&e->other_is_shut, true);
    }
}

/* ---- Opening and closing ---- */

static void count(mr_sync_object *object)
{
    mr_pipe *pipe = (mr_pipe *)object;
    atomic_fetch_add(&object->counts.operations, pipe->ends[0].messages + pipe->ends[1].messages);
}

static void free_end(end *e)
{
    if (!e->is_here)
        return;
    free_page(e->filling);
    for (page *old = e->reading, *next; old; old = next) {
        next = atomic_load(&old->next);
        free_page(old);
    }
    free_page(atomic_load(&e->spare));
    pthread_mutex_destroy(&e->flush);
}

static void free_pipe(mr_sync_object *object)
{
    mr_pipe *pipe = (mr_pipe *)object;
    free_end(&pipe->ends[0]);
    free_end(&pipe->ends[1]);
}

static const mr_sync_kind kind_of_pipe = {.name = "pipe",
                                          .size = sizeof(mr_pipe),
                                          .handle = handle,
                                          .flush = flush,
                                          .wake = count,
                                          .free = free_pipe};

static bool make_end(end *e, int other)
{
    e->reading = e->last = make_page(PAGE);
    if (!e->reading)
        return false;
    pthread_mutex_init(&e->flush, NULL);
    e->other = other;
    e->is_here = true;
    return true;
}

mr_status mr_pipe_open(mr_job *job, const char *name, int a, int b, mr_pipe **pipe)
{
    const int ranks = mr_job_ranks(job), rank = mr_job_rank(job);
    mr_sync_object *object;
    *pipe = NULL;
    if (a < 0 || b < 0 || a >= ranks || b >= ranks) {
        mr_job_fail(job, MR_USAGE, "cannot open: pipe %s: its ends are %d and %d: give ranks",
                    name ? name : "", a, b);
        return mr_job_agree(job);
    }
    MR_TRY(mr_sync_open(job, name, &kind_of_pipe, a, &object));
    end *ends = ((mr_pipe *)object)->ends;
    const bool ok = (rank != a || make_end(&ends[0], b)) && (rank != b || make_end(&ends[1], a));
    return mr_sync_opened(object, ok ? MR_OK : MR_NO_MEMORY, (mr_sync_object **)pipe);
}

mr_status mr_pipe_close(mr_pipe **pipe)
{
    return mr_sync_end((mr_sync_object **)pipe);
}
