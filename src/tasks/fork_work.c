/* tasks/fork_work.c: what a thread does: takes tasks, its own or others', divides or solves them,
 * and joins what is complete. */
#include "tasks/fork.h"

#include "base/clock.h"
#include "base/flight.h"
#include "base/memory.h"
#include "base/span.h"
#include "observe/crash.h"

#include <string.h>

#define POLL_MOST 1024   /* tasks between two looks for letters, which should come */
#define POLL_GAP  100e-6 /* about so often: who asks for work waits for an answer */
#define AT_ONCE   128    /* tasks taken from a sibling */

/* ---- Signs ---- */

static void sign(volatile int *what, int value)
{
    if (__atomic_load_n(what, __ATOMIC_RELAXED) != value)
        __atomic_store_n(what, value, __ATOMIC_RELAXED);
}

void mr_fork_halt(fork_run *run)
{
    sign(&run->signs.cancelled, 1);
    atomic_store(&run->over, true);
    atomic_store(&run->leave, true);
    if (run->post)
        mr_post_wake(run->post);
}

static bool is_over(fork_run *run)
{
    return atomic_load_explicit(&run->over, memory_order_relaxed);
}

static bool is_leaving(fork_run *run)
{
    return atomic_load_explicit(&run->leave, memory_order_relaxed);
}

/* ---- Kernels ---- */

static void begin_kernel(mr_fork *fork, fork_node *node, fork_doing doing)
{
    fork->node = node;
    fork->doing = doing;
    fork->last = NULL;
    fork->has_returned = false;
    if (fork->returned.size > 0)
        mr_fork_result_free(fork, &fork->returned);
}

/* False: it has failed, which is told by now. */
static bool end_kernel(mr_fork *fork, mr_status status)
{
    if (status == MR_OK)
        status = fork->status;
    else if (fork->status == MR_OK)
        mr_fork_error(fork, status, "it does not say why");
    fork->doing = FORK_IDLE;
    return status == MR_OK;
}

bool mr_fork_divide(mr_fork *fork, fork_node *node)
{
    begin_kernel(fork, node, FORK_SPLIT);
    bool ok = end_kernel(fork, fork->run->how.split(fork, fork_task(node)));
    if (node->count > 0)
        fork->counts.divided++;
    return ok;
}

/* What a kernel has returned becomes the node's. */
static void keep_result(mr_fork *fork, fork_node *node)
{
    node->result = fork->returned;
    fork->returned.far = NULL;
    fork->returned.size = 0;
}

static bool gather_results(mr_fork *fork, fork_node *node, size_t *count)
{
    size_t needed = (size_t)node->count + 1, n = 0;
    if (needed > fork->results_room) {
        mr_error error = {.code = MR_OK};
        size_t room = needed + needed / 2;
        mr_bytes *grown = mr_memory_resize(fork->results, fork->results_room * sizeof *grown,
                                           room * sizeof *grown, "fork-join", &error);
        if (!grown) {
            mr_fork_no_memory(fork, &error);
            return false;
        }
        fork->results = grown;
        fork->results_room = room;
    }
    if (node->has_result)
        fork->results[n++] = fork_result_bytes(&node->result);
    for (fork_node *part = node->first; part; part = part->next)
        fork->results[n++] = fork_result_bytes(&part->result);
    *count = n;
    return true;
}

bool mr_fork_join_parts(mr_fork *fork, fork_node *node)
{
    const mr_fork_join *how = &fork->run->how;
    size_t count;
    begin_kernel(fork, node, FORK_JOIN);
    bool ok =
        gather_results(fork, node, &count) &&
        (!how->join || end_kernel(fork, how->join(fork, fork_task(node), fork->results, count)));
    fork->doing = FORK_IDLE;
    if (!ok)
        return false;
    fork->counts.joined++;
    for (fork_node *part = node->first, *next; part; part = next) {
        next = part->next;
        mr_fork_node_free(fork, part);
    }
    node->first = NULL;
    mr_fork_result_free(fork, &node->result);
    keep_result(fork, node);
    return true;
}

/* ---- Up the tree ---- */

