/*
 * tasks/fork_last.c: the last levels: results of the top's pieces, each held by one rank, joined up
 * to the root. Small ones are gathered by all ranks, and joined without further ado. Large ones go
 * up in rounds: in each, all nodes whose parts are there are joined, by the rank that holds the
 * first part, which for a tree with two parts a node makes log(ranks) rounds. That is a reduction
 * whose operator does not commute.
 */
#include "tasks/fork.h"

#include "base/memory.h"
#include "comm/trade.h"
#include "comm/vector.h"

#include <string.h>

#define SMALL_MOST ((uint64_t)64 * 1024)
#define ALIGNED    ((uint64_t)16)

/* What is held now, in the order of the tree, so ranks go up. */
typedef struct held {
    uint64_t *tops; /* which nodes of the top */
    uint64_t *sizes, *starts;
    uint64_t count, room;
} held;

static uint64_t padded(uint64_t size)
{
    return (size + ALIGNED - 1) & ~(ALIGNED - 1);
}

static void list_held(const fork_run *run, held *h)
{
    const uint64_t none = UINT64_MAX, leaves = run->tops[0].leaves;
    uint64_t count = 0;
    for (uint64_t i = 0; i < leaves; i++)
        h->tops[i] = none;
    for (uint64_t i = 0; i < run->top_count; i++)
        if (mr_fork_top_is_held(run, i))
            h->tops[run->tops[i].from] = i;
    for (uint64_t i = 0; i < leaves; i++)
        if (h->tops[i] != none)
            h->tops[count++] = h->tops[i];
    h->count = count;
    memset(h->sizes, 0, count * sizeof *h->sizes);
    for (uint64_t i = 0; i < count; i++) {
        const fork_top *top = &run->tops[h->tops[i]];
        if (top->holder == run->rank)
            h->sizes[i] = top->node->result.size;
    }
    mr_vector_reduce(run->comm, h->sizes, count, MR_NUMBER_U64, MR_COMBINE_SUM, 0);
}

static mr_status agree(fork_run *run)
{
    if (run->error.code != MR_OK)
        mr_error_set(run->job->error, run->error.code, "%s", run->error.text);
    return mr_job_agree(run->job);
}

/* ---- Small ones ---- */

static void take_results(fork_run *run, const held *h, const char *all)
{
    for (uint64_t i = 0; i < h->count; i++) {
        fork_top *top = &run->tops[h->tops[i]];
        mr_fork *hand = run->hands[0];
        const uint64_t size = h->sizes[i];
        if (top->holder != run->rank) {
            char *room = mr_fork_result_room(hand, &top->node->result, (size_t)size);
            if (room && size > 0)
                memcpy(room, all, size);
        }
        all += size;
    }
}

/* Parts stand behind their parents. */
static void join_rest(fork_run *run)
{
    for (uint64_t i = run->top_count; i-- > 0 && run->error.code == MR_OK;)
        if (run->tops[i].holder < 0)
            mr_fork_join_parts(run->hands[0], run->tops[i].node);
}

static mr_status gather_and_join(fork_run *run, held *h)
{
    char all[SMALL_MOST];
    uint64_t at = 0, piece = 0;
    for (int rank = 0; rank < run->ranks; rank++) {
        h->starts[rank] = at;
        for (; piece < h->count && run->tops[h->tops[piece]].holder == rank; piece++) {
            const fork_result *result = &run->tops[h->tops[piece]].node->result;
            if (rank == run->rank && result->size > 0)
                memcpy(all + at, fork_result_bytes(result).data, result->size);
            at += h->sizes[piece];
        }
    }
    h->starts[run->ranks] = at;
    mr_vector_gather(run->comm, all, h->starts, 0);
    take_results(run, h, all);
    if (run->how.everywhere || run->rank == 0)
        join_rest(run);
    MR_TRY(agree(run));
    run->tops[0].holder = 0;
    return MR_OK;
}

/* ---- Large ones: a round ---- */

static bool is_ready(const fork_run *run, uint64_t i)
{
    const fork_top *top = &run->tops[i];
    if (top->holder >= 0)
        return false;
    for (uint64_t n = 0; n < top->count; n++)
        if (run->tops[top->parts + n].holder < 0)
            return false;
    return true;
}

/* Where a piece goes in this round; -1: it stays. */
static int goes_to(const fork_run *run, uint64_t i)
{
    const fork_top *tops = run->tops;
    if (i == 0 || !is_ready(run, tops[i].parent))
        return -1;
    int home = tops[tops[tops[i].parent].parts].holder;
    return home == tops[i].holder ? -1 : home;
}

typedef struct trade {
    uint64_t *give_starts, *take_starts; /* ranks + 1 of each */
    char *give;
    uint64_t give_size;
} trade;

