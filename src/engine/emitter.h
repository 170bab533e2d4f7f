/*
 * engine/emitter.h: between shuffle.c, which moves pages, and emitter.c, which fills them.
 */
#ifndef MR_ENGINE_EMITTER_H
#define MR_ENGINE_EMITTER_H

#include "engine/shuffle.h"

#include <stdatomic.h>

/* As the pile of a page: it is many pages, each its size and its bytes, padded to a multiple of 8.
 */
#define MR_LEAF_BUNDLE UINT32_MAX

typedef struct mr_page_list {
    mr_page *first, *last;
    atomic_int count; /* this and the next are read without the lock */
    atomic_size_t bytes;
} mr_page_list;

struct mr_shuffle {
    mr_job *job;
    mr_shuffle_plan plan;
    mr_exchange *exchange;
    int rank;
    uint32_t own, first; /* piles of this rank */
    size_t page_size, sample_most;
    bool verify;
    pthread_mutex_t lock; /* the lists and the sample */
    mr_page_list outbox, spare;
    size_t flying; /* bytes that the exchange has; the main thread's */
    mr_pair_sample sample;
    mr_spill_buffer buffer; /* the main thread's */
    atomic_uint next_local; /* MR_SPREAD_LOCAL: the pile that the next page joins */
};

void mr_shuffle_push(mr_shuffle *shuffle, mr_page_list *list, mr_page *page);
mr_page *mr_shuffle_pop(mr_shuffle *shuffle, mr_page_list *list);

#endif
