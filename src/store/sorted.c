/* store/sorted.c: loading and sorting piles. */
#include "store/sorted.h"

#include "base/span.h"

#include <stdlib.h>

#define LEAST ((size_t)1 << 20) /* memory below which nothing can be done well */
#define FRAME ((size_t)32 << 10)
#define REFS  (2 * sizeof(mr_pair_ref))

void mr_sorted_start(mr_sorted *sorted, const mr_pair_order *order, size_t memory,
                     const char *scratch)
{
    if (memory && memory < LEAST)
        memory = LEAST;
    *sorted = (mr_sorted){.order = *order, .memory = memory, .scratch = scratch};
}

static void drop_refs(mr_sorted *sorted)
{
    mr_memory_free(sorted->refs, sorted->capacity * sizeof *sorted->refs);
    mr_memory_free(sorted->spare, sorted->capacity * sizeof *sorted->spare);
    sorted->refs = sorted->spare = NULL;
    sorted->capacity = 0;
}

static void drop_pages(mr_sorted *sorted)
{
    for (mr_page *page; (page = sorted->loaded);) {
        sorted->loaded = page->next;
        mr_page_destroy(page);
    }
}

void mr_sorted_close(mr_sorted *sorted)
{
    drop_pages(sorted);
    mr_runs_destroy(&sorted->runs);
    mr_spill_destroy(&sorted->spill);
    sorted->count = 0;
    sorted->rows = 0;
    sorted->next = 0;
}

void mr_sorted_free(mr_sorted *sorted)
{
    mr_sorted_close(sorted);
    drop_refs(sorted);
}

/* Room for `count` refs, and for sorting them. */
static mr_status reserve(mr_sorted *sorted, size_t count, mr_error *error)
{
    if (count <= sorted->capacity)
        return MR_OK;
    drop_refs(sorted);
    size_t size = count * sizeof(mr_pair_ref);
    sorted->refs = mr_memory_allocate(size, "sorting a set", error);
    sorted->spare = sorted->refs ? mr_memory_allocate(size, "sorting a set", error) : NULL;
    if (!sorted->spare) {
        mr_memory_free(sorted->refs, size);
        sorted->refs = NULL;
        return error->code;
    }
    sorted->capacity = count;
    return MR_OK;
}

static void add_pairs(mr_sorted *sorted, const unsigned char *at, const unsigned char *end)
{
    mr_pair pair;
    size_t stride = sorted->order.layout.stride;
    if (stride) {
        size_t count = (size_t)(end - at) / stride, room = sorted->capacity - sorted->count;
        count = count < room ? count : room;
        mr_pair_refs(&sorted->order, at, count, sorted->refs + sorted->count);
        sorted->count += count;
        return;
    }
    while (at < end && sorted->count < sorted->capacity) {
        sorted->refs[sorted->count++] = (mr_pair_ref){mr_pair_prefix(&sorted->order, at), at};
        at = mr_pair_read(&sorted->order.layout, at, &pair);
    }
}

/* A copy of pairs that will not stay where they are. */
static mr_status keep(mr_sorted *sorted, const unsigned char **begin, const unsigned char **end,
                      mr_error *error)
{
    size_t size = (size_t)(*end - *begin);
    mr_page *page = mr_page_create(size, error);
    if (!page)
        return error->code;
    memcpy(page->bytes, *begin, size);
    page->next = sorted->loaded;
    sorted->loaded = page;
    *begin = page->bytes;
    *end = page->bytes + size;
    return MR_OK;
}

/* The next piece of a pile as memory that stays: pages that are there are taken over or left where
 * they are, what comes from disk is copied. NULL at the end. */
static mr_status next_piece(mr_sorted *sorted, mr_pile_reader *reader, const unsigned char **begin,
                            const unsigned char **end, mr_error *error)
{
    bool from_memory = reader->page != NULL;
    MR_TRY(mr_pile_reader_next(reader, begin, end, error));
    if (!*begin)
        return MR_OK;
    if (!from_memory)
        return keep(sorted, begin, end, error);
    if (reader->give) {
        reader->give->next = sorted->loaded;
        sorted->loaded = reader->give;
        reader->give = NULL;
    }
    return MR_OK;
}

