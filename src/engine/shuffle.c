/* engine/shuffle.c: pages between threads, ranks and piles. What a thread does with a pair is in
 * emitter.c. */
#include "engine/shuffle.h"

#include "engine/emitter.h"
#include "engine/job.h"

#include <stdlib.h>
#include <xxhash.h>

#define PAGE_LEAST ((size_t)4 << 10)
#define PAGE_MOST  ((size_t)64 << 10)
#define SPARE_MOST 64

/* Bytes on their way are bounded, too: some pages are longer than others. */
#define FLYING_LEAST ((size_t)512 << 10)

#define SAMPLE_LEAST 1024
#define SAMPLE_MOST  8192

/* Half-full pages of all threads take at most an eighth of the budget. */
static size_t page_size(const mr_job *job, uint32_t piles)
{
    uint64_t budget = mr_memory_budget();
    uint64_t size = budget ? budget / 8 / job->threads / piles : PAGE_MOST;
    size = size > PAGE_MOST ? PAGE_MOST : size;
    return ((size < PAGE_LEAST ? PAGE_LEAST : size) & ~(size_t)4095) - MR_EXCHANGE_ENVELOPE;
}

/* Pairs sampled of what a rank puts into one set: fewer on a small budget, as each set keeps them.
 */
static size_t sample_most(void)
{
    uint64_t budget = mr_memory_budget(), some = budget / 4096;
    if (budget == 0 || some > SAMPLE_MOST)
        return SAMPLE_MOST;
    return some < SAMPLE_LEAST ? SAMPLE_LEAST : some;
}

mr_status mr_shuffle_create(mr_shuffle **result, mr_job *job, const mr_shuffle_plan *plan)
{
    mr_shuffle *shuffle = *result = calloc(1, sizeof *shuffle);
    if (!shuffle)
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: starting a shuffle");
    uint32_t ranks = (uint32_t)mr_comm_size(job->comm);
    shuffle->job = job;
    shuffle->plan = *plan;
    shuffle->rank = mr_comm_rank(job->comm);
    shuffle->own = plan->piles / ranks;
    shuffle->first = shuffle->own * (uint32_t)shuffle->rank;
    shuffle->page_size = page_size(job, plan->piles);
    shuffle->sample_most = sample_most();
    shuffle->verify = job->settings->verify;
    pthread_mutex_init(&shuffle->lock, NULL);
    shuffle->buffer.stride = plan->layout.stride;
    mr_pair_sample_start(&shuffle->sample, &plan->sample_by, shuffle->sample_most);
    return mr_exchange_create(&shuffle->exchange, job->comm, job->error);
}

static void free_list(mr_page_list *list)
{
    for (mr_page *page; (page = list->first);) {
        list->first = page->next;
        mr_page_destroy(page);
    }
}

void mr_shuffle_destroy(mr_shuffle **result)
{
    mr_shuffle *shuffle = *result;
    if (!shuffle)
        return;
    free_list(&shuffle->outbox);
    free_list(&shuffle->spare);
    mr_exchange_destroy(&shuffle->exchange);
    mr_pair_sample_free(&shuffle->sample);
    mr_spill_buffer_free(&shuffle->buffer);
    pthread_mutex_destroy(&shuffle->lock);
    free(shuffle);
    *result = NULL;
}

mr_status mr_shuffle_again(mr_shuffle **again, const mr_shuffle *first)
{
    return mr_shuffle_create(again, first->job, &first->plan);
}

void mr_shuffle_deal(mr_shuffle *shuffle)
{
    shuffle->plan.deal = true;
}

void mr_shuffle_one_pile(mr_shuffle *shuffle)
{
    shuffle->plan.one_pile = true;
}

void mr_shuffle_only_sample(mr_shuffle *shuffle)
{
    shuffle->plan.sample_only = true;
}

mr_pair_sample *mr_shuffle_sample(mr_shuffle *shuffle)
{
    return &shuffle->sample;
}

void mr_shuffle_push(mr_shuffle *shuffle, mr_page_list *list, mr_page *page)
{
    pthread_mutex_lock(&shuffle->lock);
    page->next = NULL;
    if (list->first)
        list->last->next = page;
    else
        list->first = page;
    list->last = page;
    list->count++;
    list->bytes += page->capacity;
    pthread_mutex_unlock(&shuffle->lock);
}

mr_page *mr_shuffle_pop(mr_shuffle *shuffle, mr_page_list *list)
{
    pthread_mutex_lock(&shuffle->lock);
    mr_page *page = list->first;
    if (page) {
        list->first = page->next;
        list->count--;
        list->bytes -= page->capacity;
    }
    pthread_mutex_unlock(&shuffle->lock);
    return page;
}

