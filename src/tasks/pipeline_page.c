/* tasks/pipeline_page.c: pages of items, used again and again. */
#include "tasks/pipeline_internal.h"

/* Kept of those that nobody needs now. */
#define SPARES 64u

static pipe_page *take_spare(pipeline *p)
{
    pthread_mutex_lock(&p->pages);
    pipe_page *page = p->spare;
    if (page) {
        p->spare = page->next;
        p->spares--;
    }
    pthread_mutex_unlock(&p->pages);
    return page;
}

pipe_page *mr_pipeline_page_get(pipeline *p, size_t capacity)
{
    mr_error error = {.code = MR_OK};
    pipe_page *page = capacity <= p->page_size ? take_spare(p) : NULL;
    if (!page) {
        if (capacity < p->page_size)
            capacity = p->page_size;
        page = mr_memory_allocate(sizeof *page + capacity, "a pipeline", &error);
        if (!page) {
            mr_pipeline_fail(p, error.code, "%s", error.text);
            return NULL;
        }
        page->capacity = capacity;
    }
    page->next = NULL;
    page->is_pause = false;
    page->size = 0;
    page->count = 0;
    return page;
}

void mr_pipeline_page_give(pipeline *p, pipe_page *page)
{
    if (!page)
        return;
    pthread_mutex_lock(&p->pages);
    const bool keeps = page->capacity == p->page_size && p->spares < SPARES;
    if (keeps) {
        page->next = p->spare;
        p->spare = page;
        p->spares++;
    }
    pthread_mutex_unlock(&p->pages);
    if (!keeps)
        mr_memory_free(page, sizeof *page + page->capacity);
}

void mr_pipeline_pages_free(pipeline *p)
{
    for (pipe_page *page; (page = p->spare);) {
        p->spare = page->next;
        mr_memory_free(page, sizeof *page + page->capacity);
    }
    p->spares = 0;
}
