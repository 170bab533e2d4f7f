/*
 * tasks/pipeline_stage.c: a stage at work on a batch, what its kernels call, and what a thread does
 * while a kernel of its own has to wait.
 */
#include "tasks/pipeline_internal.h"

#include "base/flight.h"
#include "base/span.h"
#include "observe/crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A batch of a stage should take about as long: then sending it along costs little, and all who
 * could work on something have something. */
#define BATCH_SECONDS 0.5e-3
/* Items that take longer are left to others while the source can go on. */
#define SLOW_SECONDS 1e-3

/* ---- Who it is ---- */

static const char *name_of(const mr_stage *stage)
{
    return stage->plan ? stage->plan->name : "source";
}

/* Within the handler of a crash. */
static size_t describe(const void *context, char *text, size_t room)
{
    const mr_stage *stage = context;
    const int size = snprintf(text, room, "stage %s, item %llu", name_of(stage),
                              (unsigned long long)stage->item);
    return size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

static void set_up(pipeline *p, mr_stage *stage, pipe_seat *seat, unsigned number)
{
    stage->pipe = p;
    stage->seat = seat;
    stage->number = number;
    stage->plan = number ? &p->stages[number - 1] : NULL;
}

static mr_stage *stage_at(pipe_seat *seat, unsigned number)
{
    pipeline *p = seat->pipe;
    mr_stage *stage = pipe_in_order(p, number) ? &p->ordered[number] : &seat->stages[number];
    set_up(p, stage, seat, number);
    return stage;
}

pipe_seat *mr_pipeline_seat_new(pipeline *p, unsigned thread, unsigned depth)
{
    pipe_seat *seat = calloc(1, sizeof *seat);
    if (!seat) {
        mr_pipeline_fail(p, MR_NO_MEMORY, "out of memory: a pipeline");
        return NULL;
    }
    seat->pipe = p;
    seat->thread = thread;
    seat->depth = depth;
    pthread_mutex_lock(&p->lock);
    seat->next = p->seats;
    p->seats = seat;
    pthread_mutex_unlock(&p->lock);
    return seat;
}

static bool open_stage(mr_stage *stage)
{
    const mr_stage_plan *plan = stage->plan;
    if (stage->is_open || !plan)
        return true;
    if (plan->local_size && !stage->local && !(stage->local = calloc(1, plan->local_size)))
        return mr_pipeline_fail(stage->pipe, MR_NO_MEMORY, "out of memory: stage %s", plan->name) ==
               MR_OK;
    const mr_status status = plan->local_open ? plan->local_open(stage, stage->local) : MR_OK;
    if (status != MR_OK)
        mr_pipeline_fail(stage->pipe, status, "stage failed: %s: it could not begin", plan->name);
    stage->is_open = status == MR_OK;
    return stage->is_open;
}

mr_stage *mr_pipeline_stage_open(pipe_seat *seat, unsigned number)
{
    mr_stage *stage = stage_at(seat, number);
    return open_stage(stage) ? stage : NULL;
}

static void close_stage(mr_stage *stage)
{
    mr_pipeline_command_kill(&stage->process);
    if (stage->is_open && stage->plan->local_close)
        stage->plan->local_close(stage, stage->local);
    stage->is_open = false;
    free(stage->local);
    stage->local = NULL;
    mr_pipeline_page_give(stage->pipe, stage->page);
    stage->page = NULL;
}

void mr_pipeline_close_stages(pipeline *p)
{
    for (unsigned s = 0; s <= p->stage_count; s++) {
        if (p->ordered[s].pipe)
            close_stage(&p->ordered[s]);
        for (pipe_seat *seat = p->seats; seat; seat = seat->next)
            if (seat->stages[s].pipe)
                close_stage(&seat->stages[s]);
    }
}

/* ---- How many items at a time ---- */

void mr_pipeline_measure(pipeline *p, unsigned stage, uint64_t count, double seconds)
{
    pipe_pace *pace = &p->paces[stage];
    if (count == 0)
        return;
    const double each = seconds / (double)count + 1e-10, before = atomic_load(&pace->seconds);
    atomic_store(&pace->seconds, before > 0 ? 0.75 * before + 0.25 * each : each);
    const double fits = BATCH_SECONDS / each < PIPE_ITEMS ? BATCH_SECONDS / each : PIPE_ITEMS;
    unsigned most = atomic_load(&pace->most);
    if (fits < most)
        most = fits > most / 2 ? (unsigned)fits : most / 2;
    else if (2 * count >= most)
        most = fits < 2 * most ? (unsigned)fits : 2 * most;
    atomic_store(&pace->most, most > 0 ? most : 1);
}

/* What a stage puts becomes batches of the next one. */
static uint64_t most_of(const mr_stage *stage)
{
    pipeline *p = stage->pipe;
    if (stage->number == p->stage_count)
        return PIPE_ITEMS;
    const unsigned next =
        atomic_load_explicit(&p->paces[stage->number + 1].most, memory_order_relaxed);
    if (stage->number > 0)
        return next;
    const unsigned mine = atomic_load_explicit(&p->paces[0].most, memory_order_relaxed);
    return mine < next ? mine : next;
}

/* ---- Waiting, and what is done meanwhile ---- */

static void run_batch(pipe_seat *seat, pipe_batch *batch)
{
    pipeline *p = seat->pipe;
    pipe_page *page = NULL;
    bool has_enough = false;
    if (!mr_pipeline_run_stage(seat, batch, &page, &has_enough))
        atomic_store(&batch->is_dropped, true);
    mr_pipeline_done(p, batch, batch->stage + 1, page, has_enough);
    mr_pipeline_send_errands(p);
}

bool mr_pipeline_run_one(pipe_seat *seat, unsigned long *changes)
{
    pipe_batch *batch = mr_pipeline_take(seat->pipe, changes);
    if (batch)
        run_batch(seat, batch);
    return batch != NULL;
}

/* Something else, while the stage of this seat waits. A kernel takes what is older than its own
 * batch: that has the right of way, and it is what its room is taken by. Past some depth only the
 * oldest of all, so that the stack has an end. */
bool mr_pipeline_run_below(mr_stage *stage)
{
    unsigned long changes;
    pipe_seat *seat = stage->seat;
    pipeline *p = stage->pipe;
    if (!seat->above && !(seat->above = mr_pipeline_seat_new(p, seat->thread, seat->depth + 1)))
        return false;
    pipe_batch *batch = stage->batch
                            ? mr_pipeline_take_older(p, stage->batch, seat->depth >= PIPE_NESTED)
                            : mr_pipeline_take(p, &changes);
    if (!batch)
        return false;
    run_batch(seat->above, batch);
    mr_crash_thread_work(describe, stage);
    return true;
}

static bool is_called_off(const mr_stage *stage)
{
    pipeline *p = stage->pipe;
    return mr_pipeline_is_stopped(p) ||
           (stage->batch ? atomic_load(&stage->batch->is_dropped) : atomic_load(&p->is_cut));
}

/* Whether it may go on; while it may not, it is no worker of its stage, and another may be. */
static bool may_go_on(mr_stage *stage, size_t bytes, bool called_off)
{
    pipeline *p = stage->pipe;
    pipe_batch *batch = stage->batch;
    pthread_mutex_lock(&p->lock);
    bool may = called_off || mr_pipeline_has_room(p, batch, bytes);
    const bool makes_way = batch && !may && batch->is_counted;
    if (makes_way)
        mr_pipeline_uncount(p, batch);
    else if (batch && may && !called_off)
        may = mr_pipeline_count(p, batch);
    pthread_mutex_unlock(&p->lock);
    if (makes_way) {
        pipe_changed(p);
        mr_pipeline_send_errands(p);
    }
    return may;
}

static mr_status await_room(mr_stage *stage, size_t bytes)
{
    pipeline *p = stage->pipe;
    for (;;) {
        if (!stage->batch)
            MR_TRY(mr_pipeline_keep_pause(stage));
        /* What changes from here on is not slept through. */
        const unsigned long changes = atomic_load(&p->changes);
        const bool called_off = is_called_off(stage);
        if (may_go_on(stage, bytes, called_off))
            return called_off ? MR_CANCELLED : MR_OK;
        if (!mr_pipeline_run_below(stage))
            mr_pipeline_await(p, changes);
    }
}

static bool is_quick(pipeline *p)
{
    for (unsigned s = 1; s <= p->stage_count; s++)
        if (atomic_load(&p->paces[s].seconds) > SLOW_SECONDS)
            return false;
    return true;
}

/* The source makes nothing new while enough is waiting: what is in the cache is worked on first. */
static void help_along(mr_stage *stage)
{
    pipeline *p = stage->pipe;
    if (!is_quick(p))
        return;
    for (bool goes_on = true; goes_on && !mr_pipeline_is_stopped(p);) {
        pthread_mutex_lock(&p->lock);
        goes_on = p->waiting > 2 * p->threads;
        pthread_mutex_unlock(&p->lock);
        goes_on = goes_on && mr_pipeline_run_below(stage);
    }
}

/* ---- Putting ---- */

static mr_status part_here(mr_stage *stage, pipe_page **page)
{
    pipeline *p = stage->pipe;
    MR_TRY(await_room(stage, (*page)->capacity));
    pipe_page *fresh = mr_pipeline_page_get(p, 0);
    if (!fresh)
        return MR_NO_MEMORY;
    pipe_page *full = *page;
    *page = fresh;
    if (!stage->batch)
        mr_pipeline_keep_count(p, full);
    MR_TRY(mr_pipeline_insert(p, stage->batch, full, stage->number + 1, stage->put, false));
    mr_pipeline_send_errands(p);
    if (!stage->batch)
        help_along(stage);
    return MR_OK;
}

/* What was put so far goes on. */
static mr_status cut(mr_stage *stage)
{
    pipeline *p = stage->pipe;
    const double begin = mr_clock_now();
    const uint64_t count = stage->page->count;
    mr_status status = MR_OK;
    if (stage->number == 0)
        mr_pipeline_measure(p, 0, count, begin - stage->since);
    if (stage->number < p->stage_count)
        status =
            p->rank ? mr_pipeline_part_away(stage, stage->page) : part_here(stage, &stage->page);
    stage->counts.out += (int64_t)count;
    stage->put += count;
    stage->page->size = 0;
    stage->page->count = 0;
    stage->most = most_of(stage);
    stage->since = mr_clock_now();
    stage->away += stage->since - begin;
    return status;
}

/* Room for an item of a size that does not fit any more. */
static mr_status make_room(mr_stage *stage, size_t size)
{
    if (stage->page->count > 0)
        MR_TRY(cut(stage));
    const size_t needed = pipe_item_room(size);
    if (size > SIZE_MAX / 2)
        return mr_stage_fail(stage, MR_USAGE, "an item of %zu bytes", size);
    if (needed <= stage->page->capacity)
        return MR_OK;
    pipe_page *larger = mr_pipeline_page_get(stage->pipe, needed);
    if (!larger)
        return MR_NO_MEMORY;
    mr_pipeline_page_give(stage->pipe, stage->page);
    stage->page = larger;
    return MR_OK;
}

static inline mr_status room_for(mr_stage *stage, size_t size, char **room)
{
    if (stage->skip)
        mr_pipeline_keep_drop(stage);
    pipe_page *page = stage->page;
    if (page->count >= stage->most || size > page->capacity ||
        pipe_item_room(size) > page->capacity - page->size)
        MR_TRY(make_room(stage, size));
    *room = pipe_page_add(stage->page, size);
    stage->counts.bytes_out += (int64_t)size;
    return MR_OK;
}

mr_status mr_stage_put(mr_stage *stage, mr_bytes item)
{
    char *room;
    MR_TRY(room_for(stage, item.size, &room));
    if (item.size)
        memcpy(room, item.data, item.size);
    if (stage->skip)
        return mr_post_stopped(stage->pipe->post) ? MR_CANCELLED : MR_OK;
    /* Nobody knows when the source will come back. */
    return stage->number == 0 && stage->page->count >= stage->most ? cut(stage) : MR_OK;
}

void *mr_stage_put_room(mr_stage *stage, size_t size)
{
    char *room;
    return room_for(stage, size, &room) == MR_OK ? room : NULL;
}

/* ---- Running ---- */

static mr_status run_items(mr_stage *stage, const pipe_page *page)
{
    const mr_stage_plan *plan = stage->plan;
    const bool in_order = plan->kind == MR_STAGE_IN_ORDER;
    mr_status (*run)(mr_stage *, mr_bytes) = plan->run  ? plan->run
                                             : in_order ? mr_pipeline_command_feed
                                                        : mr_pipeline_command_item;
    pipe_batch *batch = stage->batch;
    mr_flight_thread *place = mr_flight_mine();
    mr_status status = MR_OK;
    mr_bytes item;
    for (size_t at = 0; status == MR_OK && !stage->has_enough && pipe_page_next(page, &at, &item);
         stage->item++) {
        if (mr_post_stopped(stage->pipe->post) ||
            atomic_load_explicit(&batch->is_dropped, memory_order_relaxed))
            return MR_CANCELLED;
        stage->counts.in++;
        stage->counts.bytes_in += (int64_t)item.size;
        status = run(stage, item);
        if (status != MR_OK)
            return status;
        mr_flight_step(place);
    }
    return plan->command && in_order ? mr_pipeline_command_settle(stage) : MR_OK;
}

static mr_status run_end(mr_stage *stage)
{
    const mr_stage_plan *plan = stage->plan;
    if (plan->command)
        return mr_pipeline_command_end(stage);
    return plan->end ? plan->end(stage) : MR_OK;
}

/* The next item is one for another process. */
static mr_status end_command(mr_stage *stage)
{
    const mr_status status = mr_pipeline_command_end(stage);
    mr_pipeline_command_kill(&stage->process);
    return status;
}

static mr_status run_all(mr_stage *stage)
{
    MR_TRY(run_items(stage, stage->batch->page));
    const bool is_end = stage->batch->is_end || stage->has_enough;
    if (stage->plan->kind == MR_STAGE_IN_ORDER && is_end)
        return run_end(stage);
    return stage->batch->is_pause && stage->process ? end_command(stage) : MR_OK;
}

/* A kernel that was called off may give back what it was told, or what came of that. */
static bool judge(mr_stage *stage, mr_status status)
{
    if (status == MR_OK)
        return !mr_post_stopped(stage->pipe->post);
    if (!is_called_off(stage))
        mr_stage_fail(stage, status, "it returned status %d", (int)status);
    return false;
}

static void count_up(mr_stage *stage, uint64_t items, double seconds)
{
    pipe_counts *counts = &stage->counts;
    counts->batches++;
    counts->busy += seconds - stage->away;
    counts->waited += stage->away;
    counts->out += (int64_t)stage->page->count;
    stage->seat->items = items;
    stage->seat->seconds = seconds - stage->away;
    mr_pipeline_measure(stage->pipe, stage->number, items, stage->seat->seconds);
}

static void begin(mr_stage *stage, pipe_batch *batch)
{
    const bool in_order = pipe_in_order(stage->pipe, stage->number);
    stage->batch = batch;
    stage->has_enough = false;
    stage->item = in_order ? stage->came : batch->first;
    stage->put = in_order ? stage->put : batch->first;
    stage->most = most_of(stage);
    stage->away = 0;
    mr_crash_thread_work(describe, stage);
    mr_flight_task_begin("stage", name_of(stage), stage->item);
}

bool mr_pipeline_run_stage(pipe_seat *seat, pipe_batch *batch, pipe_page **page, bool *has_enough)
{
    pipeline *p = seat->pipe;
    mr_stage *stage = stage_at(seat, batch->stage);
    if (mr_pipeline_is_stopped(p) || atomic_load(&batch->is_dropped) || !open_stage(stage) ||
        !(stage->page = mr_pipeline_page_get(p, 0)))
        return false;
    begin(stage, batch);
    const double start = mr_clock_now();
    const mr_span_kind before = mr_span_begin_at(MR_SPAN_TASK, start);
    const mr_status status = run_all(stage);
    const double end = mr_clock_now();
    mr_span_end_at(before, end);
    const uint64_t items =
        stage->item - (stage->plan->kind == MR_STAGE_IN_ORDER ? stage->came : batch->first);
    count_up(stage, items, end - start);
    mr_crash_thread_work(NULL, NULL);
    mr_flight_task_end();
    const bool is_good = judge(stage, status);
    *page = stage->page;
    *has_enough = stage->has_enough;
    stage->page = NULL;
    /* Where there may have been none or many for one, numbers are those that came in. */
    if (pipe_in_order(p, stage->number)) {
        stage->came = stage->item;
        batch->first = stage->put;
        stage->put += (*page)->count;
    } else
        batch->first = stage->put;
    return is_good;
}

/* Where a checkpoint has items of it, they have to come again. */
static mr_status run_all_of_source(mr_stage *stage)
{
    const mr_status status = stage->pipe->plan.source(stage);
    if (stage->skip)
        mr_pipeline_keep_drop(stage);
    if (stage->skip && status == MR_OK)
        return mr_stage_fail(stage, MR_BAD_INPUT,
                             "it gives fewer items than when the job was begun: bring the inputs "
                             "back, or begin anew with --overwrite in place of --resume");
    return status;
}

void mr_pipeline_run_source(pipe_seat *seat)
{
    pipeline *p = seat->pipe;
    mr_stage *stage = stage_at(seat, 0);
    stage->page = mr_pipeline_page_get(p, 0);
    if (!stage->page)
        return;
    stage->most = most_of(stage);
    stage->since = mr_clock_now();
    mr_crash_thread_work(describe, stage);
    mr_flight_task_begin("stage", name_of(stage), stage->item);
    const double start = stage->since;
    if (!mr_pipeline_keep_load(seat, stage))
        return;
    const mr_span_kind before = mr_span_begin_at(MR_SPAN_TASK, start);
    const mr_status status = run_all_of_source(stage);
    const double end = mr_clock_now();
    mr_span_end_at(before, end);
    stage->counts.busy = end - start - stage->away;
    stage->counts.waited = stage->away;
    stage->counts.out += (int64_t)stage->page->count;
    mr_crash_thread_work(NULL, NULL);
    mr_flight_task_end();
    if (!judge(stage, status) && !atomic_load(&p->is_cut))
        return;
    pipe_page *rest = stage->page;
    stage->page = NULL;
    mr_pipeline_keep_count(p, rest);
    mr_pipeline_insert(p, NULL, rest, 1, stage->put, true);
    pthread_mutex_lock(&p->lock);
    p->source_ended = true;
    pthread_mutex_unlock(&p->lock);
    pipe_changed(p);
    mr_pipeline_send_errands(p);
}

/* ---- What kernels ask for ---- */

mr_status mr_stage_fail(mr_stage *stage, mr_status status, const char *format, ...)
{
    char text[MR_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return mr_pipeline_fail(stage->pipe, status, "stage failed: %s, item %llu: %s", name_of(stage),
                            (unsigned long long)stage->item, text);
}

void mr_stage_stop(mr_stage *stage)
{
    stage->has_enough = true;
}

void *mr_stage_context(const mr_stage *stage)
{
    return stage->pipe->plan.context;
}

void *mr_stage_local(const mr_stage *stage)
{
    return stage->local;
}

int mr_stage_rank(const mr_stage *stage)
{
    return stage->pipe->rank;
}

unsigned mr_stage_thread(const mr_stage *stage)
{
    return stage->seat->thread;
}

uint64_t mr_stage_item(const mr_stage *stage)
{
    return stage->item;
}
