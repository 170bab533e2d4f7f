/*
 * tasks/fork_steal.c: letters of fork-join. A rank that has nothing to do asks others, those of its
 * node first, else at random. Who is asked gives half of its oldest tasks, or remembers who asked
 * and gives as soon as it has some: so nobody has to ask the same rank often. Results go back
 * to where a task came from.
 */
#include "tasks/fork.h"

#include "base/clock.h"

#include <string.h>

enum { ASK, TASKS, RESULT, DONE, OVER, CANCEL, BEST, WISH, REST };

#define TASKS_MOST  256                         /* of a letter */
#define TASKS_BYTES ((size_t)256 * 1024)        /* of their tasks, unless it is one alone */
#define TASK_MOST   ((size_t)256 * 1024 * 1024) /* of a task; larger ones stay on their rank */
#define RESULT_PART ((size_t)4 * 1024 * 1024)
#define FIRST_GAP   100e-6 /* seconds from one rank that is asked to the next */
#define LONGEST_GAP 4e-3
#define SERVE_GAP   100e-6 /* of a thread that divides tasks, from one gift to the next */

typedef struct task_head {
    uint64_t node, size;
    int32_t rank;
    uint32_t depth;
} task_head;

typedef struct result_head {
    uint64_t node, total, at;
} result_head;

static const mr_bytes nothing = {NULL, 0};

static mr_fork *letters_hand(const fork_run *run)
{
    return run->hands[run->threads];
}

static void send_all(fork_run *run, uint32_t kind, mr_bytes body, bool to_me)
{
    for (int rank = 0; rank < run->ranks; rank++)
        if (to_me || rank != run->rank)
            mr_post_send(run->post, rank, run->box, kind, body, nothing);
}

/* ---- Tasks that leave ---- */

/* Steps of a path that go along: the first ones, and of a deep one the last ones. */
static size_t path_size(uint32_t depth)
{
    size_t steps = depth > FORK_STEPS ? 2 * FORK_STEPS : depth;
    return steps * sizeof(uint32_t);
}

static char *put(char *at, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(at, bytes, size);
    return at + size;
}

static char *pack(const fork_run *run, const fork_node *node, char *at)
{
    const fork_origin mine = {.rank = run->rank, .node = (uint64_t)(uintptr_t)node};
    const fork_origin *origin = node->flags & FORK_FOREIGN ? node->origin : &mine;
    const task_head head = {origin->node, node->size, origin->rank, node->depth};
    fork_path path;
    mr_fork_path(node, &path);
    size_t first = path_size(node->depth < FORK_STEPS ? node->depth : FORK_STEPS);
    at = put(at, &head, sizeof head);
    at = put(at, path.first, first);
    at = put(at, path.last, path_size(node->depth) - first);
    return put(at, node->bytes, node->size);
}

/* Half of the oldest tasks of each thread, as long as they fit into a letter. */
static size_t gather(fork_run *run, fork_node **nodes)
{
    size_t count = 0, bytes = 0;
    for (unsigned i = 0; i <= run->threads && count < TASKS_MOST; i++) {
        size_t room = bytes < TASKS_BYTES ? TASKS_BYTES - bytes : 0, before = count;
        if (before > 0 && room == 0)
            break;
        count += mr_fork_deque_steal(&run->hands[i]->deque, nodes + count, TASKS_MOST - count, room,
                                     true);
        for (size_t n = before; n < count; n++)
            bytes += nodes[n]->size;
    }
    return count;
}

/* What can't go by letter stays; returns how many are left. */
static size_t keep_large(mr_fork *fork, fork_node **nodes, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (nodes[i]->size > TASK_MOST)
            mr_fork_deque_put(fork, &fork->deque, nodes[i]);
        else
            nodes[left++] = nodes[i];
    return left;
}

/* False: there was nothing to give. */
static bool give_tasks(mr_fork *fork, int to)
{
    fork_run *run = fork->run;
    fork_node *nodes[TASKS_MOST];
    size_t count = keep_large(fork, nodes, gather(run, nodes)), size = 0;
    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        size += sizeof(task_head) + path_size(nodes[i]->depth) + nodes[i]->size;
    char *letter = mr_fork_take(fork, size), *at = letter;
    if (!letter)
        return true;
    for (size_t i = 0; i < count; i++) {
        at = pack(run, nodes[i], at);
        if (nodes[i]->flags & FORK_FOREIGN)
            mr_fork_node_free(fork, nodes[i]); /* its result does not come by here */
        else
            nodes[i]->flags |= FORK_AWAY;
    }
    mr_post_send(run->post, to, run->box, TASKS, (mr_bytes){letter, size}, nothing);
    mr_fork_give(fork, letter, size);
    return true;
}

