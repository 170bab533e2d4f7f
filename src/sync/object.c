/* sync/object.c: opening, closing, asking, answering. */
#include "sync/object.h"

#include "base/clock.h"
#include "base/stray.h"
#include "sync/report.h"

#include <stdlib.h>

/* A wait is counted as one above that. */
#define MOMENT 20e-6

/* Of a letter's kind: nobody waits for an answer, but it is confirmed. */
#define TOLD UINT32_C(0x80000000)

typedef struct answer {
    uint64_t hand, ticket;
    int64_t numbers[2];
    int32_t status, unused;
} answer;

/* ---- Waiting ---- */

double mr_sync_deadline(double seconds)
{
    if (seconds >= MR_FOREVER)
        return MR_POST_NEVER;
    return mr_clock_now() + (seconds > 0 ? seconds : 0);
}

typedef struct waiting {
    mr_sync_object *object;
    bool (*ready)(void *context);
    void *context;
} waiting;

static bool is_over(void *context)
{
    const waiting *w = context;
    return w->ready(w->context) || atomic_load(&w->object->closing);
}

static void count_wait(mr_sync_counts *counts, double seconds)
{
    uint64_t took = (uint64_t)(seconds * 1e9), longest = atomic_load(&counts->longest);
    if (seconds > MOMENT)
        atomic_fetch_add_explicit(&counts->waits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->nanoseconds, took, memory_order_relaxed);
    while (took > longest && !atomic_compare_exchange_weak(&counts->longest, &longest, took))
        ;
}

mr_status mr_sync_wait(mr_sync_object *object, mr_sync_hand *hand, bool (*ready)(void *context),
                       void *context, double deadline)
{
    waiting w = {object, ready, context};
    const double since = mr_clock_now();
    atomic_store_explicit(&hand->since, since, memory_order_relaxed);
    atomic_store_explicit(&hand->is_patient, deadline >= MR_POST_NEVER, memory_order_relaxed);
    atomic_store(&hand->waits_for, object);
    mr_status status = mr_post_wait(object->post, is_over, &w, deadline);
    atomic_store(&hand->waits_for, NULL);
    count_wait(&object->counts, mr_clock_now() - since);
    if (status == MR_OK && atomic_load(&object->closing) && !ready(context))
        return MR_CLOSED;
    return status;
}

bool mr_sync_enter(mr_sync_object *object)
{
    atomic_fetch_add(&object->users, 1);
    if (!atomic_load(&object->closing))
        return true;
    mr_sync_leave(object);
    return false;
}

void mr_sync_leave(mr_sync_object *object)
{
    atomic_fetch_sub(&object->users, 1);
}

static bool is_answered(void *context)
{
    mr_sync_hand *hand = context;
    return atomic_load(&hand->answered) == atomic_load(&hand->ticket);
}

static void send_ask(mr_sync_object *object, uint32_t kind, const mr_sync_ask *ask)
{
    mr_post_send(object->post, object->home, object->box, kind,
                 (mr_bytes){(const char *)ask, sizeof *ask}, (mr_bytes){0});
}

static mr_status ask_and_wait(mr_sync_object *object, mr_sync_hand *hand, uint32_t kind,
                              int64_t numbers[2], double seconds)
{
    MR_TRY(mr_sync_fence(object->room, hand, object->home));
    const double deadline = seconds > 0 ? mr_sync_deadline(seconds) : MR_POST_NEVER;
    const mr_sync_ask ask = {.hand = (uintptr_t)hand,
                             .ticket = atomic_fetch_add(&hand->ticket, 1) + 1,
                             .numbers = {numbers ? numbers[0] : 0, numbers ? numbers[1] : 0},
                             .thread = hand->number,
                             .once = !(seconds > 0)};
    send_ask(object, kind, &ask);
    mr_status status = mr_sync_wait(object, hand, is_answered, hand, deadline);
    if (status == MR_TIMED_OUT) {
        send_ask(object, MR_SYNC_WITHDRAW, &ask);
        status = mr_sync_wait(object, hand, is_answered, hand, MR_POST_NEVER);
    }
    MR_TRY(status);
    if (numbers)
        memcpy(numbers, hand->numbers, sizeof hand->numbers);
    return hand->status;
}

mr_status mr_sync_call(mr_sync_object *object, uint32_t kind, int64_t numbers[2], double seconds)
{
    mr_sync_hand *hand = mr_sync_hand_of(object->room);
    if (!hand)
        return MR_NO_MEMORY;
    if (!mr_sync_enter(object))
        return MR_CLOSED;
    atomic_fetch_add_explicit(&object->counts.operations, 1, memory_order_relaxed);
    mr_status status = ask_and_wait(object, hand, kind, numbers, seconds);
    mr_sync_leave(object);
    return status;
}

