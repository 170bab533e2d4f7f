/*
 * mpi/test_steal.c: whatever share of the work each rank starts with, every number of it is done by
 * one rank, once; and whoever says stop is heard by all.
 */
#include "../unit/random.h"
#include "engine/map.h"
#include "ranks.h"

#include <stdlib.h>
#include <string.h>

#define NUMBERS 600u

typedef struct tally {
    uint64_t times[NUMBERS]; /* how often this rank has done each */
    uint64_t done, stolen;
} tally;

static mr_range give(void *work)
{
    return mr_work_give(work);
}

/* The rank's share; the shares of all ranks have no number twice. */
typedef mr_range share(int rank, int size);

/* One rank's main thread, as engine/map.c has it but for the blocks. */
static void work_off(mr_work *work, mr_steal *steal, tally *mine, long microseconds)
{
    for (;;) {
        uint64_t number;
        if (mr_work_take(work, &number)) {
            mine->times[number]++;
            mine->done++;
            nap(microseconds);
            mr_steal_poll(steal);
            continue;
        }
        mr_range range;
        mr_steal_state state = mr_steal_ask(steal, &range);
        if (state == MR_STEAL_GOT)
            mr_work_add(work, range);
        else if (state == MR_STEAL_NOTHING)
            return;
        else
            nap(20);
    }
}

static void end_all(mr_steal *steal)
{
    while (!mr_steal_end(steal))
        nap(20);
}

/* The sums over all ranks. */
static tally run_shares(share *of, long microseconds)
{
    mr_work work;
    mr_steal *steal;
    mr_error error = {0};
    tally mine = {{0}, 0, 0}, before, total;
    mr_range first = of(mr_comm_rank(comm), mr_comm_size(comm));
    mr_work_start(&work, first);
    CU_ASSERT_EQUAL(mr_steal_create(&steal, comm, give, &work, &error), MR_OK);
    work_off(&work, steal, &mine, microseconds);
    end_all(steal);
    CU_ASSERT_FALSE(mr_steal_stopped(steal));
    CU_ASSERT_EQUAL(mr_work_left(&work), 0);
    mine.stolen = work.stolen;
    mr_steal_destroy(&steal);
    mr_work_end(&work);
    mr_comm_scan(comm, (uint64_t *)&mine, sizeof mine / sizeof(uint64_t), (uint64_t *)&before,
                 (uint64_t *)&total);
    return total;
}

/* Numbers [0, count) are in the shares. */
static void expect_once(const tally *total, uint64_t count)
{
    CU_ASSERT_EQUAL(total->done, count);
    for (uint64_t i = 0; i < NUMBERS; i++)
        CU_ASSERT_EQUAL(total->times[i], i < count ? 1 : 0);
}

static mr_range even_share(int rank, int size)
{
    uint64_t ranks = (uint64_t)size, at = (uint64_t)rank;
    return (mr_range){NUMBERS * at / ranks, NUMBERS * (at + 1) / ranks};
}

static mr_range all_on_first(int rank, int size)
{
    (void)size;
    return rank == 0 ? (mr_range){0, NUMBERS} : (mr_range){0, 0};
}

static mr_range all_on_last(int rank, int size)
{
    return rank == size - 1 ? (mr_range){0, NUMBERS} : (mr_range){7, 7};
}

static mr_range nothing(int rank, int size)
{
    (void)rank;
    (void)size;
    return (mr_range){0, 0};
}

static mr_range one_number(int rank, int size)
{
    return rank == size / 2 ? (mr_range){0, 1} : (mr_range){0, 0};
}

/* Half for the first, a quarter for the second, and so on; the last one has the rest. */
static mr_range halving(int rank, int size)
{
    uint64_t end = NUMBERS - (NUMBERS >> (rank + 1));
    return (mr_range){NUMBERS - (NUMBERS >> rank), rank == size - 1 ? NUMBERS : end};
}

