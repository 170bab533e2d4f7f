/*
 * tasks/pipeline_away.c: batches at other ranks. Rank 0 sends what is ready, a few ahead of each
 * worker, where the work is worth the way; a rank runs all stages that follow one another and are
 * parallel, and sends back what came of them. What is too much for one batch comes in parts: after
 * each the kernel waits for leave to go on, and where all kernels of a rank wait, what lies in its
 * queue goes back to rank 0, where others can take it.
 */
#include "tasks/pipeline_internal.h"

#include "observe/signals.h"

#include <stdlib.h>

/* To other ranks, and back. */
enum { WORK, WORK_PIECE, LEAVE, DROP, END, PAUSE, RESULT, PART, BACK, PIECE, STOPPING };

/* A letter holds at most that much of a page. */
#define PIECE_BYTES ((size_t)1 << 20)
/* A larger one stays where it is. */
#define LARGEST_AWAY ((size_t)64 << 20)
/* Of sending a batch and getting it back: once, and for a byte. */
#define LETTER_SECONDS 20e-6
#define BYTE_SECONDS   2e-9

typedef struct note {
    uint64_t items;
    double seconds;
} note;

typedef struct head {
    uint64_t origin, serial, first, count;
    uint32_t stage, flags;
    note notes[PIPE_STAGES];        /* of a result: of each stage that was run */
    uint32_t most[PIPE_STAGES + 2]; /* of work */
} head;

enum { HAS_ENOUGH = 1 };

#define PLAIN_HEAD offsetof(head, notes)

/* ---- Pages in letters ---- */

static bool append(pipeline *p, pipe_page **page, mr_bytes bytes)
{
    const size_t have = *page ? (*page)->size : 0;
    if (!*page || bytes.size > (*page)->capacity - have) {
        pipe_page *larger = mr_pipeline_page_get(p, have ? 2 * (have + bytes.size) : bytes.size);
        if (!larger)
            return false;
        if (have)
            memcpy(larger->bytes, (*page)->bytes, have);
        mr_pipeline_page_give(p, *page);
        *page = larger;
    }
    if (bytes.size)
        memcpy((*page)->bytes + have, bytes.data, bytes.size);
    (*page)->size = have + bytes.size;
    return true;
}

/* `piece` is the kind of all letters but the last one. */
static void send_page(pipeline *p, int to, uint32_t piece, uint32_t kind, mr_bytes about,
                      const pipe_page *page)
{
    size_t at = 0;
    for (; page->size - at > PIECE_BYTES; at += PIECE_BYTES)
        mr_post_send(p->post, to, p->box, piece, (mr_bytes){about.data, PLAIN_HEAD},
                     (mr_bytes){page->bytes + at, PIECE_BYTES});
    mr_post_send(p->post, to, p->box, kind, about, (mr_bytes){page->bytes + at, page->size - at});
}

static void send_word(pipeline *p, int to, uint32_t kind, uint64_t origin, uint64_t serial)
{
    const head h = {.origin = origin, .serial = serial};
    mr_post_send(p->post, to, p->box, kind, (mr_bytes){(const char *)&h, PLAIN_HEAD},
                 (mr_bytes){0});
}

/* ---- Rank 0: what to send ---- */

typedef struct errand {
    uint32_t kind;
    int rank;
    head head;
    pipe_page *page;
} errand;

static bool runs_on(const pipeline *p, unsigned stage)
{
    return stage <= p->stage_count && !pipe_in_order(p, stage) && p->stages[stage - 1].workers == 0;
}

/* Whether the work takes longer than the way. A stage that nobody has seen at work may. */
static bool pays(pipeline *p, const pipe_batch *batch)
{
    double each = atomic_load(&p->paces[batch->stage].seconds);
    if (batch->page->size > LARGEST_AWAY)
        return false;
    if (each <= 0)
        return true;
    for (unsigned s = batch->stage + 1; runs_on(p, s); s++)
        each += atomic_load(&p->paces[s].seconds);
    return each * (double)batch->page->count >
           LETTER_SECONDS + 2 * BYTE_SECONDS * (double)batch->page->size;
}

