/* base/memory.c: the counter behind the budget. The one global state of a rank, as the heap is. */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Atomic uint64_t used, peak, budget;

void mr_memory_set_budget(uint64_t bytes)
{
    atomic_store(&budget, bytes);
}

uint64_t mr_memory_budget(void)
{
    return atomic_load(&budget);
}

uint64_t mr_memory_used(void)
{
    return atomic_load(&used);
}

uint64_t mr_memory_peak(void)
{
    return atomic_load(&peak);
}

bool mr_memory_is_tight(uint64_t more)
{
    uint64_t limit = atomic_load_explicit(&budget, memory_order_relaxed);
    return limit && mr_memory_used() + more > limit / 8 * 5;
}

static void give_back(uint64_t size)
{
    atomic_fetch_sub_explicit(&used, size, memory_order_relaxed);
}

static mr_status take(uint64_t size, const char *what, mr_error *error)
{
    uint64_t now = atomic_fetch_add_explicit(&used, size, memory_order_relaxed) + size;
    uint64_t limit = atomic_load_explicit(&budget, memory_order_relaxed);
    if (limit && now > limit) {
        give_back(size);
        return mr_error_set(error, MR_NO_MEMORY,
                            "memory budget exceeded: %s needs %llu bytes more and %llu of %llu are "
                            "in use: give the job more with --memory, or more ranks",
                            what, (unsigned long long)size, (unsigned long long)(now - size),
                            (unsigned long long)limit);
    }
    uint64_t seen = atomic_load_explicit(&peak, memory_order_relaxed);
    while (now > seen && !atomic_compare_exchange_weak(&peak, &seen, now))
        ;
    return MR_OK;
}

/* What was taken has not come: gives it back, and says so. */
static void *no_memory(uint64_t size, const char *what, mr_error *error)
{
    give_back(size);
    mr_error_set(error, MR_NO_MEMORY,
                 "out of memory: %s needs %llu bytes: use more nodes or a smaller --memory", what,
                 (unsigned long long)size);
    return NULL;
}

void *mr_memory_allocate(size_t size, const char *what, mr_error *error)
{
    return mr_memory_resize(NULL, 0, size, what, error);
}

void *mr_memory_allocate_aligned(size_t size, size_t alignment, const char *what, mr_error *error)
{
    if (take(size, what, error) != MR_OK)
        return NULL;
    void *memory = aligned_alloc(alignment, (size + alignment - 1) & ~(alignment - 1));
    return memory ? memory : no_memory(size, what, error);
}

#define LARGE_PAGE ((size_t)2 << 20)

void *mr_memory_allocate_large(size_t size, const char *what, mr_error *error)
{
    if (size < 2 * LARGE_PAGE)
        return mr_memory_allocate_aligned(size, 64, what, error);
    void *memory = mr_memory_allocate_aligned(size, LARGE_PAGE, what, error);
    if (memory)
        madvise(memory, size, MADV_HUGEPAGE); /* a wish */
    return memory;
}

void *mr_memory_resize(void *memory, size_t old_size, size_t size, const char *what,
                       mr_error *error)
{
    size_t more = size > old_size ? size - old_size : 0;
    if (more && take(more, what, error) != MR_OK)
        return NULL;
    void *resized = realloc(memory, size ? size : 1);
    if (!resized)
        return no_memory(more, what, error);
    if (size < old_size)
        give_back(old_size - size);
    return resized;
}

void mr_memory_free(void *memory, size_t size)
{
    if (memory) {
        free(memory);
        give_back(size);
    }
}