/* A page that has been sent is used again, unless it was made for one long pair. */
static void recycle(mr_shuffle *shuffle, mr_page *page)
{
    if (page->capacity == shuffle->page_size && shuffle->spare.count < SPARE_MOST &&
        !mr_memory_is_tight(0))
        mr_shuffle_push(shuffle, &shuffle->spare, page);
    else
        mr_page_destroy(page);
}

static uint64_t checksum(mr_page *page)
{
    return XXH3_64bits(mr_page_pairs(page), page->size - sizeof(mr_leaf));
}

static mr_status bad_page(mr_page *page, mr_error *error)
{
    mr_error_set(error, MR_FAILED,
                 "exchange corrupted: a page of %zu bytes from rank %d: have the memory and the "
                 "network of these nodes checked",
                 page->size, page->to);
    mr_page_destroy(page);
    return MR_FAILED;
}

/* A page joins its pile. */
static mr_status join_pile(mr_shuffle *shuffle, mr_page *page, mr_error *error)
{
    uint32_t pile = mr_page_leaf(page)->pile - shuffle->first;
    if (page->size < sizeof(mr_leaf) || pile >= shuffle->own)
        return bad_page(page, error);
    mr_pile_push(shuffle->plan.into, pile, page);
    return MR_OK;
}

/* Each of the pages in a bundle for itself. */
static mr_status unbundle(mr_shuffle *shuffle, mr_page *bundle, mr_error *error)
{
    size_t at = sizeof(mr_leaf), size;
    while (at + sizeof size <= bundle->size) {
        memcpy(&size, bundle->bytes + at, sizeof size);
        at += sizeof size;
        if (size > bundle->size - at)
            return bad_page(bundle, error);
        mr_page *page = mr_page_create(size, error);
        if (!page) {
            mr_page_destroy(bundle);
            return error->code;
        }
        memcpy(page->bytes, bundle->bytes + at, size);
        page->size = size;
        page->to = bundle->to;
        if (join_pile(shuffle, page, error) != MR_OK) {
            mr_page_destroy(bundle);
            return error->code;
        }
        at += mr_round8(size);
    }
    mr_page_destroy(bundle);
    return MR_OK;
}

/* A page that came from another rank. */
static mr_status take_in(mr_shuffle *shuffle, mr_page *page, mr_error *error)
{
    const mr_leaf *leaf = mr_page_leaf(page);
    if (page->size < sizeof *leaf || (shuffle->verify && leaf->check != checksum(page)))
        return bad_page(page, error);
    if (leaf->pile == MR_LEAF_BUNDLE)
        return unbundle(shuffle, page, error);
    return join_pile(shuffle, page, error);
}

static void send_out(mr_shuffle *shuffle)
{
    mr_page *page;
    while (mr_exchange_may_send(shuffle->exchange) &&
           shuffle->flying < FLYING_LEAST + MR_EXCHANGE_IN_FLIGHT * shuffle->page_size &&
           (page = mr_shuffle_pop(shuffle, &shuffle->outbox))) {
        shuffle->flying += page->capacity;
        if (shuffle->verify)
            mr_page_leaf(page)->check = checksum(page);
        mr_exchange_send(shuffle->exchange, page);
    }
    while ((page = mr_exchange_sent(shuffle->exchange))) {
        shuffle->flying -= page->capacity;
        recycle(shuffle, page);
    }
}

mr_status mr_shuffle_poll(mr_shuffle *shuffle, mr_error *error)
{
    mr_status status = MR_OK;
    if (mr_comm_size(shuffle->job->comm) == 1)
        return MR_OK;
    send_out(shuffle);
    while (status == MR_OK) {
        if (mr_memory_is_tight(shuffle->page_size))
            status =
                mr_piles_shed(shuffle->plan.into, 16 * shuffle->page_size, &shuffle->buffer, error);
        mr_page *page = mr_exchange_arrived(shuffle->exchange, error);
        if (!page)
            return error->code;
        if (status == MR_OK)
            status = take_in(shuffle, page, error);
        else
            mr_page_destroy(page);
        send_out(shuffle);
    }
    return status;
}

static void count_volume(mr_shuffle *shuffle)
{
    mr_rank_report *report = &shuffle->job->report;
    mr_exchange_volume volume = mr_exchange_volume_of(shuffle->exchange);
    report->bytes_sent += volume.bytes_sent;
    report->bytes_received += volume.bytes_received;
    report->messages_sent += volume.messages_sent;
}

bool mr_shuffle_end(mr_shuffle *shuffle, mr_error *error)
{
    if (mr_shuffle_poll(shuffle, error) != MR_OK)
        free_list(&shuffle->outbox); /* nobody will want it; but others still send */
    if (shuffle->outbox.first)
        return false;
    bool ended = mr_exchange_end(shuffle->exchange);
    if (ended)
        count_volume(shuffle);
    return ended;
}
