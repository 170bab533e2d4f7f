/* store/pile.c: filling piles, making room by writing them to disk, and reading them page by page.
 */
#include "store/pile.h"

#include <stdlib.h>

mr_status mr_piles_create(mr_piles *piles, uint32_t count, mr_pair_layout layout,
                          const char *scratch, mr_error *error)
{
    *piles = (mr_piles){.count = count, .layout = layout, .scratch = scratch};
    pthread_mutex_init(&piles->lock, NULL);
    piles->piles = calloc(count, sizeof *piles->piles);
    if (!piles->piles) {
        piles->count = 0;
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a set of %u piles", count);
    }
    return MR_OK;
}

static void free_pages(mr_page *page)
{
    while (page) {
        mr_page *next = page->next;
        mr_page_destroy(page);
        page = next;
    }
}

void mr_piles_free(mr_piles *piles)
{
    for (uint32_t p = 0; p < piles->count; p++) {
        free_pages(piles->piles[p].pages);
        free(piles->piles[p].extents);
    }
    free(piles->piles);
    mr_spill_destroy(&piles->spill);
    pthread_mutex_destroy(&piles->lock);
    *piles = (mr_piles){.count = 0};
}

static size_t pairs_size(const mr_page *page)
{
    return page->size - sizeof(mr_leaf);
}

void mr_pile_push(mr_piles *piles, uint32_t p, mr_page *page)
{
    if (piles->told)
        piles->told(piles->context, mr_page_pairs(page), pairs_size(page));
    pthread_mutex_lock(&piles->lock);
    mr_pile *pile = &piles->piles[p];
    page->next = pile->pages;
    pile->pages = page;
    pile->page_bytes += pairs_size(page);
    pile->bytes += pairs_size(page);
    pile->count += mr_page_leaf(page)->count;
    pthread_mutex_unlock(&piles->lock);
}

/* Takes all pages of the pile that has most of them in memory; NULL when there are none. */
static mr_page *take_largest(mr_piles *piles, uint32_t *which)
{
    pthread_mutex_lock(&piles->lock);
    uint32_t largest = 0;
    for (uint32_t p = 1; p < piles->count; p++)
        if (piles->piles[p].page_bytes > piles->piles[largest].page_bytes)
            largest = p;
    mr_page *pages = NULL;
    if (piles->count > 0) {
        pages = piles->piles[largest].pages;
        piles->piles[largest].pages = NULL;
        piles->piles[largest].page_bytes = 0;
    }
    pthread_mutex_unlock(&piles->lock);
    *which = largest;
    return pages;
}

static mr_status add_extent(mr_piles *piles, uint32_t p, mr_extent extent, mr_error *error)
{
    mr_status status = MR_OK;
    pthread_mutex_lock(&piles->lock);
    mr_pile *pile = &piles->piles[p];
    if (pile->extent_count == pile->extent_capacity) {
        size_t capacity = pile->extent_capacity * 2 + 4;
        mr_extent *extents = realloc(pile->extents, capacity * sizeof *extents);
        if (extents) {
            pile->extents = extents;
            pile->extent_capacity = capacity;
        } else {
            status =
                mr_error_set(error, MR_NO_MEMORY, "out of memory: %zu pieces on disk", capacity);
        }
    }
    if (status == MR_OK)
        pile->extents[pile->extent_count++] = extent;
    pthread_mutex_unlock(&piles->lock);
    return status;
}

#define PIECES 64 /* pages written in one call */

static mr_status write_pages(mr_piles *piles, uint32_t p, mr_page *pages, mr_spill_buffer *buffer,
                             uint64_t *freed, mr_error *error)
{
    mr_status status = MR_OK;
    buffer->stride = piles->layout.stride;
    while (pages && status == MR_OK) {
        mr_piece pieces[PIECES];
        mr_page *rest = pages;
        size_t count = 0;
        for (; rest && count < PIECES; rest = rest->next)
            pieces[count++] = (mr_piece){mr_page_pairs(rest), pairs_size(rest)};
        mr_extent extent;
        status = mr_spill_write(piles->spill, pieces, count, buffer, &extent, error);
        if (status == MR_OK)
            status = add_extent(piles, p, extent, error);
        while (pages != rest) {
            mr_page *page = pages;
            pages = page->next;
            *freed += page->capacity;
            mr_page_destroy(page);
        }
    }
    free_pages(pages);
    return status;
}

static mr_status open_spill(mr_piles *piles, mr_error *error)
{
    mr_status status = MR_OK;
    pthread_mutex_lock(&piles->lock);
    if (!piles->spill)
        status = mr_spill_create(&piles->spill, piles->scratch, error);
    pthread_mutex_unlock(&piles->lock);
    return status;
}