/* The next rank that could begin something soon; 0: none. */
static int find_rank(pipeline *p)
{
    for (int i = 1; i < p->ranks; i++) {
        const int rank = 1 + (p->turn + i) % (p->ranks - 1);
        const pipe_rank *other = &p->others[rank];
        if (other->away < 2 * (other->threads - other->parked)) {
            p->turn = rank - 1;
            return rank;
        }
    }
    return 0;
}

static void hand_over(pipeline *p, pipe_batch *batch, int rank, errand *e)
{
    mr_pipeline_take_from_line(p, batch);
    mr_pipeline_count(p, batch);
    batch->state = PIPE_AWAY;
    batch->rank = rank;
    p->others[rank].away++;
    *e = (errand){.kind = WORK, .rank = rank, .page = batch->page};
    e->head.origin = (uint64_t)(uintptr_t)batch;
    e->head.serial = batch->serial;
    e->head.first = batch->first;
    e->head.count = batch->page->count;
    e->head.stage = batch->stage;
    for (unsigned s = 0; s <= p->stage_count; s++)
        e->head.most[s] = atomic_load(&p->paces[s].most);
    batch->page = NULL;
}

static bool find_work(pipeline *p, errand *e)
{
    if (p->waiting <= atomic_load(&p->idle))
        return false;
    for (unsigned s = p->stage_count; s > 0; s--) {
        pipe_batch *batch = pipe_in_order(p, s) ? NULL : p->lines[s].first;
        const pipe_line *line = &p->lines[s];
        if (!batch || (line->limit && line->running >= line->limit) || !pays(p, batch))
            continue;
        const int rank = find_rank(p);
        if (rank)
            hand_over(p, batch, rank, e);
        return rank != 0;
    }
    return false;
}

static bool find_dropped(pipeline *p, errand *e)
{
    for (pipe_batch *b = p->dropped_away ? p->oldest : NULL; b; b = b->newer)
        if (b->state == PIPE_AWAY && atomic_load(&b->is_dropped) && !b->was_told) {
            b->was_told = true;
            p->dropped_away--;
            *e = (errand){.kind = DROP, .rank = b->rank};
            e->head.serial = b->serial;
            return true;
        }
    return false;
}

static bool find_parked(pipeline *p, errand *e)
{
    for (pipe_batch *b = p->parked ? p->oldest : NULL; b; b = b->newer)
        if (b->is_parked &&
            (atomic_load(&b->is_dropped) ||
             (mr_pipeline_has_room(p, b, p->page_size) && mr_pipeline_count(p, b)))) {
            b->is_parked = false;
            p->parked--;
            p->others[b->rank].parked--;
            *e = (errand){.kind = LEAVE, .rank = b->rank};
            e->head.serial = b->serial;
            return true;
        }
    return false;
}

static void run_errand(pipeline *p, const errand *e)
{
    if (e->kind != WORK) {
        send_word(p, e->rank, e->kind, 0, e->head.serial);
        return;
    }
    const size_t size = offsetof(head, most) + (p->stage_count + 1) * sizeof(uint32_t);
    send_page(p, e->rank, WORK_PIECE, WORK, (mr_bytes){(const char *)&e->head, size}, e->page);
    mr_pipeline_page_give(p, e->page);
}

void mr_pipeline_send_errands(pipeline *p)
{
    errand e;
    while (p->ranks > 1) {
        pthread_mutex_lock(&p->lock);
        const bool found = find_dropped(p, &e) || find_parked(p, &e) || find_work(p, &e);
        pthread_mutex_unlock(&p->lock);
        if (!found)
            return;
        run_errand(p, &e);
    }
}

void mr_pipeline_tell_end(pipeline *p)
{
    for (int rank = 1; rank < p->ranks; rank++)
        send_word(p, rank, END, 0, 0);
}

void mr_pipeline_tell_pause(pipeline *p, int wish)
{
    for (int rank = 1; rank < p->ranks; rank++)
        send_word(p, rank, PAUSE, 0, (uint64_t)wish);
}

/* ---- Rank 0: what comes ---- */

static pipe_page *whole_page(pipeline *p, pipe_batch *batch, const head *h, mr_bytes rest)
{
    if (!append(p, &batch->incoming, rest))
        return NULL;
    pipe_page *page = batch->incoming;
    page->count = h->count;
    batch->incoming = NULL;
    return page;
}

