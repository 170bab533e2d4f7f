/* tasks/pool_map.c: chunks of maps: handed out, run here or sent away, and taken back. */
#include "tasks/map.h"

#include "base/clock.h"
#include "base/flight.h"

#include <stdio.h>
#include <stdlib.h>

#define CHUNK_TIME 500e-6 /* how long a chunk should take */
#define GRACE      0.5    /* seconds for chunks that run when the job fails */

typedef struct wire_chunk {
    uint64_t map, from, count, item_size, result_size, done;
    uint32_t kind, attempt, slot, text;
    int32_t status;
    float seconds;
} wire_chunk;

/* Items of a foreign chunk lie behind what is known of it. */
#define CHUNK_HEAD ((sizeof(wire_chunk) + 15) & ~(size_t)15)

/* ---- Handing out; with the lock ---- */

static bool has_slot(const mr_map *map)
{
    if (!map->slots)
        return true;
    if (!map->as_completed)
        return map->turn - map->given_turn < map->slot_count;
    for (unsigned i = 0; i < map->slot_count; i++)
        if (map->slots[i].state == SLOT_FREE)
            return true;
    return false;
}

/* Where a chunk's results go: the slot that was taken for it, whose first item may lie before. */
static mr_map_slot *slot_of(const mr_map *map, const mr_chunk *chunk)
{
    return &map->slots[chunk->slot];
}

static bool may_take(const mr_pool *pool, const mr_redo *redo, int rank)
{
    return redo->avoided != rank || pool->peers[rank].workers == pool->workers;
}

/* Whose results are saved: of what comes next, or what comes first of them. */
static const mr_saved_range *next_saved(const mr_map *map)
{
    return map->saved_at < map->saved_count ? &map->saved[map->saved_at] : NULL;
}

static bool is_next_saved(const mr_map *map)
{
    return map->saved_at < map->saved_count && map->saved[map->saved_at].from <= map->handed;
}

static bool has_chunk(const mr_map *map, int rank)
{
    for (const mr_redo *redo = map->redo; redo; redo = redo->next)
        if (may_take(map->pool, redo, rank))
            return true;
    return map->handed < map->limit && has_slot(map) &&
           (rank == map->pool->rank || !is_next_saved(map));
}

/* What has changed may have made it possible to take a chunk, or ended it. */
void mr_map_look(mr_map *map)
{
    mr_pool *pool = map->pool;
    const bool is_open = map->is_listed && has_chunk(map, pool->rank);
    if (is_open && !map->is_open)
        atomic_fetch_add(&pool->ready_count, 1);
    if (!is_open && map->is_open)
        atomic_fetch_sub(&pool->ready_count, 1);
    map->is_open = is_open;
    if (is_open)
        mr_pool_wake_locked(pool, LEVEL_WORKER, true);
    if (!map->is_listed || map->out > 0 || map->redo || map->handed < map->limit)
        return;
    mr_map **link = &pool->maps;
    while (*link != map)
        link = &(*link)->next;
    *link = map->next;
    map->is_listed = false;
    atomic_store(&map->is_done, true);
    mr_pool_wake_locked(pool, LEVEL_WAITER, true);
}

void mr_map_open(mr_map *map)
{
    map->next = map->pool->maps;
    map->pool->maps = map;
    map->is_listed = true;
    mr_map_look(map);
}

static void drop_redos(mr_map *map, uint64_t limit)
{
    for (mr_redo **link = &map->redo, *redo; (redo = *link);) {
        if (redo->from + redo->count > limit)
            redo->count = redo->from < limit ? limit - redo->from : 0;
        if (redo->count > 0) {
            link = &redo->next;
            continue;
        }
        *link = redo->next;
        free(redo);
    }
}

static void set_limit(mr_map *map, uint64_t limit)
{
    if (limit < map->limit)
        map->limit = limit;
    drop_redos(map, map->limit);
}

