/*
 * mpi/test_trade.c: pieces from every rank to every rank, from one rank to the next, and broadcasts
 * that go on while ranks work.
 */
#include "../unit/random.h"
#include "comm/broadcast.h"
#include "comm/trade.h"
#include "ranks.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes a rank gives another one: often none. */
static uint64_t size_between(int from, int to, uint64_t test)
{
    uint64_t state = seed_of(from, test) + (uint64_t)to * 65537;
    return random_below(&state, 3) ? random_below(&state, 3000) : 0;
}

static unsigned char byte_at(int from, int to, uint64_t place)
{
    return (unsigned char)(from * 31 + to * 7 + (int)(place % 251));
}

/* Where the pieces of each rank begin. */
static void cut(uint64_t *starts, bool mine, uint64_t test)
{
    const int me = mr_comm_rank(comm), ranks = mr_comm_size(comm);
    starts[0] = 0;
    for (int r = 0; r < ranks; r++)
        starts[r + 1] = starts[r] + (mine ? size_between(me, r, test) : size_between(r, me, test));
}

static void test_trade(void)
{
    const int me = mr_comm_rank(comm), ranks = mr_comm_size(comm);
    const size_t room = (size_t)ranks * 3000 + 1;
    uint64_t *gives = calloc((size_t)ranks + 1, 8), *takes = calloc((size_t)ranks + 1, 8);
    unsigned char *give = malloc(room), *take = malloc(room);
    for (uint64_t test = 1; test < 40; test++) {
        bool same = true;
        cut(gives, true, test);
        cut(takes, false, test);
        for (int r = 0; r < ranks; r++)
            for (uint64_t i = gives[r]; i < gives[r + 1]; i++)
                give[i] = byte_at(me, r, i - gives[r]);
        mr_trade(comm, give, gives, take, takes);
        for (int r = 0; r < ranks; r++)
            for (uint64_t i = takes[r]; i < takes[r + 1]; i++)
                same = same && take[i] == byte_at(r, me, i - takes[r]);
        CU_ASSERT(same);
    }
    free(gives);
    free(takes);
    free(give);
    free(take);
}

static void test_numbers(void)
{
    const int me = mr_comm_rank(comm), ranks = mr_comm_size(comm);
    uint64_t *numbers = calloc((size_t)ranks, 8);
    for (int r = 0; r < ranks; r++)
        numbers[r] = size_between(me, r, 99) << 40;
    mr_trade_numbers(comm, numbers);
    for (int r = 0; r < ranks; r++)
        CU_ASSERT_EQUAL(numbers[r], size_between(r, me, 99) << 40);
    free(numbers);
}

static void test_all(void)
{
    const int me = mr_comm_rank(comm), ranks = mr_comm_size(comm);
    int mine[3] = {me, -me, 7}, *all = calloc((size_t)ranks, sizeof mine);
    mr_trade_all(comm, mine, sizeof mine, all);
    for (int r = 0; r < ranks; r++) {
        CU_ASSERT_EQUAL(all[3 * r], r);
        CU_ASSERT_EQUAL(all[3 * r + 1], -r);
    }
    free(all);
}

static void test_chain(void)
{
    uint64_t sums[500];
    mr_chain_receive(comm, sums, sizeof sums);
    for (size_t i = 0; i < 500; i++) {
        CU_ASSERT_EQUAL(sums[i], (uint64_t)mr_comm_rank(comm) * i);
        sums[i] += i;
    }
    mr_chain_send(comm, sums, sizeof sums);
}

/* Two pieces of memory by turns, as matrix products use them; agreement goes on in between. */
static void test_broadcast(void)
{
    const int me = mr_comm_rank(comm), ranks = mr_comm_size(comm);
    const size_t most = 200000;
    unsigned char *bytes[2] = {malloc(most), malloc(most)};
    mr_broadcast *broadcast = NULL;
    mr_error error = {0};
    CU_ASSERT_EQUAL(mr_broadcast_create(&broadcast, comm, &error), MR_OK);
    for (int turn = 0; turn < 30; turn++) {
        const int from = turn % ranks;
        const size_t size = turn % 7 ? most / (size_t)(turn % 7) : 0;
        bool same = true;
        for (size_t i = 0; i < size && from == me; i++)
            bytes[turn % 2][i] = byte_at(from, turn, i);
        mr_broadcast_begin(broadcast, from, bytes[turn % 2], size);
        CU_ASSERT_EQUAL(mr_comm_agree(comm, &error), MR_OK);
        mr_broadcast_poke(broadcast);
        mr_broadcast_end(broadcast);
        for (size_t i = 0; i < size; i++)
            same = same && bytes[turn % 2][i] == byte_at(from, turn, i);
        CU_ASSERT(same);
    }
    mr_broadcast_destroy(&broadcast);
    free(bytes[0]);
    free(bytes[1]);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"every rank to every rank", test_trade}, {"numbers", test_numbers},
        {"of every rank to all", test_all},       {"from one to the next", test_chain},
        {"broadcasts meanwhile", test_broadcast},
    };
    return run_on_ranks("trade", tests, sizeof tests / sizeof *tests);
}
