/*
 * comm/post.c: the office: boxes, what leaves and what arrives. Pages go by MPI_Issend: one is
 * under way until the other side has begun to take it in, so no more than a window of them can ever
 * lie in buffers of MPI.
 */
#include "comm/post_internal.h"

#include "base/memory.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_PAGE = 1 };

/* To oneself, in one look: letters may cause letters without end. */
enum { OWN_PAGES = 16 };

/* The box of the office itself. */
enum { OFFICE = 0 };
enum { OFFICE_STOP = 1 };

static uintptr_t self(void)
{
    return (uintptr_t)pthread_self();
}

/* ---- Leaving ---- */

static bool has_room(void *lane)
{
    return atomic_load(&((post_lane *)lane)->queued) < POST_QUEUED;
}

/* True: it is on its way; *lane is where. */
static bool put(mr_post *post, int to, const post_header *header, mr_bytes head, mr_bytes body,
                post_lane **lane)
{
    pthread_mutex_lock(&post->out);
    *lane = mr_post_lane(post, to);
    bool ok = *lane &&
              mr_post_lane_put(post, *lane, (mr_bytes){(const char *)header, sizeof *header}) &&
              mr_post_lane_put(post, *lane, head) && mr_post_lane_put(post, *lane, body);
    if (ok) {
        mr_post_lane_list(post, *lane);
        post->boxes[header->box]->sent++;
        post->totals.letters_sent++;
        post->totals.bytes_sent += header->size;
    }
    pthread_mutex_unlock(&post->out);
    return ok;
}

void mr_post_send(mr_post *post, int to, uint32_t box, uint32_t kind, mr_bytes head, mr_bytes body)
{
    const post_header header = {
        .size = (uint32_t)(head.size + body.size), .kind = kind, .box = box};
    post_lane *lane;
    if (!put(post, to, &header, head, body, &lane)) {
        mr_post_stop(post);
        return;
    }
    if (atomic_load(&post->handling) == self())
        return;
    if (!has_room(lane))
        mr_post_wait(post, has_room, lane, MR_POST_NEVER);
    else
        mr_post_poll(post);
}

/* The next page that may leave; NULL: none. A page that is not full stays while others are under
 * way to the same rank: letters that follow go along with it. */
static post_page *next_page(mr_post *post)
{
    pthread_mutex_lock(&post->out);
    post_page *page = NULL;
    for (post_lane **at = &post->lanes_waiting, *lane; !page && (lane = *at);) {
        bool is_full = lane->first && lane->first->size == POST_PAGE;
        if (lane->first && lane->flying < POST_WINDOW && (lane->flying == 0 || is_full)) {
            page = lane->first;
            lane->first = page->next;
            if (!lane->first)
                lane->last = NULL;
            page->next = NULL;
            lane->flying++;
            atomic_fetch_sub(&lane->queued, page->size);
            post->totals.pages_sent++;
        }
        if (!lane->first) {
            *at = lane->next;
            lane->is_listed = false;
        } else
            at = &lane->next;
    }
    pthread_mutex_unlock(&post->out);
    return page;
}

static void page_landed(mr_post *post, post_page *page)
{
    pthread_mutex_lock(&post->out);
    post->lanes[page->to]->flying--;
    mr_post_page_give(post, page);
    pthread_mutex_unlock(&post->out);
}

static void send_pages(mr_post *post)
{
    post_page *page;
    int own = 0;
    while (post->flying_count < POST_FLYING && own < OWN_PAGES && (page = next_page(post))) {
        if (page->to == post->comm->rank) {
            own++;
            mr_post_lane_take(post, post->lanes[page->to], (mr_bytes){page->bytes, page->size});
            page_landed(post, page);
            continue;
        }
        int slot = post->flying_count++;
        post->flying[slot] = page;
        MPI_Issend(page->bytes, (int)page->size, MPI_BYTE, page->to, TAG_PAGE, post->letters,
                   &post->flights[slot]);
    }
}

static void finish_flights(mr_post *post)
{
    int done, which[POST_FLYING];
    if (post->flying_count == 0)
        return;
    MPI_Testsome(post->flying_count, post->flights, &done, which, MPI_STATUSES_IGNORE);
    for (int i = 0; i < done; i++) {
        page_landed(post, post->flying[which[i]]);
        post->flying[which[i]] = NULL;
    }
    int kept = 0;
    for (int i = 0; i < post->flying_count; i++)
        if (post->flying[i]) {
            post->flying[kept] = post->flying[i];
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
    box->handled++;
    post->totals.letters_handled++;
}

static void receive_into(mr_post *post, int slot)
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
        pthread_mutex_lock(&post->out);
        post_lane *lane = mr_post_lane(post, status.MPI_SOURCE);
        pthread_mutex_unlock(&post->out);
        if (lane)
            mr_post_lane_take(post, lane, (mr_bytes){post->receiving[slot]->bytes, (size_t)size});
        else
            mr_post_stop(post);
        receive_into(post, slot);
        post->head = (slot + 1) % POST_RECEIVES;
    }
}

