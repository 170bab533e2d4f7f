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
    record->has_entries = head->has_entries;
    atomic_init(&record->holds, 1);
    atomic_init(&record->state, PHASE_READY);
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
        if (record)
            mr_pool_enqueue(pool, record);
        at += sizeof head + head.block_size;
    }
    pthread_mutex_unlock(&pool->lock);
    if (error.code != MR_OK) {
        mr_pool_note(pool, error.code, error.text, UINT64_MAX);
        mr_post_stop(pool->post);
    }
}

/* ---- News of our own ---- */

static void handle_done(mr_pool *pool, int from, mr_bytes letter)
{
    mr_peer *peer = &pool->peers[from];
    uint32_t count = 0;
    double expected = 0;
    for (const char *at = letter.data, *end = at + letter.size; at < end;) {
        mr_wire_done head;
        memcpy(&head, at, sizeof head);
        mr_future *record = (mr_future *)(uintptr_t)head.cookie;
        const char *bytes = at + sizeof head;
        mr_outcome outcome = {.status = (mr_status)head.status,
                              .kept = head.kept,
                              .rank = from,
                              .seconds = head.seconds};
        if (outcome.status == MR_OK)
            outcome.result = (mr_bytes){bytes, head.size};
        else
            outcome.text = bytes;
        count++;
        expected += (double)record->expected;
        mr_pool_learn(pool, record->kind, head.seconds);
        mr_record_end(record, &outcome);
        at += sizeof head + head.here;
    }
    pthread_mutex_lock(&pool->lock);
    peer->outstanding -= count;
    peer->expected = peer->outstanding ? peer->expected - expected : 0;
    pthread_mutex_unlock(&pool->lock);
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

void mr_news_add(mr_worker *worker, const mr_future *record, const mr_outcome *outcome)
{
    mr_news *news = &worker->news;
    mr_bytes body = outcome->result;
    if (outcome->status != MR_OK)
        body = (mr_bytes){outcome->text, strlen(outcome->text) + 1};
    else if (outcome->kept)
        body.data = NULL;
    const mr_wire_done head = {.cookie = record->cookie,
                               .size = outcome->result.size,
                               .kept = outcome->kept,
                               .status = (int32_t)outcome->status,
                               .seconds = outcome->seconds,
                               .here = body.data ? body.size : 0};
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

static void handle_release(mr_bytes letter)
{
    for (size_t at = 0; at < letter.size; at += sizeof(uint64_t)) {
        uint64_t kept;
        memcpy(&kept, letter.data + at, sizeof kept);
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
    mr_pool_wake(pool, LEVEL_CLOSER, true);
}

void mr_pool_handle(void *context, int from, uint32_t kind, mr_bytes letter)
{
    mr_pool *pool = context;
    switch (kind) {
    case LETTER_TASKS:
        handle_tasks(pool, from, letter);
        break;
    case LETTER_DONE:
        handle_done(pool, from, letter);
        break;
    case LETTER_RELEASE:
        handle_release(letter);
        break;
    case LETTER_COME:
        atomic_fetch_add(&pool->come, 1);
        mr_pool_wake(pool, LEVEL_CLOSER, true);
        break;
    case LETTER_ASK:
        mr_pool_answer(pool);
        break;
    case LETTER_ANSWER:
        handle_answer(pool, letter);
        break;
    case LETTER_END:
        atomic_store(&pool->is_over, true);
        mr_pool_wake(pool, LEVEL_CLOSER, true);
        break;
    }
}