mr_status mr_sync_tell(mr_sync_object *object, uint32_t kind, int64_t number)
{
    mr_sync_hand *hand = mr_sync_hand_of(object->room);
    if (!hand)
        return MR_NO_MEMORY;
    if (mr_post_stopped(object->post))
        return MR_FAILED;
    MR_TRY(mr_sync_fence(object->room, hand, object->home));
    if (atomic_fetch_add(&hand->unheard, 1) == 0)
        hand->unheard_at = object->home;
    const mr_sync_ask ask = {
        .hand = (uintptr_t)hand, .numbers = {number, 0}, .thread = hand->number};
    atomic_fetch_add_explicit(&object->counts.operations, 1, memory_order_relaxed);
    send_ask(object, kind | TOLD, &ask);
    return MR_OK;
}

/* ---- Answers ---- */

static void take_answer(const answer *a)
{
    mr_sync_hand *hand = (mr_sync_hand *)(uintptr_t)a->hand;
    if (atomic_load(&hand->ticket) != a->ticket)
        return;
    hand->status = (mr_status)a->status;
    memcpy(hand->numbers, a->numbers, sizeof hand->numbers);
    atomic_store(&hand->answered, a->ticket);
}

void mr_sync_answer(mr_sync_object *object, const mr_sync_asker *who, mr_status status,
                    int64_t first, int64_t second)
{
    const answer a = {who->hand, who->ticket, {first, second}, (int32_t)status, 0};
    if (who->rank == object->room->rank)
        take_answer(&a);
    else
        mr_post_send(object->post, who->rank, object->box, MR_SYNC_ANSWER,
                     (mr_bytes){(const char *)&a, sizeof a}, (mr_bytes){0});
}

mr_sync_ask mr_sync_read(mr_bytes letter)
{
    mr_sync_ask ask;
    memcpy(&ask, letter.data, sizeof ask);
    return ask;
}

mr_sync_asker mr_sync_asker_of(int from, const mr_sync_ask *ask)
{
    return (mr_sync_asker){ask->hand, ask->ticket, from, ask->thread};
}

/* ---- The line ---- */

void mr_sync_line_put(mr_sync_object *object, const mr_sync_asker *who, uint64_t mark)
{
    mr_sync_waiter *waiter = malloc(sizeof *waiter);
    if (!waiter) {
        mr_sync_no_memory(object->room, object->name);
        return;
    }
    *waiter = (mr_sync_waiter){NULL, *who, mark};
    mr_sync_line *line = &object->line;
    if (line->last)
        line->last->next = waiter;
    else
        line->first = waiter;
    line->last = waiter;
    line->count++;
}

void mr_sync_line_up(mr_sync_object *object, int from, const mr_sync_ask *ask, uint64_t mark)
{
    const mr_sync_asker who = mr_sync_asker_of(from, ask);
    if (ask->once)
        mr_sync_answer(object, &who, MR_TIMED_OUT, 0, 0);
    else
        mr_sync_line_put(object, &who, mark);
}

bool mr_sync_next(mr_sync_object *object, mr_sync_asker *who, uint64_t *mark)
{
    mr_sync_line *line = &object->line;
    mr_sync_waiter *waiter = line->first;
    if (!waiter)
        return false;
    *who = waiter->who;
    if (mark)
        *mark = waiter->mark;
    line->first = waiter->next;
    if (!line->first)
        line->last = NULL;
    line->count--;
    free(waiter);
    return true;
}

void mr_sync_line_free(mr_sync_line *line)
{
    for (mr_sync_waiter *waiter = line->first, *next; waiter; waiter = next) {
        next = waiter->next;
        free(waiter);
    }
    *line = (mr_sync_line){0};
}

/* Who is not in line any more has been answered: that answer is on its way. */
static void withdraw(mr_sync_object *object, int from, const mr_sync_ask *ask)
{
    mr_sync_line *line = &object->line;
    mr_sync_waiter **at = &line->first, *before = NULL;
    while (*at && ((*at)->who.rank != from || (*at)->who.hand != ask->hand ||
                   (*at)->who.ticket != ask->ticket)) {
        before = *at;
        at = &before->next;
    }
    mr_sync_waiter *waiter = *at;
    if (!waiter)
        return;
    *at = waiter->next;
    if (line->last == waiter)
        line->last = before;
    line->count--;
    const mr_sync_asker who = waiter->who;
    free(waiter);
    mr_sync_answer(object, &who, MR_TIMED_OUT, 0, 0);
    if (object->kind->withdraw)
        object->kind->withdraw(object, &who);
}

/* ---- Letters ---- */

static void confirm(mr_sync_object *object, int to, const mr_sync_ask *ask)
{
    if (to == object->room->rank)
        atomic_fetch_sub(&((mr_sync_hand *)(uintptr_t)ask->hand)->unheard, 1);
    else
        mr_post_send(object->post, to, object->box, MR_SYNC_HEARD,
                     (mr_bytes){(const char *)&ask->hand, sizeof ask->hand}, (mr_bytes){0});
}

