/*
 * tasks/fork_deque.c: the tasks that a thread has before it, behind a lock that is held for some
 * nanoseconds. Everything in it can be taken by others at any moment, also while its owner is in a
 * kernel for long.
 */
#include "tasks/fork.h"

#include "base/memory.h"

#include <sched.h>
#include <string.h>

#define FIRST_ROOM 64

void mr_fork_lock_wait(fork_lock *lock)
{
    unsigned round = 0;
    do {
        while (atomic_load_explicit(&lock->taken, memory_order_relaxed))
            if (++round % 64 == 0)
                sched_yield();
    } while (atomic_exchange_explicit(&lock->taken, true, memory_order_acquire));
}

/* Only those who hold the lock change it. */
static size_t count_of(const fork_deque *deque)
{
    return atomic_load_explicit(&deque->count, memory_order_relaxed);
}

static void set_count(fork_deque *deque, size_t count)
{
    atomic_store_explicit(&deque->count, count, memory_order_relaxed);
}

static fork_node **place(const fork_deque *deque, size_t number)
{
    return &deque->ring[(deque->first + number) & (deque->room - 1)];
}

static bool grow(fork_deque *deque, size_t needed, mr_error *error)
{
    size_t room = deque->room ? deque->room : FIRST_ROOM, count = count_of(deque);
    while (room < needed)
        room *= 2;
    if (room == deque->room)
        return true;
    fork_node **ring = mr_memory_allocate(room * sizeof *ring, "fork-join", error);
    if (!ring)
        return false;
    for (size_t i = 0; i < count; i++)
        ring[i] = *place(deque, i);
    mr_memory_free(deque->ring, deque->room * sizeof *ring);
    deque->ring = ring;
    deque->room = room;
    deque->first = 0;
    return true;
}

/* With the lock held, and room for them. */
static void put(fork_deque *deque, fork_node *parts, size_t count)
{
    const size_t have = count_of(deque);
    for (size_t i = count; i-- > 0; parts = parts->next)
        *place(deque, have + i) = parts;
    set_count(deque, have + count);
}

/* Apart from the rest: to clear an error's text takes longer than all of that. */
static bool __attribute__((noinline))
put_and_grow(mr_fork *fork, fork_deque *deque, fork_node *parts, size_t count)
{
    mr_error error = {.code = MR_OK};
    fork_lock_take(&deque->lock);
    bool ok = grow(deque, count_of(deque) + count, &error);
    if (ok)
        put(deque, parts, count);
    fork_lock_give(&deque->lock);
    if (!ok)
        mr_fork_no_memory(fork, &error);
    return ok;
}

bool mr_fork_deque_put_parts(mr_fork *fork, fork_deque *deque, fork_node *parts, size_t count)
{
    fork_lock_take(&deque->lock);
    const bool fits = count_of(deque) + count <= deque->room;
    if (fits)
        put(deque, parts, count);
    fork_lock_give(&deque->lock);
    return fits || put_and_grow(fork, deque, parts, count);
}

bool mr_fork_deque_put(mr_fork *fork, fork_deque *deque, fork_node *node)
{
    return mr_fork_deque_put_parts(fork, deque, node, 1);
}

fork_node *mr_fork_deque_take(fork_deque *deque)
{
    fork_node *node = NULL;
    if (count_of(deque) == 0)
        return NULL;
    fork_lock_take(&deque->lock);
    size_t have = count_of(deque);
    if (have > 0) {
        node = *place(deque, have - 1);
        set_count(deque, have - 1);
    }
    fork_lock_give(&deque->lock);
    return node;
}

size_t mr_fork_deque_steal(fork_deque *deque, fork_node **nodes, size_t most, size_t bytes,
                           bool leaves)
{
    if (count_of(deque) == 0)
        return 0;
    fork_lock_take(&deque->lock);
    size_t have = count_of(deque), wanted = (have + 1) / 2, got = 0, size = 0;
    while (got < wanted && got < most) {
        fork_node *node = *place(deque, got);
        size += node->size;
        if ((leaves && (node->flags & FORK_JOINS)) || (got > 0 && size > bytes))
            break;
        nodes[got++] = node;
    }
    if (got > 0) {
        deque->first = (deque->first + got) & (deque->room - 1);
        set_count(deque, have - got);
    }
    fork_lock_give(&deque->lock);
    return got;
}

void mr_fork_deque_free(fork_deque *deque)
{
    mr_memory_free(deque->ring, deque->room * sizeof *deque->ring);
    *deque = (fork_deque){0};
}
