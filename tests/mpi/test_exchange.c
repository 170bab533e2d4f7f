/*
 * mpi/test_exchange.c: pages between all pairs of ranks. What each rank sends is a function of the
 * pair, so that whoever gets a page knows every byte of it.
 */
#include "../unit/random.h"
#include "comm/exchange.h"
#include "ranks.h"

#include <stdlib.h>
#include <string.h>

/* Pages one rank sends to another, and the largest of them. */
typedef struct traffic {
    uint64_t number;
    int (*count)(int from, int to);
    size_t most;
} traffic;

typedef struct page_head {
    uint64_t from, index;
} page_head;

static uint64_t seed_of_page(const traffic *t, int from, int to, int index)
{
    return t->number << 48 | (uint64_t)from << 32 | (uint64_t)to << 16 | (uint64_t)index;
}

static size_t size_of_page(const traffic *t, uint64_t *seed)
{
    return sizeof(page_head) + (size_t)random_below(seed, t->most);
}

/* The bytes behind the head. One number for eight of them: pages are large. */
static void fill_page(unsigned char *bytes, size_t size, uint64_t seed)
{
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = random_next(&seed);
        memcpy(bytes + at, &word, size - at < 8 ? size - at : 8);
    }
}

static mr_page *make_page(const traffic *t, int to, int index)
{
    mr_error error = {0};
    int rank = mr_comm_rank(comm);
    uint64_t seed = seed_of_page(t, rank, to, index);
    size_t size = size_of_page(t, &seed);
    page_head head = {(uint64_t)rank, (uint64_t)index};
    mr_page *page = mr_page_create(size, &error);
    if (!page)
        mr_comm_abort(comm, 1, "a test failed");
    page->to = to;
    page->size = size;
    memcpy(page->bytes, &head, sizeof head);
    fill_page(page->bytes + sizeof head, size - sizeof head, seed);
    return page;
}

#define PAGES_MOST 64

/* How often each page of each rank has come. */
typedef struct arrivals {
    unsigned char (*seen)[PAGES_MOST];
    uint64_t bytes, pages;
} arrivals;

static void check_page(const traffic *t, const mr_page *page, arrivals *all)
{
    int rank = mr_comm_rank(comm), size = mr_comm_size(comm);
    page_head head;
    CU_ASSERT(page->size >= sizeof head);
    memcpy(&head, page->bytes, sizeof head);
    CU_ASSERT_EQUAL(head.from, (uint64_t)page->to);
    CU_ASSERT(head.from < (uint64_t)size && head.index < PAGES_MOST);
    if (head.from >= (uint64_t)size || head.index >= PAGES_MOST)
        return;
    all->seen[head.from][head.index]++;
    all->pages++;
    all->bytes += page->size;
    uint64_t seed = seed_of_page(t, page->to, rank, (int)head.index);
    size_t want = size_of_page(t, &seed);
    unsigned char *bytes = malloc(want);
    fill_page(bytes, want - sizeof head, seed);
    CU_ASSERT_EQUAL(page->size, want);
    if (page->size == want)
        CU_ASSERT_EQUAL(memcmp(page->bytes + sizeof head, bytes, want - sizeof head), 0);
    free(bytes);
}

static void take_all(const traffic *t, mr_exchange *exchange, arrivals *all)
{
    mr_page *page;
    mr_error error = {0};
    while ((page = mr_exchange_arrived(exchange, &error))) {
        check_page(t, page, all);
        mr_page_destroy(page);
    }
    CU_ASSERT_EQUAL(error.code, MR_OK);
    while ((page = mr_exchange_sent(exchange)))
        mr_page_destroy(page);
}

/* Sends what there is for every other rank, beginning behind oneself. */
static mr_exchange_volume send_all(const traffic *t, mr_exchange *exchange, arrivals *all)
{
    mr_exchange_volume volume = {0};
    int rank = mr_comm_rank(comm), size = mr_comm_size(comm);
    for (int step = 1; step < size; step++) {
        int to = (rank + step) % size;
        for (int index = 0; index < t->count(rank, to); index++) {
            mr_page *page = make_page(t, to, index);
            volume.bytes_sent += page->size;
            volume.messages_sent++;
            while (!mr_exchange_may_send(exchange))
                take_all(t, exchange, all);
            mr_exchange_send(exchange, page);
        }
    }
    return volume;
}