static void take_heard(mr_bytes letter)
{
    uint64_t hand;
    memcpy(&hand, letter.data, sizeof hand);
    atomic_fetch_sub(&((mr_sync_hand *)(uintptr_t)hand)->unheard, 1);
}

static void handle(void *context, int from, uint32_t kind, mr_bytes letter)
{
    mr_sync_object *object = context;
    answer a;
    mr_sync_ask ask;
    switch (kind) {
    case MR_SYNC_ANSWER:
        memcpy(&a, letter.data, sizeof a);
        take_answer(&a);
        break;
    case MR_SYNC_WITHDRAW:
        ask = mr_sync_read(letter);
        withdraw(object, from, &ask);
        break;
    case MR_SYNC_HEARD:
        take_heard(letter);
        break;
    default:
        object->kind->handle(object, from, kind & ~TOLD, letter);
    }
    if (kind & TOLD) {
        ask = mr_sync_read(letter);
        confirm(object, from, &ask);
    }
}

/* ---- Opening and closing ---- */

static void free_object(mr_sync_object *object)
{
    if (object->kind->free)
        object->kind->free(object);
    mr_sync_line_free(&object->line);
    free(object->name);
    free(object);
}

static void halt(void *context)
{
    mr_sync_object *object = context;
    atomic_store(&object->closing, true);
    mr_post_wake(object->post);
}

static void destroy(void *context)
{
    if (mr_stray_count() == 0)
        free_object(context);
}

static void tick(void *context)
{
    mr_sync_object *object = context;
    object->kind->flush(object);
}

static void list_object(mr_sync_room *room, mr_sync_object *object)
{
    mr_sync_object **at = &room->objects;
    pthread_mutex_lock(&room->lock);
    object->number = room->opened++;
    while (*at)
        at = &(*at)->next;
    *at = object;
    pthread_mutex_unlock(&room->lock);
}

static void unlist_object(mr_sync_room *room, mr_sync_object *object)
{
    mr_sync_object **at = &room->objects;
    pthread_mutex_lock(&room->lock);
    while (*at != object)
        at = &(*at)->next;
    *at = object->next;
    pthread_mutex_unlock(&room->lock);
}

mr_status mr_sync_open(mr_job *job, const char *name, const mr_sync_kind *kind, int home,
                       mr_sync_object **result)
{
    mr_sync_room *room;
    *result = NULL;
    MR_TRY(mr_sync_room_of(job, &room));
    mr_sync_object *object = calloc(1, kind->size);
    char *copy = strdup(name ? name : kind->name);
    if (!object || !copy) {
        free(object);
        free(copy);
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: %s %s", kind->name, name);
    }
    object->kind = kind;
    object->room = room;
    object->post = room->post;
    object->name = copy;
    object->home = home < 0 ? (int)(room->opened % (uint32_t)room->ranks) : home;
    list_object(room, object);
    *result = object;
    return MR_OK;
}

static mr_status open_box(mr_sync_object *object)
{
    const mr_post_room box = {.handler = handle,
                              .halt = halt,
                              .destroy = destroy,
                              .tick = object->kind->flush ? tick : NULL};
    return mr_post_box_open(object->post, &box, object, &object->box, object->room->job->error);
}

mr_status mr_sync_opened(mr_sync_object *object, mr_status status, mr_sync_object **result)
{
    mr_job *job = object->room->job;
    *result = NULL;
    if (status == MR_OK)
        status = open_box(object);
    if (status != MR_OK) {
        mr_error_set(job->error, status, "cannot open: %s %s", object->kind->name, object->name);
        unlist_object(object->room, object);
        free_object(object);
    }
    MR_TRY(mr_job_agree(job));
    *result = object;
    return MR_OK;
}

mr_status mr_sync_make(mr_job *job, const char *name, const mr_sync_kind *kind,
                       mr_sync_object **result)
{
    mr_sync_object *object;
    *result = NULL;
    MR_TRY(mr_sync_open(job, name, kind, -1, &object));
    return mr_sync_opened(object, MR_OK, result);
}

static bool is_left(void *context)
{
    return atomic_load(&((mr_sync_object *)context)->users) == 0;
}

mr_status mr_sync_end(mr_sync_object **result)
{
    mr_sync_object *object = *result;
    *result = NULL;
    if (!object)
        return MR_OK;
    mr_job *job = object->room->job;
    MR_TRY(mr_job_agree(job));
    pthread_mutex_lock(&object->room->lock);
    atomic_store(&object->closing, true);
    pthread_mutex_unlock(&object->room->lock);
    if (object->kind->wake)
        object->kind->wake(object);
    mr_post_wake(object->post);
    MR_TRY(mr_post_wait(object->post, is_left, object, MR_POST_NEVER));
    mr_sync_report(object);
    MR_TRY(mr_post_box_close(object->post, object->box));
    unlist_object(object->room, object);
    free_object(object);
    return MR_OK;
}
