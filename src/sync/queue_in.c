/* sync/queue_in.c: getting. Threads of a rank that wait are served first come, first served. */
#include "sync/queue.h"

/* A thread that waits for an item. */
struct mr_queue_getter {
    struct mr_queue_getter *next;
    uint64_t ticket;
    mr_item *item;
    _Atomic(int) outcome; /* WAITS, or the status that it leaves with, plus 1 */
};

enum { WAITS = 0 };

static bool is_out(void *getter)
{
    return atomic_load(&((mr_queue_getter *)getter)->outcome) != WAITS;
}

static void finish(mr_queue_getter *getter, mr_status status)
{
    atomic_store(&getter->outcome, (int)status + 1);
}

static mr_queue_getter *next_getter(mr_queue *queue)
{
    mr_queue_getter *getter = queue->getters;
    queue->getters = getter->next;
    if (!queue->getters)
        queue->getters_last = NULL;
    queue->waiting--;
    return getter;
}

/* How many threads home does not know of yet. */
static uint64_t what_to_ask(mr_queue *queue)
{
    const uint64_t more = queue->waiting > queue->asked ? queue->waiting - queue->asked : 0;
    queue->asked += more;
    return more;
}

static void ask(mr_queue *queue, uint64_t more, uint64_t recalls)
{
    if (more)
        mr_queue_send(queue, queue->object.home, MR_QUEUE_TAKE, more, recalls, 0);
}

static void line_up(mr_queue *queue, mr_queue_getter *getter)
{
    getter->ticket = ++queue->tickets;
    if (queue->getters_last)
        queue->getters_last->next = getter;
    else
        queue->getters = getter;
    queue->getters_last = getter;
    queue->waiting++;
}

static void leave(mr_queue *queue, mr_queue_getter *getter)
{
    mr_queue_getter **at = &queue->getters, *before = NULL;
    pthread_mutex_lock(&queue->in);
    while (*at && *at != getter) {
        before = *at;
        at = &before->next;
    }
    if (*at) {
        *at = getter->next;
        if (queue->getters_last == getter)
            queue->getters_last = before;
        queue->waiting--;
    }
    pthread_mutex_unlock(&queue->in);
}

/* Home says whether it was in time to leave the line. */
static mr_status wait_in_line(mr_queue *queue, mr_sync_hand *hand, mr_queue_getter *getter,
                              double seconds)
{
    mr_sync_object *object = &queue->object;
    mr_status status = MR_TIMED_OUT;
    if (seconds > 0)
        status = mr_sync_wait(object, hand, is_out, getter, mr_sync_deadline(seconds));
    if (status == MR_TIMED_OUT) {
        mr_queue_send(queue, object->home, MR_QUEUE_LEAVE, getter->ticket, 0, 0);
        status = mr_sync_wait(object, hand, is_out, getter, MR_POST_NEVER);
    }
    if (status != MR_OK)
        leave(queue, getter);
    const int outcome = atomic_load(&getter->outcome);
    return outcome == WAITS ? status : (mr_status)(outcome - 1);
}

/* Has lined up. */
static mr_status wait(mr_queue *queue, mr_sync_hand *hand, mr_queue_getter *getter, double seconds)
{
    mr_status status = MR_CLOSED;
    if (mr_sync_enter(&queue->object)) {
        status = wait_in_line(queue, hand, getter, seconds);
        mr_sync_leave(&queue->object);
    } else
        leave(queue, getter);
    return status;
}

static mr_status get(mr_queue *queue, mr_sync_hand *hand, mr_item *item, double seconds)
{
    mr_queue_getter getter = {.item = item};
    uint64_t more = 0;
    pthread_mutex_lock(&queue->in);
    const bool has_some = queue->inbox.first, is_drained = queue->is_drained;
    if (has_some)
        mr_queue_pieces_take(queue, &queue->inbox, item);
    else if (!is_drained) {
        line_up(queue, &getter);
        more = what_to_ask(queue);
    }
    const uint64_t recalls = queue->recalls;
    pthread_mutex_unlock(&queue->in);
    if (has_some || is_drained)
        return has_some ? MR_OK : MR_CLOSED;
    mr_sync_flush(queue->object.room, hand);
    ask(queue, more, recalls);
    return wait(queue, hand, &getter, seconds);
}