static void expect_volume(const mr_exchange *exchange, const mr_exchange_volume *sent,
                          const arrivals *all)
{
    mr_exchange_volume volume = mr_exchange_volume_of(exchange);
    uint64_t mine[2] = {volume.bytes_sent, volume.bytes_received}, before[2], total[2];
    CU_ASSERT_EQUAL(volume.bytes_sent, sent->bytes_sent);
    CU_ASSERT_EQUAL(volume.messages_sent, sent->messages_sent);
    CU_ASSERT_EQUAL(volume.bytes_received, all->bytes);
    mr_comm_scan(comm, mine, 2, before, total);
    CU_ASSERT_EQUAL(total[0], total[1]);
}

static void expect_exchange(const traffic *t)
{
    int rank = mr_comm_rank(comm), size = mr_comm_size(comm);
    mr_exchange *exchange;
    mr_error error = {0};
    arrivals all = {.seen = calloc((size_t)size, PAGES_MOST)};
    CU_ASSERT_EQUAL(mr_exchange_create(&exchange, comm, &error), MR_OK);
    mr_exchange_volume sent = send_all(t, exchange, &all);
    while (!mr_exchange_end(exchange)) {
        take_all(t, exchange, &all);
        nap(20);
    }
    CU_ASSERT_PTR_NULL(mr_exchange_arrived(exchange, &error));
    for (int from = 0; from < size; from++)
        for (int index = 0; index < PAGES_MOST; index++)
            CU_ASSERT_EQUAL(all.seen[from][index],
                            from != rank && index < t->count(from, rank) ? 1 : 0);
    expect_volume(exchange, &sent, &all);
    mr_exchange_destroy(&exchange);
    CU_ASSERT_PTR_NULL(exchange);
    free(all.seen);
}

static int count_none(int from, int to)
{
    (void)from;
    (void)to;
    return 0;
}

static int count_any(int from, int to)
{
    uint64_t seed = seed_of(from, 77) + (uint64_t)to;
    return (int)random_below(&seed, PAGES_MOST);
}

static int count_even(int from, int to)
{
    return from % 2 == 0 ? count_any(from, to) : 0;
}

static int count_to_last(int from, int to)
{
    (void)from;
    return to == mr_comm_size(comm) - 1 ? PAGES_MOST - 1 : 0;
}

static int count_few(int from, int to)
{
    return 1 + (from + to) % 3;
}

static void test_nothing(void)
{
    expect_exchange(&(traffic){1, count_none, 1});
}

static void test_small(void)
{
    expect_exchange(&(traffic){2, count_any, 2000});
}

static void test_some_send(void)
{
    expect_exchange(&(traffic){3, count_even, 50000});
}

static void test_one_gets_all(void)
{
    expect_exchange(&(traffic){4, count_to_last, 100000});
}

static void test_large(void)
{
    expect_exchange(&(traffic){5, count_few, (size_t)3 << 20});
}

/* Pages of one exchange must never turn up in the next, though nothing stands between the two. */
static void test_one_after_another(void)
{
    for (uint64_t i = 0; i < 20; i++)
        expect_exchange(&(traffic){6 + i, i % 3 ? count_few : count_none, 1000});
}

static mr_page *wait_for_page(mr_exchange *exchange)
{
    mr_error error = {0};
    mr_page *page;
    while (!(page = mr_exchange_arrived(exchange, &error)))
        mr_page_destroy(mr_exchange_sent(exchange));
    return page;
}

/* Two pages lie there, but only one is given before the rank has looked at what it sent. */
static void test_turns(void)
{
    int rank = mr_comm_rank(comm), size = mr_comm_size(comm);
    mr_exchange *exchange;
    mr_error error = {0};
    traffic t = {40, count_few, 1000};
    CU_ASSERT_EQUAL(mr_exchange_create(&exchange, comm, &error), MR_OK);
    for (int index = 0; index < 2 && size > 1; index++)
        mr_exchange_send(exchange, make_page(&t, (rank + 1) % size, index));
    if (size > 1) {
        mr_page_destroy(wait_for_page(exchange));
        nap(20000);
        mr_page *early = mr_exchange_arrived(exchange, &error);
        CU_ASSERT_PTR_NULL(early);
        mr_page_destroy(early ? early : wait_for_page(exchange));
    }
    while (!mr_exchange_end(exchange))
        nap(20);
    mr_exchange_destroy(&exchange);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"nothing to send", test_nothing},
        {"small pages between all", test_small},
        {"every other rank is silent", test_some_send},
        {"all to one", test_one_gets_all},
        {"pages of megabytes", test_large},
        {"one exchange after another", test_one_after_another},
        {"taking turns", test_turns},
    };
    return run_on_ranks("exchange", tests, sizeof tests / sizeof *tests);
}
