/* sync/room.c: made with the first object of a job, freed by the office when it closes. */
#include "sync/room.h"

#include "base/clock.h"
#include "base/stray.h"
#include "sync/object.h"
#include "sync/watch.h"

#include <stdlib.h>

/* How long an agreement waits for threads that never stop telling things. */
#define SETTLE_SECONDS 1.0

static _Atomic(mr_sync_hand *) *list_of(mr_sync_room *room, uintptr_t thread)
{
    return &room->hands[(thread * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
}

static mr_sync_hand *add_hand(mr_sync_room *room, uintptr_t thread)
{
    mr_sync_hand *hand = calloc(1, sizeof *hand);
    if (!hand)
        return NULL;
    hand->thread = thread;
    hand->number = pthread_equal(pthread_self(), room->main_thread)
                       ? 0
                       : atomic_fetch_add(&room->hand_count, 1) + 1;
    _Atomic(mr_sync_hand *) *list = list_of(room, thread);
    pthread_mutex_lock(&room->lock);
    hand->next = atomic_load(list);
    atomic_store(list, hand);
    pthread_mutex_unlock(&room->lock);
    return hand;
}

mr_sync_hand *mr_sync_hand_of(mr_sync_room *room)
{
    const uintptr_t thread = (uintptr_t)pthread_self();
    mr_sync_hand *hand = atomic_load_explicit(list_of(room, thread), memory_order_acquire);
    while (hand && hand->thread != thread)
        hand = hand->next;
    return hand ? hand : add_hand(room, thread);
}

/* The first object, or the one behind `before`, which is let go: it stays as long as it is used.
 * One that is closing is passed over. */
static mr_sync_object *next_object(mr_sync_room *room, mr_sync_object *before)
{
    pthread_mutex_lock(&room->lock);
    mr_sync_object *object = before ? before->next : room->objects;
    while (object && (atomic_load(&object->closing) || !object->kind->flush))
        object = object->next;
    if (object)
        atomic_fetch_add(&object->users, 1);
    pthread_mutex_unlock(&room->lock);
    if (before)
        atomic_fetch_sub(&before->users, 1);
    return object;
}

static void flush_objects(mr_sync_room *room)
{
    for (mr_sync_object *object = next_object(room, NULL); object;
         object = next_object(room, object))
        object->kind->flush(object);
}

void mr_sync_flush(mr_sync_room *room, mr_sync_hand *hand)
{
    if (hand->has_put)
        flush_objects(room);
    hand->has_put = false;
}

typedef struct arrival {
    mr_sync_object *object;
    uint64_t sent;
} arrival;

static bool has_arrived(void *context)
{
    const arrival *a = context;
    return a->object->kind->heard(a->object) >= a->sent || atomic_load(&a->object->closing);
}

static mr_status settle_objects(mr_sync_room *room, double deadline)
{
    mr_status status = MR_OK;
    for (mr_sync_object *object = next_object(room, NULL); object;
         object = next_object(room, object)) {
        arrival a = {object, object->kind->sent ? object->kind->sent(object) : 0};
        if (status == MR_OK && a.sent > 0)
            status = mr_post_wait(room->post, has_arrived, &a, deadline);
    }
    return status;
}

static bool is_heard(void *hand)
{
    return atomic_load(&((mr_sync_hand *)hand)->unheard) <= 0;
}

mr_status mr_sync_fence(mr_sync_room *room, mr_sync_hand *hand, int to)
{
    if (hand->has_put) {
        mr_sync_flush(room, hand);
        MR_TRY(settle_objects(room, MR_POST_NEVER));
    }
    if (is_heard(hand) || hand->unheard_at == to)
        return MR_OK;
    return mr_post_wait(room->post, is_heard, hand, MR_POST_NEVER);
}

/* Before all agree: what any thread of this rank has told others until now has arrived. */
static void settle(mr_job *job)
{
    mr_sync_room *room = job->sync;
    const double deadline = mr_clock_now() + SETTLE_SECONDS;
    flush_objects(room);
    settle_objects(room, deadline);
    for (int i = 0; i < MR_SYNC_HANDS; i++)
        for (mr_sync_hand *hand = atomic_load(&room->hands[i]); hand; hand = hand->next)
            if (!is_heard(hand))
                mr_post_wait(room->post, is_heard, hand, deadline);
}

void mr_sync_no_memory(mr_sync_room *room, const char *what)
{
    mr_error error = {.code = MR_OK};
    mr_error_set(&error, MR_NO_MEMORY, "out of memory: %s: raise --memory or use more ranks", what);
    mr_post_fail(room->post, &error);
}

static void destroy(void *context)
{
    mr_sync_room *room = context;
    room->job->sync = NULL;
    room->job->settle = NULL;
    mr_sync_watch_free(room->watch);
    if (mr_stray_count() > 0)
        return;
    for (int i = 0; i < MR_SYNC_HANDS; i++)
        for (mr_sync_hand *hand = atomic_load(&room->hands[i]), *next; hand; hand = next) {
            next = hand->next;
            free(hand);
        }
    pthread_mutex_destroy(&room->lock);
    free(room);
}

static mr_status make(mr_job *job, mr_post *post)
{
    mr_sync_room *room = calloc(1, sizeof *room);
    if (!room)
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: what ranks share");
    pthread_mutex_init(&room->lock, NULL);
    room->job = job;
    room->post = post;
    room->rank = mr_job_rank(job);
    room->ranks = mr_job_ranks(job);
    room->main_thread = pthread_self();
    const mr_post_room box = {
        .handler = mr_sync_watch_handle, .destroy = destroy, .tick = mr_sync_watch_tick};
    mr_status status = mr_sync_watch_make(&room->watch, room, job->error);
    if (status == MR_OK)
        status = mr_post_box_open(post, &box, room, &room->box, job->error);
    if (status == MR_OK)
        job->sync = room;
    return status;
}

mr_status mr_sync_room_of(mr_job *job, mr_sync_room **room)
{
    mr_post *post;
    MR_TRY(mr_job_post(job, &post));
    if (!job->sync) {
        make(job, post);
        MR_TRY(mr_job_agree(job));
        job->settle = settle;
    }
    *room = job->sync;
    return MR_OK;
}
