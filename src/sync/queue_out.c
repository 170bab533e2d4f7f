/*
 * sync/queue_out.c: putting. Threads of a rank fill one page together. Pages leave in their order,
 * sent by one thread at a time: who finds another one at it leaves its page to that.
 */
#include "sync/queue.h"

/* A thread that waits for credit; those that come after it wait behind it. */
struct mr_queue_putter {
    struct mr_queue_putter *next;
    uint64_t charge;
    atomic_bool is_served;
    bool once; /* it leaves when it would have to wait */
    mr_queue *queue;
};

typedef struct want {
    uint64_t credit, back;
    bool is_urgent;
} want;

/* ---- Sending ---- */

static void make_ready(mr_queue *queue, mr_queue_page *page)
{
    if (queue->ready_last)
        queue->ready_last->next = page;
    else
        queue->ready = page;
    queue->ready_last = page;
    queue->pages++;
}

static void turn_page(mr_queue *queue)
{
    if (queue->filling)
        make_ready(queue, queue->filling);
    queue->filling = NULL;
}

static mr_queue_page *next_ready(mr_queue *queue)
{
    mr_queue_page *page = queue->ready;
    if (page) {
        queue->ready = page->next;
        if (!queue->ready)
            queue->ready_last = NULL;
        page->next = NULL;
    }
    return page;
}

static void send_page(mr_queue *queue, mr_queue_page *page)
{
    mr_queue_send_items(queue, queue->object.home, MR_QUEUE_PAGE_PUT, page, 0, page->size);
}

/* What follows the pages: that items are done with, which home must not hear before it has what
 * was put before. `out` is held, and let go meanwhile. False: there is nothing to say. */
static bool send_rest(mr_queue *queue)
{
    const uint64_t done = queue->done;
    const bool owes = queue->owes_round;
    if (queue->filling && (done || owes)) {
        turn_page(queue);
        return true;
    }
    if (!done && !owes)
        return false;
    queue->done = 0;
    queue->owes_round = false;
    queue->pages += done > 0;
    pthread_mutex_unlock(&queue->out);
    if (done)
        mr_queue_send(queue, queue->object.home, MR_QUEUE_DONE, done, 0, 0);
    if (owes)
        mr_queue_send(queue, queue->object.home, MR_QUEUE_FLUSHED, 0, 0, 0);
    pthread_mutex_lock(&queue->out);
    return true;
}

void mr_queue_flush(mr_sync_object *object)
{
    mr_queue *queue = (mr_queue *)object;
    pthread_mutex_lock(&queue->out);
    turn_page(queue);
    while (!queue->is_sending && (queue->ready || queue->done || queue->owes_round)) {
        mr_queue_page *page;
        queue->is_sending = true;
        while ((page = next_ready(queue))) {
            pthread_mutex_unlock(&queue->out);
            send_page(queue, page);
            pthread_mutex_lock(&queue->out);
        }
        send_rest(queue);
        queue->is_sending = false;
    }
    pthread_mutex_unlock(&queue->out);
}

uint64_t mr_queue_sent(mr_sync_object *object)
{
    mr_queue *queue = (mr_queue *)object;
    pthread_mutex_lock(&queue->out);
    const uint64_t pages = queue->pages + (queue->filling != NULL) + (queue->done > 0);
    pthread_mutex_unlock(&queue->out);
    return pages;
}

uint64_t mr_queue_heard(mr_sync_object *object)
{
    mr_queue *queue = (mr_queue *)object;
    pthread_mutex_lock(&queue->out);
    const uint64_t arrived = queue->arrived;
    pthread_mutex_unlock(&queue->out);
    return arrived;
}

/* ---- Credit ---- */

static void pop_putter(mr_queue *queue)
{
    queue->putters = queue->putters->next;
    if (!queue->putters)
        queue->putters_last = NULL;
}

