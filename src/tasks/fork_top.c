/*
 * tasks/fork_top.c: the top of the tree. All ranks get the root and divide it in the same way,
 * level by level, until there are some tasks for each worker. Of these leaves of the top, in their
 * order in the tree, each rank has a contiguous slice: work begins everywhere at once, and no task
 * has to travel for it.
 */
#include "tasks/fork.h"

#include "base/memory.h"
#include "comm/vector.h"

#include <string.h>

#define ROOT_MOST   ((size_t)64 * 1024) /* a larger root stays on rank 0 */
#define EACH        8                   /* leaves of the top a worker, */
#define LEAVES_MOST 4096                /* but no more than these in all, and two a worker */
#define TOP_BYTES   ((size_t)4 * 1024 * 1024)

/* ---- The root ---- */

static mr_status get_root(fork_run *run, mr_bytes task)
{
    uint64_t size = task.size;
    mr_vector_broadcast(run->comm, 0, &size, sizeof size, 0);
    const bool stays = size > ROOT_MOST, mine = run->rank == 0;
    fork_node *root = mr_fork_node_new(run->hands[0], NULL, mine || !stays ? (size_t)size : 0);
    fork_top *tops = mr_memory_allocate(sizeof *tops, "fork-join", &run->error);
    if (root && mine && size > 0)
        memcpy(root->bytes, task.data, task.size);
    if (tops)
        tops[0] = (fork_top){.node = root};
    run->tops = tops;
    run->top_room = run->top_count = tops != NULL;
    if (run->error.code != MR_OK)
        mr_error_set(run->job->error, run->error.code, "%s", run->error.text);
    MR_TRY(mr_job_agree(run->job));
    if (stays)
        root->flags |= FORK_SMALL; /* not to be divided here; rank 0 will */
    else
        mr_vector_broadcast(run->comm, 0, root->bytes, size, 0);
    return MR_OK;
}

/* ---- Dividing ---- */

static bool make_room(fork_run *run, uint64_t more)
{
    uint64_t needed = run->top_count + more;
    if (needed <= run->top_room)
        return true;
    mr_error error = {.code = MR_OK};
    needed += needed / 2;
    fork_top *grown = mr_memory_resize(run->tops, run->top_room * sizeof *grown,
                                       needed * sizeof *grown, "fork-join", &error);
    if (!grown) {
        mr_fork_no_memory(run->hands[0], &error);
        return false;
    }
    run->tops = grown;
    run->top_room = needed;
    return true;
}

static bool add_parts(fork_run *run, uint64_t at, size_t *bytes)
{
    fork_node *node = run->tops[at].node;
    atomic_store_explicit(&node->missing, node->count, memory_order_relaxed);
    if (!make_room(run, node->count))
        return false;
    run->tops[at].parts = run->top_count;
    run->tops[at].count = node->count;
    for (fork_node *part = node->first; part; part = part->next) {
        run->tops[run->top_count++] = (fork_top){.node = part, .parent = at};
        *bytes += part->size;
    }
    return true;
}

static uint64_t leaves_wanted(const fork_run *run)
{
    uint64_t workers = run->workers, wanted = workers * EACH;
    if (workers == 1 || !run->how.split)
        return 1;
    if (wanted > LEAVES_MOST)
        wanted = workers * 2 > LEAVES_MOST ? workers * 2 : LEAVES_MOST;
    return wanted;
}

/* A tree that hardly branches is not walked through here, where all ranks do the same. */
static bool divide(fork_run *run)
{
    const uint64_t wanted = leaves_wanted(run), most = 4 * wanted + 64;
    uint64_t leaves = 1;
    size_t bytes = 0;
    for (uint64_t at = 0; at < run->top_count && at < most && leaves < wanted &&
                          bytes < TOP_BYTES && !atomic_load(&run->cancelled);
         at++) {
        fork_node *node = run->tops[at].node;
        if (node->flags & FORK_SMALL)
            continue;
        if (!mr_fork_divide(run->hands[0], node))
            return false;
        if (node->count == 0)
            node->flags |= FORK_SMALL;
        else if (!add_parts(run, at, &bytes))
            return false;
        if (node->count > 0)
            leaves += node->count - 1;
    }
    return true;
}

