/*
 * engine/combine.c: what the ranks folded each for themselves becomes one: every record goes to the
 * rank that owns it, and is folded there with what others sent. Threads scatter and fold; the main
 * thread also moves pages. Bounded: who has too many pages waiting folds or waits before making
 * more.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "base/span.h"
#include "engine/job.h"
#include "engine/wire.h"
#include "store/splitters.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <xxhash.h>

#define PAGE_LEAST  (((size_t)4 << 10) - MR_EXCHANGE_ENVELOPE)
#define PAGE_MOST   (((size_t)256 << 10) - MR_EXCHANGE_ENVELOPE)
#define PAGES_TOTAL ((size_t)32 << 20) /* what half-full pages may take on a rank */
#define PAUSE       20                 /* microseconds between looks at the pages */
#define PAGES_AHEAD 64                 /* pages waiting to be sent, or to be folded */

typedef struct page_list {
    mr_page *first;
    int count;
} page_list;

typedef struct combine {
    mr_job *job;
    mr_store *from, *to;
    mr_splitters splitters;
    bool by_range, verify;
    mr_exchange *exchange;
    size_t page_size;
    int ranks, rank;
    pthread_mutex_t lock; /* the lists and the error */
    page_list outbox, inbox, spare;
    atomic_uint next; /* partition to be scattered */
    atomic_int scattering, folding;
    atomic_bool failed, over;
} combine;

typedef struct sorter {
    combine *c;
    mr_page **pages; /* one half-full page a rank */
    mr_entry own[MR_STORE_BATCH];
    size_t own_count;
    mr_unpacker unpacker;
    mr_error error;
    unsigned thread;
    bool main, scattered;
} sorter;

static void push(combine *c, page_list *list, mr_page *page)
{
    pthread_mutex_lock(&c->lock);
    page->next = list->first;
    list->first = page;
    list->count++;
    pthread_mutex_unlock(&c->lock);
}

static mr_page *pop(combine *c, page_list *list)
{
    pthread_mutex_lock(&c->lock);
    mr_page *page = list->first;
    if (page) {
        list->first = page->next;
        list->count--;
    }
    pthread_mutex_unlock(&c->lock);
    return page;
}

static int length(combine *c, const page_list *list)
{
    pthread_mutex_lock(&c->lock);
    int count = list->count;
    pthread_mutex_unlock(&c->lock);
    return count;
}

static void fail(combine *c, const mr_error *error)
{
    pthread_mutex_lock(&c->lock);
    if (c->job->error->code == MR_OK)
        *c->job->error = *error;
    pthread_mutex_unlock(&c->lock);
    atomic_store(&c->failed, true);
}

/* Pages of the usual size are used again; larger ones, made for one large record, are not. */
static void recycle(combine *c, mr_page *page)
{
    if (page->capacity == c->page_size && length(c, &c->spare) < PAGES_AHEAD)
        push(c, &c->spare, page);
    else
        mr_page_destroy(page);
}

static void send_out(combine *c)
{
    mr_page *page;
    while (mr_exchange_may_send(c->exchange) && (page = pop(c, &c->outbox)))
        mr_exchange_send(c->exchange, page);
    while ((page = mr_exchange_sent(c->exchange)))
        recycle(c, page);
}

/* The main thread: pages out, pages in, by turns. */
static void pump(combine *c)
{
    mr_page *page;
    mr_error error = {0};
    send_out(c);
    while (length(c, &c->inbox) < PAGES_AHEAD &&
           (page = mr_exchange_arrived(c->exchange, &error))) {
        push(c, &c->inbox, page);
        send_out(c);
    }
    if (error.code != MR_OK)
        fail(c, &error);
}

/* With --verify a page ends with the checksum of what stands before. */
#define CHECKSUM 8

static void seal_page(const combine *c, mr_page *page)
{
    if (!c->verify)
        return;
    uint64_t sum = XXH3_64bits(page->bytes, page->size);
    memcpy(page->bytes + page->size, &sum, CHECKSUM);
    page->size += CHECKSUM;
}

static mr_status unseal_page(const combine *c, mr_page *page, mr_error *error)
{
    uint64_t sum = 0;
    if (!c->verify)
        return MR_OK;
    page->size -= CHECKSUM;
    memcpy(&sum, page->bytes + page->size, CHECKSUM);
    if (sum == XXH3_64bits(page->bytes, page->size))
        return MR_OK;
    return mr_error_set(
        error, MR_FAILED,
        "exchange corrupted: a page of %zu bytes from rank %d: have the memory and the "
        "network of these nodes checked",
        page->size, page->to);
}

/* Folds a page that has arrived; false when there is none. */
static bool fold_page(sorter *s)
{
    combine *c = s->c;
    atomic_fetch_add(&c->folding, 1);
    mr_page *page = pop(c, &c->inbox);
    const mr_span_kind before = page ? mr_span_begin(MR_SPAN_FOLD) : MR_SPAN_NONE;
    if (page && !atomic_load(&c->failed) &&
        (unseal_page(c, page, &s->error) != MR_OK ||
         mr_wire_fold(c->to, page->bytes, page->size, s->thread * 7, &s->unpacker, &s->error) !=
             MR_OK))
        fail(c, &s->error);
    if (page) {
        recycle(c, page);
        mr_span_end(before);
    }
    atomic_fetch_sub(&c->folding, 1);
    return page != NULL;
}