static void serve_putters(mr_queue *queue)
{
    while (queue->putters && queue->credit >= queue->putters->charge) {
        mr_queue_putter *putter = queue->putters;
        queue->credit -= putter->charge;
        pop_putter(queue);
        atomic_store(&putter->is_served, true);
    }
}

/* Who has to wait holds no credit meanwhile, so two ranks never wait for each other's. */
static want what_to_want(mr_queue *queue)
{
    want w = {0};
    if (queue->has_asked || queue->has_ended)
        return w;
    if (queue->putters)
        w = (want){queue->putters->charge, queue->credit, true};
    else if (queue->credit < queue->chunk / 2)
        w = (want){queue->chunk, 0, false};
    queue->has_asked = w.credit > 0;
    queue->credit -= w.back;
    return w;
}

static void send_want(mr_queue *queue, const want *w)
{
    if (w->credit || w->back)
        mr_queue_send(queue, queue->object.home, MR_QUEUE_WANT, w->credit, w->back, w->is_urgent);
}

static bool may_put(void *context)
{
    mr_queue_putter *putter = context;
    mr_queue *queue = putter->queue;
    return atomic_load(&putter->is_served) || atomic_load(&queue->has_ended) ||
           (putter->once && atomic_load(&queue->is_refused));
}

static void line_up(mr_queue *queue, mr_queue_putter *putter)
{
    if (queue->putters_last)
        queue->putters_last->next = putter;
    else
        queue->putters = putter;
    queue->putters_last = putter;
}

/* Whether it was still in line. */
static bool leave_line(mr_queue *queue, mr_queue_putter *putter)
{
    mr_queue_putter **at = &queue->putters, *before = NULL;
    while (*at && *at != putter) {
        before = *at;
        at = &before->next;
    }
    if (!*at)
        return false;
    *at = putter->next;
    if (queue->putters_last == putter)
        queue->putters_last = before;
    return true;
}

/* `out` is held, and let go meanwhile. */
static mr_status wait_for_credit(mr_queue *queue, mr_sync_hand *hand, uint64_t charge,
                                 double seconds)
{
    mr_queue_putter putter = {.charge = charge, .once = !(seconds > 0), .queue = queue};
    const double deadline = putter.once ? MR_POST_NEVER : mr_sync_deadline(seconds);
    line_up(queue, &putter);
    const want w = what_to_want(queue);
    pthread_mutex_unlock(&queue->out);
    mr_queue_flush(&queue->object);
    send_want(queue, &w);
    mr_status status = MR_CLOSED;
    if (mr_sync_enter(&queue->object)) {
        status = mr_sync_wait(&queue->object, hand, may_put, &putter, deadline);
        mr_sync_leave(&queue->object);
    }
    pthread_mutex_lock(&queue->out);
    if (!leave_line(queue, &putter))
        return MR_OK;
    if (status == MR_OK)
        status = queue->has_ended ? MR_CLOSED : MR_TIMED_OUT;
    return status;
}

/* ---- Putting ---- */

/* Into the page that is being filled, or a new one, or one of its own. */
static bool append(mr_queue *queue, mr_bytes item, mr_queue_page *own)
{
    const size_t record = mr_queue_record(item.size);
    mr_queue_page *page = queue->filling;
    if (own) {
        turn_page(queue);
        make_ready(queue, own);
        return true;
    }
    if (page && page->room - page->size < record) {
        turn_page(queue);
        page = NULL;
    }
    if (!page)
        page = queue->filling = mr_queue_page_make(MR_QUEUE_PAGE);
    if (!page)
        return false;
    mr_queue_page_append(page, item);
    return true;
}

