/*
 * base/page.h: a page: memory that holds many records, is filled by one thread, and changes owner:
 * to another thread, to another rank, to a file.
 */
#ifndef MR_BASE_PAGE_H
#define MR_BASE_PAGE_H

#include "base/memory.h"

typedef struct mr_page {
    struct mr_page *next; /* the owner's own */
    size_t size, capacity;
    int to;                            /* the rank it goes to, or came from */
    _Alignas(8) unsigned char bytes[]; /* records: accumulators lie in them */
} mr_page;

/* Counted against the budget. */
mr_page *mr_page_create(size_t capacity, mr_error *error);
void mr_page_destroy(mr_page *page);
/* Gives back what is not filled of a page that will not be filled any more, where it is much. The
 * page may move: returns where it is. */
mr_page *mr_page_trim(mr_page *page);

#endif