bool mr_post_poll(mr_post *post)
{
    if (pthread_mutex_trylock(&post->looking) != 0)
        return false;
    atomic_fetch_add_explicit(&post->looks, 1, memory_order_relaxed);
    uint64_t before = post->totals.letters_handled;
    atomic_store(&post->handling, self());
    if (post->comm->size > 1) {
        finish_flights(post);
        send_pages(post);
        receive_pages(post);
    }
    send_pages(post); /* answers, and letters to oneself */
    atomic_store(&post->handling, 0);
    bool handled = post->totals.letters_handled != before;
    pthread_mutex_unlock(&post->looking);
    if (handled)
        mr_post_wake(post);
    return handled;
}

void mr_post_tick(mr_post *post)
{
    bool ticked = false;
    pthread_mutex_lock(&post->looking);
    atomic_store(&post->handling, self());
    for (uint32_t i = 0; i < post->box_count; i++) {
        const mr_post_room *room = &post->boxes[i]->room;
        if (!room->handler || !room->tick)
            continue;
        room->tick(post->boxes[i]->context);
        ticked = true;
    }
    atomic_store(&post->handling, 0);
    pthread_mutex_unlock(&post->looking);
    if (ticked)
        mr_post_poll(post);
}

/* ---- Stopping ---- */

void mr_post_stop(mr_post *post)
{
    if (atomic_exchange(&post->told_stop, true))
        return;
    atomic_store(&post->stopped, true);
    for (int rank = 0; rank < post->comm->size; rank++) {
        post_lane *lane;
        const post_header header = {.kind = OFFICE_STOP, .box = OFFICE};
        if (rank != post->comm->rank)
            put(post, rank, &header, (mr_bytes){0}, (mr_bytes){0}, &lane);
    }
    mr_post_wake(post);
}

bool mr_post_stopped(const mr_post *post)
{
    return atomic_load(&post->stopped);
}

static void handle_office(void *context, int from, uint32_t kind, mr_bytes letter)
{
    mr_post *post = context;
    (void)from;
    (void)letter;
    if (kind == OFFICE_STOP)
        atomic_store(&post->stopped, true);
}

void mr_post_watch(mr_post *post, bool (*should_stop)(void *context), void *context)
{
    post->stop_context = context;
    post->should_stop = should_stop;
}

/* ---- Boxes ---- */

/* The first that is free: the same one on all ranks. */
static uint32_t find_free(const mr_post *post)
{
    uint32_t number = 0;
    while (number < post->box_count && post->boxes[number]->room.handler)
        number++;
    return number;
}

mr_status mr_post_box_open(mr_post *post, const mr_post_room *room, void *context, uint32_t *number,
                           mr_error *error)
{
    pthread_mutex_lock(&post->looking);
    pthread_mutex_lock(&post->out);
    uint32_t free_one = find_free(post);
    post_box *box = free_one < post->box_count ? post->boxes[free_one] : NULL;
    if (!box) {
        post_box **grown = realloc(post->boxes, (free_one + 1) * sizeof(post_box *));
        if (grown)
            post->boxes = grown;
        box = grown ? calloc(1, sizeof *box) : NULL;
        if (box)
            post->boxes[post->box_count++] = box;
    }
    if (box) {
        *box = (post_box){*room, context, box->sent, box->handled};
        *number = free_one;
    }
    pthread_mutex_unlock(&post->out);
    pthread_mutex_unlock(&post->looking);
    return box ? MR_OK : mr_error_set(error, MR_NO_MEMORY, "out of memory: a box for letters");
}

typedef struct settling {
    MPI_Request request;
    uint64_t mine[3], all[3]; /* letters sent, letters handled, ranks that stop */
} settling;

static bool is_added_up(void *context)
{
    int done;
    MPI_Test(&((settling *)context)->request, &done, MPI_STATUS_IGNORE);
    return done != 0;
}

static void count_box(mr_post *post, uint32_t number, uint64_t counts[3])
{
    pthread_mutex_lock(&post->looking);
    pthread_mutex_lock(&post->out);
    uint64_t sent = 0, handled = 0;
    for (uint32_t i = 0; i < post->box_count; i++)
        if (i == number || number == UINT32_MAX) {
            sent += post->boxes[i]->sent;
            handled += post->boxes[i]->handled;
        }
    pthread_mutex_unlock(&post->out);
    pthread_mutex_unlock(&post->looking);
    counts[0] = sent;
    counts[1] = handled;
    counts[2] = atomic_load(&post->stopped);
}

/* Letters are all handled when as many were handled as were sent, twice in a row: one count alone
 * may have seen a letter arrive whose sender it had asked before. */
static mr_status settle(mr_post *post, uint32_t number, bool is_end)
{
    settling s;
    uint64_t before = UINT64_MAX;
    for (;;) {
        count_box(post, number, s.mine);
        MPI_Iallreduce(s.mine, s.all, 3, MPI_UINT64_T, MPI_SUM, post->counts, &s.request);
        mr_post_wait_anyway(post, is_added_up, &s);
        if (s.all[2] && !is_end)
            return MR_FAILED;
        if (s.all[0] == s.all[1] && s.all[0] == before)
            return MR_OK;
        before = s.all[0] == s.all[1] ? s.all[0] : UINT64_MAX;
    }
}