/* Writes the largest pile; `*freed` stays 0 when there is none in memory. */
static mr_status shed_largest(mr_piles *piles, mr_spill_buffer *buffer, uint64_t *freed,
                              mr_error *error)
{
    uint32_t p;
    mr_page *pages = take_largest(piles, &p);
    return pages ? write_pages(piles, p, pages, buffer, freed, error) : MR_OK;
}

mr_status mr_piles_shed(mr_piles *piles, uint64_t bytes, mr_spill_buffer *buffer, mr_error *error)
{
    MR_TRY(open_spill(piles, error));
    for (uint64_t freed = 0, before = 1; freed < bytes && freed != before;) {
        before = freed;
        MR_TRY(shed_largest(piles, buffer, &freed, error));
    }
    return MR_OK;
}

mr_status mr_piles_relieve(mr_piles *piles, mr_spill_buffer *buffer, mr_error *error)
{
    for (uint64_t freed = 0, before = 1; mr_memory_is_tight(0) && freed != before;) {
        before = freed;
        MR_TRY(open_spill(piles, error));
        MR_TRY(shed_largest(piles, buffer, &freed, error));
    }
    return MR_OK;
}

#define SHED_LEAST ((uint64_t)1 << 20)

mr_page *mr_piles_page(mr_piles *piles, size_t capacity, mr_spill_buffer *buffer, mr_error *error)
{
    if (mr_memory_is_tight(capacity)) {
        uint64_t want = capacity > SHED_LEAST ? capacity : SHED_LEAST;
        if (mr_piles_shed(piles, want, buffer, error) != MR_OK)
            return NULL;
    }
    return mr_page_create(capacity, error);
}

uint64_t mr_piles_count(const mr_piles *piles)
{
    uint64_t count = 0;
    for (uint32_t p = 0; p < piles->count; p++)
        count += piles->piles[p].count;
    return count;
}

uint64_t mr_piles_bytes(const mr_piles *piles)
{
    uint64_t bytes = 0;
    for (uint32_t p = 0; p < piles->count; p++)
        bytes += piles->piles[p].bytes;
    return bytes;
}

uint64_t mr_piles_spilled(const mr_piles *piles)
{
    uint64_t bytes = 0;
    for (uint32_t p = 0; p < piles->count; p++)
        bytes += piles->piles[p].bytes - piles->piles[p].page_bytes;
    return bytes;
}

void mr_pile_reader_start(mr_pile_reader *reader, mr_piles *piles, uint32_t pile, bool consume)
{
    *reader = (mr_pile_reader){.piles = piles, .pile = &piles->piles[pile], .consume = consume};
    reader->page = reader->pile->pages;
    if (consume)
        reader->pile->pages = NULL;
}

/* With `consume`, the page or extent that was just read. */
static void give_back(mr_pile_reader *reader)
{
    if (reader->give)
        mr_page_destroy(reader->give);
    reader->give = NULL;
}

/* On to the next extent; false at the end. */
static bool next_extent(mr_pile_reader *reader)
{
    const mr_pile *pile = reader->pile;
    if (reader->open) {
        if (reader->consume)
            mr_spill_release(reader->piles->spill, pile->extents[reader->extent]);
        reader->extent++;
    }
    if (reader->extent == pile->extent_count)
        return false;
    if (reader->open)
        mr_spill_reader_turn(&reader->disk, pile->extents[reader->extent]);
    else
        mr_spill_reader_start(&reader->disk, reader->piles->spill, pile->extents[0]);
    reader->open = true;
    return true;
}

static mr_status next_frame(mr_pile_reader *reader, const unsigned char **begin, size_t *size,
                            mr_error *error)
{
    *begin = NULL;
    if (reader->extent == reader->pile->extent_count || (!reader->open && !next_extent(reader)))
        return MR_OK;
    do
        MR_TRY(mr_spill_reader_next(&reader->disk, begin, size, error));
    while (!*begin && next_extent(reader));
    return MR_OK;
}

mr_status mr_pile_reader_next(mr_pile_reader *reader, const unsigned char **begin,
                              const unsigned char **end, mr_error *error)
{
    size_t size = 0;
    give_back(reader);
    if (reader->page) {
        mr_page *page = reader->page;
        *begin = mr_page_pairs(page);
        *end = page->bytes + page->size;
        reader->page = page->next;
        if (reader->consume)
            reader->give = page;
        return MR_OK;
    }
    MR_TRY(next_frame(reader, begin, &size, error));
    *end = *begin ? *begin + size : NULL;
    return MR_OK;
}

void mr_pile_reader_end(mr_pile_reader *reader)
{
    give_back(reader);
    if (reader->open)
        mr_spill_reader_end(&reader->disk);
    if (!reader->consume)
        return;
    free_pages(reader->page);
    free(reader->pile->extents);
    *reader->pile = (mr_pile){.pages = NULL};
}