void mr_fork_piece_done(fork_run *run)
{
    if (atomic_fetch_sub(&run->left, 1) == 1)
        mr_fork_send_done(run);
}

/* The node has its result. Whoever brings the last part of a node joins it and goes on upwards. */
static void finish(mr_fork *fork, fork_node *node)
{
    for (;;) {
        if (node->flags & FORK_PIECE) {
            mr_fork_piece_done(fork->run);
            return;
        }
        fork_node *parent = node->parent;
        if (!parent) {
            mr_fork_send_result(fork, node);
            return;
        }
        if (atomic_fetch_sub_explicit(&parent->missing, 1, memory_order_acq_rel) != 1 ||
            is_over(fork->run) || !mr_fork_join_parts(fork, parent))
            return;
        node = parent;
    }
}

/* ---- A task ---- */

static void wake_others(fork_run *run)
{
    if (atomic_load_explicit(&run->idle, memory_order_relaxed) > 0)
        mr_post_wake(run->post);
}

static void share(mr_fork *fork, bool at_once)
{
    if (atomic_load_explicit(&fork->run->beggar_count, memory_order_relaxed) > 0)
        mr_fork_serve(fork, at_once);
    wake_others(fork->run);
}

/* Until somebody finds nothing again, nobody wants more. */
void mr_fork_offer(mr_fork *fork, fork_node *node)
{
    fork_run *run = fork->run;
    if (!mr_fork_deque_put(fork, &fork->deque, node))
        return;
    share(fork, true);
    if (atomic_load_explicit(&run->beggar_count, memory_order_relaxed) == 0)
        sign(&run->signs.wanted, 0);
}

static void solve(mr_fork *fork, fork_node *node)
{
    atomic_store_explicit(&node->missing, 1, memory_order_relaxed);
    begin_kernel(fork, node, FORK_SOLVE);
    mr_status status = fork->run->how.solve(fork, fork_task(node));
    if (fork->held)
        mr_fork_offer(fork, fork->held);
    fork->held = NULL;
    if (!end_kernel(fork, status))
        return;
    fork->counts.solved++;
    node->has_result = fork->has_returned;
    keep_result(fork, node);
    if (node->count > 0) {
        if (atomic_fetch_sub_explicit(&node->missing, 1, memory_order_acq_rel) != 1 ||
            is_over(fork->run) || !mr_fork_join_parts(fork, node))
            return;
    }
    finish(fork, node);
}

/* From here on the node may be gone at any moment: others may have done all its parts. */
static void hand_out(mr_fork *fork, fork_node *node)
{
    const uint32_t count = node->count;
    atomic_store_explicit(&node->missing, count, memory_order_relaxed);
    if (mr_fork_deque_put_parts(fork, &fork->deque, node->first, count) && count > 1)
        share(fork, false);
}

static void run_task(mr_fork *fork, fork_node *node)
{
    if (node->flags & FORK_JOINS) {
        node->flags &= ~(unsigned)FORK_JOINS;
        if (mr_fork_join_parts(fork, node))
            finish(fork, node);
        return;
    }
    if (fork->run->how.split && !(node->flags & FORK_SMALL)) {
        if (!mr_fork_divide(fork, node))
            return;
        if (node->count > 0) {
            hand_out(fork, node);
            return;
        }
    }
    solve(fork, node);
}

/* ---- Where tasks come from ---- */

static uint64_t next_random(mr_fork *fork)
{
    uint64_t x = fork->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return fork->random = x;
}

/* Half of what another thread has before it, or what letters brought. */
static bool take_from(mr_fork *fork, mr_fork *other)
{
    fork_node *nodes[AT_ONCE];
    size_t count = mr_fork_deque_steal(&other->deque, nodes, AT_ONCE, SIZE_MAX, false);
    for (size_t i = 0; i < count; i++)
        if (!mr_fork_deque_put(fork, &fork->deque, nodes[i]))
            return false;
    if (other->thread < fork->run->threads)
        fork->counts.from_threads += count;
    return count > 0;
}