static void come_home(pipeline *p, pipe_batch *batch)
{
    pthread_mutex_lock(&p->lock);
    p->others[batch->rank].away--;
    if (atomic_load(&batch->is_dropped) && !batch->was_told)
        p->dropped_away--;
    batch->state = PIPE_RUNNING;
    pthread_mutex_unlock(&p->lock);
}

static void take_result(pipeline *p, pipe_batch *batch, const head *h, pipe_page *page)
{
    for (unsigned s = batch->stage; s < h->stage; s++)
        mr_pipeline_measure(p, s, h->notes[s - batch->stage].items,
                            h->notes[s - batch->stage].seconds);
    come_home(p, batch);
    batch->first = h->first;
    mr_pipeline_done(p, batch, h->stage, page, h->flags & HAS_ENOUGH);
}

static void take_part(pipeline *p, pipe_batch *batch, const head *h, pipe_page *page)
{
    mr_pipeline_insert(p, batch, page, h->stage, h->first, false);
    pthread_mutex_lock(&p->lock);
    batch->is_parked = true;
    p->parked++;
    p->others[batch->rank].parked++;
    mr_pipeline_uncount(p, batch);
    pthread_mutex_unlock(&p->lock);
    pipe_changed(p);
}

static void take_back(pipeline *p, pipe_batch *batch, pipe_page *page)
{
    come_home(p, batch);
    if (atomic_load(&batch->is_dropped)) {
        mr_pipeline_done(p, batch, batch->stage, page, false);
        return;
    }
    pthread_mutex_lock(&p->lock);
    batch->page = page;
    mr_pipeline_uncount(p, batch);
    mr_pipeline_ready(p, batch);
    pthread_mutex_unlock(&p->lock);
    pipe_changed(p);
}

static void take_home(pipeline *p, uint32_t kind, const head *h, mr_bytes rest)
{
    pipe_batch *batch = (pipe_batch *)(uintptr_t)h->origin;
    if (kind == STOPPING) {
        mr_signals_stop(NULL);
        return;
    }
    if (kind == PIECE) {
        append(p, &batch->incoming, rest);
        return;
    }
    pipe_page *page = whole_page(p, batch, h, rest);
    if (!page)
        return;
    if (kind == RESULT)
        take_result(p, batch, h, page);
    else if (kind == PART)
        take_part(p, batch, h, page);
    else
        take_back(p, batch, page);
    mr_pipeline_send_errands(p);
}

/* ---- Other ranks: what comes ---- */

static pipe_batch *take_from(pipe_batch **list, uint64_t serial)
{
    for (pipe_batch **at = list, *batch; (batch = *at); at = &batch->next)
        if (batch->serial == serial) {
            *at = batch->next;
            return batch;
        }
    return NULL;
}

static pipe_batch *expected(pipeline *p, const head *h)
{
    pipe_batch *batch = take_from(&p->incoming, h->serial);
    if (!batch && !(batch = calloc(1, sizeof *batch))) {
        mr_pipeline_fail(p, MR_NO_MEMORY, "out of memory: a pipeline");
        return NULL;
    }
    batch->serial = h->serial;
    batch->origin = h->origin;
    batch->first = h->first;
    batch->stage = h->stage;
    return batch;
}

static void take_work(pipeline *p, uint32_t kind, const head *h, mr_bytes rest)
{
    pipe_batch *batch = expected(p, h);
    if (!batch)
        return;
    if (!append(p, &batch->incoming, rest) || kind == WORK_PIECE) {
        batch->next = p->incoming;
        p->incoming = batch;
        return;
    }
    batch->page = batch->incoming;
    batch->page->count = h->count;
    batch->incoming = NULL;
    for (unsigned s = 0; s <= p->stage_count; s++)
        atomic_store(&p->paces[s].most, h->most[s]);
    pthread_mutex_lock(&p->lock);
    batch->next = NULL;
    pipe_batch **end = &p->queue;
    while (*end)
        end = &(*end)->next;
    *end = batch;
    pthread_mutex_unlock(&p->lock);
}