mr_status mr_post_box_settle(mr_post *post, uint32_t box)
{
    return settle(post, box, false);
}

mr_status mr_post_box_close(mr_post *post, uint32_t number)
{
    MR_TRY(settle(post, number, false));
    pthread_mutex_lock(&post->looking);
    post->boxes[number]->room.handler = NULL;
    pthread_mutex_unlock(&post->looking);
    return MR_OK;
}

/* ---- The office ---- */

mr_comm *mr_post_comm(const mr_post *post)
{
    return post->comm;
}

mr_post_counts mr_post_count(mr_post *post)
{
    pthread_mutex_lock(&post->looking);
    pthread_mutex_lock(&post->out);
    mr_post_counts totals = post->totals;
    pthread_mutex_unlock(&post->out);
    pthread_mutex_unlock(&post->looking);
    return totals;
}

static void start_receiving(mr_post *post)
{
    MPI_Comm_dup(post->comm->world, &post->letters);
    MPI_Comm_dup(post->comm->world, &post->counts);
    for (int i = 0; i < POST_RECEIVES && post->comm->size > 1; i++)
        receive_into(post, i);
}

static void stop_receiving(mr_post *post)
{
    for (int i = 0; i < POST_RECEIVES && post->comm->size > 1; i++) {
        MPI_Cancel(&post->receives[i]);
        MPI_Wait(&post->receives[i], MPI_STATUS_IGNORE);
    }
    MPI_Comm_free(&post->letters);
    MPI_Comm_free(&post->counts);
}

static void free_post(mr_post *post)
{
    mr_post_lanes_free(post);
    for (int i = 0; i < POST_RECEIVES; i++)
        if (post->receiving[i])
            mr_memory_free(post->receiving[i], sizeof *post->receiving[i]);
    for (uint32_t i = 0; i < post->box_count; i++)
        free(post->boxes[i]);
    free(post->boxes);
    pthread_mutex_destroy(&post->out);
    pthread_mutex_destroy(&post->looking);
    pthread_mutex_destroy(&post->sleep);
    pthread_cond_destroy(&post->awake);
    free(post);
}

static mr_status make_post(mr_post **result, mr_comm *comm, mr_error *error)
{
    mr_post *post = calloc(1, sizeof *post);
    if (!post)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening the post office");
    pthread_condattr_t by_clock;
    post->comm = comm;
    pthread_mutex_init(&post->out, NULL);
    pthread_mutex_init(&post->looking, NULL);
    pthread_mutex_init(&post->sleep, NULL);
    pthread_condattr_init(&by_clock);
    pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
    pthread_cond_init(&post->awake, &by_clock);
    pthread_condattr_destroy(&by_clock);
    *result = post;
    post->lanes = calloc((size_t)comm->size, sizeof(post_lane *));
    if (!post->lanes)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening the post office");
    for (int i = 0; i < POST_RECEIVES; i++)
        if (!(post->receiving[i] =
                  mr_memory_allocate(sizeof *post->receiving[i], "letters", error)))
            return error->code;
    uint32_t office;
    return mr_post_box_open(post, &(mr_post_room){.handler = handle_office}, post, &office, error);
}

mr_status mr_post_open(mr_post **result, mr_comm *comm, mr_error *error)
{
    mr_post *post = NULL;
    *result = NULL;
    if (comm->threads_provided < MPI_THREAD_MULTIPLE)
        mr_error_set(error, MR_FAILED,
                     "cannot open the post office: MPI lets only one thread call it: use an MPI "
                     "with MPI_THREAD_MULTIPLE");
    else
        make_post(&post, comm, error);
    mr_status status = mr_comm_agree(comm, error);
    if (status != MR_OK) {
        if (post)
            free_post(post);
        return status;
    }
    start_receiving(post);
    if (pthread_create(&post->postman, NULL, mr_post_postman, post) == 0)
        post->has_postman = true;
    else
        mr_error_set(error, MR_FAILED, "cannot start a thread: the post office");
    *result = comm->office = post;
    status = mr_comm_agree(comm, error);
    if (status != MR_OK)
        mr_post_close(result);
    return status;
}

static void for_open_boxes(mr_post *post, bool destroys)
{
    for (uint32_t i = 0; i < post->box_count; i++) {
        const mr_post_room *room = &post->boxes[i]->room;
        void (*call)(void *) = destroys ? room->destroy : room->halt;
        if (room->handler && call)
            call(post->boxes[i]->context);
    }
}

void mr_post_close(mr_post **result)
{
    mr_post *post = *result;
    if (!post)
        return;
    for_open_boxes(post, false);
    settle(post, UINT32_MAX, true);
    atomic_store(&post->is_closing, true);
    if (post->has_postman)
        pthread_join(post->postman, NULL);
    while (post->flying_count > 0)
        finish_flights(post);
    post->comm->office = NULL;
    for_open_boxes(post, true);
    stop_receiving(post);
    free_post(post);
    *result = NULL;
}
