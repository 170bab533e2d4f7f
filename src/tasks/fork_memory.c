/*
 * tasks/fork_memory.c: blocks for tasks and results. Each thread has lists of free ones, by size,
 * so that a task mostly costs no more than taking the first of a list. Who frees is often not who
 * takes: a thread that has too many of a size gives them to all.
 */
#include "tasks/fork.h"

#include "base/memory.h"

#define STEP    64 /* sizes up to SMALL are multiples of it, then powers of two */
#define SMALL   1024
#define MIDDLE  (SMALL << 4)
#define CHUNK   ((size_t)64 * 1024)
#define SURPLUS ((size_t)256 * 1024) /* bytes of a size that a thread keeps */

/* Larger ones are known to the run: what is left of them is freed with it. */
typedef struct fork_large {
    struct fork_large *next, *before;
    size_t size;
    size_t unused; /* what follows is at a multiple of 16 */
} fork_large;

static unsigned class_of(size_t size)
{
    if (size <= SMALL)
        return size ? (unsigned)((size - 1) / STEP) : 0;
    return SMALL / STEP + 63 - (unsigned)__builtin_clzll((size - 1) / SMALL);
}

static size_t size_of(unsigned class)
{
    return class < SMALL / STEP ? (class + 1) * (size_t)STEP
                                : (size_t)SMALL << (class - SMALL / STEP + 1);
}

static void *take_large(mr_fork *fork, size_t size)
{
    fork_run *run = fork->run;
    mr_error error = {.code = MR_OK};
    fork_large *large = mr_memory_allocate(sizeof *large + size, "fork-join", &error);
    if (!large) {
        mr_fork_no_memory(fork, &error);
        return NULL;
    }
    fork_lock_take(&run->sharing);
    *large = (fork_large){run->large, NULL, sizeof *large + size, 0};
    if (run->large)
        run->large->before = large;
    run->large = large;
    fork_lock_give(&run->sharing);
    return large + 1;
}

static void give_large(fork_run *run, void *block)
{
    fork_large *large = (fork_large *)block - 1;
    fork_lock_take(&run->sharing);
    if (large->next)
        large->next->before = large->before;
    if (large->before)
        large->before->next = large->next;
    else
        run->large = large->next;
    fork_lock_give(&run->sharing);
    mr_memory_free(large, large->size);
}

void mr_fork_large_free(fork_run *run)
{
    for (fork_large *large = run->large, *next; large; large = next) {
        next = large->next;
        mr_memory_free(large, large->size);
    }
    run->large = NULL;
}

/* All that others have left over of this size. */
static void *take_spare(mr_fork *fork, unsigned class)
{
    fork_run *run = fork->run;
    fork_lock_take(&run->sharing);
    fork_block *block = run->spare[class];
    run->spare[class] = NULL;
    fork_lock_give(&run->sharing);
    if (!block)
        return NULL;
    fork->pool.free[class] = block->next;
    for (fork_block *b = block->next; b; b = b->next)
        fork->pool.counts[class]++;
    return block;
}

static void *cut(mr_fork *fork, size_t size)
{
    fork_pool *pool = &fork->pool;
    if (pool->left < size) {
        mr_error error = {.code = MR_OK};
        fork_block *chunk = mr_memory_allocate_aligned(CHUNK, STEP, "fork-join", &error);
        if (!chunk) {
            mr_fork_no_memory(fork, &error);
            return NULL;
        }
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->chunk = (char *)chunk + STEP;
        pool->left = CHUNK - STEP;
    }
    void *block = pool->chunk;
    pool->chunk += size;
    pool->left -= size;
    return block;
}

void *mr_fork_take(mr_fork *fork, size_t size)
{
    if (size > MIDDLE)
        return take_large(fork, size);
    unsigned class = class_of(size);
    fork_block *block = fork->pool.free[class];
    if (block) {
        fork->pool.free[class] = block->next;
        fork->pool.counts[class]--;
        return block;
    }
    void *spare = fork->run->threads > 1 || fork->run->ranks > 1 ? take_spare(fork, class) : NULL;
    return spare ? spare : cut(fork, size_of(class));
}

/* All of them, in one piece behind which what others have given is hung. */
static void give_to_all(mr_fork *fork, unsigned class)
{
    fork_run *run = fork->run;
    fork_block *first = fork->pool.free[class], *last = first;
    while (last->next)
        last = last->next;
    fork_lock_take(&run->sharing);
    last->next = run->spare[class];
    run->spare[class] = first;
    fork_lock_give(&run->sharing);
    fork->pool.free[class] = NULL;
    fork->pool.counts[class] = 0;
}

void mr_fork_give(mr_fork *fork, void *block, size_t size)
{
    if (size > MIDDLE) {
        give_large(fork->run, block);
        return;
    }
    unsigned class = class_of(size);
    fork_block *given = block;
    given->next = fork->pool.free[class];
    fork->pool.free[class] = given;
    if (++fork->pool.counts[class] * size_of(class) > SURPLUS &&
        (fork->run->threads > 1 || fork->run->ranks > 1))
        give_to_all(fork, class);
}

void mr_fork_pool_free(mr_fork *fork)
{
    for (fork_block *chunk = fork->pool.chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        mr_memory_free(chunk, CHUNK);
    }
    fork->pool = (fork_pool){0};
}
