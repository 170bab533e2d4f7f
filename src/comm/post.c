/*
 * comm/post.c: what leaves and what arrives. Pages go by MPI_Issend: one is under way until the
 * other side has begun to take it in, so no more than a window of them from a rank can ever lie in
 * buffers of MPI.
 */
#include "comm/post_internal.h"

#include "base/clock.h"

#include <string.h>

enum { TAG_PAGE = 1 };

#define TICK_SECONDS 0.8e-3 /* at least, between two */

/* To oneself, in one look: letters may cause letters without end. */
enum { OWN_PAGES = 16 };

static uintptr_t self(void)
{
    return (uintptr_t)pthread_self();
}

/* ---- Leaving ---- */

typedef struct space {
    mr_post *post;
    int to;
    size_t share; /* of what may be queued */
} space;

static bool has_space(void *context)
{
    space *s = context;
    return atomic_load(&s->post->lanes[s->to].queued) < POST_QUEUED / s->share &&
           atomic_load(&s->post->queued) < POST_QUEUED_ALL / s->share;
}

static void refuse(mr_post *post, size_t size)
{
    mr_error error = {.code = MR_OK};
    mr_error_set(&error, MR_FAILED, "letter is too large: %zu bytes: send it in pieces", size);
    mr_post_fail(post, &error);
}

void mr_post_put(mr_post *post, int to, uint32_t box, uint32_t kind, mr_bytes head, mr_bytes body)
{
    const post_header header = {
        .size = (uint32_t)(head.size + body.size), .kind = kind, .box = box};
    if (head.size + body.size > MR_POST_LARGEST) {
        refuse(post, head.size + body.size);
        return;
    }
    /* When the job stops nobody waits for answers, and nobody is kept from writing. */
    if (!mr_post_stopped(post) && !mr_post_lane_put(post, to, &header, head, body))
        mr_post_stop(post);
}

void mr_post_send(mr_post *post, int to, uint32_t box, uint32_t kind, mr_bytes head, mr_bytes body)
{
    mr_post_put(post, to, box, kind, head, body);
    if (atomic_load_explicit(&post->handling, memory_order_relaxed) == self())
        return;
    space wanted = {post, to, 1};
    if (has_space(&wanted)) {
        mr_post_poll(post);
        return;
    }
    wanted.share = 2; /* who had to wait has some room then */
    atomic_fetch_add(&post->waiting_for_space, 1);
    mr_post_wait(post, has_space, &wanted, MR_POST_NEVER);
    atomic_fetch_sub(&post->waiting_for_space, 1);
}

static bool next_page(mr_post *post, post_page **page, int *to)
{
    if (atomic_load_explicit(&post->leaving_count, memory_order_relaxed) == 0)
        return false;
    pthread_mutex_lock(&post->out);
    const bool is_one = mr_post_lane_leave(post, page, to);
    pthread_mutex_unlock(&post->out);
    post->made_space |= is_one && atomic_load(&post->waiting_for_space) > 0;
    return is_one;
}

static void landed(mr_post *post, post_page *page, int to)
{
    post->pages_moved++;
    pthread_mutex_lock(&post->out);
    mr_post_lane_landed(post, page, to);
    pthread_mutex_unlock(&post->out);
}

static void launch(mr_post *post, post_page *page, int to)
{
    static const post_header stop = {.kind = POST_OFFICE_STOP, .box = POST_OFFICE};
    const void *bytes = page ? (const void *)page->bytes : &stop;
    const size_t size = page ? page->size : sizeof stop;
    const int slot = post->flying_count++;
    post->flying[slot] = page;
    post->flying_to[slot] = to;
    MPI_Issend(bytes, (int)size, MPI_BYTE, to, TAG_PAGE, post->letters, &post->flights[slot]);
}

static void send_pages(mr_post *post)
{
    post_page *page;
    for (int own = 0, to = 0; post->flying_count < POST_FLYING && own < OWN_PAGES;) {
        if (!next_page(post, &page, &to))
            return;
        if (to != post->comm->rank) {
            launch(post, page, to);
            continue;
        }
        own++;
        mr_post_lane_take(post, to, (mr_bytes){page->bytes, page->size});
        landed(post, page, to);
    }
}

void mr_post_finish_flights(mr_post *post)
{
    int done, which[POST_FLYING], kept = 0;
    if (post->flying_count == 0)
        return;
    MPI_Testsome(post->flying_count, post->flights, &done, which, MPI_STATUSES_IGNORE);
    if (done == 0)
        return;
    for (int i = 0; i < done; i++)
        landed(post, post->flying[which[i]], post->flying_to[which[i]]);
    for (int i = 0; i < post->flying_count; i++)
        if (post->flights[i] != MPI_REQUEST_NULL) {
            post->flying[kept] = post->flying[i];
            post->flying_to[kept] = post->flying_to[i];
            post->flights[kept++] = post->flights[i];
        }
    post->flying_count = kept;
}