mr_status mr_queue_get(mr_queue *queue, mr_item *item, double seconds)
{
    mr_sync_hand *hand = mr_sync_hand_of(queue->object.room);
    *item = (mr_item){{NULL, 0}, NULL};
    if (!hand)
        return MR_NO_MEMORY;
    if (mr_post_stopped(queue->object.post))
        return MR_FAILED;
    atomic_fetch_add_explicit(&queue->object.counts.operations, 1, memory_order_relaxed);
    return get(queue, hand, item, seconds);
}

/* ---- What home says ---- */

static void take_in(mr_queue *queue, mr_bytes letter)
{
    mr_queue_pieces more = {0};
    if (!mr_queue_receive(queue, &queue->arriving, letter, &more))
        return;
    pthread_mutex_lock(&queue->in);
    queue->asked -= more.items < queue->asked ? more.items : queue->asked;
    mr_queue_pieces_join(&queue->inbox, &more, false);
    while (queue->getters && queue->inbox.first) {
        mr_queue_getter *getter = next_getter(queue);
        mr_queue_pieces_take(queue, &queue->inbox, getter->item);
        finish(getter, MR_OK);
    }
    const uint64_t missing = what_to_ask(queue), recalls = queue->recalls;
    pthread_mutex_unlock(&queue->in);
    ask(queue, missing, recalls);
}

/* From now on home knows of those that wait by this answer, and not by what was asked before. */
static void give_back(mr_queue *queue)
{
    pthread_mutex_lock(&queue->in);
    mr_queue_pieces back = queue->inbox;
    queue->inbox = (mr_queue_pieces){0};
    queue->asked = queue->waiting;
    queue->recalls++;
    const uint64_t waiting = queue->waiting;
    pthread_mutex_unlock(&queue->in);
    mr_queue_send_pieces(queue, queue->object.home, MR_QUEUE_BACK, &back);
    mr_queue_send(queue, queue->object.home, MR_QUEUE_RETURNED, waiting, 0, 0);
}

static void has_left(mr_queue *queue, uint64_t ticket, bool was_in_line)
{
    mr_queue_getter **at = &queue->getters, *before = NULL;
    pthread_mutex_lock(&queue->in);
    queue->asked -= was_in_line && queue->asked > 0;
    while (*at && (*at)->ticket != ticket) {
        before = *at;
        at = &before->next;
    }
    mr_queue_getter *getter = was_in_line ? *at : NULL;
    if (getter) {
        *at = getter->next;
        if (queue->getters_last == getter)
            queue->getters_last = before;
        queue->waiting--;
        finish(getter, MR_TIMED_OUT);
    }
    const uint64_t missing = what_to_ask(queue), recalls = queue->recalls;
    pthread_mutex_unlock(&queue->in);
    ask(queue, missing, recalls);
}

static void drained(mr_queue *queue)
{
    pthread_mutex_lock(&queue->in);
    queue->is_drained = true;
    queue->asked = 0;
    while (queue->getters)
        finish(next_getter(queue), MR_CLOSED);
    pthread_mutex_unlock(&queue->in);
}

void mr_queue_in_handle(mr_queue *queue, uint32_t kind, mr_bytes letter)
{
    mr_queue_note note = {0};
    if (kind == MR_QUEUE_ITEMS) {
        take_in(queue, letter);
        return;
    }
    note = mr_queue_read(letter);
    if (kind == MR_QUEUE_RECALL)
        give_back(queue);
    else if (kind == MR_QUEUE_LEFT)
        has_left(queue, note.a, note.b != 0);
    else
        drained(queue);
}