/* ---- Whose is what ---- */

static void number_leaves(fork_run *run)
{
    fork_top *tops = run->tops;
    for (uint64_t i = run->top_count; i-- > 0;) {
        tops[i].leaves = tops[i].count == 0;
        for (uint64_t n = 0; n < tops[i].count; n++)
            tops[i].leaves += tops[tops[i].parts + n].leaves;
    }
    tops[0].from = 0;
    for (uint64_t i = 0; i < run->top_count; i++) {
        uint64_t from = tops[i].from;
        for (uint64_t n = 0; n < tops[i].count; n++) {
            tops[tops[i].parts + n].from = from;
            from += tops[tops[i].parts + n].leaves;
        }
    }
}

int mr_fork_top_owner(const fork_run *run, uint64_t leaf)
{
    return (int)(leaf * (uint64_t)run->ranks / run->tops[0].leaves);
}

bool mr_fork_top_is_held(const fork_run *run, uint64_t i)
{
    const fork_top *tops = run->tops;
    return tops[i].holder >= 0 && (i == 0 || tops[tops[i].parent].holder < 0);
}

void mr_fork_top_assign(fork_run *run)
{
    number_leaves(run);
    for (uint64_t i = 0; i < run->top_count; i++) {
        fork_top *top = &run->tops[i];
        int first = mr_fork_top_owner(run, top->from);
        int last = mr_fork_top_owner(run, top->from + top->leaves - 1);
        top->holder = first == last ? first : -1;
    }
}

void mr_fork_top_mark(fork_run *run)
{
    long pieces = 0;
    for (uint64_t i = 0; i < run->top_count; i++)
        if (mr_fork_top_is_held(run, i)) {
            run->tops[i].node->flags |= FORK_PIECE;
            pieces += run->tops[i].holder == run->rank;
        }
    atomic_store(&run->left, pieces);
}

mr_status mr_fork_top_divide(fork_run *run, mr_bytes task)
{
    MR_TRY(get_root(run, task));
    run->at_top = true;
    bool is_large = run->tops[0].node->flags & FORK_SMALL;
    if (!divide(run))
        mr_error_set(run->job->error, run->error.code, "%s", run->error.text);
    if (is_large)
        run->tops[0].node->flags &= ~(unsigned)FORK_SMALL;
    run->at_top = false;
    MR_TRY(mr_job_agree(run->job));
    mr_fork_top_assign(run);
    mr_fork_top_mark(run);
    return MR_OK;
}

void mr_fork_deal(fork_run *run, fork_node *const *mine, uint64_t count)
{
    for (unsigned t = 0; t < run->threads; t++) {
        uint64_t from = count * t / run->threads, to = count * (t + 1) / run->threads;
        for (uint64_t i = to; i-- > from;)
            if (!mr_fork_deque_put(run->hands[t], &run->hands[t]->deque, mine[i]))
                return;
    }
}

void mr_fork_top_deal(fork_run *run)
{
    mr_error error = {.code = MR_OK};
    const uint64_t leaves = run->tops[0].leaves;
    const size_t size = leaves * sizeof(fork_node *);
    fork_node **mine = mr_memory_allocate(size, "fork-join", &error);
    if (!mine) {
        mr_fork_no_memory(run->hands[0], &error);
        return;
    }
    uint64_t start = UINT64_MAX, count = 0;
    for (uint64_t leaf = 0; leaf < leaves; leaf++)
        if (mr_fork_top_owner(run, leaf) == run->rank) {
            start = start < leaf ? start : leaf;
            count++;
        }
    for (uint64_t i = 0; i < run->top_count; i++) {
        const fork_top *top = &run->tops[i];
        if (top->count == 0 && mr_fork_top_owner(run, top->from) == run->rank)
            mine[top->from - start] = top->node;
    }
    mr_fork_deal(run, mine, count);
    mr_memory_free(mine, size);
}
