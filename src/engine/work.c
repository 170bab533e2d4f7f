/* engine/work.c: the units that a rank has still to do. Knows nothing of what a unit is. */
#include "engine/feed.h"

void mr_work_start(mr_work *work, mr_range range)
{
    *work = (mr_work){.count = 1};
    pthread_mutex_init(&work->lock, NULL);
    work->ranges[0] = range;
}

void mr_work_end(mr_work *work)
{
    pthread_mutex_destroy(&work->lock);
}

static void drop_empty(mr_work *work)
{
    while (work->count > 0 && work->ranges[0].begin >= work->ranges[0].end) {
        work->count--;
        for (int i = 0; i < work->count; i++)
            work->ranges[i] = work->ranges[i + 1];
    }
}

bool mr_work_take(mr_work *work, uint64_t *unit)
{
    pthread_mutex_lock(&work->lock);
    drop_empty(work);
    bool found = work->count > 0;
    if (found)
        *unit = work->ranges[0].begin++;
    pthread_mutex_unlock(&work->lock);
    return found;
}

static uint64_t left(const mr_work *work)
{
    uint64_t sum = 0;
    for (int i = 0; i < work->count; i++)
        sum += work->ranges[i].end - work->ranges[i].begin;
    return sum;
}

uint64_t mr_work_left(mr_work *work)
{
    pthread_mutex_lock(&work->lock);
    uint64_t sum = left(work);
    pthread_mutex_unlock(&work->lock);
    return sum;
}

mr_range mr_work_give(mr_work *work)
{
    mr_range gift = {0, 0};
    pthread_mutex_lock(&work->lock);
    drop_empty(work);
    if (work->count > 0) {
        mr_range *last = &work->ranges[work->count - 1];
        uint64_t size = last->end - last->begin, half = (left(work) + 1) / 2;
        gift = (mr_range){last->end - (half < size ? half : size), last->end};
        last->end = gift.begin;
        if (last->begin == last->end)
            work->count--;
    }
    pthread_mutex_unlock(&work->lock);
    return gift;
}

void mr_work_add(mr_work *work, mr_range range)
{
    pthread_mutex_lock(&work->lock);
    drop_empty(work);
    /* Ranks ask only when they have nothing, so that there is always room. */
    if (work->count < MR_WORK_RANGES)
        work->ranges[work->count++] = range;
    work->stolen += range.end - range.begin;
    pthread_mutex_unlock(&work->lock);
}