static void wait_a_little(void)
{
    const mr_span_kind before = mr_span_begin(MR_SPAN_WAIT);
    mr_clock_nap(PAUSE);
    mr_span_end(before);
}

/* Hands a page over to be sent, and makes itself useful while too many are waiting. */
static void send_page(sorter *s, mr_page *page)
{
    combine *c = s->c;
    seal_page(c, page);
    push(c, &c->outbox, page);
    for (;;) {
        if (s->main)
            pump(c);
        if (length(c, &c->outbox) < PAGES_AHEAD)
            return;
        if (!fold_page(s) && !s->main)
            wait_a_little();
    }
}

/* The page for a rank, with room for `size` bytes. */
static mr_page *page_for(sorter *s, int rank, size_t size)
{
    combine *c = s->c;
    mr_page *page = s->pages[rank];
    size_t room = size + (c->verify ? CHECKSUM : 0);
    if (page && page->capacity - page->size >= room)
        return page;
    if (page)
        send_page(s, page);
    s->pages[rank] = NULL;
    page = room <= c->page_size ? pop(c, &c->spare) : NULL;
    if (!page)
        page = mr_page_create(room > c->page_size ? room : c->page_size, &s->error);
    if (page) {
        page->size = 0;
        page->to = rank;
        s->pages[rank] = page;
    }
    return page;
}

static int owner_of(const combine *c, const mr_record *record)
{
    if (c->by_range) {
        mr_ref ref = {mr_order_prefix(c->splitters.order, record), record};
        return (int)mr_splitters_find(&c->splitters, ref);
    }
    uint64_t hash = mr_key_hash_bytes(mr_record_key_bytes(record));
    return (int)((hash >> 32) * (uint64_t)c->ranks >> 32);
}

/* Folds the records of this rank's own that were put aside. */
static mr_status fold_own(sorter *s, mr_partition *own)
{
    combine *c = s->c;
    mr_status status = MR_OK;
    while (!mr_partition_claim(own))
        sched_yield();
    if (c->to->fold != MR_TEXT)
        status = mr_store_fold(c->to, own, s->own, s->own_count, &s->error);
    for (size_t i = 0; c->to->fold == MR_TEXT && i < s->own_count && status == MR_OK; i++)
        status = mr_store_append(c->to, own, &s->own[i], &s->error);
    mr_partition_release(own);
    s->own_count = 0;
    return status;
}

/* Puts aside what is this rank's own, and the rest into pages. */
static mr_status scatter_record(sorter *s, const mr_record *record, mr_partition *own)
{
    combine *c = s->c;
    int owner = owner_of(c, record);
    if (owner == c->rank) {
        s->own[s->own_count++] =
            (mr_entry){mr_record_key(record), mr_record_value(record), record->size, record->check};
        return s->own_count == MR_STORE_BATCH ? fold_own(s, own) : MR_OK;
    }
    size_t size = mr_wire_size(c->from, record);
    mr_page *page = page_for(s, owner, size);
    if (!page)
        return s->error.code;
    page->size += mr_wire_put(c->from, record, page->bytes + page->size);
    return MR_OK;
}

/* A key lies in the same partition in both stores: they are cut by the same bits. */
static mr_status scatter_partition(sorter *s, unsigned p)
{
    mr_partition *partition = &s->c->from->partitions[p];
    mr_status status = MR_OK;
    mr_partition_seal(partition);
    for (size_t at = 0; at < partition->used && status == MR_OK;) {
        const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
        status = scatter_record(s, record, &s->c->to->partitions[p]);
        at += mr_record_size(record, s->c->from->value);
    }
    if (status == MR_OK && s->own_count > 0)
        status = fold_own(s, &s->c->to->partitions[p]);
    mr_partition_clear(partition);
    return status;
}

/* One step of scattering; false when this thread has nothing left to scatter. */
static bool scatter(sorter *s)
{
    combine *c = s->c;
    if (s->scattered)
        return false;
    unsigned p = atomic_fetch_add(&c->next, 1);
    if (p < c->from->count && !atomic_load(&c->failed)) {
        mr_span_begin(MR_SPAN_EXCHANGE);
        if (scatter_partition(s, p) != MR_OK)
            fail(c, &s->error);
        return true;
    }
    for (int rank = 0; rank < c->ranks; rank++)
        if (s->pages[rank])
            send_page(s, s->pages[rank]);
    s->scattered = true;
    atomic_fetch_sub(&c->scattering, 1);
    return false;
}

/* Whether everything of this rank is out, everything of the others in, and all of it folded. */
static bool finished(combine *c)
{
    if (atomic_load(&c->scattering) > 0 || length(c, &c->outbox) > 0)
        return false;
    if (!mr_exchange_end(c->exchange))
        return false;
    return length(c, &c->inbox) == 0 && atomic_load(&c->folding) == 0;
}

