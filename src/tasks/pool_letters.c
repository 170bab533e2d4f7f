/* tasks/pool_letters.c: what ranks of a pool tell each other, and what becomes of it. */
#include "tasks/pool.h"

#include "base/clock.h"

/* ---- Tasks of others ---- */

static mr_future *unpack(mr_pool *pool, int from, const mr_wire_task *head, const char *block,
                         mr_error *error)
{
    mr_future *record = mr_record_take(pool, &pool->foreign, error);
    if (!record)
        return NULL;
    record->owner = from;
    record->wanted = pool->rank;
    record->cookie = head->cookie;
    record->number = head->number;
    record->priority = head->priority;
    record->kind = head->kind;
    record->attempt = head->attempt;
    record->argument_count = head->argument_count;
    record->has_refs = head->has_refs;
    record->is_bound = head->is_bound;
    record->mark = head->mark;
    record->is_noted = head->is_noted;
    atomic_init(&record->holds, 1);
    atomic_init(&record->state, PHASE_WAITING);
    if (mr_record_block(record, head->block_size, error) == MR_OK)
        memcpy(record->block, block, head->block_size);
    else
        record->argument_count = 0;
    return record;
}

static void handle_tasks(mr_pool *pool, int from, mr_bytes letter)
{
    mr_error error = {.code = MR_OK};
    pthread_mutex_lock(&pool->lock);
    for (const char *at = letter.data, *end = at + letter.size; at < end;) {
        mr_wire_task head;
        memcpy(&head, at, sizeof head);
        mr_future *record = unpack(pool, from, &head, at + sizeof head, &error);
        if (record && (!record->has_refs || mr_fetch_foreign(pool, record, &error))) {
            atomic_fetch_add(&record->state, PHASE_READY);
            mr_pool_enqueue(pool, record);
        }
        at += sizeof head + head.block_size;
    }
    pthread_mutex_unlock(&pool->lock);
    if (error.code != MR_OK)
        mr_post_fail(pool->post, &error);
}

/* ---- News of our own ---- */

void mr_peer_less(mr_pool *pool, mr_peer *peer, const mr_future *record)
{
    pool->idle_peers += peer->outstanding-- == peer->workers;
    peer->expected = peer->outstanding ? peer->expected - (double)record->expected : 0;
}

static void handle_done(mr_pool *pool, int from, mr_bytes letter)
{
    mr_peer *peer = &pool->peers[from];
    pthread_mutex_lock(&pool->lock);
    for (const char *at = letter.data, *end = at + letter.size; at < end;) {
        mr_wire_done head;
        memcpy(&head, at, sizeof head);
        mr_peer_less(pool, peer, (const mr_future *)(uintptr_t)head.cookie);
        at += sizeof head + head.here;
    }
    peer->heard++;
    pthread_mutex_unlock(&pool->lock);
    for (const char *at = letter.data, *end = at + letter.size; at < end;) {
        mr_wire_done head;
        memcpy(&head, at, sizeof head);
        mr_future *record = (mr_future *)(uintptr_t)head.cookie;
        const char *bytes = at + sizeof head;
        mr_outcome outcome = {.status = (mr_status)head.status,
                              .kept = head.kept,
                              .serial = head.serial,
                              .rank = from,
                              .seconds = head.seconds};
        if (outcome.status == MR_OK)
            outcome.result = (mr_bytes){bytes, head.size};
        else
            outcome.text = bytes;
        mr_pool_learn(pool, record->kind, head.seconds);
        mr_record_end(record, &outcome);
        at += sizeof head + head.here;
    }
    mr_pool_dispatch(pool);
}

void mr_pool_learn(mr_pool *pool, unsigned kind, float seconds)
{
    double mean = atomic_load_explicit(&pool->means[kind], memory_order_relaxed);
    mean = mean < 0 ? (double)seconds : mean + ((double)seconds - mean) / 8;
    atomic_store_explicit(&pool->means[kind], mean, memory_order_relaxed);
}

/* ---- News for others ---- */

static void flush_news(mr_pool *pool, mr_news *news)
{
    size_t size = atomic_load(&news->size);
    if (size > 0)
        mr_pool_send(pool, news->owner, LETTER_DONE, news->bytes, size);
    atomic_store(&news->size, 0);
}

void mr_news_flush(mr_worker *worker)
{
    if (atomic_load(&worker->news.size) == 0)
        return;
    pthread_mutex_lock(&worker->news.lock);
    flush_news(worker->pool, &worker->news);
    pthread_mutex_unlock(&worker->news.lock);
}