void mr_map_stop(mr_map *map)
{
    atomic_store(&map->is_stopped, true);
    set_limit(map, 0);
    mr_map_look(map);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How many items the next chunk has: enough to be worth it, and few enough to end together. */
static uint64_t length_for(const mr_map *map, bool is_here)
{
    const mr_pool *pool = map->pool;
    const uint64_t left = map->limit - map->handed;
    const double mean = atomic_load_explicit(&pool->item_means[map->kind], memory_order_relaxed);
    uint64_t length = map->chunk;
    if (length == 0) {
        length = mean < 0 ? 1 : (uint64_t)(CHUNK_TIME / (mean + 1e-10)) + 1;
        length = smaller(length, left / (2 * (uint64_t)pool->workers) + 1);
    }
    const size_t size = map->item_size > map->result_size ? map->item_size : map->result_size;
    if (!is_here && size > 0 && (map->chunk == 0 || length * size > 16 * MAP_LETTER))
        length = smaller(length, MAP_LETTER / size + 1);
    if (map->slots)
        length = smaller(length, map->slot_room);
    if (next_saved(map))
        length = smaller(length, next_saved(map)->from - map->handed);
    return smaller(length, left);
}

static uint64_t length_of_saved(const mr_map *map)
{
    const mr_saved_range *saved = next_saved(map);
    const uint64_t length = saved->from + saved->count - map->handed;
    return smaller(map->slots ? smaller(length, map->slot_room) : length, map->limit - map->handed);
}

/* Items that come next, all of them saved or none. */
static void hand_out(mr_map *map, bool is_here, mr_chunk *chunk)
{
    const mr_saved_range *saved = is_next_saved(map) ? next_saved(map) : NULL;
    *chunk = (mr_chunk){.map = map,
                        .from = map->handed,
                        .count = saved ? length_of_saved(map) : length_for(map, is_here),
                        .saved = saved};
    map->handed += chunk->count;
    if (saved && map->handed >= saved->from + saved->count)
        map->saved_at++;
}

static unsigned take_slot(mr_map *map)
{
    unsigned slot = (unsigned)(map->turn % map->slot_count);
    while (map->as_completed && map->slots[slot].state != SLOT_FREE)
        slot = (slot + 1) % map->slot_count;
    map->turn++;
    map->slots[slot].state = SLOT_OUT;
    return slot;
}

static bool take_redo(mr_map *map, int rank, mr_chunk *chunk)
{
    for (mr_redo **link = &map->redo, *redo; (redo = *link); link = &redo->next)
        if (may_take(map->pool, redo, rank)) {
            *chunk = (mr_chunk){.map = map,
                                .from = redo->from,
                                .count = redo->count,
                                .attempt = redo->attempt,
                                .slot = redo->slot};
            *link = redo->next;
            free(redo);
            return true;
        }
    return false;
}

static bool take_chunk(mr_pool *pool, int rank, mr_chunk *chunk)
{
    const bool is_here = rank == pool->rank;
    for (mr_map *map = pool->maps; map; map = map->next) {
        if (!has_chunk(map, rank))
            continue;
        if (!take_redo(map, rank, chunk)) {
            hand_out(map, is_here, chunk);
            if (map->slots) {
                chunk->slot = take_slot(map);
                slot_of(map, chunk)->from = chunk->from;
            }
        }
        mr_map_slot *slot = map->slots ? slot_of(map, chunk) : NULL;
        chunk->results = slot ? slot->results + (chunk->from - slot->from) * map->result_size
                              : map->results + chunk->from * map->result_size;
        map->out++;
        map->out_here += is_here;
        mr_map_look(map);
        return true;
    }
    return false;
}

/* ---- Taking back ---- */

/* With the lock. True: the item that failed, and those behind it, will be tried again. */
static bool tries_again(mr_chunk *chunk, uint64_t done, int rank)
{
    mr_map *map = chunk->map;
    const mr_task_kind *kind = &map->pool->kinds[map->kind];
    const unsigned attempt = done == 0 ? chunk->attempt : 0;
    mr_redo *redo;
    if (!kind->idempotent || attempt >= (unsigned)kind->retries || atomic_load(&map->is_stopped) ||
        !(redo = malloc(sizeof *redo)))
        return false;
    *redo = (mr_redo){map->redo,   chunk->from + done, chunk->count - done,
                      attempt + 1, chunk->slot,        rank};
    map->redo = redo;
    return true;
}

static void end_slot(mr_map *map, const mr_chunk *chunk, uint64_t done, bool has_failed)
{
    mr_map_slot *slot = slot_of(map, chunk);
    slot->count = chunk->from - slot->from + done;
    slot->has_failed = has_failed;
    slot->state = SLOT_FULL;
    atomic_fetch_add(&map->full, 1);
    mr_pool_wake_locked(map->pool, LEVEL_WAITER, true);
}

/* `done` items of a chunk are there; if that is not all of them, the next one has failed. */
static void end_chunk(mr_chunk *chunk, uint64_t done, double seconds, mr_status status,
                      const char *text, int rank)
{
    mr_map *map = chunk->map;
    mr_pool *pool = map->pool;
    if (map->mark && done > 0 && !chunk->saved)
        mr_saved_note(pool, map->mark, chunk->from, done,
                      (mr_bytes){chunk->results, done * map->result_size});
    pthread_mutex_lock(&pool->lock);
    const bool has_failed = status != MR_OK && !atomic_load(&map->is_stopped);
    const bool again = has_failed && tries_again(chunk, done, rank);
    if (has_failed && !again && chunk->from + done < map->failed_item) {
        map->failed_item = chunk->from + done;
        map->status = status;
        snprintf(map->text, sizeof map->text, "%s", text);
        set_limit(map, map->failed_item);
    }
    if (map->slots && !again)
        end_slot(map, chunk, done, status != MR_OK);
    mr_pool_count_items(pool, map->kind, done, rank, seconds);
    map->out--;
    map->out_here -= rank == pool->rank;
    mr_map_look(map);
    pthread_mutex_unlock(&pool->lock);
}

static void learn(mr_pool *pool, unsigned kind, uint64_t done, double seconds)
{
    if (done == 0)
        return;
    double one = seconds / (double)done;
    double mean = atomic_load_explicit(&pool->item_means[kind], memory_order_relaxed);
    atomic_store_explicit(&pool->item_means[kind], mean < 0 ? one : mean + (one - mean) / 4,
                          memory_order_relaxed);
}

/* ---- Running ---- */

static mr_status call_timed(mr_task *frame, const char *item, char *result, bool *in_time)
{
    const size_t item_size = frame->chunk.item_size, result_size = frame->chunk.result_size;
    memcpy(frame->scratch, item, item_size);
    mr_timed_add(frame);
    mr_status status =
        frame->pool->kinds[frame->kind].each(frame, frame->scratch, frame->scratch + item_size);
    *in_time = mr_timed_end(frame);
    if (*in_time)
        memcpy(result, frame->scratch + item_size, result_size);
    return status;
}

/* False: the clerk has taken the chunk away. */
static bool run_timed(mr_task *frame, const char *items, char *results, mr_status *status)
{
    mr_run *run = &frame->chunk;
    bool in_time = true;
    frame->scratch = malloc(run->item_size + run->result_size + 1);
    if (!frame->scratch)
        *status = mr_task_fail(frame, MR_NO_MEMORY, "out of memory: an item");
    while (*status == MR_OK && in_time && run->done < run->count) {
        frame->number = run->from + run->done;
        *status = call_timed(frame, items, results, &in_time);
        if (!in_time || *status != MR_OK)
            break;
        run->done++;
        mr_flight_progress();
        items += run->item_size;
        results += run->result_size;
    }
    free(frame->scratch);
    return in_time;
}

static void run_plain(mr_task *frame, const char *items, char *results, mr_status *status)
{
    mr_run *run = &frame->chunk;
    mr_task_each *each = frame->pool->kinds[frame->kind].each;
    const size_t item_size = run->item_size, result_size = run->result_size;
    mr_flight_thread *place = mr_flight_mine();
    uint64_t i = 0;
    for (; i < run->count; i++) {
        frame->number = run->from + i;
        *status = each(frame, items, results);
        if (*status != MR_OK)
            break;
        mr_flight_step(place);
        items += item_size;
        results += result_size;
    }
    run->done = i;
}

/* Runs the chunk that the frame has. False: it was taken away. */
static bool run_items(mr_worker *worker, mr_task *frame, const char *items, char *results,
                      mr_status *status, char *text)
{
    const double start = mr_clock_now();
    bool is_ours = true;
    *status = mr_worker_local(worker, frame);
    if (*status == MR_OK && frame->pool->kinds[frame->kind].timeout > 0)
        is_ours = run_timed(frame, items, results, status);
    else if (*status == MR_OK)
        run_plain(frame, items, results, status);
    worker->clock = mr_clock_now();
    frame->chunk.seconds = worker->clock - start;
    if (is_ours && *status != MR_OK)
        mr_task_explain(frame, *status, text, MR_ERROR_TEXT);
    return is_ours;
}

/* Results of a run before this one. False: they are gone, and the items have to be done. */
static bool bring_saved(mr_chunk *chunk)
{
    const mr_map *map = chunk->map;
    mr_pool *pool = map->pool;
    if (!mr_saved_read(pool, chunk->saved, chunk->from, chunk->count, map->result_size,
                       chunk->results))
        return false;
    end_chunk(chunk, chunk->count, 0, MR_OK, NULL, pool->rank);
    mr_pool_dispatch(pool);
    return true;
}

bool mr_map_step(mr_worker *worker)
{
    mr_pool *pool = worker->pool;
    char text[MR_ERROR_TEXT];
    mr_chunk chunk;
    mr_status status;
    if (!pool->maps)
        return false;
    pthread_mutex_lock(&pool->lock);
    bool has = take_chunk(pool, pool->rank, &chunk);
    pthread_mutex_unlock(&pool->lock);
    mr_task *frame = has ? mr_worker_frame(worker, NULL, chunk.map->kind) : NULL;
    if (!frame)
        return false;
    mr_map *map = chunk.map;
    if (chunk.saved && bring_saved(&chunk)) {
        mr_worker_unframe(worker, frame);
        return true;
    }
    chunk.saved = NULL;
    frame->is_unwanted = &map->is_stopped;
    frame->chunk = (mr_run){.chunk = chunk,
                            .from = chunk.from,
                            .count = chunk.count,
                            .item_size = map->item_size,
                            .result_size = map->result_size};
    bool is_ours = run_items(worker, frame, map->items + chunk.from * map->item_size, chunk.results,
                             &status, text);
    mr_worker_unframe(worker, frame);
    if (!is_ours)
        return true;
    learn(pool, map->kind, frame->chunk.done, frame->chunk.seconds);
    end_chunk(&chunk, frame->chunk.done, frame->chunk.seconds, status, text, pool->rank);
    return true;
}

/* ---- Chunks of other ranks ---- */

static void send_back(mr_pool *pool, const mr_future *record, const mr_run *run, mr_status status,
                      const char *text)
{
    struct {
        wire_chunk head;
        char text[MR_ERROR_TEXT];
    } letter;
    memcpy(&letter.head, record->block, sizeof letter.head);
    letter.head.done = run->done;
    letter.head.status = (int32_t)status;
    letter.head.seconds = (float)run->seconds;
    letter.head.text = status == MR_OK ? 0 : (uint32_t)strlen(text) + 1;
    memcpy(letter.text, text, letter.head.text);
    mr_post_send(pool->post, record->owner, pool->box, LETTER_CHUNK_DONE,
                 (mr_bytes){(const char *)&letter, sizeof letter.head + letter.head.text},
                 (mr_bytes){run->blob ? run->blob->data : NULL, run->done * run->result_size});
}

void mr_map_run_foreign(mr_worker *worker, mr_future *record)
{
    mr_pool *pool = worker->pool;
    mr_error error = {.code = MR_OK};
    char text[MR_ERROR_TEXT];
    wire_chunk head;
    memcpy(&head, record->block, sizeof head);
    mr_blob *blob = mr_blob_make(pool, head.count * head.result_size, &error);
    mr_task *frame = blob ? mr_worker_frame(worker, NULL, head.kind) : NULL;
    mr_status status = MR_NO_MEMORY;
    mr_run run = {.blob = blob,
                  .record = record,
                  .from = head.from,
                  .count = head.count,
                  .item_size = head.item_size,
                  .result_size = head.result_size};
    snprintf(text, sizeof text, "%s", error.text);
    if (frame) {
        frame->chunk = run;
        bool is_ours =
            run_items(worker, frame, record->block + CHUNK_HEAD, blob->data, &status, text);
        mr_worker_unframe(worker, frame);
        if (!is_ours)
            return;
        run = frame->chunk;
    }
    send_back(pool, record, &run, status, text);
    mr_blob_drop(blob);
    mr_record_drop(record);
}

static void handle_chunk(mr_pool *pool, int from, mr_bytes letter)
{
    mr_error error = {.code = MR_OK};
    wire_chunk head;
    memcpy(&head, letter.data, sizeof head);
    pthread_mutex_lock(&pool->lock);
    mr_future *record = mr_record_take(pool, &pool->foreign, &error);
    const size_t size = letter.size - sizeof head;
    if (record) {
        record->owner = from;
        record->number = head.from;
        record->kind = (uint16_t)head.kind;
        record->is_chunk = true;
        atomic_init(&record->holds, 1);
        atomic_init(&record->state, PHASE_READY);
        if (mr_record_block(record, CHUNK_HEAD + size, &error) == MR_OK) {
            memcpy(record->block, &head, sizeof head);
            memcpy(record->block + CHUNK_HEAD, letter.data + sizeof head, size);
            mr_pool_enqueue(pool, record);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (error.code != MR_OK)
        mr_post_fail(pool->post, &error);
}

static void handle_chunk_done(mr_pool *pool, int from, mr_bytes letter)
{
    wire_chunk head;
    memcpy(&head, letter.data, sizeof head);
    mr_map *map = (mr_map *)(uintptr_t)head.map;
    mr_chunk chunk = {map, head.from, head.count, head.attempt, head.slot, NULL, NULL};
    const char *results = letter.data + sizeof head + head.text;
    pthread_mutex_lock(&pool->lock);
    pool->peers[from].chunks--;
    pool->peers[from].heard++;
    mr_map_slot *slot = map->slots ? slot_of(map, &chunk) : NULL;
    pthread_mutex_unlock(&pool->lock);
    chunk.results = slot ? slot->results + (head.from - slot->from) * map->result_size
                         : map->results + head.from * map->result_size;
    if (head.done > 0 && map->result_size > 0)
        memcpy(chunk.results, results, head.done * map->result_size);
    learn(pool, map->kind, head.done, (double)head.seconds);
    end_chunk(&chunk, head.done, (double)head.seconds, (mr_status)head.status,
              letter.data + sizeof head, from);
    mr_pool_dispatch(pool);
}

void mr_map_handle(mr_pool *pool, int from, uint32_t kind, mr_bytes letter)
{
    if (kind == LETTER_CHUNK)
        handle_chunk(pool, from, letter);
    else
        handle_chunk_done(pool, from, letter);
}

static bool next_for(mr_pool *pool, int rank, mr_chunk *chunk)
{
    mr_peer *peer = &pool->peers[rank];
    bool has = false;
    pthread_mutex_lock(&pool->lock);
    for (const mr_map *map = pool->maps; map && !has; map = map->next) {
        double mean = atomic_load_explicit(&pool->item_means[map->kind], memory_order_relaxed);
        bool is_short = mean >= 0 && mean < POOL_AHEAD_TIME;
        has = peer->chunks < peer->workers * (is_short ? 2U : 1U);
    }
    if (has && (has = take_chunk(pool, rank, chunk)))
        peer->chunks++;
    pthread_mutex_unlock(&pool->lock);
    return has;
}

void mr_map_send(mr_pool *pool, int rank)
{
    mr_chunk chunk;
    while (pool->maps && next_for(pool, rank, &chunk)) {
        const mr_map *map = chunk.map;
        const wire_chunk head = {.map = (uintptr_t)map,
                                 .from = chunk.from,
                                 .count = chunk.count,
                                 .item_size = map->item_size,
                                 .result_size = map->result_size,
                                 .kind = map->kind,
                                 .attempt = chunk.attempt,
                                 .slot = chunk.slot};
        mr_post_send(
            pool->post, rank, pool->box, LETTER_CHUNK, (mr_bytes){(const char *)&head, sizeof head},
            (mr_bytes){map->items + chunk.from * map->item_size, chunk.count * map->item_size});
    }
}

/* ---- An item that takes too long; the clerk has it, and its thread is given up ---- */

void mr_map_end_late(mr_pool *pool, mr_run *run, mr_status status, const char *text)
{
    if (!run->record) {
        end_chunk(&run->chunk, run->done, 0, status, text, pool->rank);
        return;
    }
    send_back(pool, run->record, run, status, text);
    mr_blob_drop(run->blob);
    mr_record_drop(run->record);
}

/* ---- Whole maps ---- */

static void find_saved(mr_map *map)
{
    mr_pool *pool = map->pool;
    const uint64_t sizes[3] = {map->count, map->item_size, map->result_size};
    mr_saved_what what;
    map->mark = pool->peers[pool->rank].workers > 0 ? mr_saved_mark(pool, MARK_MAP) : 0;
    if (!map->mark)
        return;
    mr_saved_begin(&what, pool->kinds[map->kind].name);
    mr_saved_bytes(&what, sizes, sizeof sizes);
    mr_saved_bytes(&what, map->items, (size_t)map->count * map->item_size);
    map->saved_count = mr_saved_ranges(pool, map->mark, &what, &map->saved);
}

mr_status mr_map_begin(mr_pool *pool, mr_task_each *each, const void *items, uint64_t count,
                       size_t item_size, size_t result_size, const mr_map_options *options,
                       mr_map *map)
{
    int kind = each ? mr_pool_kind_of(pool, NULL, each) : -1;
    *map = (mr_map){.pool = pool,
                    .kind = (unsigned)kind,
                    .items = items,
                    .item_size = item_size,
                    .result_size = result_size,
                    .count = count,
                    .limit = count,
                    .failed_item = UINT64_MAX,
                    .chunk = options ? options->chunk : 0,
                    .as_completed = options && options->as_completed};
    if (kind < 0)
        return mr_pool_complain(pool, MR_USAGE,
                                "cannot map: the function is not among the pool's kinds: add it");
    if (atomic_load(&pool->is_terminated) || atomic_load(&pool->is_over))
        return mr_pool_complain(pool, MR_CANCELLED, "cannot map: the pool was terminated");
    find_saved(map);
    return MR_OK;
}

void mr_map_end(mr_map *map)
{
    free(map->saved);
    map->saved = NULL;
}

bool mr_map_is_done(void *map)
{
    return atomic_load(&((mr_map *)map)->is_done);
}

static bool nothing_here(void *context)
{
    return atomic_load(&((mr_map *)context)->out_here) == 0;
}

/* Where the job fails, other ranks won't answer any more. */
void mr_map_abandon(mr_map *map)
{
    pthread_mutex_lock(&map->pool->lock);
    mr_map_stop(map);
    pthread_mutex_unlock(&map->pool->lock);
    for (double end = mr_clock_now() + GRACE; !nothing_here(map) && mr_clock_now() < end;)
        mr_clock_nap(1000);
}

mr_status mr_map_tell(const mr_map *map)
{
    if (map->status == MR_OK)
        return atomic_load(&map->is_stopped) ? MR_CANCELLED : MR_OK;
    return mr_pool_complain(map->pool, map->status, map->text);
}

void mr_map_stop_all(mr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    for (mr_map *map = pool->maps, *next; map; map = next) {
        next = map->next;
        mr_map_stop(map);
    }
    pthread_mutex_unlock(&pool->lock);
}

mr_status mr_pool_map(mr_pool *pool, mr_task_each *each, const void *items, uint64_t count,
                      size_t item_size, void *results, size_t result_size,
                      const mr_map_options *options)
{
    mr_map *map = malloc(sizeof *map);
    if (!map)
        return mr_pool_complain(pool, MR_NO_MEMORY, "out of memory: a map");
    mr_status status = mr_map_begin(pool, each, items, count, item_size, result_size, options, map);
    if (status == MR_OK) {
        map->results = results;
        pthread_mutex_lock(&pool->lock);
        mr_map_open(map);
        pthread_mutex_unlock(&pool->lock);
        status = mr_pool_await(pool, mr_map_is_done, map, MR_FOREVER);
        if (status != MR_OK) {
            mr_map_abandon(map);
            return status; /* letters may still name it */
        }
        status = mr_map_tell(map);
    }
    mr_map_end(map);
    free(map);
    return status;
}