static void count_trade(const fork_run *run, const held *h, trade *t)
{
    const int me = run->rank, ranks = run->ranks;
    memset(t->give_starts, 0, ((size_t)ranks + 1) * sizeof(uint64_t));
    memset(t->take_starts, 0, ((size_t)ranks + 1) * sizeof(uint64_t));
    for (uint64_t i = 0; i < h->count; i++) {
        int to = goes_to(run, h->tops[i]), from = run->tops[h->tops[i]].holder;
        if (to >= 0 && from == me)
            t->give_starts[to + 1] += padded(h->sizes[i]);
        if (to == me)
            t->take_starts[from + 1] += padded(h->sizes[i]);
    }
    for (int r = 0; r < ranks; r++) {
        t->give_starts[r + 1] += t->give_starts[r];
        t->take_starts[r + 1] += t->take_starts[r];
    }
}

/* Pieces are in the order of ranks, both who gives and who takes. */
static void pack(const fork_run *run, const held *h, char *at)
{
    for (uint64_t i = 0; i < h->count; i++) {
        fork_node *node = run->tops[h->tops[i]].node;
        if (run->tops[h->tops[i]].holder != run->rank || goes_to(run, h->tops[i]) < 0)
            continue;
        if (h->sizes[i] > 0)
            memcpy(at, fork_result_bytes(&node->result).data, h->sizes[i]);
        at += padded(h->sizes[i]);
        mr_fork_result_free(run->hands[0], &node->result);
    }
}

static void unpack(fork_run *run, const held *h)
{
    char *at = run->taken;
    for (uint64_t i = 0; i < h->count; i++) {
        if (goes_to(run, h->tops[i]) != run->rank)
            continue;
        fork_node *node = run->tops[h->tops[i]].node;
        node->result = (fork_result){.size = (size_t)h->sizes[i], .far = at};
        node->flags |= FORK_BORROWS;
        at += padded(h->sizes[i]);
    }
}

static mr_status trade_results(fork_run *run, const held *h, trade *t)
{
    count_trade(run, h, t);
    t->give_size = t->give_starts[run->ranks];
    run->taken_size = t->take_starts[run->ranks];
    t->give = mr_memory_allocate_aligned(t->give_size, 64, "fork-join", &run->error);
    run->taken = mr_memory_allocate_large(run->taken_size, "fork-join", &run->error);
    mr_status status = agree(run);
    if (status == MR_OK) {
        pack(run, h, t->give);
        mr_trade(run->comm, t->give, t->give_starts, run->taken, t->take_starts);
        unpack(run, h);
    }
    mr_memory_free(t->give, t->give ? t->give_size : 0);
    return status;
}

static void free_taken(fork_run *run)
{
    mr_memory_free(run->taken, run->taken ? run->taken_size : 0);
    run->taken = NULL;
}

/* All know who has joined what. Parents stand before their parts, so none is taken for ready whose
 * parts become whole in this round. */
static void join_ready(fork_run *run)
{
    for (uint64_t i = 0; i < run->top_count; i++) {
        fork_top *top = &run->tops[i];
        if (!is_ready(run, i))
            continue;
        top->holder = run->tops[top->parts].holder;
        if (top->holder == run->rank && run->error.code == MR_OK)
            mr_fork_join_parts(run->hands[0], top->node);
    }
}

static mr_status round_up(fork_run *run, const held *h, uint64_t *numbers)
{
    trade t = {.give_starts = numbers, .take_starts = numbers + run->ranks + 1};
    mr_status status = trade_results(run, h, &t);
    if (status == MR_OK) {
        join_ready(run);
        status = agree(run);
    }
    free_taken(run);
    return status;
}

static mr_status join_up(fork_run *run, held *h, uint64_t *numbers)
{
    while (run->tops[0].holder < 0) {
        uint64_t total = 0;
        list_held(run, h);
        for (uint64_t i = 0; i < h->count; i++)
            total += h->sizes[i];
        MR_TRY(total <= SMALL_MOST ? gather_and_join(run, h) : round_up(run, h, numbers));
    }
    return MR_OK;
}

mr_status mr_fork_last_join(fork_run *run)
{
    if (run->tops[0].holder >= 0)
        return MR_OK;
    const uint64_t leaves = run->tops[0].leaves, ranks = (uint64_t)run->ranks;
    const size_t room = (2 * leaves + 3 * (ranks + 1)) * sizeof(uint64_t);
    uint64_t *numbers = mr_memory_allocate(room, "fork-join", &run->error);
    mr_status status = agree(run);
    held h = {.tops = numbers,
              .sizes = numbers ? numbers + leaves : NULL,
              .starts = numbers ? numbers + 2 * leaves : NULL};
    if (status == MR_OK)
        status = join_up(run, &h, h.starts + ranks + 1);
    mr_memory_free(numbers, numbers ? room : 0);
    return status;
}
