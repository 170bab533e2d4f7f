/*
 * tasks/pipeline_order.c: the list of all batches, on rank 0, in the order of the source: who may
 * be worked on, what comes of it, and how much may be under way.
 *
 * Nothing here can come to a standstill: the oldest batch may always go on, whatever memory is
 * left, and every thread that waits for memory takes older batches meanwhile. A kernel that waits
 * does not count among the workers of its stage.
 */
#include "tasks/pipeline_internal.h"

#include <stdlib.h>

/* ---- Lines of those that are ready ---- */

static bool has_worker(const pipe_line *line)
{
    return line->limit == 0 || line->running < line->limit;
}

/* In order: all before it have passed. What has passed a stage in order was the first of those that
 * had not, so the one before it tells about all. */
static bool is_its_turn(const pipe_batch *batch)
{
    return !batch->older || batch->older->stage > batch->stage;
}

void mr_pipeline_ready(pipeline *p, pipe_batch *batch)
{
    pipe_line *line = &p->lines[batch->stage];
    batch->state = PIPE_READY;
    batch->next = NULL;
    p->waiting++;
    if (pipe_in_order(p, batch->stage)) {
        if (is_its_turn(batch))
            line->turn = batch;
        return;
    }
    if (line->last)
        line->last->next = batch;
    else
        line->first = batch;
    line->last = batch;
}

static void leave_line(pipe_line *line, pipe_batch *batch)
{
    pipe_batch *before = NULL, *at = line->first;
    for (; at && at != batch; at = at->next)
        before = at;
    if (!at)
        return;
    if (before)
        before->next = batch->next;
    else
        line->first = batch->next;
    if (line->last == batch)
        line->last = before;
}

void mr_pipeline_take_from_line(pipeline *p, pipe_batch *batch)
{
    pipe_line *line = &p->lines[batch->stage];
    if (pipe_in_order(p, batch->stage)) {
        if (line->turn == batch)
            line->turn = NULL;
    } else
        leave_line(line, batch);
    p->waiting--;
}

bool mr_pipeline_count(pipeline *p, pipe_batch *batch)
{
    pipe_line *line = &p->lines[batch->stage];
    if (batch->is_counted)
        return true;
    if (!has_worker(line))
        return false;
    line->running++;
    batch->is_counted = true;
    return true;
}

void mr_pipeline_uncount(pipeline *p, pipe_batch *batch)
{
    if (batch->is_counted)
        p->lines[batch->stage].running--;
    batch->is_counted = false;
}

static bool can_run(const pipeline *p, const pipe_batch *batch)
{
    const pipe_line *line = &p->lines[batch->stage];
    if (batch->state != PIPE_READY)
        return false;
    return pipe_in_order(p, batch->stage) ? line->turn == batch : has_worker(line);
}

static pipe_batch *start(pipeline *p, pipe_batch *batch)
{
    if (batch) {
        mr_pipeline_take_from_line(p, batch);
        batch->state = PIPE_RUNNING;
        mr_pipeline_count(p, batch);
    }
    return batch;
}

static pipe_batch *find(pipeline *p)
{
    for (unsigned s = p->waiting ? p->stage_count : 0; s > 0; s--) {
        const pipe_line *line = &p->lines[s];
        pipe_batch *batch = pipe_in_order(p, s) ? line->turn : line->first;
        if (batch && (pipe_in_order(p, s) || has_worker(line)))
            return batch;
    }
    return NULL;
}

pipe_batch *mr_pipeline_take(pipeline *p, unsigned long *changes)
{
    pthread_mutex_lock(&p->lock);
    pipe_batch *batch = start(p, find(p));
    *changes = atomic_load(&p->changes);
    pthread_mutex_unlock(&p->lock);
    return batch;
}

pipe_batch *mr_pipeline_take_older(pipeline *p, const pipe_batch *before, bool head)
{
    pthread_mutex_lock(&p->lock);
    pipe_batch *batch = p->oldest;
    while (batch && batch != before && !can_run(p, batch))
        batch = head ? NULL : batch->newer;
    if (batch == before)
        batch = NULL;
    start(p, batch);
    pthread_mutex_unlock(&p->lock);
    return batch;
}

/* ---- The list ---- */

static void link_before(pipeline *p, pipe_batch *batch, pipe_batch *place)
{
    batch->newer = place;
    batch->older = place ? place->older : p->newest;
    if (batch->older)
        batch->older->newer = batch;
    else
        p->oldest = batch;
    if (place)
        place->older = batch;
    else
        p->newest = batch;
}

static void unlink_batch(pipeline *p, pipe_batch *batch)
{
    if (batch->older)
        batch->older->newer = batch->newer;
    else
        p->oldest = batch->newer;
    if (batch->newer)
        batch->newer->older = batch->older;
    else
        p->newest = batch->older;
}

void mr_pipeline_free(pipeline *p, pipe_batch *batch)
{
    mr_pipeline_page_give(p, batch->page);
    mr_pipeline_page_give(p, batch->incoming);
    free(batch);
}

static void forget(pipeline *p, pipe_batch *batch)
{
    unlink_batch(p, batch);
    p->under_way -= batch->bytes;
    mr_pipeline_free(p, batch);
}

static void set_page(pipeline *p, pipe_batch *batch, pipe_page *page)
{
    mr_pipeline_page_give(p, batch->page);
    batch->page = page;
    p->under_way -= batch->bytes;
    batch->bytes = page->capacity + sizeof *page;
    p->under_way += batch->bytes;
}

