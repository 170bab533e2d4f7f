/*
 * store/pile.h: piles: what a rank holds of a set, divided by hash or by ranges. A pile is pages in
 * memory and extents on the scratch disk, in no order. Thread-safe while it is filled; then read.
 */
#ifndef MR_STORE_PILE_H
#define MR_STORE_PILE_H

#include "base/page.h"
#include "store/pairs.h"
#include "store/spill.h"

#include <pthread.h>

typedef struct mr_pile {
    mr_page *pages;
    uint64_t page_bytes; /* in memory: pairs */
    uint64_t count, bytes;
    mr_extent *extents;
    size_t extent_count, extent_capacity;
} mr_pile;

typedef struct mr_piles {
    mr_pile *piles;
    uint32_t count;
    mr_pair_layout layout;
    const char *scratch;
    pthread_mutex_t lock; /* all of the above: it is held for a few instructions a page */
    mr_spill *spill;      /* made when the first page goes to disk */
    /* Told of the pairs of every page that is pushed; NULL: nobody wants to know. */
    void (*told)(void *context, const void *pairs, size_t size);
    void *context;
} mr_piles;

mr_status mr_piles_create(mr_piles *piles, uint32_t count, mr_pair_layout layout,
                          const char *scratch, mr_error *error);
void mr_piles_free(mr_piles *piles);

/* Adds a page (a leaf head and pairs) to a pile, which owns it from now on. */
void mr_pile_push(mr_piles *piles, uint32_t pile, mr_page *page);

/*
 * A page with room for `capacity` bytes. When memory is over its soft limit (mr_memory_is_tight),
 * first writes what is largest of these piles to disk. `buffer` is the thread's own.
 */
mr_page *mr_piles_page(mr_piles *piles, size_t capacity, mr_spill_buffer *buffer, mr_error *error);
/* Writes pages of the largest piles to disk until about `bytes` are free again. */
mr_status mr_piles_shed(mr_piles *piles, uint64_t bytes, mr_spill_buffer *buffer, mr_error *error);
/* The same until memory is not tight any more, or nothing is left to write. */
mr_status mr_piles_relieve(mr_piles *piles, mr_spill_buffer *buffer, mr_error *error);

/* Local. What there is in all of them. */
uint64_t mr_piles_count(const mr_piles *piles);
uint64_t mr_piles_bytes(const mr_piles *piles);
uint64_t mr_piles_spilled(const mr_piles *piles);

/* Everything of a pile, page by page: from memory, then from disk. */
typedef struct mr_pile_reader {
    mr_piles *piles;
    mr_pile *pile;
    bool consume;
    mr_page *page, *give;
    size_t extent;
    bool open; /* whether an extent has been read from */
    mr_spill_reader disk;
} mr_pile_reader;
void mr_pile_reader_start(mr_pile_reader *reader, mr_piles *piles, uint32_t pile, bool consume);
/* The pairs of the next page, valid until the next call; *begin is NULL at the end. With `consume`
 * memory and disk are given back as they are read. */
mr_status mr_pile_reader_next(mr_pile_reader *reader, const unsigned char **begin,
                              const unsigned char **end, mr_error *error);
void mr_pile_reader_end(mr_pile_reader *reader);

#endif