static mr_status load_all(mr_sorted *sorted, mr_pile_reader *reader, uint64_t count,
                          mr_error *error)
{
    MR_TRY(reserve(sorted, count, error));
    for (;;) {
        const unsigned char *begin, *end;
        MR_TRY(next_piece(sorted, reader, &begin, &end, error));
        if (!begin)
            break;
        add_pairs(sorted, begin, end);
    }
    mr_pair_sort(&sorted->order, sorted->refs, sorted->spare, sorted->count);
    return MR_OK;
}

static mr_status write_run(mr_sorted *sorted, mr_error *error)
{
    if (sorted->count == 0)
        return MR_OK;
    mr_pair_sort(&sorted->order, sorted->refs, sorted->spare, sorted->count);
    MR_TRY(mr_runs_add(sorted->runs, sorted->refs, sorted->count, error));
    drop_pages(sorted);
    sorted->count = 0;
    return MR_OK;
}

/* Pairs of a piece into refs, writing a run whenever those are full. */
static mr_status add_piece(mr_sorted *sorted, const unsigned char *at, const unsigned char *end,
                           mr_error *error)
{
    mr_pair pair;
    const mr_pair_layout *layout = &sorted->order.layout;
    mr_page *current = sorted->loaded; /* what `at` points into, perhaps */
    while (at < end) {
        if (sorted->count == sorted->capacity) {
            /* The page at hand is still needed. */
            bool holds = current && at >= current->bytes && at < current->bytes + current->capacity;
            if (holds)
                sorted->loaded = current->next;
            MR_TRY(write_run(sorted, error));
            if (holds) {
                current->next = NULL;
                sorted->loaded = current;
            }
        }
        sorted->refs[sorted->count++] = (mr_pair_ref){mr_pair_prefix(&sorted->order, at), at};
        at = mr_pair_read(layout, at, &pair);
    }
    return MR_OK;
}

/* In pieces of about half of the memory, the other half being for refs and buffers. */
static mr_status load_runs(mr_sorted *sorted, mr_pile_reader *reader, mr_error *error)
{
    size_t memory = sorted->memory, held = 0, pairs = memory / 2 / REFS / 2;
    drop_refs(sorted);
    MR_TRY(reserve(sorted, pairs, error));
    MR_TRY(mr_spill_create(&sorted->spill, sorted->scratch, error));
    MR_TRY(mr_runs_create(&sorted->runs, &sorted->order, sorted->spill, memory / 2, FRAME, error));
    sorted->external++;
    for (;;) {
        const unsigned char *begin, *end;
        MR_TRY(next_piece(sorted, reader, &begin, &end, error));
        if (!begin)
            break;
        MR_TRY(add_piece(sorted, begin, end, error));
        held = sorted->count ? held + (size_t)(end - begin) : 0;
        if (held > memory / 4) {
            MR_TRY(write_run(sorted, error));
            held = 0;
        }
    }
    MR_TRY(write_run(sorted, error));
    drop_refs(sorted);
    return mr_runs_rewind(sorted->runs, error);
}

mr_status mr_sorted_open(mr_sorted *sorted, mr_piles *piles, uint32_t p, bool consume,
                         mr_error *error)
{
    const mr_pile *pile = &piles->piles[p];
    uint64_t from_disk = pile->bytes - pile->page_bytes, rows = pile->count;
    uint64_t need = rows * REFS + from_disk;
    mr_pile_reader reader;
    mr_status status;
    const mr_span_kind before = mr_span_begin(MR_SPAN_MERGE);
    mr_pile_reader_start(&reader, piles, p, consume);
    if (sorted->memory == 0 || need <= sorted->memory)
        status = load_all(sorted, &reader, rows, error);
    else
        status = load_runs(sorted, &reader, error);
    mr_pile_reader_end(&reader);
    mr_span_end(before);
    sorted->rows = rows;
    return status;
}

mr_status mr_sorted_next(mr_sorted *sorted, const unsigned char **pair, mr_error *error)
{
    if (sorted->runs)
        return mr_runs_next(sorted->runs, pair, error);
    *pair = sorted->next < sorted->count ? sorted->refs[sorted->next++].pair : NULL;
    return MR_OK;
}

mr_status mr_sorted_rewind(mr_sorted *sorted, mr_error *error)
{
    sorted->next = 0;
    return sorted->runs ? mr_runs_rewind(sorted->runs, error) : MR_OK;
}
