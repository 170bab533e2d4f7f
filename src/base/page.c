/* base/page.c: making pages. */
#include "base/page.h"

mr_page *mr_page_create(size_t capacity, mr_error *error)
{
    mr_page *page = mr_memory_allocate(sizeof *page + capacity, "a page of records", error);
    if (page)
        *page = (mr_page){.capacity = capacity};
    return page;
}

mr_page *mr_page_trim(mr_page *page)
{
    mr_error none = {0};
    if (page->capacity - page->size <= page->capacity / 8)
        return page;
    mr_page *trimmed = mr_memory_resize(page, sizeof *page + page->capacity,
                                        sizeof *page + page->size, "a page of records", &none);
    if (!trimmed)
        return page;
    trimmed->capacity = trimmed->size;
    return trimmed;
}

void mr_page_destroy(mr_page *page)
{
    if (page)
        mr_memory_free(page, sizeof *page + page->capacity);
}