/* ---- Tasks that arrive ---- */

static mr_bytes cut(mr_bytes *from, size_t size)
{
    mr_bytes part = {from->data, size};
    from->data += size;
    from->size -= size;
    return part;
}

static void unpack_path(fork_path *path, uint32_t depth, mr_bytes *letter)
{
    size_t first = path_size(depth < FORK_STEPS ? depth : FORK_STEPS);
    path->depth = depth;
    memcpy(path->first, cut(letter, first).data, first);
    if (depth > FORK_STEPS)
        memcpy(path->last, cut(letter, sizeof path->last).data, sizeof path->last);
    else
        memcpy(path->last, path->first, first);
}

static bool unpack(mr_fork *fork, mr_bytes *letter)
{
    task_head head;
    memcpy(&head, cut(letter, sizeof head).data, sizeof head);
    fork_node *node = mr_fork_node_new(fork, NULL, (size_t)head.size);
    if (!node || !mr_fork_node_origin(fork, node, head.rank, head.node))
        return false;
    unpack_path(&node->origin->path, head.depth, letter);
    node->depth = head.depth;
    put(node->bytes, cut(letter, node->size).data, node->size);
    fork->counts.from_ranks++;
    return mr_fork_deque_put(fork, &fork->deque, node);
}

static void take_tasks(fork_run *run, int from, mr_bytes letter)
{
    fork_lock_take(&run->asking);
    if (run->asked[from])
        run->asked_count--;
    run->asked[from] = false;
    run->next_ask = 0;
    run->gap = FIRST_GAP;
    fork_lock_give(&run->asking);
    while (letter.size > 0 && unpack(letters_hand(run), &letter))
        ;
}

/* ---- Asking ---- */

static bool may_ask(const fork_run *run, int rank)
{
    return rank != run->rank && !run->asked[rank];
}

static int choose(const fork_run *run, const int *ranks, int count, uint64_t random)
{
    for (int i = 0; i < count; i++) {
        int at = (int)((random + (uint64_t)i) % (uint64_t)count), rank = ranks ? ranks[at] : at;
        if (may_ask(run, rank))
            return rank;
    }
    return -1;
}

static int choose_victim(const fork_run *run, uint64_t random)
{
    int near = choose(run, mr_comm_node_ranks(run->comm), mr_comm_node_size(run->comm), random);
    return near >= 0 ? near : choose(run, NULL, run->ranks, random);
}

double mr_fork_ask(mr_fork *fork)
{
    fork_run *run = fork->run;
    double now = mr_clock_now();
    int victim = -1;
    fork_lock_take(&run->asking);
    if (now >= run->next_ask && run->asked_count < run->ranks - 1) {
        fork->random = fork->random * 6364136223846793005u + 1442695040888963407u;
        victim = choose_victim(run, fork->random >> 33);
        run->asked[victim] = true;
        run->asked_count++;
        run->letters++;
        run->next_ask = now + run->gap;
        if (run->gap < LONGEST_GAP)
            run->gap *= 2;
    }
    double next = run->asked_count < run->ranks - 1 ? run->next_ask : MR_POST_NEVER;
    fork_lock_give(&run->asking);
    if (victim >= 0)
        mr_post_send(run->post, victim, run->box, ASK, nothing, nothing);
    return next;
}

static void remember(fork_run *run, int beggar)
{
    fork_lock_take(&run->asking);
    if (!run->begs[beggar])
        run->beggars[atomic_fetch_add(&run->beggar_count, 1)] = beggar;
    run->begs[beggar] = true;
    fork_lock_give(&run->asking);
    __atomic_store_n(&run->signs.wanted, 1, __ATOMIC_RELAXED);
}

/* With `asking` held. */
static void forget(fork_run *run, int at)
{
    int count = atomic_load(&run->beggar_count) - 1;
    run->begs[run->beggars[at]] = false;
    memmove(run->beggars + at, run->beggars + at + 1, (size_t)(count - at) * sizeof(int));
    atomic_store(&run->beggar_count, count);
}

/* The one that has waited longest; -1: nobody does. */
static int next_beggar(fork_run *run)
{
    int beggar = -1;
    fork_lock_take(&run->asking);
    if (atomic_load(&run->beggar_count) > 0) {
        beggar = run->beggars[0];
        forget(run, 0);
    }
    fork_lock_give(&run->asking);
    return beggar;
}

static void answer(fork_run *run, int from)
{
    if (fork_is_resting(run) || !give_tasks(letters_hand(run), from)) {
        remember(run, from);
        return;
    }
    fork_lock_take(&run->asking);
    for (int i = 0; run->begs[from] && i < atomic_load(&run->beggar_count); i++)
        if (run->beggars[i] == from)
            forget(run, i);
    fork_lock_give(&run->asking);
}