static void send_result(pipeline *p, const pipe_batch *batch, head *h, const pipe_page *page)
{
    const size_t notes = h->stage > batch->stage ? h->stage - batch->stage : 0;
    h->origin = batch->origin;
    h->serial = batch->serial;
    h->count = page->count;
    send_page(p, 0, PIECE, RESULT, (mr_bytes){(const char *)h, PLAIN_HEAD + notes * sizeof(note)},
              page);
}

/* What is not begun yet need not be. */
static void drop(pipeline *p, uint64_t serial)
{
    pthread_mutex_lock(&p->lock);
    pipe_batch *batch = take_from(&p->queue, serial);
    for (pipe_batch *at = p->working; at && !batch; at = at->next)
        if (at->serial == serial)
            atomic_store(&at->is_dropped, true);
    pthread_mutex_unlock(&p->lock);
    if (!batch)
        return;
    head h = {.stage = batch->stage};
    batch->page->size = 0;
    batch->page->count = 0;
    send_result(p, batch, &h, batch->page);
    mr_pipeline_free(p, batch);
}

static void give_leave(pipeline *p, uint64_t serial)
{
    pthread_mutex_lock(&p->lock);
    for (pipe_batch *at = p->working; at; at = at->next)
        if (at->serial == serial)
            atomic_store(&at->has_leave, true);
    pthread_mutex_unlock(&p->lock);
}

static void take_away(pipeline *p, uint32_t kind, const head *h, mr_bytes rest)
{
    if (kind == WORK || kind == WORK_PIECE)
        take_work(p, kind, h, rest);
    else if (kind == DROP)
        drop(p, h->serial);
    else if (kind == LEAVE)
        give_leave(p, h->serial);
    else if (kind == PAUSE)
        atomic_store(&p->pause, (int)h->serial);
    else
        atomic_store(&p->is_over, true);
    pipe_changed(p);
}

static size_t head_size(const pipeline *p, uint32_t kind, const head *h)
{
    if (kind == WORK)
        return offsetof(head, most) + (p->stage_count + 1) * sizeof(uint32_t);
    if (kind != RESULT)
        return PLAIN_HEAD;
    const pipe_batch *batch = (const pipe_batch *)(uintptr_t)h->origin;
    return PLAIN_HEAD + (h->stage > batch->stage ? h->stage - batch->stage : 0) * sizeof(note);
}

void mr_pipeline_letter(void *context, int from, uint32_t kind, mr_bytes letter)
{
    pipeline *p = context;
    head h = {0};
    (void)from;
    memcpy(&h, letter.data, PLAIN_HEAD);
    const size_t size = head_size(p, kind, &h);
    memcpy(&h, letter.data, size);
    const mr_bytes rest = {letter.data + size, letter.size - size};
    if (p->rank == 0)
        take_home(p, kind, &h, rest);
    else
        take_away(p, kind, &h, rest);
}

/* ---- Other ranks: the work ---- */

static pipe_batch *next_in_queue(pipeline *p, unsigned long *changes)
{
    pthread_mutex_lock(&p->lock);
    pipe_batch *batch = p->queue;
    if (batch) {
        p->queue = batch->next;
        batch->next = p->working;
        p->working = batch;
    }
    *changes = atomic_load(&p->changes);
    pthread_mutex_unlock(&p->lock);
    return batch;
}

/* Its stage and those that follow. False: nobody wants to know any more. */
static bool run_stages(pipe_seat *seat, pipe_batch *batch, head *h)
{
    pipeline *p = seat->pipe;
    pipe_page *page;
    bool has_enough;
    do {
        page = NULL;
        if (!mr_pipeline_run_stage(seat, batch, &page, &has_enough)) {
            mr_pipeline_page_give(p, page);
            return false;
        }
        mr_pipeline_page_give(p, batch->page);
        batch->page = page;
        h->notes[h->stage++ - batch->origin_stage] = (note){seat->items, seat->seconds};
        h->flags |= has_enough ? HAS_ENOUGH : 0;
        batch->stage++;
    } while (runs_on(p, batch->stage));
    return true;
}