/* ---- Arriving ---- */

void mr_post_deliver(mr_post *post, int from, const post_header *header, mr_bytes letter)
{
    post_box *box = post->boxes[header->box];
    if (box->room.handler && letter.size == header->size)
        box->room.handler(box->context, from, header->kind, letter);
    /* After what it has sent was counted. */
    atomic_fetch_add_explicit(&box->handled, 1, memory_order_release);
    post->letters_handled++;
}

void mr_post_receive(mr_post *post, int slot)
{
    MPI_Irecv(post->receiving[slot]->bytes, (int)POST_PAGE, MPI_BYTE, MPI_ANY_SOURCE, TAG_PAGE,
              post->letters, &post->receives[slot]);
}

/* Pages are filled in the order in which receives were posted, and taken in in that order. */
static void receive_pages(mr_post *post)
{
    for (int i = 0; i < POST_RECEIVES; i++) {
        int done, size, slot = post->head;
        MPI_Status status;
        MPI_Test(&post->receives[slot], &done, &status);
        if (!done)
            return;
        MPI_Get_count(&status, MPI_BYTE, &size);
        post->pages_moved++;
        mr_post_lane_take(post, status.MPI_SOURCE,
                          (mr_bytes){post->receiving[slot]->bytes, (size_t)size});
        mr_post_receive(post, slot);
        post->head = (slot + 1) % POST_RECEIVES;
    }
}

/* With `looking` held. */
static void look(mr_post *post)
{
    atomic_fetch_add_explicit(&post->looks, 1, memory_order_relaxed);
    atomic_store_explicit(&post->handling, self(), memory_order_relaxed);
    if (post->comm->size > 1) {
        mr_post_finish_flights(post);
        send_pages(post);
        receive_pages(post);
    }
    send_pages(post); /* answers, and letters to oneself */
    atomic_store_explicit(&post->handling, 0, memory_order_relaxed);
}

/* Who put a letter while another thread looked has gone away in the belief that this one sends it:
 * so there is a second look. */
bool mr_post_poll(mr_post *post)
{
    bool moved = false, is_news = false;
    for (int turn = 0; turn < 2; turn++) {
        if (pthread_mutex_trylock(&post->looking) != 0)
            break;
        const uint64_t letters = post->letters_handled, pages = post->pages_moved;
        look(post);
        moved |= post->pages_moved != pages;
        is_news |= post->letters_handled != letters || post->made_space;
        post->made_space = false;
        pthread_mutex_unlock(&post->looking);
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&post->leaving_count) == 0)
            break;
    }
    if (is_news)
        mr_post_wake(post);
    return moved;
}

/* With `looking` held. */
static void call_ticks(mr_post *post)
{
    const double now = mr_clock_now();
    if (now < post->ticked + TICK_SECONDS)
        return;
    post->ticked = now;
    atomic_store_explicit(&post->handling, self(), memory_order_relaxed);
    for (uint32_t i = 0; i < post->box_count; i++) {
        const post_box *box = post->boxes[i];
        if (box->room.handler && box->room.tick)
            box->room.tick(box->context);
    }
    atomic_store_explicit(&post->handling, 0, memory_order_relaxed);
}

void mr_post_tick(mr_post *post, bool insists)
{
    if (atomic_load(&post->ticking) == 0)
        return;
    if (insists)
        pthread_mutex_lock(&post->looking);
    else if (pthread_mutex_trylock(&post->looking) != 0)
        return;
    call_ticks(post);
    pthread_mutex_unlock(&post->looking);
    mr_post_poll(post);
}

/* ---- Stopping ---- */

void mr_post_stop(mr_post *post)
{
    if (atomic_exchange(&post->stopped, true))
        return; /* whoever said so first tells all */
    for (int rank = 0; rank < post->comm->size; rank++)
        if (rank != post->comm->rank)
            mr_post_lane_tell_stop(post, rank);
    mr_post_wake(post);
}

void mr_post_stop_here(mr_post *post)
{
    atomic_store(&post->stopped, true);
    mr_post_wake(post);
}

void mr_post_fail(mr_post *post, const mr_error *error)
{
    pthread_mutex_lock(&post->out);
    if (post->failure.code == MR_OK)
        post->failure = *error;
    pthread_mutex_unlock(&post->out);
    mr_post_stop(post);
}

bool mr_post_stopped(const mr_post *post)
{
    return atomic_load_explicit(&post->stopped, memory_order_acquire);
}

void mr_post_watch(mr_post *post, bool (*should_stop)(void *context), void *context)
{
    post->stop_context = context;
    post->should_stop = should_stop;
}
