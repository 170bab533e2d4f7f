/* sync/queue.c: mr_queue: opening it, ending it, and which part of it a letter is for. */
#include "sync/queue.h"

#include <stdlib.h>

#define USUAL_CAPACITY (UINT64_C(8) << 20)
#define LARGEST_CHUNK  (UINT64_C(256) << 10)
#define SMALLEST_CHUNK (UINT64_C(4) << 10) /* below that, credit is asked for item by item */

static void handle(mr_sync_object *object, int from, uint32_t kind, mr_bytes letter)
{
    mr_queue *queue = (mr_queue *)object;
    if (kind < MR_QUEUE_ITEMS)
        mr_queue_home_handle(queue, from, kind, letter);
    else if (kind < MR_QUEUE_GRANT)
        mr_queue_in_handle(queue, kind, letter);
    else
        mr_queue_out_handle(queue, kind, mr_queue_read(letter));
}

static void free_queue(mr_sync_object *object)
{
    mr_queue *queue = (mr_queue *)object;
    if (queue->filling)
        mr_queue_page_drop(queue->filling);
    for (mr_queue_page *page = queue->ready, *next; page; page = next) {
        next = page->next;
        mr_queue_page_drop(page);
    }
    mr_queue_pieces_free(&queue->inbox);
    if (queue->arriving.page)
        mr_queue_page_drop(queue->arriving.page);
    mr_queue_home_free(queue->home);
    pthread_mutex_destroy(&queue->out);
    pthread_mutex_destroy(&queue->in);
}

static const mr_sync_kind kind_of_queue = {.name = "queue",
                                           .size = sizeof(mr_queue),
                                           .handle = handle,
                                           .flush = mr_queue_flush,
                                           .sent = mr_queue_sent,
                                           .heard = mr_queue_heard,
                                           .free = free_queue};

static mr_status prepare(mr_queue *queue, uint64_t capacity)
{
    const uint64_t ranks = (uint64_t)queue->object.room->ranks;
    pthread_mutex_init(&queue->out, NULL);
    pthread_mutex_init(&queue->in, NULL);
    queue->capacity = capacity ? capacity : USUAL_CAPACITY;
    queue->chunk = queue->capacity / (4 * ranks);
    if (queue->chunk > LARGEST_CHUNK)
        queue->chunk = LARGEST_CHUNK;
    if (queue->chunk < SMALLEST_CHUNK)
        queue->chunk = 0;
    if (queue->object.home == queue->object.room->rank)
        queue->home = mr_queue_home_make(queue);
    return queue->object.home != queue->object.room->rank || queue->home ? MR_OK : MR_NO_MEMORY;
}

mr_status mr_queue_open(mr_job *job, const char *name, const mr_queue_options *options,
                        mr_queue **queue)
{
    mr_sync_object *object;
    const mr_queue_options usual = {.size = sizeof usual}, *o = options ? options : &usual;
    *queue = NULL;
    if (o->size != sizeof usual || o->home < 0 || o->home >= mr_job_ranks(job)) {
        mr_job_fail(job, MR_USAGE, "cannot open: queue %s: its home is no rank, or size is wrong",
                    name ? name : "");
        return mr_job_agree(job);
    }
    MR_TRY(mr_sync_open(job, name, &kind_of_queue, o->home, &object));
    return mr_sync_opened(object, prepare((mr_queue *)object, o->capacity),
                          (mr_sync_object **)queue);
}

mr_status mr_queue_end(mr_queue *queue)
{
    return mr_sync_call(&queue->object, MR_QUEUE_END, NULL, MR_FOREVER);
}

mr_status mr_queue_join(mr_queue *queue, double seconds)
{
    return mr_sync_call(&queue->object, MR_QUEUE_JOIN, NULL, seconds);
}

mr_status mr_queue_length(mr_queue *queue, uint64_t *items)
{
    int64_t numbers[2] = {0, 0};
    MR_TRY(mr_sync_call(&queue->object, MR_QUEUE_LENGTH, numbers, MR_FOREVER));
    *items = (uint64_t)numbers[0];
    return MR_OK;
}

mr_status mr_queue_close(mr_queue **queue)
{
    return mr_sync_end((mr_sync_object **)queue);
}