bool mr_pipeline_has_room(const pipeline *p, const pipe_batch *batch, size_t bytes)
{
    /* The source leaves half of it to stages that put more than they get. */
    const uint64_t limit = batch ? p->memory : p->memory / 2;
    return p->under_way + bytes <= limit || (batch ? !batch->older : !p->oldest);
}

static pipe_batch *new_batch(pipeline *p, pipe_page *page, unsigned stage, uint64_t first)
{
    pipe_batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        mr_pipeline_page_give(p, page);
        mr_pipeline_fail(p, MR_NO_MEMORY, "out of memory: a pipeline");
        return NULL;
    }
    batch->stage = stage;
    batch->first = first;
    batch->is_pause = page->is_pause;
    batch->digest = page->digest;
    return batch;
}

/* With the lock. */
static void put_before(pipeline *p, pipe_batch *batch, pipe_batch *place, pipe_page *page)
{
    batch->serial = ++p->serial;
    link_before(p, batch, place);
    set_page(p, batch, page);
    mr_pipeline_ready(p, batch);
}

static void give_up(pipeline *p, pipe_batch *batch, pipe_page *page)
{
    batch->page = page;
    mr_pipeline_free(p, batch);
}

mr_status mr_pipeline_insert(pipeline *p, pipe_batch *place, pipe_page *page, unsigned stage,
                             uint64_t first, bool is_end)
{
    pipe_batch *batch = new_batch(p, page, stage, first);
    if (!batch)
        return MR_NO_MEMORY;
    batch->is_end = is_end;
    pthread_mutex_lock(&p->lock);
    const bool is_late = place ? atomic_load(&place->is_dropped) : atomic_load(&p->is_cut);
    if (is_late)
        give_up(p, batch, page);
    else
        put_before(p, batch, place, page);
    pthread_mutex_unlock(&p->lock);
    pipe_changed(p);
    return is_late ? MR_CANCELLED : MR_OK;
}

static pipe_batch *hold_newest(pipeline *p)
{
    pipe_batch *first = NULL;
    for (pipe_batch *at = p->newest; at && at->state == PIPE_READY && at->stage == 1;
         at = at->older) {
        mr_pipeline_take_from_line(p, at);
        at->state = PIPE_HELD;
        first = at;
    }
    return first;
}

mr_status mr_pipeline_hold(pipeline *p, pipe_page *pause, uint64_t next)
{
    pipe_batch *batch = pause ? new_batch(p, pause, 1, next) : NULL;
    if (pause && !batch)
        return MR_NO_MEMORY;
    pthread_mutex_lock(&p->lock);
    pipe_batch *first = atomic_load(&p->is_cut) ? NULL : hold_newest(p);
    const bool is_late = atomic_load(&p->is_cut) || (p->source_ended && !first);
    if (batch && first)
        batch->first = first->first;
    if (batch && is_late)
        give_up(p, batch, pause);
    else if (batch)
        put_before(p, batch, first, pause);
    pthread_mutex_unlock(&p->lock);
    pipe_changed(p);
    return is_late ? MR_CANCELLED : MR_OK;
}

void mr_pipeline_let_go(pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    for (pipe_batch *at = p->oldest; at; at = at->newer)
        if (at->state == PIPE_HELD)
            mr_pipeline_ready(p, at);
    pthread_mutex_unlock(&p->lock);
    pipe_changed(p);
    mr_pipeline_send_errands(p);
}

/* The stream ends with this batch: those after it are dropped, now or when they come back. */
static void cut_after(pipeline *p, pipe_batch *batch)
{
    atomic_store(&p->is_cut, true);
    batch->is_end = true;
    for (pipe_batch *at = batch->newer, *next; at; at = next) {
        next = at->newer;
        if (at->state == PIPE_READY || at->state == PIPE_HELD) {
            if (at->state == PIPE_READY)
                mr_pipeline_take_from_line(p, at);
            forget(p, at);
        } else if (!atomic_exchange(&at->is_dropped, true) && at->state == PIPE_AWAY)
            p->dropped_away++;
    }
}

/* One that waits for the stage that this one has passed. */
static void call_next(pipeline *p, const pipe_batch *batch, unsigned passed)
{
    pipe_batch *next = batch->newer;
    if (pipe_in_order(p, passed) && next && next->state == PIPE_READY && next->stage == passed)
        p->lines[passed].turn = next;
}

void mr_pipeline_done(pipeline *p, pipe_batch *batch, unsigned stage, pipe_page *page,
                      bool has_enough)
{
    pthread_mutex_lock(&p->lock);
    const unsigned passed = batch->stage;
    mr_pipeline_uncount(p, batch);
    if (page)
        set_page(p, batch, page);
    if (has_enough && !atomic_load(&batch->is_dropped))
        cut_after(p, batch);
    batch->stage = stage;
    call_next(p, batch, passed);
    if (atomic_load(&batch->is_dropped) || stage > p->stage_count)
        forget(p, batch);
    else
        mr_pipeline_ready(p, batch);
    pthread_mutex_unlock(&p->lock);
    pipe_changed(p);
}

bool mr_pipeline_all_done(pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    const bool is_done = p->source_ended && !p->oldest;
    pthread_mutex_unlock(&p->lock);
    return is_done;
}