static void run_away(pipe_seat *seat, pipe_batch *batch)
{
    pipeline *p = seat->pipe;
    head h = {.stage = batch->stage};
    batch->origin_stage = batch->stage;
    const bool is_good = run_stages(seat, batch, &h);
    pthread_mutex_lock(&p->lock);
    take_from(&p->working, batch->serial);
    pthread_mutex_unlock(&p->lock);
    if (!is_good || h.stage > p->stage_count) {
        batch->page->size = 0;
        batch->page->count = 0;
    }
    h.first = batch->first;
    batch->stage = batch->origin_stage;
    if (!mr_post_stopped(p->post))
        send_result(p, batch, &h, batch->page);
    mr_pipeline_free(p, batch);
}

/* The main thread's duties where there are checkpoints. */
static void look_up(pipeline *p)
{
    if (!p->was_told && mr_signals_stopping()) {
        p->was_told = true;
        send_word(p, 0, STOPPING, 0, 0);
    }
    mr_pipeline_keep_join(p);
}

void mr_pipeline_work_away(pipe_seat *seat)
{
    pipeline *p = seat->pipe;
    unsigned long changes;
    while (!atomic_load(&p->is_over) && !mr_pipeline_is_stopped(p)) {
        if (p->keeps && seat->thread == 0)
            look_up(p);
        pipe_batch *batch = next_in_queue(p, &changes);
        if (batch)
            run_away(seat, batch);
        else
            mr_pipeline_await(p, changes);
    }
}

static void give_queue_back(pipeline *p)
{
    for (;;) {
        pthread_mutex_lock(&p->lock);
        pipe_batch *batch = p->queue;
        if (batch)
            p->queue = batch->next;
        pthread_mutex_unlock(&p->lock);
        if (!batch)
            return;
        const head h = {
            .origin = batch->origin, .serial = batch->serial, .count = batch->page->count};
        send_page(p, 0, PIECE, BACK, (mr_bytes){(const char *)&h, PLAIN_HEAD}, batch->page);
        mr_pipeline_free(p, batch);
    }
}

static bool has_leave(const pipe_batch *batch)
{
    return atomic_load(&batch->has_leave) || atomic_load(&batch->is_dropped);
}

/* When all threads of this rank wait, nobody would take what is in the queue. */
static bool is_useless(pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    const bool is = p->queue && p->blocked == p->threads;
    pthread_mutex_unlock(&p->lock);
    return is;
}

static bool may_go_on(void *context)
{
    const mr_stage *stage = context;
    return has_leave(stage->batch) || is_useless(stage->pipe);
}

static void block(pipeline *p, bool is_blocked)
{
    pthread_mutex_lock(&p->lock);
    p->blocked += is_blocked ? 1U : -1U;
    pthread_mutex_unlock(&p->lock);
    if (is_blocked)
        mr_post_wake(p->post);
}

mr_status mr_pipeline_part_away(mr_stage *stage, pipe_page *page)
{
    pipeline *p = stage->pipe;
    pipe_batch *batch = stage->batch;
    const head h = {.origin = batch->origin,
                    .serial = batch->serial,
                    .first = stage->put,
                    .count = page->count,
                    .stage = stage->number + 1};
    if (atomic_load(&batch->is_dropped) || mr_pipeline_is_stopped(p))
        return MR_CANCELLED;
    atomic_store(&batch->has_leave, false);
    send_page(p, 0, PIECE, PART, (mr_bytes){(const char *)&h, PLAIN_HEAD}, page);
    block(p, true);
    mr_status status = MR_OK;
    while (status == MR_OK && !has_leave(batch)) {
        status = mr_post_wait(p->post, may_go_on, stage, MR_POST_NEVER);
        if (status == MR_OK && !has_leave(batch))
            give_queue_back(p);
    }
    block(p, false);
    return status != MR_OK || atomic_load(&batch->is_dropped) ? MR_CANCELLED : MR_OK;
}

void mr_pipeline_away_free(pipeline *p)
{
    pipe_batch **lists[] = {&p->queue, &p->incoming, &p->working, &p->oldest};
    for (int i = 0; i < 4; i++)
        for (pipe_batch *batch; (batch = *lists[i]);) {
            *lists[i] = i == 3 ? batch->newer : batch->next;
            mr_pipeline_free(p, batch);
        }
}
