/*
 * tasks/pool_ready.c: records that are ready, by priority, and of the same priority in the order in
 * which they came.
 */
#include "tasks/pool.h"

#include <stdlib.h>

static bool goes_before(const mr_future *a, const mr_future *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->number < b->number;
}

static mr_status heap_put(mr_ready *ready, mr_future *record)
{
    if (ready->heap_count == ready->heap_room) {
        size_t room = ready->heap_room ? 2 * ready->heap_room : 64;
        mr_future **grown = realloc(ready->heap, room * sizeof(mr_future *));
        if (!grown)
            return MR_NO_MEMORY;
        ready->heap = grown;
        ready->heap_room = room;
    }
    size_t at = ready->heap_count++;
    for (; at > 0 && goes_before(record, ready->heap[(at - 1) / 2]); at = (at - 1) / 2)
        ready->heap[at] = ready->heap[(at - 1) / 2];
    ready->heap[at] = record;
    return MR_OK;
}

static mr_future *heap_take(mr_ready *ready)
{
    mr_future *top = ready->heap[0], *last = ready->heap[--ready->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < ready->heap_count; at = child) {
        if (child + 1 < ready->heap_count &&
            goes_before(ready->heap[child + 1], ready->heap[child]))
            child++;
        if (!goes_before(ready->heap[child], last))
            break;
        ready->heap[at] = ready->heap[child];
    }
    ready->heap[at] = last;
    return top;
}

static mr_status row_put(mr_ready *ready, mr_future *record)
{
    record->next = NULL;
    if (ready->last)
        ready->last->next = record;
    else
        ready->first = record;
    ready->last = record;
    ready->row++;
    return MR_OK;
}

static mr_future *row_take(mr_ready *ready)
{
    mr_future *record = ready->first;
    ready->first = record->next;
    if (!ready->first)
        ready->last = NULL;
    ready->row--;
    return record;
}

/* Without memory for the heap the order suffers, and nothing is lost. */
mr_status mr_ready_put(mr_ready *ready, mr_future *record)
{
    if (record->priority != 0 && heap_put(ready, record) == MR_OK)
        return MR_OK;
    return row_put(ready, record);
}

bool mr_ready_is_empty(const mr_ready *ready)
{
    return !ready->first && ready->heap_count == 0;
}

static bool heap_is_next(const mr_ready *ready)
{
    return ready->heap_count > 0 && (!ready->first || ready->heap[0]->priority > 0);
}

mr_future *mr_ready_take(mr_ready *ready)
{
    if (heap_is_next(ready))
        return heap_take(ready);
    return ready->first ? row_take(ready) : NULL;
}

double mr_ready_priority(const mr_ready *ready)
{
    return heap_is_next(ready) ? ready->heap[0]->priority : 0;
}

void mr_ready_free(mr_ready *ready)
{
    free(ready->heap);
    *ready = (mr_ready){0};
}