static mr_status put(mr_queue *queue, mr_sync_hand *hand, mr_bytes item, mr_queue_page *own,
                     double seconds)
{
    const uint64_t charge = mr_queue_charge(queue, item.size);
    mr_status status = MR_OK;
    pthread_mutex_lock(&queue->out);
    if (queue->has_ended)
        status = MR_CLOSED;
    else if (!queue->putters && queue->credit >= charge)
        queue->credit -= charge;
    else
        status = wait_for_credit(queue, hand, charge, seconds);
    if (status == MR_OK && !append(queue, item, own)) {
        queue->credit += charge;
        status = MR_NO_MEMORY;
    }
    const want w = what_to_want(queue);
    const bool leaves = queue->ready || queue->is_hungry;
    if (leaves && status == MR_OK)
        queue->is_hungry = false;
    pthread_mutex_unlock(&queue->out);
    if (leaves)
        mr_queue_flush(&queue->object);
    send_want(queue, &w);
    return status;
}

mr_status mr_queue_put(mr_queue *queue, mr_bytes item, double seconds)
{
    mr_sync_hand *hand = mr_sync_hand_of(queue->object.room);
    mr_queue_page *own = NULL;
    const size_t record = mr_queue_record(item.size);
    if (!hand)
        return MR_NO_MEMORY;
    if (mr_post_stopped(queue->object.post))
        return MR_FAILED;
    if (record > MR_QUEUE_PAGE) {
        own = mr_queue_page_make(record);
        if (!own)
            return MR_NO_MEMORY;
        mr_queue_page_append(own, item);
    }
    atomic_fetch_add_explicit(&queue->object.counts.operations, 1, memory_order_relaxed);
    hand->has_put = true;
    mr_status status = put(queue, hand, item, own, seconds);
    if (own && status != MR_OK)
        mr_queue_page_drop(own);
    return status;
}

mr_status mr_queue_task_done(mr_queue *queue)
{
    mr_sync_hand *hand = mr_sync_hand_of(queue->object.room);
    if (!hand)
        return MR_NO_MEMORY;
    if (mr_post_stopped(queue->object.post))
        return MR_FAILED;
    hand->has_put = true;
    pthread_mutex_lock(&queue->out);
    queue->done++;
    pthread_mutex_unlock(&queue->out);
    return MR_OK;
}

/* ---- What home says ---- */

static void granted(mr_queue *queue, uint64_t credit, bool is_hungry)
{
    pthread_mutex_lock(&queue->out);
    queue->credit += credit;
    queue->has_asked = false;
    queue->is_refused = false;
    queue->is_hungry = queue->is_hungry || is_hungry;
    serve_putters(queue);
    want w = {0};
    if (queue->putters)
        w = what_to_want(queue);
    pthread_mutex_unlock(&queue->out);
    send_want(queue, &w);
}

static void give_back(mr_queue *queue)
{
    pthread_mutex_lock(&queue->out);
    const want w = {0, queue->credit, false};
    queue->credit = 0;
    pthread_mutex_unlock(&queue->out);
    mr_queue_flush(&queue->object);
    send_want(queue, &w);
}

static void somebody_is_hungry(mr_queue *queue)
{
    pthread_mutex_lock(&queue->out);
    const bool has_some = queue->filling || queue->ready;
    queue->is_hungry = !has_some;
    pthread_mutex_unlock(&queue->out);
    if (has_some)
        mr_queue_flush(&queue->object);
}

static void flush_for_round(mr_queue *queue, bool ends)
{
    pthread_mutex_lock(&queue->out);
    queue->has_ended |= ends;
    queue->owes_round = true;
    pthread_mutex_unlock(&queue->out);
    mr_queue_flush(&queue->object);
}

void mr_queue_out_handle(mr_queue *queue, uint32_t kind, mr_queue_note note)
{
    if (kind == MR_QUEUE_GRANT)
        granted(queue, note.a, note.b != 0);
    else if (kind == MR_QUEUE_GIVE)
        give_back(queue);
    else if (kind == MR_QUEUE_HUNGRY)
        somebody_is_hungry(queue);
    else if (kind == MR_QUEUE_ROUND)
        flush_for_round(queue, note.a != 0);
    else if (kind == MR_QUEUE_REFUSED)
        atomic_store(&queue->is_refused, true);
    else {
        pthread_mutex_lock(&queue->out);
        queue->arrived++;
        pthread_mutex_unlock(&queue->out);
    }
}