static mr_bytes write_news(const mr_future *record, const mr_outcome *outcome, mr_wire_done *head)
{
    mr_bytes body = outcome->result;
    if (outcome->status != MR_OK)
        body = (mr_bytes){outcome->text, strlen(outcome->text) + 1};
    else if (outcome->kept)
        body = (mr_bytes){0};
    *head = (mr_wire_done){.cookie = record->cookie,
                           .size = outcome->result.size,
                           .kept = outcome->kept,
                           .serial = outcome->serial,
                           .status = (int32_t)outcome->status,
                           .seconds = outcome->seconds,
                           .here = body.size};
    return body;
}

void mr_news_send(mr_pool *pool, const mr_future *record, const mr_outcome *outcome)
{
    mr_wire_done head;
    mr_bytes body = write_news(record, outcome, &head);
    mr_post_send(pool->post, record->owner, pool->box, LETTER_DONE,
                 (mr_bytes){(const char *)&head, sizeof head}, body);
}

void mr_news_add(mr_worker *worker, const mr_future *record, const mr_outcome *outcome)
{
    mr_news *news = &worker->news;
    mr_wire_done head;
    mr_bytes body = write_news(record, outcome, &head);
    pthread_mutex_lock(&news->lock);
    size_t size = atomic_load(&news->size);
    if (size > 0 &&
        (news->owner != record->owner || size + sizeof head + head.here > sizeof news->bytes)) {
        flush_news(worker->pool, news);
        size = 0;
    }
    news->owner = record->owner;
    memcpy(news->bytes + size, &head, sizeof head);
    if (head.here > 0)
        memcpy(news->bytes + size + sizeof head, body.data, head.here);
    atomic_store(&news->size, size + sizeof head + head.here);
    pthread_mutex_unlock(&news->lock);
}

/* Results that stay here until their owners let go of them. */
void mr_blob_keep(mr_pool *pool, mr_blob *blob)
{
    pthread_mutex_lock(&pool->lock);
    blob->next = pool->kept;
    blob->link = &pool->kept;
    if (blob->next)
        blob->next->link = &blob->next;
    pool->kept = blob;
    pthread_mutex_unlock(&pool->lock);
}

static void unlink_kept(mr_pool *pool, mr_blob *blob)
{
    pthread_mutex_lock(&pool->lock);
    *blob->link = blob->next;
    if (blob->next)
        blob->next->link = blob->link;
    pthread_mutex_unlock(&pool->lock);
}

static void handle_release(mr_pool *pool, mr_bytes letter)
{
    for (size_t at = 0; at < letter.size; at += sizeof(uint64_t)) {
        uint64_t kept;
        memcpy(&kept, letter.data + at, sizeof kept);
        unlink_kept(pool, (mr_blob *)(uintptr_t)kept);
        mr_blob_drop((mr_blob *)(uintptr_t)kept);
    }
}

static void handle_answer(mr_pool *pool, mr_bytes letter)
{
    uint64_t numbers[2];
    memcpy(numbers, letter.data, sizeof numbers);
    atomic_fetch_add(&pool->answered_submitted, numbers[0]);
    atomic_fetch_add(&pool->answered_busy, numbers[1]);
    atomic_fetch_add(&pool->answers, 1);
}

static void handle_end_of_pool(mr_pool *pool, uint32_t kind, mr_bytes letter)
{
    if (kind == LETTER_ASK)
        mr_pool_answer(pool);
    else if (kind == LETTER_ANSWER)
        handle_answer(pool, letter);
    else if (kind == LETTER_COME)
        atomic_fetch_add(&pool->come, 1);
    else
        atomic_store(&pool->is_over, true);
    mr_pool_wake(pool, LEVEL_CLOSER, true);
}

static void handle(mr_pool *pool, int from, uint32_t kind, mr_bytes letter)
{
    switch (kind) {
    case LETTER_TASKS:
        handle_tasks(pool, from, letter);
        break;
    case LETTER_DONE:
        handle_done(pool, from, letter);
        break;
    case LETTER_RELEASE:
        handle_release(pool, letter);
        break;
    case LETTER_FETCH:
        mr_fetch_handle(pool, from, letter);
        break;
    case LETTER_PIECE:
        mr_fetch_handle_piece(pool, letter);
        break;
    case LETTER_CANCEL:
    case LETTER_CANCELLED:
    case LETTER_RECALL:
    case LETTER_RETURNED:
        mr_cancel_handle(pool, from, kind, letter);
        break;
    case LETTER_CHUNK:
    case LETTER_CHUNK_DONE:
        mr_map_handle(pool, from, kind, letter);
        break;
    default:
        handle_end_of_pool(pool, kind, letter);
        break;
    }
}

void mr_pool_handle(void *context, int from, uint32_t kind, mr_bytes letter)
{
    mr_pool *pool = context;
    atomic_store(&pool->handling, (uintptr_t)pthread_self());
    handle(pool, from, kind, letter);
    atomic_store(&pool->handling, 0);
}