static void test_even(void)
{
    tally total = run_shares(even_share, 20);
    expect_once(&total, NUMBERS);
}

/* There is time enough for everybody to ask. */
static void test_all_on_one(void)
{
    tally total = run_shares(all_on_first, 200);
    expect_once(&total, NUMBERS);
    CU_ASSERT(total.stolen > 0 || mr_comm_size(comm) == 1);
    total = run_shares(all_on_last, 200);
    expect_once(&total, NUMBERS);
    CU_ASSERT(total.stolen > 0 || mr_comm_size(comm) == 1);
}

static void test_uneven(void)
{
    for (long pause = 0; pause < 100; pause += 30) {
        tally total = run_shares(halving, pause);
        expect_once(&total, NUMBERS);
    }
}

static void test_none(void)
{
    tally total = run_shares(nothing, 0);
    expect_once(&total, 0);
    CU_ASSERT_EQUAL(total.stolen, 0);
}

static void test_one_number(void)
{
    for (int i = 0; i < 20; i++) {
        tally total = run_shares(one_number, 10);
        expect_once(&total, 1);
    }
}

/* Works until it hears of a stop, which `by` says when it has done a few. */
static bool work_until_stopped(mr_work *work, mr_steal *steal, int by)
{
    for (int done = 0; done < 100000 && !mr_steal_stopped(steal); done++) {
        uint64_t number;
        (void)mr_work_take(work, &number);
        if (mr_comm_rank(comm) == by && done == 5)
            mr_steal_stop(steal);
        mr_steal_poll(steal);
        nap(100);
    }
    return mr_steal_stopped(steal);
}

static void test_stop(void)
{
    for (int by = 0; by < mr_comm_size(comm); by++) {
        mr_work work;
        mr_steal *steal;
        mr_range range;
        mr_error error = {0};
        mr_work_start(&work, even_share(mr_comm_rank(comm), mr_comm_size(comm)));
        CU_ASSERT_EQUAL(mr_steal_create(&steal, comm, give, &work, &error), MR_OK);
        CU_ASSERT_TRUE(work_until_stopped(&work, steal, by));
        CU_ASSERT_EQUAL(mr_steal_ask(steal, &range), MR_STEAL_NOTHING);
        end_all(steal);
        mr_steal_destroy(&steal);
        CU_ASSERT_PTR_NULL(steal);
        mr_work_end(&work);
    }
    /* The news of the past must not stop what comes after. */
    mr_comm_barrier(comm);
    tally total = run_shares(all_on_first, 20);
    expect_once(&total, NUMBERS);
}

/* Rank 0 hears how far the others are. */
static void test_told(void)
{
    int rank = mr_comm_rank(comm), size = mr_comm_size(comm);
    uint64_t want = (uint64_t)(size * (size + 1) / 2);
    mr_work work;
    mr_steal *steal;
    mr_error error = {0};
    mr_work_start(&work, (mr_range){0, 0});
    CU_ASSERT_EQUAL(mr_steal_create(&steal, comm, give, &work, &error), MR_OK);
    mr_steal_tell(steal, 0);
    mr_steal_tell(steal, (uint64_t)rank + 1);
    for (int i = 0; rank == 0 && mr_steal_told(steal) != want && i < 100000; i++) {
        mr_steal_poll(steal);
        nap(100);
    }
    if (rank == 0)
        CU_ASSERT_EQUAL(mr_steal_told(steal), want);
    end_all(steal);
    mr_steal_destroy(&steal);
    mr_work_end(&work);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"even shares", test_even},           {"all of it on one rank", test_all_on_one},
        {"uneven shares", test_uneven},       {"nothing to do", test_none},
        {"a single number", test_one_number}, {"stop reaches all", test_stop},
        {"rank 0 is told", test_told},
    };
    return run_on_ranks("steal", tests, sizeof tests / sizeof *tests);
}