/* Tasks so small that they are all given away while they are made would only travel: those are left
 * to the ticks of the post office. */
void mr_fork_serve(mr_fork *fork, bool at_once)
{
    double now = at_once ? 0 : mr_clock_now();
    if (fork_is_resting(fork->run))
        return;
    if (!at_once && now - fork->served < SERVE_GAP)
        return;
    fork->served = now;
    for (int beggar; (beggar = next_beggar(fork->run)) >= 0;)
        if (!give_tasks(fork, beggar)) {
            remember(fork->run, beggar);
            return;
        }
}

void mr_fork_tick(fork_run *run)
{
    if (atomic_load(&run->beggar_count) > 0 && !atomic_load(&run->over))
        mr_fork_serve(letters_hand(run), true);
}

/* ---- Results ---- */

void mr_fork_send_result(mr_fork *fork, fork_node *node)
{
    fork_run *run = fork->run;
    const fork_origin *origin = node->origin;
    mr_bytes result = fork_result_bytes(&node->result);
    result_head head = {origin->node, result.size, 0};
    do {
        size_t left = result.size - (size_t)head.at;
        mr_bytes part = {result.data + head.at, left < RESULT_PART ? left : RESULT_PART};
        mr_post_send(run->post, origin->rank, run->box, RESULT,
                     (mr_bytes){(const char *)&head, sizeof head}, part);
        head.at += part.size;
    } while (head.at < result.size);
    mr_fork_node_free(fork, node);
}

/* Joins are kernels, so they are left to the threads. */
static void arrived(fork_run *run, fork_node *node)
{
    mr_fork *hand = letters_hand(run);
    fork_node *parent = node->parent;
    node->flags &= ~(unsigned)FORK_AWAY;
    if (node->flags & FORK_PIECE) {
        mr_fork_piece_done(run);
        return;
    }
    if (atomic_fetch_sub_explicit(&parent->missing, 1, memory_order_acq_rel) != 1)
        return;
    parent->flags |= FORK_JOINS;
    mr_fork_deque_put(hand, &hand->deque, parent);
}

static void take_result(fork_run *run, mr_bytes letter)
{
    result_head head;
    memcpy(&head, cut(&letter, sizeof head).data, sizeof head);
    fork_node *node = (fork_node *)(uintptr_t)head.node;
    if (head.at == 0 && !mr_fork_result_room(letters_hand(run), &node->result, (size_t)head.total))
        return;
    char *bytes = node->result.far ? node->result.far : node->result.near;
    put(bytes + head.at, letter.data, letter.size);
    if (head.at + letter.size == head.total)
        arrived(run, node);
}

/* ---- The end ---- */

void mr_fork_send_done(fork_run *run)
{
    mr_post_send(run->post, 0, run->box, DONE, nothing, nothing);
}

void mr_fork_send_cancel(fork_run *run)
{
    send_all(run, CANCEL, nothing, false);
}

void mr_fork_send_best(fork_run *run, int64_t value)
{
    send_all(run, BEST, (mr_bytes){(const char *)&value, sizeof value}, false);
}

void mr_fork_send_wish(fork_run *run)
{
    mr_post_send(run->post, 0, run->box, WISH, nothing, nothing);
}

void mr_fork_send_rest(fork_run *run)
{
    send_all(run, REST, nothing, true);
}

static void take_over(fork_run *run)
{
    atomic_store(&run->over, true);
    atomic_store(&run->leave, true);
}

static void take_done(fork_run *run)
{
    if (++run->ranks_done == run->ranks)
        send_all(run, OVER, nothing, true);
}

static void take_best(fork_run *run, mr_bytes letter)
{
    int64_t value;
    memcpy(&value, letter.data, sizeof value);
    mr_fork_best_came(run, value);
}

void mr_fork_handle(void *context, int from, uint32_t kind, mr_bytes letter)
{
    fork_run *run = context;
    bool over = atomic_load(&run->over);
    if (kind == ASK && !over)
        answer(run, from);
    else if (kind == TASKS && !over)
        take_tasks(run, from, letter);
    else if (kind == RESULT && !over)
        take_result(run, letter);
    else if (kind == DONE)
        take_done(run);
    else if (kind == OVER)
        take_over(run);
    else if (kind == CANCEL)
        mr_fork_halt(run);
    else if (kind == BEST)
        take_best(run, letter);
    else if (kind == WISH)
        mr_fork_take_wish();
    else if (kind == REST)
        mr_fork_take_rest(run);
}