static void run(combine *c)
{
    sorter s = {.c = c, .thread = (unsigned)omp_get_thread_num()};
    s.main = s.thread == 0;
    mr_span_thread(s.thread);
    const mr_span_kind before = mr_span_begin(MR_SPAN_EXCHANGE);
    s.pages = calloc((size_t)c->ranks, sizeof(mr_page *));
    if (!s.pages) {
        mr_error_set(&s.error, MR_NO_MEMORY, "out of memory: starting the exchange");
        fail(c, &s.error);
        s.scattered = true;
        atomic_fetch_sub(&c->scattering, 1);
    }
    double done = 0;
    while (!atomic_load(&c->over)) {
        if (s.main)
            pump(c);
        if (fold_page(&s) || scatter(&s))
            continue;
        mr_span_begin(MR_SPAN_WAIT);
        if (s.main && done == 0)
            done = mr_clock_now();
        if (s.main && finished(c))
            atomic_store(&c->over, true);
        else if (s.main)
            sched_yield();
        else
            mr_clock_nap(PAUSE);
    }
    mr_span_end(before);
    if (s.main)
        mr_span_met(mr_clock_now() - done);
    free(s.pages);
    mr_unpacker_free(&s.unpacker);
}

/* Where the ranges of the ranks are cut: rank 0 decides from samples of all. */
static mr_status choose_ranges(combine *c, const mr_order *order)
{
    mr_job *job = c->job;
    mr_sample mine = {0}, picked = {0};
    char *all = NULL;
    uint64_t *sizes = NULL;
    void *bytes = NULL;
    size_t size = 0;
    mr_sample_take(&mine, c->from, order, 512, job->error);
    mr_status status =
        mr_comm_gather_sizes(job->comm, mine.bytes, mine.size, &all, &sizes, job->error);
    if (status != MR_OK)
        goto out;
    if (c->rank == 0) {
        uint64_t total = 0;
        for (int rank = 0; rank < c->ranks; rank++)
            total += sizes[rank];
        mr_sample_pick(order, (const unsigned char *)all, total, (size_t)c->ranks, &picked,
                       job->error);
        bytes = picked.bytes;
        size = picked.size;
    }
    status = mr_comm_broadcast(job->comm, &bytes, &size, job->error);
    if (status == MR_OK)
        mr_splitters_create(&c->splitters, order, bytes, size, job->error);
    status = mr_comm_agree(job->comm, job->error);
out:
    if (c->rank != 0)
        free(bytes);
    mr_sample_free(&mine);
    mr_sample_free(&picked);
    free(all);
    free(sizes);
    return status;
}

static size_t page_size(const mr_job *job)
{
    size_t size = PAGES_TOTAL / job->threads / (size_t)mr_comm_size(job->comm);
    size = size > PAGE_MOST ? PAGE_MOST : size;
    return mr_round8(size < PAGE_LEAST ? PAGE_LEAST : size);
}

static void drop_pages(combine *c, page_list *list)
{
    for (mr_page *page; (page = pop(c, list));)
        mr_page_destroy(page);
}

static void exchange_all(combine *c)
{
    mr_job *job = c->job;
#pragma omp parallel num_threads((int)job->threads)
    {
#pragma omp single
        atomic_store(&c->scattering, omp_get_num_threads());
        run(c);
    }
    mr_exchange_volume volume = mr_exchange_volume_of(c->exchange);
    job->report.bytes_sent += volume.bytes_sent;
    job->report.bytes_received += volume.bytes_received;
    job->report.messages_sent += volume.messages_sent;
}

mr_status mr_job_exchange(mr_job *job, const mr_order *order)
{
    combine c = {.job = job,
                 .from = job->store,
                 .by_range = order != NULL,
                 .verify = job->settings->verify,
                 .rank = mr_comm_rank(job->comm),
                 .ranks = mr_comm_size(job->comm),
                 .page_size = page_size(job)};
    if (c.ranks == 1)
        return MR_OK;
    pthread_mutex_init(&c.lock, NULL);
    mr_store_create(&c.to, c.from->fold, c.from->bits, job->error);
    mr_exchange_create(&c.exchange, job->comm, job->error);
    mr_status status = order ? choose_ranges(&c, order) : mr_comm_agree(job->comm, job->error);
    if (status == MR_OK) {
        exchange_all(&c);
        status = mr_comm_agree(job->comm, job->error);
    }
    drop_pages(&c, &c.outbox);
    drop_pages(&c, &c.inbox);
    drop_pages(&c, &c.spare);
    mr_exchange_destroy(&c.exchange);
    mr_splitters_destroy(&c.splitters);
    pthread_mutex_destroy(&c.lock);
    if (status != MR_OK) {
        mr_store_destroy(&c.to);
        return status;
    }
    mr_store_destroy(&job->store);
    job->store = c.to;
    return MR_OK;
}