static bool take_from_siblings(mr_fork *fork)
{
    fork_run *run = fork->run;
    if (take_from(fork, run->hands[run->threads]))
        return true;
    if (run->threads == 1)
        return false;
    unsigned first = (unsigned)(next_random(fork) % run->threads);
    for (unsigned i = 0; i < run->threads; i++) {
        unsigned other = (first + i) % run->threads;
        if (other != fork->thread && take_from(fork, run->hands[other]))
            return true;
    }
    return false;
}

static fork_node *next_task(mr_fork *fork)
{
    fork_node *node = mr_fork_deque_take(&fork->deque);
    if (!node && take_from_siblings(fork))
        node = mr_fork_deque_take(&fork->deque);
    return node;
}

/* Called often while nothing is to be done; says so to those who work. */
static bool has_something(void *context)
{
    fork_run *run = ((mr_fork *)context)->run;
    if (is_leaving(run))
        return true;
    for (unsigned i = 0; i <= run->threads; i++)
        if (atomic_load_explicit(&run->hands[i]->deque.count, memory_order_relaxed) > 0)
            return true;
    sign(&run->signs.wanted, 1);
    return false;
}

static void wait_for_tasks(mr_fork *fork)
{
    fork_run *run = fork->run;
    double start = mr_clock_now();
    const mr_span_kind before = mr_span_begin_at(MR_SPAN_WAIT, start);
    atomic_fetch_add(&run->idle, 1);
    while (!has_something(fork)) {
        double until = run->ranks > 1 ? mr_fork_ask(fork) : MR_POST_NEVER;
        if (mr_post_wait(run->post, has_something, fork, until) == MR_FAILED)
            mr_fork_halt(run);
    }
    if (atomic_fetch_sub(&run->idle, 1) == 1 && atomic_load(&run->beggar_count) == 0)
        sign(&run->signs.wanted, 0);
    fork->served = mr_clock_now(); /* what came is worked on a little before it goes on */
    fork->idle += fork->served - start;
    mr_span_end_at(before, fork->served);
}

static size_t add(char *text, size_t size, const char *what)
{
    size_t more = strlen(what);
    memcpy(text + size, what, more);
    return size + more;
}

/* Within the handler of a crash: what the thread is at. */
static size_t describe(const void *context, char *text, size_t room)
{
    static const char *const doing[] = {"", " (split)", " (solve)", " (join)"};
    const mr_fork *fork = context;
    fork_path path;
    if (room < 64)
        return 0;
    if (fork->doing == FORK_IDLE)
        return add(text, 0, "no task, but fork-join itself");
    size_t size = add(text, 0, "task ");
    mr_fork_path(fork->node, &path);
    size += mr_fork_path_text(&path, text + size, room - size - 16);
    return add(text, size, doing[fork->doing]);
}

/* Looks for letters after so many tasks as take about POLL_GAP. */
static void look_now_and_then(mr_fork *fork)
{
    if (++fork->since_poll < fork->poll_tasks)
        return;
    const double now = mr_clock_now(), gap = now - fork->polled;
    if (gap < POLL_GAP / 2 && fork->poll_tasks < POLL_MOST)
        fork->poll_tasks *= 2;
    else if (gap > POLL_GAP && fork->poll_tasks > 1)
        fork->poll_tasks /= 2;
    fork->since_poll = 0;
    fork->polled = now;
    mr_post_poll(fork->run->post);
}

void mr_fork_work(void *context, unsigned thread)
{
    fork_run *run = context;
    mr_fork *fork = run->hands[thread];
    mr_flight_thread *place = mr_flight_mine();
    fork->poll_tasks = 1;
    mr_crash_thread_work(describe, fork);
    mr_flight_task_begin("tasks of", "fork-join", MR_FLIGHT_NO_NUMBER);
    mr_span_thread(thread);
    const mr_span_kind before = mr_span_begin(MR_SPAN_TASK);
    while (!is_leaving(run)) {
        fork_node *node = next_task(fork);
        if (!node) {
            wait_for_tasks(fork);
            continue;
        }
        run_task(fork, node);
        mr_flight_step(place);
        if (run->ranks > 1)
            look_now_and_then(fork);
    }
    mr_span_end(before);
    mr_crash_thread_work(NULL, NULL);
    mr_flight_task_end();
}
