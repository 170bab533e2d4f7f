/*
 * base/memory.h: the memory budget of a rank. Everything that grows with the data is allocated here
 * and counted; small fixed things may come from malloc. Thread-safe.
 */
#ifndef MR_BASE_MEMORY_H
#define MR_BASE_MEMORY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets the budget in bytes; 0 is no limit. */
void mr_memory_set_budget(uint64_t bytes);
uint64_t mr_memory_budget(void);

/*
 * Whether `more` bytes would take more than five eighths of the budget: who holds things that can
 * go to disk should write some of them now. The rest is for who has to finish what it is at.
 */
bool mr_memory_is_tight(uint64_t more);

/* What is allocated now, and the most that ever was. */
uint64_t mr_memory_used(void);
uint64_t mr_memory_peak(void);

/*
 * Counted memory. Each call says how large the piece was: the counter then needs no bookkeeping of
 * its own. NULL when the budget or the machine has no more; `error` then says so, with
 * MR_NO_MEMORY.
 */
void *mr_memory_allocate(size_t size, const char *what, mr_error *error);
void *mr_memory_resize(void *memory, size_t old_size, size_t size, const char *what,
                       mr_error *error);
/* The same at an address that is a multiple of `alignment`, a power of two; can't be resized. */
void *mr_memory_allocate_aligned(size_t size, size_t alignment, const char *what, mr_error *error);
/* The same for large pieces that are used from one end to the other: in pages of 2 MiB, where the
 * system has them, because making small ones takes longer than filling them. */
void *mr_memory_allocate_large(size_t size, const char *what, mr_error *error);
void mr_memory_free(void *memory, size_t size);

#endif
